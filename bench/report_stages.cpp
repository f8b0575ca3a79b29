// SPDX-License-Identifier: Apache-2.0
// usage: report_stages RUN
// Loads and summarizes a run; prints what each stage took and the quantiles, as one JSON object.
#include <fmt/format.h>

#include <chrono>

#include "kts/analysis/load.hpp"
#include "kts/analysis/summarize.hpp"

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace kts;
  if (argc != 2) {
    fmt::print(stderr, "usage: report_stages RUN\n");
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto data = analysis::load(argv[1]);
  if (!data) {
    fmt::print(stderr, "report_stages: {}\n", to_line(data.error()));
    return exit_code(data.error());
  }
  const double load_s = seconds_since(start);
  const auto loaded = std::chrono::steady_clock::now();
  const analysis::Summary summary = analysis::summarize(*data);
  const double summarize_s = seconds_since(loaded);
  fmt::print(R"({{"load_s":{},"summarize_s":{},"results":[)", load_s, summarize_s);
  const char* separator = "";
  for (const auto& r : summary.results) {
    fmt::print(R"({}{{"agent":"{}","phase":"{}","measure":"{}","n":{},"mean":{},"p50":{},)"
               R"("p95":{},"p99":{},"p999":{}}})",
               separator, r.agent, name(r.phase), record::info(r.measure).name, r.n,
               r.mean.value_or(-1), r.p50.value.value_or(-1), r.p95.value.value_or(-1),
               r.p99.value.value_or(-1), r.p999.value.value_or(-1));
    separator = ",";
  }
  fmt::print("]}}\n");
  return 0;
}
