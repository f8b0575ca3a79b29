// SPDX-License-Identifier: Apache-2.0
#include "chain_words.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "format.hpp"
#include "markdown.hpp"

namespace kts::report {
namespace {

std::string step_cell(const analysis::ChainStep& step) {
  if (!step.latency_ms) return std::string(kAbsent);
  if (!step.work_ms || !step.wait_ms) return number(step.latency_ms);
  return fmt::format("{} ({} + {})", number(step.latency_ms), number(step.wait_ms),
                     number(step.work_ms));
}

// A column for each division of the phase.
void add_columns(const analysis::ChainPhase& phase, ChainTable& table) {
  for (const analysis::ChainDivision& division : phase.divisions) {
    if (table.rows.empty()) {
      table.rows.push_back({"step", "agent"});
      for (std::size_t k = 0; k < division.steps.size(); ++k) {
        table.rows.push_back({std::to_string(k + 1), division.steps[k].agent});
      }
    }
    table.rows.front().push_back(
        fmt::format("{} {} (n {})", name(phase.phase), division.at, count(division.n)));
    for (std::size_t k = 0; k < division.steps.size() && k + 1 < table.rows.size(); ++k) {
      table.rows[k + 1].push_back(step_cell(division.steps[k]));
    }
  }
}

}  // namespace

std::vector<ChainTable> chain_tables(const analysis::Summary& summary) {
  std::vector<ChainTable> tables;
  for (const analysis::ChainPhase& phase : summary.chains) {
    auto table = std::ranges::find(tables, phase.chain, &ChainTable::chain);
    if (table == tables.end()) {
      tables.push_back({phase.chain, {}, {}});
      table = tables.end() - 1;
    }
    add_columns(phase, *table);
    if (phase.unfinished == 0) continue;
    table->sentences.push_back(fmt::format(
        "{} of {} requests of its {} blocks did not come to their end: given up after "
        "the block, or a record is lost.",
        count(phase.unfinished), count(phase.finished + phase.unfinished), name(phase.phase)));
  }
  return tables;
}

std::string chains_markdown(const analysis::Summary& summary) {
  const auto tables = chain_tables(summary);
  if (tables.empty()) return {};
  std::string out = fmt::format("## {}\n\n{}\n\n", kChainTitle, kChainCaption);
  for (const ChainTable& table : tables) {
    out += fmt::format("**{}**\n\n", escape_markdown(table.chain));
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
      std::vector<std::string> cells = table.rows[i];
      if (i == 0) {
        out += table_head(cells, "rl" + std::string(cells.size() - 2, 'r'));
        continue;
      }
      cells[1] = escape_markdown(cells[1]);
      out += row(cells);
    }
    out += "\n";
    for (const std::string& sentence : table.sentences) out += sentence + "\n\n";
  }
  return out;
}

}  // namespace kts::report
