// SPDX-License-Identifier: Apache-2.0
#include "matrix_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "format.hpp"
#include "kts/base/text.hpp"
#include "kts/report/matrix.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

using analysis::MatrixCell;
using analysis::SetResult;
using analysis::Verdict;

// Overloaded is worse than any ratio.
double cost_of(const MatrixCell& cell) {
  return cell.overloaded ? std::numeric_limits<double>::infinity() : cell.df.value.value_or(-1);
}

std::string listed(const std::vector<std::string>& agents, std::string_view between,
                   std::string_view last) {
  std::vector<std::pair<std::string, int>> counted;
  for (const std::string& agent : agents) {
    const auto known = std::ranges::find(counted, agent, &std::pair<std::string, int>::first);
    if (known == counted.end()) {
      counted.emplace_back(agent, 1);
    } else {
      ++known->second;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < counted.size(); ++i) {
    const auto& [agent, count] = counted[i];
    if (i > 0) out += i + 1 == counted.size() ? last : between;
    out += count == 1 ? printable(agent) : fmt::format("{} × {}", count, printable(agent));
  }
  return out;
}

std::vector<std::string> others(const SetResult& set, std::string_view agent) {
  std::vector<std::string> rest = set.agents;
  rest.erase(std::ranges::find(rest, agent));
  return rest;
}

// Of a cell with a DF.
std::string cost_sentence(const CellView& view) {
  const MatrixCell& cell = *view.cell;
  const std::string who = printable(cell.agent);
  const std::string whom = beside(*view.set, cell.agent);
  const std::string bounds = df_interval(cell);
  std::string out = fmt::format(
      "Beside {}, {}'s {} latency is {} what it is alone{}", whom, who,
      quantile_name(cell.quantile), times(*cell.df.value),
      bounds.empty()
          ? ""
          : fmt::format(" (95 % {}{})",
                        cell.df.ci_low && cell.df.ci_high ? "interval " : "sure to be ", bounds));
  if (cell.kept.value) out += fmt::format(", with {} of its throughput", kept_text(cell.kept));
  return out + ".";
}

// The companies in which the agent of the first overloaded cell drowns; empty: nobody does.
std::string overload_sentence(const std::vector<CellView>& costliest_first) {
  std::vector<std::string> whom;
  std::string who;
  for (const CellView& view : costliest_first) {
    if (!view.cell->overloaded) continue;
    if (who.empty()) who = view.cell->agent;
    if (view.cell->agent == who) whom.push_back(beside(*view.set, who));
  }
  if (whom.empty()) return {};
  constexpr std::size_t kNamed = 3;
  std::string out = fmt::format("{} can't keep up beside {}", printable(who), whom.front());
  for (std::size_t i = 1; i < std::min(whom.size(), kNamed); ++i) out += ", nor beside " + whom[i];
  if (whom.size() > kNamed) out += fmt::format(", nor in {} more sets", whom.size() - kNamed);
  return out + ".";
}

// Of each agent the dearest and the cheapest company of one.
std::string company_sentence(const analysis::Matrix& matrix, const std::string& agent) {
  std::vector<CellView> pairs;
  for (const CellView& view : costliest(matrix, 2)) {
    if (view.cell->agent == agent && (view.cell->overloaded || view.cell->df.value)) {
      pairs.push_back(view);
    }
  }
  if (pairs.size() < 2) return {};
  const CellView& worst = pairs.front();
  const CellView& best = pairs.back();
  return fmt::format("{}: dearest beside {} ({}), cheapest beside {} ({}).", printable(agent),
                     beside(*worst.set, agent), df_text(*worst.cell), beside(*best.set, agent),
                     df_text(*best.cell));
}

std::string scaling_sentence(const Scaling& scaling) {
  const auto& first = scaling.points.front();
  const auto& last = scaling.points.back();
  if (!first.view.cell->p99.value || !last.view.cell->p99.value) return {};
  std::string out = fmt::format(
      "From {} to {} agents ({} beside {}), {}'s p99 goes from {} to {} ms", first.agents,
      last.agents, printable(scaling.agent), printable(scaling.neighbour), printable(scaling.agent),
      number(first.view.cell->p99.value), number(last.view.cell->p99.value));
  const analysis::Estimate& before = first.view.set->kept_sum;
  const analysis::Estimate& after = last.view.set->kept_sum;
  if (before.value && after.value) {
    const auto told = [](const analysis::Estimate& sum) {
      const std::string bounds = interval(sum);
      return number(*sum.value) + (bounds.empty() ? "" : " (95 % " + bounds + ")");
    };
    out += fmt::format(", and all together do {} instead of {} times what one does alone",
                       told(after), told(before));
  }
  return out + ".";
}

// Of the sets that have no block which counts.
std::string not_shared_sentence(const analysis::Matrix& matrix) {
  std::vector<const SetResult*> sets;
  for (const SetResult& set : matrix.sets) {
    if (set.blocks == 0 && set.not_shared > 0) sets.push_back(&set);
  }
  if (sets.empty()) return {};
  std::string out = fmt::format("Nothing is known of {} together", together(sets[0]->agents));
  if (sets.size() > 1) {
    out += fmt::format(", nor of {} more set{}", sets.size() - 1, sets.size() == 2 ? "" : "s");
  }
  return out + fmt::format(": {}.", printable(sets[0]->cells.at(0).why));
}

}  // namespace

