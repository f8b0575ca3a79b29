// SPDX-License-Identifier: Apache-2.0
#include "kts/report/comparison.hpp"

#include <fmt/format.h>

#include "format.hpp"
#include "json_values.hpp"
#include "kts/base/text.hpp"
#include "markdown.hpp"
#include "painter.hpp"

namespace kts::report {
namespace {

using analysis::AgentComparison;
using analysis::Change;
using analysis::Estimate;
using analysis::Measure;
using analysis::Outcome;
using analysis::Phase;

std::string_view when(Phase phase) { return phase == Phase::kSolo ? "alone" : "shared"; }

std::string quantity_words(const Change& change) {
  if (!change.phase) return "DF of p99";
  const std::string measure = change.measure == Measure::kLatency
                                  ? std::string()
                                  : std::string(record::info(change.measure).name) + " ";
  return fmt::format("{}{} {}, ms", measure, quantile_name(change.quantile), when(*change.phase));
}

// "5.41 (4.90–5.80)"
std::string with_bounds(std::string value, const Estimate& estimate) {
  const std::string bounds = interval(estimate);
  return bounds.empty() ? std::move(value) : fmt::format("{} ({})", value, bounds);
}

std::string side_cell(const Change& change, const Estimate& estimate) {
  if (!estimate.value) return std::string(kAbsent);
  return with_bounds(change.phase ? number(*estimate.value) : times(*estimate.value), estimate);
}

std::string ratio_cell(const Estimate& ratio) {
  return ratio.value ? with_bounds(times(*ratio.value), ratio) : std::string(kAbsent);
}

std::string outcome_cell(const AgentComparison& agent, const Change& change) {
  return &change == agent.headline() ? std::string(name(agent.outcome)) : std::string();
}

std::vector<std::string> comparison_head() {
  return {"", "before (95 %)", "after (95 %)", "after / before (95 %)", ""};
}

std::vector<std::vector<std::string>> comparison_rows(const AgentComparison& agent) {
  std::vector<std::vector<std::string>> rows;
  for (const Change& change : agent.changes) {
    rows.push_back({quantity_words(change), side_cell(change, change.before),
                    side_cell(change, change.after), ratio_cell(change.ratio),
                    outcome_cell(agent, change)});
  }
  if (const auto& rate = agent.rate; rate.before.value && rate.after.value) {
    rows.push_back({fmt::format("rate {}, per s", when(agent.judged)),
                    with_bounds(number(*rate.before.value, 4), rate.before),
                    with_bounds(number(*rate.after.value, 4), rate.after), ratio_cell(rate.ratio),
                    ""});
  }
  return rows;
}

std::string outcome_sentence(const AgentComparison& agent) {
  const std::string_view phase = when(agent.judged);
  if (agent.overloaded_before && agent.overloaded_after) {
    return fmt::format(
        "{}: {} is overloaded in both runs, {}: its latency says nothing; lower its rate.",
        name(agent.outcome), agent.agent, phase);
  }
  if (agent.overloaded_before || agent.overloaded_after) {
    return fmt::format("{}: {} is overloaded {}, {}, and keeps up {}.", name(agent.outcome),
                       agent.agent, agent.overloaded_after ? "after" : "before", phase,
                       agent.overloaded_after ? "before" : "after");
  }
  const Change* change = agent.headline();
  if (change == nullptr || !change->ratio.value) {
    return fmt::format("{}: {}'s p99 latency is not known of both runs.",
                       name(Outcome::kCannotConclude), agent.agent);
  }
  std::string sentence =
      fmt::format("{}: {}'s p99 latency, {}, went from {} to {} ms, {}", name(agent.outcome),
                  agent.agent, phase, number(change->before.value), number(change->after.value),
                  times(*change->ratio.value));
  const std::string bounds = bounds_words(change->ratio);
  sentence += bounds.empty() ? ", without an interval" : " (" + bounds + ")";
  if (change->samples_needed) {
    sentence += fmt::format("; about {} samples a phase in each run would settle it",
                            count(*change->samples_needed));
  }
  return sentence + ".";
}

std::string method_of(const Comparison& comparison) {
  std::string text =
      "Intervals are each run's own. What changes from one run to another of the same is not in "
      "them: compare two runs of the same to see how much that is.";
  if (comparison.before.within_run_only || comparison.after.within_run_only) {
    text += " Where a phase is one block, they are from parts of it, and too narrow.";
  }
  return text;
}

Ink ink_of_outcome(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSlower:
      return Ink::kRed;
    case Outcome::kSame:
    case Outcome::kFaster:
      return Ink::kGreen;
    case Outcome::kCannotConclude:
      break;
  }
  return Ink::kYellow;
}

Json change_json(const AgentComparison& agent, const Change& change) {
  return {{"phase", change.phase ? Json(name(*change.phase)) : Json(nullptr)},
          {"quantity", change.phase ? "quantile" : "degradation"},
          {"measure", record::info(change.measure).name},
          {"quantile", quantile_name(change.quantile)},
          {"unit", change.phase ? "ms" : "ratio"},
          {"before", estimate_json(change.before)},
          {"after", estimate_json(change.after)},
          {"ratio", estimate_json(change.ratio)},
          {"judged", &change == agent.headline()},
          {"samples_needed", optional(change.samples_needed)}};
}

Json agent_comparison_json(const AgentComparison& agent) {
  return {{"agent", agent.agent},
          {"outcome", name(agent.outcome)},
          {"judged_phase", name(agent.judged)},
          {"overloaded_before", agent.overloaded_before},
          {"overloaded_after", agent.overloaded_after},
          {"rate",
           {{"unit", "1/s"},
            {"before", estimate_json(agent.rate.before)},
            {"after", estimate_json(agent.rate.after)},
            {"ratio", estimate_json(agent.rate.ratio)}}},
          {"changes",
           array(agent.changes, [&](const Change& change) { return change_json(agent, change); })}};
}

}  // namespace

