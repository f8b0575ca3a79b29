// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "kts/base/units.hpp"
#include "kts/report/report.hpp"
#include "kts/scenario/built_in.hpp"
#include "kts/workload/registry.hpp"

namespace kts::app {
namespace {

using Words = std::vector<std::string>;

struct Flag {
  std::string name;  // "--device"
  std::string meaning;
  bool takes_value = false;
  Words values;  // empty: anything, perhaps a file
};
// One command as the parser has it.
struct Completed {
  std::string path;  // "kts cluster share"
  std::string meaning;
  Words commands;
  std::vector<Flag> flags;
  Words values;        // of its first positional, where they are known
  bool files = false;  // which may be a file or a folder
};

// Of "TEXT:{local,kubernetes}".
Words words_in_braces(const std::string& type) {
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  Words words;
  if (open == std::string::npos || close == std::string::npos) return words;
  std::string word;
  for (const char c : type.substr(open + 1, close - open - 1) + ",") {
    if (c != ',') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  return words;
}

// What a positional of that name can be.
Words known_values(std::string_view positional, std::string_view path) {
  Words words;
  if (positional == "scenario" || path == "kts scenario show") {
    for (const scenario::BuiltIn& one : scenario::built_ins()) {
      if (std::ranges::find(words, one.name) == words.end()) words.emplace_back(one.name);
    }
  } else if (positional == "kind") {
    for (const workload::WorkloadInfo& one : workload::workloads()) words.emplace_back(one.kind);
  } else if (path == "kts schema") {
    for (const std::string_view name : report::schema_names()) words.emplace_back(name);
  } else if (positional == "shell") {
    words = {"bash", "zsh", "fish"};
  }
  return words;
}

void collect(const CLI::App& command, const std::string& path, std::vector<Completed>& out) {
  Completed entry{path, command.get_description(), {}, {}, {}, false};
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) {
      if (!entry.values.empty() || entry.files) continue;
      const std::string name = option->get_name(true);
      entry.values = known_values(name, path);
      entry.files = entry.values.empty() || name == "scenario";
      continue;
    }
    const bool takes_value = option->get_items_expected_max() > 0;
    for (const std::string& name : option->get_lnames()) {
      entry.flags.push_back({"--" + name, option->get_description(), takes_value,
                             words_in_braces(option->get_type_name())});
    }
  }
  const auto commands = command.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* one : commands) entry.commands.push_back(one->get_name());
  out.push_back(std::move(entry));
  for (const CLI::App* one : commands) collect(*one, path + " " + one->get_name(), out);
}

std::string flags_of(const Completed& entry) {
  Words names;
  for (const Flag& flag : entry.flags) names.push_back(flag.name);
  return fmt::format("{}", fmt::join(names, " "));
}
std::string words_of(const Completed& entry) {
  return fmt::format("{}", fmt::join(entry.commands.empty() ? entry.values : entry.commands, " "));
}

// What bash and zsh have in common: which command the words before the cursor name, and what may
// follow it. They differ in where the words are and who takes the answer.
std::string cases(const std::vector<Completed>& tree) {
  std::string paths;
  std::string values;
  std::string offers;
  for (const Completed& entry : tree) {
    if (entry.path != "kts") paths += fmt::format("{}\"{}\"", paths.empty() ? "" : "|", entry.path);
    offers += fmt::format("    \"{}\") flags=\"{}\"; offered=\"{}\"; files={} ;;\n", entry.path,
                          flags_of(entry), words_of(entry), entry.files ? 1 : 0);
    for (const Flag& flag : entry.flags) {
      if (!flag.takes_value) continue;
      values += fmt::format("    \"{} {}\") flags=\"\"; offered=\"{}\"; files={} ;;\n", entry.path,
                            flag.name, fmt::join(flag.values, " "), flag.values.empty() ? 1 : 0);
    }
  }
  return fmt::format(
      "  for word in $before; do\n"
      "    case \"$called $word\" in {}) called=\"$called $word\" ;; esac\n"
      "  done\n"
      "  case \"$called\" in\n{}  esac\n"
      "  case \"$called $last\" in\n{}  esac\n",
      paths, offers, values);
}

