// SPDX-License-Identifier: Apache-2.0
#include "kts/report/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "format.hpp"
#include "kts/base/files.hpp"
#include "kts/base/text.hpp"
#include "kts/stats/outliers.hpp"
#include "markdown.hpp"
#include "painter.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

using analysis::Estimate;
using analysis::FleetNode;
using analysis::FleetQuantity;
using analysis::FleetRow;

constexpr std::string_view kMark = "◆";  // an outlier

std::string words_of(FleetQuantity quantity) {
  switch (quantity) {
    case FleetQuantity::kSoloP50:
      return "p50 alone";
    case FleetQuantity::kSoloP99:
      return "p99 alone";
    case FleetQuantity::kSharedP99:
      return "p99 shared";
    case FleetQuantity::kDegradation:
      return "DF of p99";
  }
  return {};
}

std::string value_words(FleetQuantity quantity, double value) {
  return quantity == FleetQuantity::kDegradation ? times(value) : number(value);
}

// "5.41 (4.9–5.8)", with the mark of an outlier.
std::string node_cell(const FleetRow& row, std::size_t node) {
  const Estimate& estimate = row.estimates[node];
  if (!estimate.value) return std::string(kAbsent);
  std::string text = value_words(row.quantity, *estimate.value);
  const std::string bounds = interval(estimate);
  if (!bounds.empty()) text += fmt::format(" ({})", bounds);
  if (row.outlier[node]) text += fmt::format(" {}", kMark);
  return text;
}

std::string verdict_of(const FleetSummary& summary, std::size_t node, const std::string& agent) {
  if (!summary.summaries[node]) return std::string(kAbsent);
  for (const AgentView& view : views(*summary.summaries[node])) {
    if (view.info->name == agent) return verdict_words(view);
  }
  return std::string(kAbsent);
}

bool any_results(const FleetSummary& summary, std::size_t node) {
  return summary.summaries[node] && !summary.summaries[node]->results.empty();
}
std::size_t measured_nodes(const FleetSummary& summary) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < summary.summaries.size(); ++i) count += any_results(summary, i);
  return count;
}

// The agent's four rows stand together.
std::vector<std::vector<const FleetRow*>> by_agent(const FleetSummary& summary) {
  std::vector<std::vector<const FleetRow*>> groups;
  for (const FleetRow& row : summary.rows) {
    if (groups.empty() || groups.back().front()->agent != row.agent) groups.emplace_back();
    groups.back().push_back(&row);
  }
  return groups;
}

std::vector<std::string> heads(const std::vector<const FleetRow*>& group) {
  std::vector<std::string> cells{"node"};
  for (const FleetRow* row : group) {
    cells.push_back(words_of(row->quantity) +
                    (row->quantity == FleetQuantity::kDegradation ? "" : ", ms"));
  }
  cells.emplace_back("verdict");
  return cells;
}

std::vector<std::string> node_cells(const FleetSummary& summary,
                                    const std::vector<const FleetRow*>& group, std::size_t node) {
  std::vector<std::string> cells{summary.fleet.nodes[node].node};
  for (const FleetRow* row : group) cells.push_back(node_cell(*row, node));
  cells.push_back(verdict_of(summary, node, group.front()->agent));
  return cells;
}

std::vector<std::string> median_cells(const std::vector<const FleetRow*>& group) {
  std::vector<std::string> cells{"median"};
  for (const FleetRow* row : group) {
    cells.push_back(row->median ? value_words(row->quantity, *row->median) : std::string(kAbsent));
  }
  cells.emplace_back();
  return cells;
}

std::vector<std::string> outlier_sentences(const FleetSummary& summary) {
  std::vector<std::string> sentences;
  for (const FleetRow& row : summary.rows) {
    for (std::size_t i = 0; i < row.estimates.size(); ++i) {
      if (!row.outlier[i]) continue;
      const double value = *row.estimates[i].value;
      sentences.push_back(
          fmt::format("{} stands apart: {}'s {} is {}{}, {} the nodes' median of {}",
                      summary.fleet.nodes[i].node, row.agent, words_of(row.quantity),
                      value_words(row.quantity, value),
                      row.quantity == FleetQuantity::kDegradation ? "" : " ms",
                      times(value / *row.median), value_words(row.quantity, *row.median)));
    }
  }
  return sentences;
}

std::vector<std::string> trouble_sentences(const FleetSummary& summary) {
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < summary.fleet.nodes.size(); ++i) {
    const FleetNode& node = summary.fleet.nodes[i];
    if (node.exit_code == 0) continue;
    sentences.push_back(fmt::format("{}{}, exit code {}: {}", node.node,
                                    any_results(summary, i) ? "" : " not measured", node.exit_code,
                                    node.reason));
  }
  return sentences;
}

