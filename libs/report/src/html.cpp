// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chain_words.hpp"
#include "format.hpp"
#include "html_page.hpp"
#include "kts/report/report.hpp"
#include "memory_words.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

using analysis::Measure;
using analysis::Phase;

std::string header(const Summary& summary) {
  std::string facts;
  for (const auto& [label, value] : run_facts(summary)) {
    facts += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", label, escape_html(value));
  }
  return fmt::format(
      "<header>\n<h1>{} <small>what sharing one device costs</small></h1>\n"
      "<p class=\"finding\">{}</p>\n<dl class=\"facts\">\n{}</dl>\n</header>\n",
      escape_html(summary.scenario.empty() ? summary.run_id : summary.scenario),
      escape_html(headline(summary)), facts);
}

std::string agent_card(const Summary& summary, const AgentView& view) {
  std::string what;
  for (const auto* part : {&view.info->workload, &view.info->arrival}) {
    if (!part->empty()) what += (what.empty() ? "" : " · ") + escape_html(*part);
  }
  std::string big = "<small>no degradation factor</small>";
  if (view.df != nullptr && view.df->ratio.value && view.overload == nullptr) {
    const std::string bounds = interval(view.df->ratio);
    big = fmt::format("{} <small>p99 latency, shared over solo{}</small>",
                      times(*view.df->ratio.value), bounds.empty() ? "" : "; 95 %: " + bounds);
  }
  std::string out = fmt::format(
      "<article class=\"agent\">\n<header><h3>{}</h3>{}</header>\n<p class=\"what\">{}</p>\n"
      "<p class=\"big\">{}</p>\n",
      escape_html(view.info->name), badge(verdict_words(view)), what, big);
  for (const auto& sentence :
       {overload_sentence(view), averages_sentence(view), event_time_sentence(summary, view),
        token_rate_sentence(view), cannot_conclude_sentence(view)}) {
    if (!sentence.empty()) out += "<p>" + escape_html(sentence) + "</p>\n";
  }
  return out + "</article>\n";
}

std::string agent_cards(const Summary& summary, const std::vector<AgentView>& all) {
  std::string out;
  for (const auto& view : all) out += agent_card(summary, view);
  return out.empty() ? out : "<div class=\"agents\">\n" + out + "</div>\n";
}

std::string results_table(const Summary& summary, const std::vector<AgentView>& all) {
  std::string body;
  for (const auto& view : all) {
    std::string rows;
    for (const Measure measure : record::kMeasures) {
      const auto* solo = find_result(summary, view.info->name, Phase::kSolo, measure);
      const auto* shared = find_result(summary, view.info->name, Phase::kShared, measure);
      if (!has_values(solo, shared) && measure != Measure::kLatency) continue;
      // Of the parts of latency summary.csv has them.
      const bool with_intervals =
          measure == Measure::kLatency || measure == Measure::kTtft || measure == Measure::kItl;
      rows += "<tr>" + row_head(rows.empty() ? escape_html(view.info->name) : "") +
              word(std::string(record::info(measure).name));
      for (const auto* result : {solo, shared}) {
        for (const auto quantile : {&analysis::MeasureResult::p50, &analysis::MeasureResult::p95,
                                    &analysis::MeasureResult::p99}) {
          const analysis::Estimate estimate =
              result == nullptr ? analysis::Estimate{} : result->*quantile;
          rows += with_intervals ? stacked(bounded(estimate)) : cell(number(estimate.value));
        }
      }
      const bool headline = measure == Measure::kLatency;
      const auto* df = find_degradation(summary, view.info->name, measure, 0.99);
      rows += stacked(df != nullptr && df->ratio.value ? bounded(df->ratio, "×") : "") +
              word(headline ? badge(verdict_words(view)) : "") + "</tr>\n";
    }
    body += "<tbody class=\"group\">\n" + rows + "</tbody>\n";
  }
  const std::string head =
      "<thead><tr><th rowspan=\"2\" scope=\"col\" class=\"word\">agent</th>"
      "<th rowspan=\"2\" scope=\"col\" class=\"word\">measure, ms</th>"
      "<th colspan=\"3\" scope=\"colgroup\" class=\"solo\">solo</th>"
      "<th colspan=\"3\" scope=\"colgroup\" class=\"shared\">shared</th>"
      "<th rowspan=\"2\" scope=\"col\">DF of p99</th><th rowspan=\"2\" scope=\"col\" "
      "class=\"word\">verdict</th></tr>\n<tr>"
      "<th scope=\"col\">p50</th><th scope=\"col\">p95</th><th scope=\"col\">p99</th>"
      "<th scope=\"col\">p50</th><th scope=\"col\">p95</th><th "
      "scope=\"col\">p99</th></tr></thead>\n";
  return section("Alone beside shared", table("Quantiles in milliseconds, of what callers wait for "
                                              "with 95 % intervals; DF, with its own, is the "
                                              "shared quantile over the solo one.",
                                              head + body));
}

