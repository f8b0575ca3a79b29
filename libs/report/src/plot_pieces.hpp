// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/summary.hpp"

namespace kts::report {

// Any text as a string of gnuplot's.
std::string gnuplot_string(std::string_view text);

// Round numbers of a logarithmic axis, at least three, and at least a seventh of the axis apart,
// since their labels stand side by side. 0 < low < high.
std::vector<double> log_ticks(double low, double high);
// gnuplot's list of them: "'0.1' 0.1, '0.3' 0.3, '1' 1", with digits enough to tell them apart, the
// values multiplied by `scale` and followed by `unit`.
std::string log_tics(double low, double high, double scale = 1, std::string_view unit = {});

// An interval on a panel: an end that is known is barred; where the samples give no bound an arrow
// goes on to the panel's edge.
std::string whiskers(double x, const analysis::Estimate& estimate, std::string_view color);
bool has_open_side(const analysis::Estimate& estimate);
// Of a plot with such an arrow.
inline constexpr std::string_view kArrowNote =
    "; an arrow: on that side these samples give no bound, the value may be anywhere there";

}  // namespace kts::report
