// SPDX-License-Identifier: Apache-2.0
#include "usage.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "kts/base/units.hpp"

namespace kts::app {
namespace {

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates,
                         const std::string& otherwise) {
  const std::string near = nearest_word(word, candidates);
  return near.empty() ? otherwise : fmt::format("did you mean '{}'?", near);
}

// What CLI11 didn't know what to do with, in the order of the command line.
std::vector<std::string> left_over(const CLI::App& command) {
  const CLI::App* root = &command;
  while (root->get_parent() != nullptr) root = root->get_parent();
  return root->remaining(true);
}

// `text` before and after `mark`.
std::optional<std::pair<std::string, std::string>> cut(const std::string& text,
                                                       std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string::npos) return std::nullopt;
  return std::pair(text.substr(0, at), text.substr(at + mark.size()));
}

std::vector<std::string> words_of(std::string list) {
  std::vector<std::string> words;
  while (const auto parts = cut(list, ",")) {
    words.push_back(parts->first);
    list = parts->second;
  }
  words.push_back(list);
  return words;
}

// An option as it is, a positional in capitals.
std::string shown(std::string name) {
  if (name.starts_with('-')) return name;
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

Error missing(const CLI::App& command, const std::string& what, const std::string& help) {
  if (what == "A subcommand") {
    std::vector<std::string> names;
    for (const CLI::App* one : command.get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(one->get_name());
    }
    return {ErrorCode::kBadInput,
            "a command is missing",
            fmt::format("there are: {}", fmt::join(names, ", ")),
            {}};
  }
  return {ErrorCode::kBadInput, shown(what) + " is missing", help, {}};
}

// Of "OPTION: WHAT" that a validator said.
Error refused(const std::string& option, const std::string& said, const std::string& help) {
  if (const auto parts = cut(said, " not in {")) {
    std::string list = parts->second;
    if (list.ends_with('}')) list.pop_back();
    const std::vector<std::string> words = words_of(list);
    return {ErrorCode::kBadInput,
            fmt::format("'{}' is none of {}", parts->first, fmt::join(words, ", ")),
            did_you_mean(parts->first, words, help), option};
  }
  if (const auto parts = cut(said, " not in range ")) {
    const auto value = cut(parts->first, "Value ");
    const std::string number = value ? value->second : parts->first;
    return {ErrorCode::kBadInput, fmt::format("{} is out of range", number.empty() ? "''" : number),
            "give " + parts->second, option};
  }
  if (const auto parts = cut(said, " required ")) {  // "1 required FILE missing"
    const auto type = cut(parts->second, " missing");
    if (type && option.empty()) {  // of a flag that the help text doesn't list by itself
      return {ErrorCode::kBadInput, "a value is missing after a flag", help, {}};
    }
    if (type) {
      const auto words = cut(type->first, ":{");  // "MODE:{one,two}"
      return {ErrorCode::kBadInput, (words ? words->first : type->first) + " is missing after it",
              help, option};
    }
  }
  if (said.starts_with("At Most ")) {
    return {ErrorCode::kBadInput, option.empty() ? "a flag is given twice" : "it is given twice",
            "keep one", option};
  }
  return {ErrorCode::kBadInput, said, help, option};
}

}  // namespace

Error usage_error(const CLI::App& command, const CLI::ParseError& error, const std::string& help) {
  const std::vector<std::string> rest = left_over(command);
  const auto flag =
      std::ranges::find_if(rest, [](const std::string& word) { return word.starts_with('-'); });
  if (flag != rest.end()) {
    const std::string name = flag->substr(0, flag->find('='));
    return {ErrorCode::kBadInput,
            fmt::format("no option is called '{}'", name),
            did_you_mean(name, option_names(command), help),
            {}};
  }
  const std::string said = error.what();
  if (const auto parts = cut(said, " is required")) return missing(command, parts->first, help);
  const bool extra = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  if (extra && !rest.empty()) {
    return {ErrorCode::kBadInput, fmt::format("'{}' is a word too many", rest.front()), help, {}};
  }
  if (const auto parts = cut(said, " excludes ")) {
    return {ErrorCode::kBadInput,
            fmt::format("{} can't go with {}", parts->first, parts->second),
            "leave one of them out",
            {}};
  }
  if (const auto parts = cut(said, " requires ")) {
    return {ErrorCode::kBadInput,
            fmt::format("{} has a meaning with {} only", parts->first, parts->second),
            "add " + parts->second,
            {}};
  }
  if (const auto parts = cut(said, "Could not convert: ")) {
    if (const auto value = cut(parts->second, " = ")) {
      const CLI::Option* const option = command.get_option_no_throw(value->first);
      if (option != nullptr && option->get_items_expected_max() == 0) {
        return {ErrorCode::kBadInput, "it takes no value", "leave '" + value->second + "' out",
                value->first};
      }
      return {ErrorCode::kBadInput, fmt::format("'{}' is no number", value->second), help,
              value->first};
    }
  }
  if (const auto parts = cut(said, ": ")) return refused(shown(parts->first), parts->second, help);
  return {ErrorCode::kBadInput, said, help, {}};
}

}  // namespace kts::app