std::string growth_at_p99(const analysis::Attribution& a) {
  double largest = 0;
  const auto consider = [&](const std::optional<double>& v) {
    if (v) largest = std::max(largest, std::abs(*v));
  };
  for (const auto& part : a.parts) consider(part.growth_ms);
  consider(a.residue_ms);
  const auto row = [&](std::string_view label, const std::optional<double>& value) {
    std::string bar;
    if (value && largest > 0) {
      bar = fmt::format("<span class=\"bar{}\" style=\"width:{:.1f}%\"></span>",
                        *value < 0 ? " less" : "", std::abs(*value) / largest * 94);
    }
    return "<tr>" + row_head(std::string(label)) + cell(number(value)) + "<td class=\"track\">" +
           bar + "</td></tr>\n";
  };
  std::string rows;
  for (const auto& part : a.parts) rows += row(record::info(part.part).name, part.growth_ms);
  rows += row("residue", a.residue_ms);
  rows += "<tr>" + row_head("latency") + cell(number(a.latency_growth_ms)) +
          "<td class=\"track\"></td></tr>\n";
  const std::string said = growth_sentence(a);
  return fmt::format(
      "<div class=\"scroll\"><table class=\"bars\">\n<caption><strong>{}</strong>, around p99 "
      "({} solo, {} shared iterations){}</caption>\n<thead><tr><th scope=\"col\" "
      "class=\"word\">part</th><th scope=\"col\">growth, ms</th><th scope=\"col\" "
      "class=\"word\"></th></tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
      escape_html(a.agent), count(a.solo_n), count(a.shared_n),
      said.empty() ? "" : ". " + escape_html(said), rows);
}

std::string growth(const Summary& summary) {
  std::string body;
  for (const auto& a : summary.attribution) {
    if (a.at == "p99" && has_values(a)) body += growth_at_p99(a);
  }
  return section("Where the growth went",
                 body.empty() ? body : "<div class=\"growth\">\n" + body + "</div>\n");
}

std::string waits(const Summary& summary) {
  std::string body;
  for (const std::string_view at : {"mean", "p95", "p99"}) {
    std::vector<std::vector<std::string>> rows = wait_table(summary, at);
    // Intervals on a line of their own: many agents make many columns.
    for (std::size_t i = 1; i < rows.size(); ++i) {
      for (std::string& cell : rows[i]) {
        const auto bounds = cell.find(" (");
        if (bounds != std::string::npos && &cell != &rows[i].front()) cell[bounds] = '\n';
      }
    }
    body += plain_table(
        fmt::format("{}. {}", at == "mean" ? "On average" : fmt::format("Around {}", at),
                    wait_caption(summary)),
        rows, 1);
  }
  if (body.empty()) return {};
  body += plain_table(
      "Latency in blocks without one agent, ms: how long it had been waited for, by how much "
      "latency should drop, since the others then close the gap, and by how much it did.",
      left_out_table(summary), 4);
  std::vector<std::string> said;
  if (!summary.left_out.empty()) said.push_back(left_out_sentence(summary));
  for (const auto& agent : summary.agents) {
    std::string sentence = wait_sentence(summary, agent.name);
    if (!sentence.empty()) said.push_back(std::move(sentence));
  }
  return section("Who waits for whom", body + list(said));
}

