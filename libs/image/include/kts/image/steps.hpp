// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::image {

// A program to run, and what to do when it fails.
struct Step {
  std::vector<std::string> argv;
  std::string hint;
};

// As a person would type it.
[[nodiscard]] std::string to_line(const Step& step);

// Runs them in turn until one fails, which is kEnvironment with the last line of its stderr; `say`
// gets what they print, line by line. kInterrupted once `interrupt_fd` is readable.
[[nodiscard]] Status run_steps(const std::vector<Step>& steps,
                               const std::function<void(std::string_view)>& say,
                               int interrupt_fd = -1);

}  // namespace kts::image