std::string fleet_headline(const FleetSummary& summary) {
  const std::size_t nodes = summary.fleet.nodes.size();
  std::vector<bool> apart(nodes, false);
  for (const FleetRow& row : summary.rows) {
    for (std::size_t i = 0; i < nodes; ++i) apart[i] = apart[i] || row.outlier[i];
  }
  const auto outliers = std::ranges::count(apart, true);
  const std::size_t measured = measured_nodes(summary);
  std::string text =
      fmt::format("{} of {} node{} measured", measured, nodes, nodes == 1 ? "" : "s");
  if (measured >= stats::kMinPeers) {
    text += outliers == 0   ? "; none stands apart from the others"
            : outliers == 1 ? "; one stands apart from the others"
                            : fmt::format("; {} stand apart from the others", outliers);
  }
  return text + ".";
}

std::string rule_sentence(const FleetSummary& summary) {
  if (measured_nodes(summary) < stats::kMinPeers) {
    return fmt::format("Fewer than {} nodes were measured: none can be named as standing apart.",
                       stats::kMinPeers);
  }
  return fmt::format(
      "{} stands apart: the node's whole 95 % interval lies further from the nodes' median than "
      "three scaled median absolute deviations (of logarithms), and than 5 %.",
      kMark);
}

std::vector<std::pair<std::string, std::string>> fleet_facts(const FleetSummary& summary) {
  std::vector<std::pair<std::string, std::string>> facts;
  const analysis::Fleet& fleet = summary.fleet;
  for (const auto& [label, value] :
       {std::pair("fleet", &fleet.id), std::pair("started", &fleet.started),
        std::pair("nodes with", &fleet.selector), std::pair("namespace", &fleet.name_space),
        std::pair("image", &fleet.image)}) {
    if (!value->empty()) facts.emplace_back(label, *value);
  }
  return facts;
}

}  // namespace

std::string fleet_csv(const FleetSummary& summary) {
  std::string out = "node,agent,quantity,unit,value,ci_low,ci_high,median,outlier\n";
  for (const FleetRow& row : summary.rows) {
    for (std::size_t i = 0; i < row.estimates.size(); ++i) {
      const Estimate& estimate = row.estimates[i];
      out += fmt::format("{},{},{},{},{},{},{},{},{}\n", escape_csv(summary.fleet.nodes[i].node),
                         escape_csv(row.agent), name(row.quantity), unit(row.quantity),
                         exact(estimate.value), exact(estimate.ci_low), exact(estimate.ci_high),
                         exact(row.median),
                         !row.band || !estimate.value ? ""
                         : row.outlier[i]             ? "yes"
                                                      : "no");
    }
  }
  return out;
}

std::string fleet_table(const FleetSummary& summary, TerminalStyle style) {
  const Painter paint(style);
  std::string out;
  for (const auto& group : by_agent(summary)) {
    out += paint(Ink::kBold, printable(group.front()->agent)) + "\n";
    std::vector<Row> rows{heads(group)};
    for (std::size_t i = 0; i < summary.fleet.nodes.size(); ++i) {
      if (any_results(summary, i)) rows.push_back(node_cells(summary, group, i));
    }
    rows.push_back(median_cells(group));
    for (Row& row : rows) row.front() = "  " + printable(row.front());
    out += table(rows, paint) + "\n";
  }
  out += paint(Ink::kBold, wrapped(fleet_headline(summary), ""));
  for (const std::string& sentence : outlier_sentences(summary)) {
    out += paint(Ink::kRed, wrapped("- " + printable(sentence), "  "));
  }
  for (const std::string& sentence : trouble_sentences(summary)) {
    out += paint(Ink::kYellow, wrapped("- " + printable(sentence), "  "));
  }
  return out + wrapped(rule_sentence(summary), "");
}

std::string fleet_markdown(const FleetSummary& summary) {
  std::string out = fmt::format("# {}\n\n**{}**\n\n", escape_markdown(summary.fleet.scenario),
                                escape_markdown(fleet_headline(summary)));
  for (const auto& [label, value] : fleet_facts(summary)) {
    out += bullet(label + ": " + escape_markdown(value));
  }
  out += "\n";
  out += list("Nodes that stand apart", outlier_sentences(summary));
  out += list("Nodes with something amiss", trouble_sentences(summary));
  for (const auto& group : by_agent(summary)) {
    out += fmt::format("## {}\n\nLatency, with its 95 % interval.\n\n",
                       escape_markdown(group.front()->agent));
    const auto head = heads(group);
    out += table_head(head, "l" + std::string(group.size(), 'r') + "l");
    for (std::size_t i = 0; i < summary.fleet.nodes.size(); ++i) {
      auto cells = node_cells(summary, group, i);
      cells.front() = any_results(summary, i)
                          ? fmt::format("[{0}](nodes/{0}/results.md)", cells.front())
                          : escape_markdown(cells.front());
      out += row(cells);
    }
    out += row(median_cells(group)) + "\n";
  }
  return out + rule_sentence(summary) +
         " Each node was measured by itself, on its own clock; nothing here compares instants of "
         "two nodes.\n";
}

Status write_fleet(const FleetSummary& summary, const std::filesystem::path& folder) {
  KTS_CHECK_OK(make_directories(folder));
  KTS_CHECK_OK(write_file(folder / "summary.json", fleet_json(summary)));
  KTS_CHECK_OK(write_file(folder / "summary.csv", fleet_csv(summary)));
  return write_file(folder / "results.md", fleet_markdown(summary));
}

}  // namespace kts::report