std::string comparison_json(const Comparison& comparison) {
  const Json document{{"schema", "kts.comparison/1"},
                      {"before", run_json(comparison.before)},
                      {"after", run_json(comparison.after)},
                      {"agents", array(comparison.agents, agent_comparison_json)},
                      {"differences", comparison.differences}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string comparison_markdown(const Comparison& comparison) {
  std::string out = fmt::format("# {} → {}\n\n", escape_markdown(comparison.before.run_id),
                                escape_markdown(comparison.after.run_id));
  for (const AgentComparison& agent : comparison.agents) {
    out += bullet(escape_markdown(outcome_sentence(agent)));
  }
  out += "\n" + list("What else is different", comparison.differences);
  for (const AgentComparison& agent : comparison.agents) {
    out += fmt::format("## {}\n\n", escape_markdown(agent.agent));
    out += table_head(comparison_head(), "lrrrl");
    for (const auto& cells : comparison_rows(agent)) out += row(cells);
    out += "\n";
  }
  return out + method_of(comparison) + "\n";
}

std::string comparison_table(const Comparison& comparison, TerminalStyle style) {
  const Painter paint(style);
  std::string out =
      paint(Ink::kDim, fmt::format("before: {}\nafter:  {}\n", printable(comparison.before.run_id),
                                   printable(comparison.after.run_id)));
  for (const AgentComparison& agent : comparison.agents) {
    out += "\n" + paint(Ink::kBold, printable(agent.agent)) + "\n";
    std::vector<Row> rows{comparison_head()};
    for (Row& cells : comparison_rows(agent)) rows.push_back(std::move(cells));
    for (Row& cells : rows) cells.front() = "  " + cells.front();
    out += table(rows, paint);
  }
  out += "\n";
  for (const AgentComparison& agent : comparison.agents) {
    out += paint(ink_of_outcome(agent.outcome),
                 wrapped("- " + printable(outcome_sentence(agent)), "  "));
  }
  if (!comparison.differences.empty()) out += "What else is different:\n";
  for (const std::string& difference : comparison.differences) {
    out += wrapped("- " + printable(difference), "  ");
  }
  return out + wrapped(method_of(comparison), "");
}

}  // namespace kts::report
