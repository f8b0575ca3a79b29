// SPDX-License-Identifier: Apache-2.0
#include "markdown.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "chain_words.hpp"
#include "format.hpp"
#include "kts/report/report.hpp"
#include "memory_words.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

using analysis::Measure;
using analysis::MeasureResult;
using analysis::Phase;

std::string quantiles(const MeasureResult* r) {
  if (r == nullptr) return std::string(kAbsent);
  const std::string bounds = interval(r->p99);
  return fmt::format("{} / {} / {}{}", number(r->p50.value), number(r->p95.value),
                     number(r->p99.value), bounds.empty() ? "" : " (" + bounds + ")");
}
std::string samples(const MeasureResult* r) {
  return r == nullptr ? std::string(kAbsent) : count(r->n);
}

std::string with_interval(const analysis::Degradation* df) {
  if (df == nullptr || !df->ratio.value) return std::string(kAbsent);
  const std::string bounds = interval(df->ratio);
  return times(*df->ratio.value) + (bounds.empty() ? "" : " (" + bounds + ")");
}

std::string solo_beside_shared(const Summary& summary, const std::vector<AgentView>& all) {
  std::string out =
      "## Alone beside shared\n\np50 / p95 / p99 in ms, p99 and its DF with 95 % intervals; n: how "
      "many, solo and shared.\n\n";
  out += table_head({"agent", "measure", "solo", "shared", "n", "DF of p99", "verdict"}, "llrrrrl");
  for (const auto& view : all) {
    for (const Measure measure : record::kMeasures) {
      const auto* solo = find_result(summary, view.info->name, Phase::kSolo, measure);
      const auto* shared = find_result(summary, view.info->name, Phase::kShared, measure);
      if (!has_values(solo, shared) && measure != Measure::kLatency) continue;
      const bool headline = measure == Measure::kLatency;
      const auto* df = find_degradation(summary, view.info->name, measure, 0.99);
      out += row({escape_markdown(view.info->name), std::string(record::info(measure).name),
                  quantiles(solo), quantiles(shared), samples(solo) + ", " + samples(shared),
                  df == nullptr ? "" : with_interval(df), headline ? verdict_words(view) : ""});
    }
  }
  for (const auto& view : all) {
    const std::string tokens = token_rate_sentence(view);
    if (!tokens.empty()) out += "\n" + escape_markdown(tokens) + "\n";
  }
  return out + "\n";
}

std::string hidden_by_averages(const Summary& summary, const std::vector<AgentView>& all) {
  std::string out;
  for (const auto& view : all) {
    const std::string averages = averages_sentence(view);
    if (averages.empty()) continue;
    const std::string event = event_time_sentence(summary, view);
    out += bullet("**" + escape_markdown(view.info->name) + "**: " + averages +
                  (event.empty() ? "" : " " + escape_markdown(event)));
  }
  return out.empty() ? out : "## What the averages hide\n\n" + out + "\n";
}

std::string waits_for_whom(const Summary& summary) {
  std::string out;
  for (const std::string_view at : {"mean", "p95", "p99"}) {
    const auto rows = wait_table(summary, at);
    if (rows.empty()) continue;
    const std::string align = "l" + std::string(rows.front().size() - 1, 'r');
    out += at == "mean" ? "On average:\n\n" : fmt::format("Around {}:\n\n", at);
    out += plain_rows(rows, align);
  }
  if (out.empty()) return {};
  const std::string left_out = plain_rows(left_out_table(summary), "llllrrrr");
  if (!left_out.empty()) {
    out += escape_markdown(left_out_sentence(summary)) +
           " Latency in blocks without one agent, ms: how long it had been waited for, by how much "
           "latency should drop, since the others then close the gap, and by how much it did.\n\n" +
           left_out;
  }
  std::string said;
  for (const auto& agent : summary.agents) {
    const std::string sentence = wait_sentence(summary, agent.name);
    if (!sentence.empty()) said += bullet(escape_markdown(sentence));
  }
  return "## Who waits for whom\n\n" + std::string(wait_caption(summary)) +
         " Counted is the time in its own queue, before its work and switched out in the middle of "
         "it; estimated where "
         "several had the device at once.\n\n" +
         out + said + (said.empty() ? "" : "\n");
}

