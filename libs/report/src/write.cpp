// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "kts/base/files.hpp"
#include "kts/report/report.hpp"

namespace kts::report {
namespace {

// Plots of an earlier report would stand beside numbers that they don't show. Whether there were
// any.
Result<bool> remove_stale_plots(const Drawing& drawing, const std::filesystem::path& folder) {
  bool any = false;
  for (const std::string_view name : kPlotNames) {
    const bool drawn =
        std::ranges::any_of(drawing.plots, [&](const Plot& plot) { return plot.name == name; });
    if (drawn) continue;
    const auto path = folder / fmt::format("{}.svg", name);
    std::error_code ec;
    any |= std::filesystem::remove(path, ec);
    if (ec && ec != std::errc::not_a_directory) {
      return environment_lacks(
          with_errno("cannot remove the plot of an earlier report", ec.value()),
          "remove it, or choose another folder", path.string());
    }
  }
  return any;
}

}  // namespace

Result<std::vector<std::string>> write_all(const Summary& summary,
                                           const std::filesystem::path& folder,
                                           const WriteOptions& options) {
  std::vector<std::string> warnings;
  const Drawing drawing = draw_all(summary, options.gnuplot);
  KTS_CHECK_OK(make_directories(folder));
  KTS_TRY(const bool removed, remove_stale_plots(drawing, folder / "plots"));
  if (!drawing.missing.empty()) {
    warnings.push_back(drawing.missing +
                       (removed ? "; the plots of an earlier report were removed" : ""));
  }
  KTS_CHECK_OK(write_file(folder / "summary.json", summary_json(summary)));
  KTS_CHECK_OK(write_file(folder / "summary.csv", summary_csv(summary)));
  KTS_CHECK_OK(write_file(folder / "results.md", results_markdown(summary)));
  KTS_CHECK_OK(write_file(folder / "report.html", report_html(summary, drawing)));
  if (!drawing.plots.empty()) KTS_CHECK_OK(make_directories(folder / "plots"));
  for (const auto& plot : drawing.plots) {
    KTS_CHECK_OK(write_file(folder / "plots" / (plot.name + ".svg"), plot.svg));
  }
  return warnings;
}

}  // namespace kts::report