std::string bash_script(const std::vector<Completed>& tree) {
  return fmt::format(
      "# bash completion of kts; source <(kts completion bash)\n"
      "_kts() {{\n"
      "  local called=kts word flags='' offered='' files=0\n"
      "  local current=\"${{COMP_WORDS[COMP_CWORD]}}\" last=\"${{COMP_WORDS[COMP_CWORD-1]}}\"\n"
      "  local before=\"${{COMP_WORDS[*]:1:COMP_CWORD-1}}\"\n"
      "{}"
      "  [[ $current == -* ]] && offered=$flags files=0\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$offered\" -- \"$current\")\n"
      "  if ((files)); then\n"
      "    compopt -o filenames 2>/dev/null\n"
      "    mapfile -t -O ${{#COMPREPLY[@]}} COMPREPLY < <(compgen -f -- \"$current\")\n"
      "  fi\n"
      "}}\n"
      "complete -F _kts kts\n",
      cases(tree));
}

std::string zsh_script(const std::vector<Completed>& tree) {
  return fmt::format(
      "#compdef kts\n"
      "# zsh completion of kts; source <(kts completion zsh), or a file _kts on the fpath\n"
      "_kts() {{\n"
      "  setopt local_options sh_word_split\n"
      "  local called=kts word flags='' offered='' files=0\n"
      "  local current=\"${{words[CURRENT]}}\" last=\"${{words[CURRENT-1]}}\"\n"
      "  local before=\"${{words[2,CURRENT-1]}}\"\n"
      "{}"
      "  [[ $current == -* ]] && offered=$flags files=0\n"
      "  compadd -- $offered\n"
      "  ((files)) && _files\n"
      "  return 0\n"
      "}}\n"
      "if [[ ${{funcstack[1]}} == _kts ]]; then _kts; else compdef _kts kts; fi\n",
      cases(tree));
}

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "'";
}

std::string fish_script(const std::vector<Completed>& tree) {
  std::string out = "# fish completion of kts; kts completion fish | source\n";
  for (const Completed& entry : tree) {
    // "kts cluster share": both words have been seen; a command's own flags come before its
    // commands' words.
    std::string when;
    std::string path = entry.path.substr(std::min<std::size_t>(entry.path.size(), 4));
    while (!path.empty()) {
      const std::size_t end = std::min(path.find(' '), path.size());
      when += fmt::format("{}__fish_seen_subcommand_from {}", when.empty() ? "" : "; and ",
                          path.substr(0, end));
      path.erase(0, std::min(end + 1, path.size()));
    }
    if (when.empty()) when = "__fish_use_subcommand";
    if (!entry.commands.empty() && entry.path != "kts") {
      when +=
          fmt::format("; and not __fish_seen_subcommand_from {}", fmt::join(entry.commands, " "));
    }
    const std::string begin = "complete -c kts -n " + fish_quoted(when);
    for (const std::string& name : entry.commands) {
      const auto command = std::ranges::find(tree, entry.path + " " + name, &Completed::path);
      out += fmt::format("{} -f -a {} -d {}\n", begin, name, fish_quoted(command->meaning));
    }
    if (!entry.values.empty()) {
      out += fmt::format("{} {}-a {}\n", begin, entry.files ? "" : "-f ",
                         fish_quoted(fmt::format("{}", fmt::join(entry.values, " "))));
    }
    for (const Flag& flag : entry.flags) {
      out += fmt::format("{} -l {}", begin, flag.name.substr(2));
      if (flag.takes_value) out += " -r";
      if (!flag.values.empty()) {
        out += " -f -a " + fish_quoted(fmt::format("{}", fmt::join(flag.values, " ")));
      }
      out += fmt::format(" -d {}\n", fish_quoted(flag.meaning));
    }
  }
  return out;
}

Result<int> print(const CLI::App& root, const std::string& shell) {
  std::vector<Completed> tree;
  collect(root, "kts", tree);
  if (shell == "bash") {
    fmt::print("{}", bash_script(tree));
  } else if (shell == "zsh") {
    fmt::print("{}", zsh_script(tree));
  } else {
    fmt::print("{}", fish_script(tree));
  }
  return 0;
}

}  // namespace

Command add_completion(CLI::App& root) {
  auto shell = std::make_shared<std::string>();
  CLI::App* parser = root.add_subcommand(
      "completion", "Print a script that has a shell complete kts's commands and options");
  parser->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  parser->footer(
      "Examples:\n"
      "  source <(kts completion bash)                          in ~/.bashrc\n"
      "  source <(kts completion zsh)                           in ~/.zshrc, after compinit\n"
      "  kts completion fish > ~/.config/fish/completions/kts.fish");
  return {parser, [&root, shell] { return print(root, *shell); }};
}

}  // namespace kts::app