std::string what_growth_is_made_of(const Summary& summary) {
  std::string out = plain_rows(cause_table(summary), "llllrrl");
  if (out.empty()) return {};
  const std::string turns = turn_sentence(summary);
  if (!turns.empty()) out += escape_markdown(turns) + "\n\n";
  const std::string check = plain_rows(turn_table(summary), "lrrr");
  if (!check.empty()) {
    out +=
        "What round robin by these lengths makes of gpu_wait, shared, ms: measured / model.\n\n" +
        check;
  }
  return "## What the growth is made of\n\nShared minus solo. What is estimated rests on how turns "
         "are taken, the rest on the records alone.\n\n" +
         out;
}

std::string growth_table(const Summary& summary) {
  if (std::none_of(summary.attribution.begin(), summary.attribution.end(),
                   [](const analysis::Attribution& a) { return has_values(a); })) {
    return {};
  }
  std::string out =
      "## Where the growth went\n\nShared minus solo, in ms, averaged over the iterations around "
      "each quantile of latency; `residue` is what the parts don't add up to.\n\n";
  std::vector<std::string> head{"agent", "at"};
  for (const Measure part : record::kLatencyParts) head.emplace_back(record::info(part).name);
  head.insert(head.end(), {"residue", "latency", "iterations solo, shared"});
  out += table_head(head, "llrrrrrrr");
  for (const auto& a : summary.attribution) {
    if (!has_values(a)) continue;
    std::vector<std::string> cells{escape_markdown(a.agent), escape_markdown(a.at)};
    for (const Measure measure : record::kLatencyParts) {
      std::string cell(kAbsent);
      for (const auto& part : a.parts) {
        if (part.part == measure)
          cell = bounded({part.growth_ms, part.interval.low, part.interval.high});
      }
      cells.push_back(std::move(cell));
    }
    cells.push_back(bounded({a.residue_ms, a.residue_interval.low, a.residue_interval.high}));
    cells.push_back(
        bounded({a.latency_growth_ms, a.latency_interval.low, a.latency_interval.high}));
    cells.push_back(count(a.solo_n) + ", " + count(a.shared_n));
    out += row(cells);
  }
  out += "\n";
  for (const auto& a : summary.attribution) {
    const std::string sentence = a.at == "p99" ? growth_sentence(a) : "";
    if (!sentence.empty()) {
      out += bullet("**" + escape_markdown(a.agent) + "**: " + escape_markdown(sentence));
    }
  }
  return out.back() == '\n' && out[out.size() - 2] == '\n' ? out : out + "\n";
}

std::string load_table(const Summary& summary) {
  if (summary.loads.empty()) return {};
  std::string out = "## Load\n\n";
  out += table_head({"agent", "phase", "offered /s", "completed /s", "given up", "overloaded"},
                    "llrrrl");
  for (const auto& load : summary.loads) {
    out +=
        row({escape_markdown(load.agent), std::string(name(load.phase)),
             number(load.offered_per_s, 4), number(load.completed_per_s, 4), count(load.abandoned),
             load.overloaded ? "yes: " + escape_markdown(load.why) : "no"});
  }
  return out + "\n";
}

std::string sample_table(const Summary& summary) {
  std::string out = "## Samples\n\n";
  out += table_head({"agent", "phase", "samples", "blocks", "trimmed", "lost"}, "llrrrr");
  for (const auto& r : summary.results) {
    if (r.measure != Measure::kLatency) continue;
    std::string phase(name(r.phase));
    if (r.neighbours) phase += fmt::format(", neighbours {}", name(*r.neighbours));
    out += row({escape_markdown(r.agent), phase, count(r.n), std::to_string(r.blocks),
                count(r.trimmed), count(r.lost)});
  }
  return out + fmt::format(
                   "\n{}\n\nLines: {} malformed, {} duplicate records, {} of somebody else's "
                   "output.\n\n",
                   method_sentence(summary), count(summary.malformed_lines),
                   count(summary.duplicate_records), count(summary.foreign_lines));
}

std::string kernel_tables(const Summary& summary) {
  if (summary.kernels.empty()) return {};
  std::string out =
      "## What the GPU did\n\n"
      "By CUPTI's records, means over iterations: gpu_time, the part of it in which a kernel, copy "
      "or set of the agent stood on the GPU (busy), and the rest (gaps). A kernel's time contains "
      "being switched out while it runs.\n\n" +
      plain_rows(kernel_use_table(summary), "llrrrrr");
  const std::string changes = plain_rows(kernel_change_table(summary), "llrrrrr");
  if (!changes.empty()) {
    out +=
        "Each agent's kernels, those that added most first (all: kernels.csv), with 95 % "
        "intervals.\n\n" +
        changes;
  }
  std::string said;
  for (const std::string& sentence : kernel_sentences(summary)) {
    said += bullet(escape_markdown(sentence));
  }
  return out + said + (said.empty() ? "" : "\n");
}

