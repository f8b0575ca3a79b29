// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "format.hpp"
#include "html_page.hpp"
#include "kts/report/matrix.hpp"
#include "matrix_words.hpp"
#include "memory_words.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

using analysis::MatrixCell;

std::string header(const Matrix& matrix) {
  std::string facts;
  for (const auto& [label, value] : run_facts(matrix.header)) {
    facts += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", label, escape_html(value));
  }
  return fmt::format(
      "<header>\n<h1>{} <small>who pays what beside whom</small></h1>\n"
      "<p class=\"finding\">{}</p>\n<dl class=\"facts\">\n{}</dl>\n</header>\n",
      escape_html(matrix.header.scenario), escape_html(finding(matrix)), facts);
}

std::string alone(const Matrix& matrix) {
  std::string rows;
  for (const auto& a : matrix.alone) {
    const auto info = std::ranges::find(matrix.header.agents, a.agent, &analysis::AgentInfo::name);
    rows += "<tr>" + row_head(escape_html(a.agent)) + word(escape_html(info->workload)) +
            word(escape_html(info->arrival)) + stacked(bounded(a.p50)) + stacked(bounded(a.p95)) +
            stacked(bounded(a.p99)) + stacked(bounded(a.rate_per_s)) + cell(count(a.n)) +
            cell(std::to_string(a.blocks)) + "</tr>\n";
  }
  return section("Alone",
                 table("Latency in milliseconds; completions per second; with 95 % intervals.",
                       head_cells({"agent", "workload", "arrival"},
                                  {"p50", "p95", "p99", "per s", "samples", "blocks"}) +
                           "<tbody>\n" + rows + "</tbody>\n"));
}

std::string growth_section(const Matrix& matrix) {
  std::string out;
  for (const Scaling& scaling : scalings(matrix)) {
    std::vector<std::vector<std::string>> rows{
        {"agents", "p50 ms", "p99 ms", "95 %", "DF", "95 %", "kept", "sum kept", "95 %"}};
    for (const auto& point : scaling.points) {
      const MatrixCell& c = *point.view.cell;
      rows.push_back({fmt::format("{}", point.agents), number(c.p50.value), number(c.p99.value),
                      interval(c.p99), df_text(c), df_interval(c), kept_text(c.kept),
                      number(point.view.set->kept_sum.value), interval(point.view.set->kept_sum)});
    }
    out += plain_table(fmt::format("{} beside ever more of {}", escape_html(scaling.agent),
                                   escape_html(scaling.neighbour)),
                       rows, 1);
  }
  if (!out.empty()) {
    out += "<p>Sum kept: what all do together, in units of one agent alone.</p>\n";
  }
  return section("How it grows", out);
}

std::string all_sets(const Matrix& matrix) {
  std::string rows;
  for (const CellView& view : costliest(matrix)) {
    const MatrixCell& c = *view.cell;
    rows += "<tr>" + row_head(escape_html(c.agent)) +
            several(escape_html(beside(*view.set, c.agent))) + stacked(bounded(c.p50)) +
            stacked(bounded(c.p99)) + stacked(df_text(c), df_interval(c)) +
            word(badge(verdict_words(c))) + stacked(bounded(c.gpu_time_df, "×")) +
            stacked(bounded_percent(c.kept)) + cell(count(c.n)) + cell(std::to_string(c.blocks)) +
            "</tr>\n";
  }
  if (rows.empty()) return rows;
  return section(
      "Every set",
      table(
          fmt::format("Those who pay most first. {} Kept: throughput, as a share of its own alone.",
                      is_cpu(matrix.header.device)
                          ? "Device time: the DF of p99 of gpu_time, the time at work."
                          : "Events: the DF of p99 of CUDA events' time, the usual stopwatch."),
          "<thead><tr><th scope=\"col\" class=\"word\">agent</th><th scope=\"col\" "
          "class=\"word\">beside</th><th scope=\"col\">p50 ms</th><th scope=\"col\">p99 "
          "ms</th><th scope=\"col\">DF</th><th "
          "scope=\"col\" class=\"word\">verdict</th><th scope=\"col\">" +
              std::string(device_words(matrix.header.device).column) +
              "</th><th "
              "scope=\"col\">kept</th><th scope=\"col\">samples</th><th "
              "scope=\"col\">blocks</th></tr></thead>\n<tbody>\n" +
              rows + "</tbody>\n"));
}

}  // namespace

std::string matrix_html(const Matrix& matrix, const Drawing& drawing) {
  std::string alert;
  if (!matrix.header.inconclusive.empty()) {
    alert = "<section class=\"alert\">\n<h2>What can't be concluded</h2>\n" +
            list(matrix.header.inconclusive) + "</section>\n";
  }
  return page(
      matrix.header.scenario,
      header(matrix) + alert + section("In words", list(sentences(matrix))) + figures(drawing) +
          growth_section(matrix) + alone(matrix) + all_sets(matrix) +
          html_memory(kMemoryCaption, memory_table(matrix), 3, memory_sentence(matrix)) +
          section("Warnings", list(matrix.header.warnings)) +
          section("Method", "<p>" + escape_html(matrix_method_sentence(matrix)) + "</p>\n"));
}

}  // namespace kts::report