std::string made_of(const Summary& summary) {
  const auto rows = cause_table(summary);
  if (rows.empty()) return {};
  // Basis, which is words, last among words.
  std::vector<std::vector<std::string>> ordered = rows;
  for (auto& cells : ordered) std::rotate(cells.begin() + 4, cells.begin() + 6, cells.end());
  for (std::size_t i = ordered.size() - 1; i > 1; --i) {
    auto& cells = ordered[i];
    if (cells[0] == ordered[i - 1][0] && cells[1] == ordered[i - 1][1]) {
      cells[0].clear();
      cells[1].clear();
    }
  }
  std::string body =
      plain_table("Shared minus solo. What is estimated rests on how turns are taken.", ordered, 5);
  const std::string turns = turn_sentence(summary);
  if (!turns.empty()) body += "<p>" + escape_html(turns) + "</p>\n";
  body += plain_table(
      "What round robin by these lengths makes of gpu_wait, shared, ms: measured / model.",
      turn_table(summary), 1);
  return section("What the growth is made of", body);
}

std::string kernels_section(const Summary& summary) {
  std::string body = plain_table(
      "By CUPTI's records, means over iterations: gpu_time, the part of it in which a kernel, copy "
      "or set of the agent stood on the GPU (busy), and the rest (gaps).",
      kernel_use_table(summary), 2);
  body += plain_table(
      "Kernels, those that added most first (all: kernels.csv), with 95 % intervals. "
      "Lengths contain being switched out.",
      kernel_change_table(summary), 2);
  return section("What the GPU did", body + list(kernel_sentences(summary)));
}

std::string objectives(const Summary& summary) {
  return section("Objectives", list(objective_sentences(summary)));
}

std::string loads(const Summary& summary) {
  std::string rows;
  for (const auto& load : summary.loads) {
    rows += "<tr>" + row_head(escape_html(load.agent)) + word(std::string(name(load.phase))) +
            cell(number(load.offered_per_s, 4)) + cell(number(load.completed_per_s, 4)) +
            cell(count(load.abandoned)) +
            note(load.overloaded ? "overloaded: " + escape_html(load.why) : "kept up") + "</tr>\n";
  }
  if (rows.empty()) return rows;
  return section(
      "Load", table("Requests per second of agents with open arrivals, and how many were given up.",
                    head_cells({"agent", "phase"}, {"offered", "completed", "given up", ""}) +
                        "<tbody>\n" + rows + "</tbody>\n"));
}

std::string chains(const Summary& summary) {
  std::string body;
  for (const ChainTable& chain : chain_tables(summary)) {
    std::string rows;
    for (std::size_t i = 1; i < chain.rows.size(); ++i) {
      rows += "<tr>" + row_head(chain.rows[i][0]) + word(escape_html(chain.rows[i][1]));
      for (std::size_t k = 2; k < chain.rows[i].size(); ++k) rows += cell(chain.rows[i][k]);
      rows += "</tr>\n";
    }
    const auto& head = chain.rows.front();
    const std::vector<std::string_view> numbers(head.begin() + 2, head.end());
    const std::string of_forks = chain.forks ? fmt::format(" {}", kForkCaption) : "";
    body += table(fmt::format("{}: {}{}", escape_html(chain.chain), kChainCaption, of_forks),
                  head_cells({"step", "agent"}, numbers) + "<tbody>\n" + rows + "</tbody>\n");
    for (const std::string& sentence : chain.sentences) {
      body += "<p>" + escape_html(sentence) + "</p>\n";
    }
  }
  return section(kChainTitle, body);
}