std::string covariates(const Summary& summary) {
  const auto rows = covariate_table(summary);
  if (rows.empty() && summary.covariates_missing.empty()) return {};
  std::string out = "## What the card did meanwhile\n\n";
  if (!rows.empty()) {
    out += std::string(covariate_sentence()) + "\n\n";
    out += table_head(rows.front(), "ll" + std::string(rows.front().size() - 2, 'r'));
    for (std::size_t i = 1; i < rows.size(); ++i) {
      std::vector<std::string> cells = rows[i];
      cells[1] = escape_markdown(cells[1]);
      out += row(cells);
    }
    out += "\n";
  }
  if (!summary.covariates_missing.empty()) {
    out += fmt::format("Not known: {}.\n\n", escape_markdown(summary.covariates_missing));
  }
  return out;
}

}  // namespace

std::string plain_rows(const std::vector<std::vector<std::string>>& rows, std::string_view align) {
  if (rows.empty()) return {};
  std::vector<std::string> head = rows.front();
  for (std::string& cell : head) cell = escape_markdown(cell);
  std::string out = table_head(head, align);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    std::vector<std::string> cells = rows[i];
    for (std::string& cell : cells) cell = escape_markdown(cell);
    out += row(cells);
  }
  return out + "\n";
}

std::string markdown_memory(std::string_view caption,
                            const std::vector<std::vector<std::string>>& rows,
                            std::string_view align, const std::string& said) {
  if (rows.empty()) return {};
  std::string out = fmt::format("## Memory\n\n{}\n\n{}", caption, plain_rows(rows, align));
  return said.empty() ? out : out + escape_markdown(said) + "\n\n";
}

std::string row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const auto& cell : cells) out += " " + cell + " |";
  return out + "\n";
}

std::string table_head(const std::vector<std::string>& cells, std::string_view align) {
  std::string rule = "|";
  for (const char c : align) rule += c == 'l' ? "---|" : "--:|";
  return row(cells) + rule + "\n";
}

std::string bullet(const std::string& text) { return "- " + text + "\n"; }

std::string list(std::string_view title, const std::vector<std::string>& items) {
  if (items.empty()) return {};
  std::string out = fmt::format("## {}\n\n", title);
  for (const auto& item : items) out += bullet(escape_markdown(item));
  return out + "\n";
}

std::string results_markdown(const Summary& summary) {
  const auto all = views(summary);
  std::string out =
      fmt::format("# {}\n\n**{}**\n\n",
                  escape_markdown(summary.scenario.empty() ? summary.run_id : summary.scenario),
                  escape_markdown(headline(summary)));
  for (const std::string& condition : summary.conditions) {
    out += escape_markdown(condition) + ".\n\n";
  }
  for (const auto& [label, value] : run_facts(summary)) {
    out += bullet(label + ": " + escape_markdown(value));
  }
  for (const auto& agent : summary.agents) {
    std::vector<std::string> said;
    for (const auto* part : {&agent.workload, &agent.arrival}) {
      if (!part->empty()) said.push_back(escape_markdown(*part));
    }
    if (agent.slo_quantile && agent.slo_latency_ms) {
      said.push_back(fmt::format("objective: {} of latency at most {} ms",
                                 quantile_name(*agent.slo_quantile), *agent.slo_latency_ms));
    }
    std::string line = "agent **" + escape_markdown(agent.name) + "**";
    for (const auto& part : said) line += ", " + part;
    out += bullet(line);
  }
  out += "\n";
  out += list("Why this run can't conclude", summary.inconclusive);
  out += solo_beside_shared(summary, all);
  std::vector<std::string> open = open_questions(all);
  for (auto& sentence : objective_sentences(summary)) open.push_back(std::move(sentence));
  out += list("Objectives and open questions", open);
  out += hidden_by_averages(summary, all);
  out += growth_table(summary);
  out += waits_for_whom(summary);
  out += what_growth_is_made_of(summary);
  out += kernel_tables(summary);
  out += chains_markdown(summary);
  out += covariates(summary);
  out +=
      markdown_memory(kMemoryCaption, memory_table(summary), "lllrrrr", memory_sentence(summary));
  out += load_table(summary);
  out += sample_table(summary);
  out += list("Warnings", summary.warnings);
  out.pop_back();
  return out;
}

}  // namespace kts::report
