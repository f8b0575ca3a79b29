// SPDX-License-Identifier: Apache-2.0
#include "kts/image/steps.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "kts/process/run.hpp"

namespace kts::image {
namespace {

constexpr auto kLongest = std::chrono::hours(4);  // a slow registry, a small machine

bool plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("-_./:=,@+%").find(c) != std::string_view::npos;
}

std::string quoted(const std::string& word) {
  if (!word.empty() && std::ranges::all_of(word, plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string to_line(const Step& step) {
  std::vector<std::string> words;
  for (const std::string& word : step.argv) words.push_back(quoted(word));
  return fmt::format("{}", fmt::join(words, " "));
}

Status run_steps(const std::vector<Step>& steps, const std::function<void(std::string_view)>& say,
                 int interrupt_fd) {
  process::RunOptions options;
  options.timeout = kLongest;
  options.interrupt_fd = interrupt_fd;
  options.on_line = say;
  for (const Step& step : steps) {
    KTS_TRY(const process::Ran ran, process::run({step.argv, {}}, options));
    if (ran.status.success()) continue;
    // The lines before it have been said.
    const auto before = ran.last_words.rfind(" / ");
    const std::string last =
        before == std::string::npos ? ran.last_words : ran.last_words.substr(before + 3);
    return environment_lacks(
        fmt::format("{} {} failed ({}){}{}",
                    std::filesystem::path(step.argv[0]).filename().string(), step.argv[1],
                    process::describe(ran.status), last.empty() ? "" : ": ", last),
        step.hint);
  }
  return {};
}

}  // namespace kts::image