std::string card_meanwhile(const Summary& summary) {
  const auto all = covariate_table(summary);
  std::string body;
  if (!all.empty()) {
    std::string rows;
    for (std::size_t i = 1; i < all.size(); ++i) {
      rows += "<tr>" + row_head(escape_html(all[i][1])) + word(escape_html(all[i][0]));
      for (std::size_t k = 2; k < all[i].size(); ++k) rows += cell(all[i][k]);
      rows += "</tr>\n";
    }
    std::vector<std::string> escaped;
    for (std::size_t k = 2; k < all.front().size(); ++k) {
      escaped.push_back(escape_html(all.front()[k]));
    }
    const std::vector<std::string_view> phases(escaped.begin(), escaped.end());
    body += table(covariate_sentence(),
                  head_cells({"reading", "source"}, phases) + "<tbody>\n" + rows + "</tbody>\n");
  }
  if (!summary.covariates_missing.empty()) {
    body += "<p>Not known: " + escape_html(summary.covariates_missing) + ".</p>\n";
  }
  return section("What the card did meanwhile", body);
}

std::string samples(const Summary& summary) {
  std::string rows;
  for (const auto& r : summary.results) {
    if (r.measure != Measure::kLatency) continue;
    std::string phase(name(r.phase));
    if (r.neighbours) phase += fmt::format(", neighbours {}", name(*r.neighbours));
    rows += "<tr>" + row_head(escape_html(r.agent)) + word(phase) + cell(count(r.n)) +
            cell(std::to_string(r.blocks)) + cell(count(r.trimmed)) + cell(count(r.lost)) +
            "</tr>\n";
  }
  return section(
      "Samples",
      table("What the numbers rest on.",
            head_cells({"agent", "phase"}, {"samples", "blocks", "trimmed", "lost"}) + "<tbody>\n" +
                rows + "</tbody>\n") +
          fmt::format("<p>{} {} malformed lines, {} duplicate records, {} lines of somebody else's "
                      "output.</p>\n",
                      method_sentence(summary), count(summary.malformed_lines),
                      count(summary.duplicate_records), count(summary.foreign_lines)));
}

// The parts of latency, and what else there are results of.
std::string vocabulary(const Summary& summary) {
  std::string out;
  for (const Measure measure : record::kMeasures) {
    const bool of_requests = measure == Measure::kTtft || measure == Measure::kItl;
    if (of_requests &&
        std::ranges::find(summary.results, measure, &analysis::MeasureResult::measure) ==
            summary.results.end()) {
      continue;
    }
    const auto& info = record::info(measure);
    const bool events = measure == Measure::kGpuTime && !is_cpu(summary.device);
    out += fmt::format("<dt>{}</dt><dd>{}{} <code>{}</code></dd>\n", escape_html(info.name),
                       escape_html(info.meaning), events ? " It is what CUDA events see." : "",
                       escape_html(info.formula));
  }
  out +=
      "<dt>DF</dt><dd>Degradation factor: a quantile when shared over the same quantile "
      "alone.</dd>\n"
      "<dt>verdict</dt><dd>Of p99 latency: hurt when the interval of DF lies above 1.05, free "
      "inside 0.95–1.05, helped below 0.95, else it can't be concluded.</dd>\n";
  return section("Words", "<dl class=\"words\">\n" + out + "</dl>\n");
}

}  // namespace

std::string report_html(const Summary& summary, const Drawing& drawing) {
  const auto all = views(summary);
  std::string alert;
  if (!summary.inconclusive.empty()) {
    alert = "<section class=\"alert\">\n<h2>Why this run can't conclude</h2>\n" +
            list(summary.inconclusive) + "</section>\n";
  }
  if (!summary.conditions.empty()) {
    alert += "<section class=\"alert\">\n<h2>The card wasn't the same throughout</h2>\n" +
             list(summary.conditions) + "</section>\n";
  }
  return page(summary.scenario.empty() ? summary.run_id : summary.scenario,
              header(summary) + alert + agent_cards(summary, all) + figures(drawing) +
                  results_table(summary, all) + objectives(summary) + growth(summary) +
                  waits(summary) + made_of(summary) + kernels_section(summary) + chains(summary) +
                  card_meanwhile(summary) +
                  html_memory(kMemoryCaption, memory_table(summary), 3, memory_sentence(summary)) +
                  loads(summary) + section("Warnings", list(summary.warnings)) + samples(summary) +
                  vocabulary(summary));
}

}  // namespace kts::report
