// SPDX-License-Identifier: Apache-2.0
#include "kts/base/files.hpp"
#include "kts/report/report.hpp"

namespace kts::report {

Result<std::vector<std::string>> write_all(const Summary& summary,
                                           const std::filesystem::path& folder,
                                           const WriteOptions& options) {
  std::vector<std::string> warnings;
  const Drawing drawing = draw_all(summary, options.gnuplot);
  if (!drawing.missing.empty()) warnings.push_back(drawing.missing);
  KTS_CHECK_OK(make_directories(folder));
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
