// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "format.hpp"
#include "json_values.hpp"
#include "kts/report/matrix.hpp"
#include "matrix_words.hpp"

namespace kts::report {
namespace {

using analysis::Estimate;
using analysis::MatrixCell;

Json cell_json(const MatrixCell& c) {
  Json df = estimate_json(c.df);
  df["quantile"] = quantile_name(c.quantile);
  return {{"agent", c.agent},
          {"copies", c.copies},
          {"n", c.n},
          {"blocks", c.blocks},
          {"unit", "ms"},
          {"p50", estimate_json(c.p50)},
          {"p75", estimate_json(c.p75)},
          {"p90", estimate_json(c.p90)},
          {"p95", estimate_json(c.p95)},
          {"p99", estimate_json(c.p99)},
          {"df", std::move(df)},
          {"verdict", name(c.verdict)},
          {"samples_needed", optional(c.samples_needed)},
          {"gpu_time_df", estimate_json(c.gpu_time_df)},
          {"kept", estimate_json(c.kept)},
          {"overloaded", c.overloaded},
          {"why", text(c.why)},
          {"slo_met", optional(c.slo_met)}};
}

void append(std::string& out, const analysis::SetResult& set, const MatrixCell& cell,
            std::string_view statistic, std::string_view unit, const Estimate& e,
            std::string_view verdict) {
  std::vector<std::string> others = set.agents;
  others.erase(std::ranges::find(others, cell.agent));
  out += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n", escape_csv(cell.agent),
                     escape_csv(fmt::format("{}", fmt::join(others, "+"))), set.agents.size(),
                     statistic, unit, exact(e.value), exact(e.ci_low), exact(e.ci_high), cell.n,
                     cell.blocks, verdict);
}

}  // namespace

std::string matrix_json(const Matrix& matrix) {
  const Json document{
      {"schema", "kts.matrix/1"},
      {"run", run_json(matrix.header)},
      {"agents", array(matrix.header.agents, agent_json)},
      {"alone", array(matrix.alone,
                      [](const analysis::AloneResult& a) -> Json {
                        return {{"agent", a.agent},
                                {"n", a.n},
                                {"blocks", a.blocks},
                                {"unit", "ms"},
                                {"p50", estimate_json(a.p50)},
                                {"p75", estimate_json(a.p75)},
                                {"p90", estimate_json(a.p90)},
                                {"p95", estimate_json(a.p95)},
                                {"p99", estimate_json(a.p99)},
                                {"rate_per_s", estimate_json(a.rate_per_s)},
                                {"overloaded", a.overloaded}};
                      })},
      {"sets", array(matrix.sets,
                     [](const analysis::SetResult& s) -> Json {
                       return {{"agents", s.agents},
                               {"blocks", s.blocks},
                               {"blocks_not_shared", s.not_shared},
                               {"why_not_shared", text(s.why_not_shared)},
                               {"kept_sum", estimate_json(s.kept_sum)},
                               {"cells", array(s.cells, cell_json)}};
                     })},
      {"memory", memory_json(matrix.header.memory)},
      {"largest_set", matrix.largest ? Json{{"agents", matrix.largest->agents},
                                            {"predicted_bytes", matrix.largest->predicted},
                                            {"predicted_ratio", optional(matrix.largest->share)}}
                                     : Json(nullptr)},
      {"headline", finding(matrix)},
      {"warnings", matrix.header.warnings},
      {"inconclusive", matrix.header.inconclusive}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string matrix_csv(const Matrix& matrix) {
  std::string out = "agent,beside,agents,statistic,unit,value,ci_low,ci_high,n,blocks,verdict\n";
  for (const auto& set : matrix.sets) {
    for (const MatrixCell& cell : set.cells) {
      append(out, set, cell, "p50", "ms", cell.p50, "");
      append(out, set, cell, "p75", "ms", cell.p75, "");
      append(out, set, cell, "p90", "ms", cell.p90, "");
      append(out, set, cell, "p95", "ms", cell.p95, "");
      append(out, set, cell, "p99", "ms", cell.p99, "");
      append(out, set, cell, "df_" + quantile_name(cell.quantile), "ratio",
             cell.overloaded ? Estimate{} : cell.df, verdict_words(cell));
      append(out, set, cell, "gpu_time_df_p99", "ratio", cell.gpu_time_df, "");
      append(out, set, cell, "kept", "ratio", cell.kept, "");
      append(out, set, cell, "kept_sum", "ratio", set.kept_sum, "");
    }
  }
  return out;
}

}  // namespace kts::report
