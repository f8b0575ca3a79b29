// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "kts/base/files.hpp"
#include "kts/report/matrix.hpp"
#include "kts/report/report.hpp"

namespace kts::report {
namespace {

struct File {
  std::string name;
  std::string text;
};

// Plots of an earlier report would stand beside numbers that they don't show. Whether there were
// any.
Result<bool> remove_stale_plots(const Drawing& drawing, std::span<const std::string_view> names,
                                const std::filesystem::path& folder) {
  bool any = false;
  for (const std::string_view name : names) {
    const bool drawn =
        std::ranges::any_of(drawing.plots, [&](const Plot& plot) { return plot.name == name; });
    if (drawn) continue;
    const auto path = folder / fmt::format("{}.svg", name);
    std::error_code ec;
    // Where nothing may be written, removing what isn't there fails too.
    if (!std::filesystem::exists(std::filesystem::symlink_status(path, ec))) continue;
    any |= std::filesystem::remove(path, ec);
    if (ec && ec != std::errc::not_a_directory) {
      return environment_lacks(
          with_errno("cannot remove the plot of an earlier report", ec.value()),
          "remove it, or choose another folder", path.string());
    }
  }
  return any;
}

Result<std::vector<std::string>> write(const std::vector<File>& files, const Drawing& drawing,
                                       std::span<const std::string_view> plot_names,
                                       const std::filesystem::path& folder) {
  std::vector<std::string> warnings;
  KTS_CHECK_OK(make_directories(folder));
  KTS_TRY(const bool removed, remove_stale_plots(drawing, plot_names, folder / "plots"));
  if (!drawing.missing.empty()) {
    warnings.push_back(drawing.missing +
                       (removed ? "; the plots of an earlier report were removed" : ""));
  }
  for (const File& file : files) KTS_CHECK_OK(write_file(folder / file.name, file.text));
  if (!drawing.plots.empty()) KTS_CHECK_OK(make_directories(folder / "plots"));
  for (const auto& plot : drawing.plots) {
    KTS_CHECK_OK(write_file(folder / "plots" / (plot.name + ".svg"), plot.svg));
  }
  return warnings;
}

}  // namespace

Result<std::vector<std::string>> write_all(const Summary& summary,
                                           const std::filesystem::path& folder,
                                           const WriteOptions& options) {
  const Drawing drawing = draw_all(plan_plots(summary), options.gnuplot);
  std::vector<File> files{{"summary.json", summary_json(summary)},
                          {"summary.csv", summary_csv(summary)},
                          {"results.md", results_markdown(summary)},
                          {"report.html", report_html(summary, drawing)}};
  if (!summary.block_covariates.empty()) {
    files.push_back({"covariates.csv", covariates_csv(summary)});
  }
  if (!summary.kernel_changes.empty()) files.push_back({"kernels.csv", kernels_csv(summary)});
  return write(files, drawing, kPlotNames, folder);
}

Result<std::vector<std::string>> write_all(const Matrix& matrix,
                                           const std::filesystem::path& folder,
                                           const WriteOptions& options) {
  const Drawing drawing = draw_all(plan_plots(matrix), options.gnuplot);
  return write({{"matrix.json", matrix_json(matrix)},
                {"matrix.csv", matrix_csv(matrix)},
                {"results.md", matrix_markdown(matrix)},
                {"report.html", matrix_html(matrix, drawing)}},
               drawing, kMatrixPlotNames, folder);
}

}  // namespace kts::report
