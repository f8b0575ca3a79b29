// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kts::report {

// Any text as a string of gnuplot's.
std::string gnuplot_string(std::string_view text);

// Round numbers, at least a seventh of the axis apart, since their labels stand side by side.
std::vector<double> log_ticks(double low, double high);

}  // namespace kts::report
