// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/base/error.hpp"

namespace kts::report {

struct Plot {
  std::string name;         // file stem: "panels", "ccdf"
  std::string title;        // plain text
  std::string description;  // what stands in it, for those who can't see it
  std::string script;       // gnuplot's input
  std::string svg;          // gnuplot's output, empty until drawn
};

// Names of all plots that there can be.
inline constexpr std::array<std::string_view, 4> kPlotNames{"panels", "ccdf", "ccdf-tokens",
                                                            "attribution"};
inline constexpr std::array<std::string_view, 2> kMatrixPlotNames{"matrix", "scaling"};

// The plots that a summary has data for, not drawn yet.
[[nodiscard]] std::vector<Plot> plan_plots(const analysis::Summary& summary);

// A whole SVG document from a gnuplot script, with `title` and `description` inside for screen
// readers; kEnvironment when the program isn't there or refuses.
[[nodiscard]] Result<std::string> draw(const Plot& plot, const std::string& gnuplot);

// The plots drawn, or a line that says why there are none.
struct Drawing {
  std::vector<Plot> plots;
  std::string missing;
};
[[nodiscard]] Drawing draw_all(std::vector<Plot> plots, const std::string& gnuplot);

}  // namespace kts::report
