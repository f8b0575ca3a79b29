// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "format.hpp"
#include "kts/report/matrix.hpp"
#include "markdown.hpp"
#include "matrix_words.hpp"
#include "memory_words.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

using analysis::MatrixCell;
using analysis::SetResult;

std::string df_cell(const MatrixCell& cell) {
  const std::string bounds = df_interval(cell);
  return df_text(cell) + (bounds.empty() ? "" : " (" + bounds + ")");
}

std::string kept_cell(const MatrixCell& cell) { return bounded_percent(cell.kept); }

// Row: who suffers; column: beside whom.
std::string pair_table(const Matrix& matrix, std::string_view title, std::string_view legend,
                       std::string (*show)(const MatrixCell&)) {
  std::vector<std::string> head{"beside →"};
  std::string align = "l";
  for (const auto& agent : matrix.header.agents) {
    head.push_back(escape_markdown(agent.name));
    align += 'r';
  }
  std::string rows;
  bool any = false;
  for (const auto& agent : matrix.header.agents) {
    std::vector<std::string> cells{"**" + escape_markdown(agent.name) + "**"};
    for (const auto& neighbour : matrix.header.agents) {
      const SetResult* set = find_set(matrix, {agent.name, neighbour.name});
      const MatrixCell* cell = set ? find_cell(*set, agent.name) : nullptr;
      any |= cell != nullptr;
      cells.push_back(cell ? show(*cell) : std::string(kAbsent));
    }
    rows += row(cells);
  }
  if (!any) return {};
  return fmt::format("## {}\n\n{}\n\n{}{}\n", title, legend, table_head(head, align), rows);
}

std::string alone_rows(const Matrix& matrix) {
  std::string out = "## Alone\n\nLatency in ms, completions per second; with 95 % intervals.\n\n";
  out += table_head(
      {"agent", "workload", "arrival", "p50", "p95", "p99", "completed /s", "samples", "blocks"},
      "lllrrrrrr");
  for (const auto& agent : matrix.header.agents) {
    for (const auto& a : matrix.alone) {
      if (a.agent != agent.name) continue;
      out += row({escape_markdown(a.agent), escape_markdown(agent.workload),
                  escape_markdown(agent.arrival), bounded(a.p50), bounded(a.p95), bounded(a.p99),
                  bounded(a.rate_per_s), count(a.n), fmt::format("{}", a.blocks)});
    }
  }
  return out + "\n";
}

std::string set_rows(const Matrix& matrix) {
  const DeviceWords device = device_words(matrix.header.device);
  std::string out = fmt::format(
      "## Every set\n\nOne row an agent, those who pay most first. `{}` is the DF of p99 of {}, "
      "`kept` the throughput kept; with 95 % intervals.\n\n",
      device.column, is_cpu(matrix.header.device) ? "gpu_time, the time at work" : device.time);
  out += table_head({"agent", "beside", "p50 ms", "p99 ms", "DF", "verdict",
                     std::string(device.column), "kept", "objective", "samples", "blocks"},
                    "llrrrlrrlrr");
  for (const CellView& view : costliest(matrix)) {
    const MatrixCell& c = *view.cell;
    out += row({escape_markdown(c.agent), escape_markdown(beside(*view.set, c.agent)),
                bounded(c.p50), bounded(c.p99), df_cell(c), verdict_words(c),
                bounded(c.gpu_time_df, "×"), kept_cell(c),
                !c.slo_met   ? ""
                : *c.slo_met ? "met"
                             : "missed",
                count(c.n), fmt::format("{}", c.blocks)});
  }
  return out + "\n";
}

std::string growth_tables(const Matrix& matrix) {
  std::string out;
  for (const Scaling& scaling : scalings(matrix)) {
    out += fmt::format("### {} beside ever more of {}\n\n", escape_markdown(scaling.agent),
                       escape_markdown(scaling.neighbour));
    out += table_head({"agents", "p50 ms", "p99 ms", "DF", "kept", "sum kept"}, "rrrrrr");
    for (const auto& point : scaling.points) {
      const MatrixCell& c = *point.view.cell;
      out += row({fmt::format("{}", point.agents), bounded(c.p50), bounded(c.p99), df_cell(c),
                  kept_cell(c), bounded(point.view.set->kept_sum)});
    }
    out += "\n";
  }
  return out.empty() ? out
                     : "## How it grows\n\n`sum kept` is what all do together, in units of one "
                       "agent alone.\n\n" +
                           out;
}

}  // namespace

std::string matrix_markdown(const Matrix& matrix) {
  std::string out = fmt::format("# {}\n\n**{}**\n\n", escape_markdown(matrix.header.scenario),
                                escape_markdown(finding(matrix)));
  for (const auto& sentence : sentences(matrix)) out += bullet(escape_markdown(sentence));
  out += "\n";
  for (const auto& [label, value] : run_facts(matrix.header)) {
    out += bullet(fmt::format("{}: {}", label, escape_markdown(value)));
  }
  out += "\n";
  out +=
      pair_table(matrix, "What each pays beside each",
                 "DF of latency: the row's agent beside the column's, over the row's alone; 95 % "
                 "interval.",
                 df_cell);
  out +=
      pair_table(matrix, "Throughput kept",
                 "Of the row's agent beside the column's, as a share of its own alone.", kept_cell);
  out += growth_tables(matrix) + alone_rows(matrix) + set_rows(matrix);
  out += markdown_memory(kMemoryCaption, memory_table(matrix), "lllrrrr", memory_sentence(matrix));
  out += list("Why parts of it can't be concluded", matrix.header.inconclusive);
  out += list("Warnings", matrix.header.warnings);
  return out + matrix_method_sentence(matrix) + "\n";
}

}  // namespace kts::report