std::vector<CellView> costliest(const analysis::Matrix& matrix, std::size_t size) {
  std::vector<CellView> cells;
  for (const SetResult& set : matrix.sets) {
    if (size != 0 && set.agents.size() != size) continue;
    for (const MatrixCell& cell : set.cells) cells.push_back({&set, &cell});
  }
  std::ranges::stable_sort(cells, std::greater{},
                           [](const CellView& view) { return cost_of(*view.cell); });
  return cells;
}

std::string beside(const SetResult& set, std::string_view agent) {
  return listed(others(set, agent), ", ", " and ");
}
std::string together(const std::vector<std::string>& agents) { return listed(agents, ", ", ", "); }

std::string verdict_words(const MatrixCell& cell) {
  if (cell.overloaded) return "overloaded";
  return cell.why.empty() ? std::string(name(cell.verdict)) : "not shared";
}

std::string df_text(const MatrixCell& cell) {
  if (cell.overloaded) return "overloaded";
  if (!cell.df.value) return std::string(kAbsent);
  return cell.quantile == 0.99
             ? times(*cell.df.value)
             : fmt::format("{} at {}", times(*cell.df.value), quantile_name(cell.quantile));
}

std::string df_interval(const MatrixCell& cell) {
  return cell.overloaded ? std::string() : interval(cell.df);
}

std::string kept_text(const analysis::Estimate& kept) {
  return kept.value ? fmt::format("{}\u00a0%", number(*kept.value * 100)) : std::string(kAbsent);
}

std::vector<Scaling> scalings(const analysis::Matrix& matrix) {
  std::vector<Scaling> out;
  for (const auto& agent : matrix.header.agents) {
    for (const auto& neighbour : matrix.header.agents) {
      Scaling scaling{agent.name, neighbour.name, {}};
      for (const SetResult& set : matrix.sets) {
        const std::vector<std::string>& in = set.agents;
        const MatrixCell* cell = find_cell(set, agent.name);
        if (!cell) continue;
        const auto rest = others(set, agent.name);
        if (std::ranges::any_of(rest, [&](const auto& o) { return o != neighbour.name; })) continue;
        scaling.points.push_back({in.size(), {&set, cell}});
      }
      if (scaling.points.size() >= 3) out.push_back(std::move(scaling));
    }
  }
  return out;
}

std::string finding(const Matrix& matrix) {
  const bool nothing =
      std::ranges::all_of(matrix.sets, [](const SetResult& set) { return set.blocks == 0; });
  if (!matrix.header.inconclusive.empty() && nothing) {
    return fmt::format("This matrix can't support a conclusion: {}.",
                       printable(matrix.header.inconclusive.front()));
  }
  if (auto said = overload_sentence(costliest(matrix)); !said.empty()) return said;
  for (const CellView& view : costliest(matrix)) {
    if (view.cell->verdict == Verdict::kHurt) return cost_sentence(view);
  }
  for (const CellView& view : costliest(matrix)) {
    if (!view.cell->df.value) continue;
    if (view.cell->verdict != Verdict::kCannotConclude) {
      return "No agent pays for the company that was measured.";
    }
    std::string out = "No set has a verdict on p99 latency yet: more rounds would give one.";
    // Of a lower quantile what is known so far is sure, and no verdict.
    if (!df_interval(*view.cell).empty() && view.cell->quantile != 0.99) {
      out += " " + cost_sentence(view);
    }
    return out;
  }
  return "No set has been measured beside its agents alone yet.";
}

std::vector<std::string> sentences(const Matrix& matrix) {
  std::vector<std::string> out;
  for (const auto& agent : matrix.header.agents) {
    if (auto said = company_sentence(matrix, agent.name); !said.empty()) out.push_back(said);
  }
  std::size_t shown = 0;
  std::size_t judged = 0;
  for (const CellView& view : costliest(matrix)) {
    if (view.cell->verdict != Verdict::kHurt) continue;
    const auto& time = view.cell->gpu_time_df;
    if (!time.value || !time.ci_low) continue;
    ++judged;
    shown += *time.ci_low > stats::kHurtAbove;
  }
  if (judged > 0) {
    out.push_back(
        fmt::format("Of {} cell{} in which p99 latency is hurt, {} alone would have shown {}.",
                    judged, judged == 1 ? "" : "s", device_words(matrix.header.device).time,
                    shown == 0        ? "none"
                    : shown == judged ? (judged == 1 ? "it" : "all")
                                      : count(shown)));
  }
  for (const Scaling& scaling : scalings(matrix)) {
    if (auto said = scaling_sentence(scaling); !said.empty()) out.push_back(said);
  }
  if (auto said = not_shared_sentence(matrix); !said.empty()) out.push_back(said);
  return out;
}

std::string matrix_method_sentence(const Matrix& matrix) {
  std::size_t least = 0;
  std::size_t most = 0;
  for (const SetResult& set : matrix.sets) {
    if (set.blocks == 0) continue;
    const auto blocks = static_cast<std::size_t>(set.blocks);
    least = least == 0 ? blocks : std::min(least, blocks);
    most = std::max(most, blocks);
  }
  return fmt::format(
      "{} sets made of {} agents, {} blocks each; solo blocks are shared by all sets. Intervals "
      "(95 %) "
      "come from the spread between blocks. A DF is of p99 unless it says so: where p99 has no "
      "interval, the highest quantile that has one stands in, without a verdict.",
      matrix.sets.size(), matrix.header.agents.size(),
      least == most ? fmt::format("{}", most) : fmt::format("{} to {}", least, most));
}

}  // namespace kts::report
