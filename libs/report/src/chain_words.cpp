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

// "guard", and of a chain that forks what it comes after: "thinker, after 2 and 4".
std::string step_words(const analysis::ChainStep& step, bool forks) {
  if (!forks || step.after.empty()) return step.agent;
  std::string after;
  for (std::size_t i = 0; i < step.after.size(); ++i) {
    if (i > 0) after += i + 1 == step.after.size() ? " and " : ", ";
    after += std::to_string(step.after[i] + 1);
  }
  return fmt::format("{}, after {}", step.agent, after);
}

// "Of 920 shared requests guard ended last in 580 (63 %), embed → search in 340 (37 %)."
std::string fork_sentence(const analysis::ChainPhase& phase,
                          const analysis::ChainDivision& division,
                          const analysis::ChainFork& fork) {
  std::string branches;
  for (const auto& branch : fork.branches) {
    branches += fmt::format("{}{} in {}", branches.empty() ? "" : ", ", branch.words,
                            count(branch.critical));
    if (branch.critical_ratio) branches += fmt::format(" ({:.0f} %)", 100 * *branch.critical_ratio);
  }
  return fmt::format("Of {} {} requests{}, side by side ended last: {}.", count(division.n),
                     name(phase.phase),
                     division.at == "mean" ? "" : fmt::format(" around {}", division.at), branches);
}

// A column for each division of the phase.
void add_columns(const analysis::ChainPhase& phase, ChainTable& table) {
  for (const analysis::ChainDivision& division : phase.divisions) {
    if (table.rows.empty()) {
      table.forks = !division.forks.empty();
      table.rows.push_back({"step", "agent"});
      for (std::size_t k = 0; k < division.steps.size(); ++k) {
        table.rows.push_back({std::to_string(k + 1), step_words(division.steps[k], table.forks)});
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
      tables.push_back({phase.chain, false, {}, {}});
      table = tables.end() - 1;
    }
    add_columns(phase, *table);
    for (const analysis::ChainDivision& division : phase.divisions) {
      for (const analysis::ChainFork& fork : division.forks) {
        table->sentences.push_back(fork_sentence(phase, division, fork));
      }
    }
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
  if (std::ranges::any_of(tables, &ChainTable::forks)) out += fmt::format("{}\n\n", kForkCaption);
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
    for (const std::string& sentence : table.sentences) {
      out += escape_markdown(sentence) + "\n\n";
    }
  }
  return out;
}

}  // namespace kts::report
