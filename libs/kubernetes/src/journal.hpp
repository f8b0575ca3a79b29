// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kts/runner/progress.hpp"

namespace kts::kubernetes {

// What the user is told, and those of the lines that the run's folder keeps.
class Journal {
 public:
  explicit Journal(runner::Progress& progress) : progress_(progress) {}

  void note(std::string_view line) { progress_.note(line); }
  void warn(std::string text) {
    note(fmt::format("warning: {}", text));
    warnings_.push_back(std::move(text));
  }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] runner::Progress& progress() { return progress_; }

 private:
  runner::Progress& progress_;
  std::vector<std::string> warnings_;
};

}  // namespace kts::kubernetes
