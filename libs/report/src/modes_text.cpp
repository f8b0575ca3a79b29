// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "format.hpp"
#include "json_values.hpp"
#include "kts/base/text.hpp"
#include "kts/report/modes.hpp"
#include "markdown.hpp"
#include "memory_words.hpp"
#include "modes_words.hpp"
#include "painter.hpp"

namespace kts::report {
namespace {

using analysis::CompanyResult;
using analysis::ModeResult;
using analysis::ModesSummary;

Json mode_json(const ModeResult& mode) {
  return {{"way", mode.entry.way},
          {"sharing", mode.entry.sharing},
          {"run", text(mode.entry.folder)},
          {"measured", mode.measured},
          {"reason", text(mode.entry.reason)},
          {"n", mode.n},
          {"blocks", mode.blocks},
          {"unit", "ms"},
          {"p50", estimate_json(mode.p50)},
          {"p95", estimate_json(mode.p95)},
          {"p99", estimate_json(mode.p99)},
          {"p999", estimate_json(mode.p999)},
          {"df_p99", estimate_json(mode.df)},
          {"df_p99_common", estimate_json(mode.df_common)},
          {"slo_met", optional(mode.slo_met)},
          {"neighbours", array(mode.neighbours,
                               [](const ModeResult::Neighbour& neighbour) -> Json {
                                 return {{"agent", neighbour.agent},
                                         {"rate_achieved_per_s", optional(neighbour.rate_per_s)},
                                         {"kept_ratio", optional(neighbour.kept.value)},
                                         {"kept_ratio_ci_low", optional(neighbour.kept.ci_low)},
                                         {"kept_ratio_ci_high", optional(neighbour.kept.ci_high)}};
                               })},
          {"kept_ratio", optional(mode.kept_ratio.value)},
          {"kept_ratio_ci_low", optional(mode.kept_ratio.ci_low)},
          {"kept_ratio_ci_high", optional(mode.kept_ratio.ci_high)},
          {"memory_in_use_bytes", optional(mode.memory_in_use_bytes)},
          {"memory", memory_json(mode.memory)},
          {"inconclusive", mode.inconclusive}};
}

Json light_agent_json(const analysis::AgentInfo& agent) {
  Json json = agent_json(agent);
  json.erase("baseline");  // alone in a process, not another agent's
  return json;
}

Json baseline_json(const ModesSummary& modes) {
  return {{"sharing", modes.baseline_sharing},        {"n", modes.baseline.n},
          {"blocks", modes.baseline.blocks},          {"unit", "ms"},
          {"p50", estimate_json(modes.baseline.p50)}, {"p95", estimate_json(modes.baseline.p95)},
          {"p99", estimate_json(modes.baseline.p99)}, {"p999", estimate_json(modes.baseline.p999)}};
}

Json company_json(const CompanyResult& company) {
  return {{"company", company.company},
          {"modes", array(company.modes, mode_json)},
          {"best", company.best ? Json(company.modes[*company.best].entry.way) : Json(nullptr)},
          {"advice", company.advice}};
}

Json other_json(const ModesSummary& other) {
  return {{"agent", light_agent_json(other.agent)},
          {"baseline", baseline_json(other)},
          {"companies", array(other.companies, company_json)},
          {"advice", other.advice}};
}

std::string three(const analysis::Estimate& e) {
  return fmt::format("{},{},{}", exact(e.value), exact(e.ci_low), exact(e.ci_high));
}

std::string modes_csv_row(const std::string& agent, const CompanyResult& company, std::size_t way) {
  const ModeResult& mode = company.modes[way];
  return fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", escape_csv(agent),
                     escape_csv(company.company), escape_csv(mode.entry.way), mode.entry.sharing,
                     mode.measured ? "yes" : "no", company.best == way ? "yes" : "no", mode.n,
                     mode.blocks, three(mode.p50), three(mode.p95), three(mode.p99),
                     three(mode.p999), three(mode.df), three(mode.df_common),
                     three(mode.kept_ratio),
                     mode.memory_in_use_bytes ? fmt::format("{}", *mode.memory_in_use_bytes) : "",
                     escape_csv(mode.entry.reason));
}

std::string modes_markdown_row(const ModeCells& cells, bool best) {
  const std::string way = escape_markdown(cells.way);
  return row({best ? "**" + way + "**" : way, cells.p50, cells.p95, cells.p99, cells.p999, cells.df,
              cells.df_common, escape_markdown(cells.neighbours), cells.samples, cells.memory,
              escape_markdown(cells.note)});
}

std::string markdown_company(const ModesSummary& light, const CompanyResult& company) {
  std::string out = fmt::format("\n## {} beside {}\n\n{}\n\n", escape_markdown(light.agent.name),
                                escape_markdown(company.company), escape_markdown(company.advice));
  out += table_head({"way", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "DF in the mode",
                     "DF against alone", "neighbours keep", "samples", "memory in use", ""},
                    "lrrrrrrlrrl");
  out += modes_markdown_row(baseline_cells(light), false);
  for (std::size_t i = 0; i < company.modes.size(); ++i) {
    out += modes_markdown_row(cells_of(company.modes[i]), company.best == i);
  }
  return out;
}

std::string section_of(std::string_view title, const std::vector<std::string>& sentences) {
  if (sentences.empty()) return {};
  std::string out = fmt::format("\n## {}\n\n", title);
  for (const std::string& sentence : sentences) out += bullet(escape_markdown(sentence));
  return out;
}

constexpr std::size_t kModesWayWidth = 20;
constexpr std::size_t kModesNumberWidth = 8;

std::string modes_terminal_row(const std::string& way, const analysis::Estimate& p50,
                               const analysis::Estimate& p95, const analysis::Estimate& p99,
                               const std::string& df, std::uint64_t n, const std::string& kept) {
  return "  " + pad_right(shorten(printable(way), kModesWayWidth), kModesWayWidth) +
         pad_left(number(p50.value), kModesNumberWidth) +
         pad_left(number(p95.value), kModesNumberWidth) +
         pad_left(number(p99.value), kModesNumberWidth) + pad_left(interval(p99), 16) +
         pad_left(df, kModesNumberWidth) + pad_left(count(n), kModesNumberWidth) + "  " + kept;
}

std::string terminal_company(const ModesSummary& light, const CompanyResult& company,
                             const Painter& paint) {
  std::string out =
      paint(Ink::kBold, printable(light.agent.name) + " beside " + printable(company.company)) +
      "\n" +
      paint(Ink::kDim, "  " + pad_right("", kModesWayWidth) + pad_left("p50", kModesNumberWidth) +
                           pad_left("p95", kModesNumberWidth) +
                           pad_left("p99 ms", kModesNumberWidth) + pad_left("(95 %)", 16) +
                           pad_left("DF", kModesNumberWidth) + pad_left("n", kModesNumberWidth) +
                           "  neighbours keep") +
      "\n";
  out += modes_terminal_row(baseline_cells(light).way, light.baseline.p50, light.baseline.p95,
                            light.baseline.p99, "", light.baseline.n, "");
  out.erase(out.find_last_not_of(' ') + 1);
  out += "\n";
  for (std::size_t i = 0; i < company.modes.size(); ++i) {
    const ModeResult& mode = company.modes[i];
    if (!mode.measured) {
      out += "  " +
             wrapped(pad_right(shorten(printable(mode.entry.way), kModesWayWidth), kModesWayWidth) +
                         " not measured: " + printable(mode.entry.reason),
                     "      ", 2);
      continue;
    }
    const std::string row_text = modes_terminal_row(
        mode.entry.way, mode.p50, mode.p95, mode.p99,
        mode.df_common.value ? times(*mode.df_common.value) : std::string(kAbsent), mode.n,
        printable(neighbours_kept(mode, false)) +
            (mode.inconclusive.empty() ? "" : "; can't conclude"));
    out += paint(company.best == i ? Ink::kGreen : Ink::kPlain, row_text) + "\n";
  }
  return out;
}

}  // namespace

std::string modes_json(const ModesSummary& modes) {
  const Json out{{"schema", "kts.modes/1"},
                 {"id", modes.id},
                 {"scenario", modes.scenario},
                 {"started", text(modes.started)},
                 {"rounds", modes.rounds},
                 {"device", device_json(modes.device)},
                 {"agent", light_agent_json(modes.agent)},
                 {"baseline", baseline_json(modes)},
                 {"companies", array(modes.companies, company_json)},
                 {"advice", modes.advice},
                 {"others", array(modes.others, other_json)},
                 {"warnings", modes.warnings},
                 {"inconclusive", analysis::inconclusive(modes)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string modes_csv(const ModesSummary& modes) {
  std::string out =
      "agent,company,way,sharing,measured,best,n,blocks,p50_ms,p50_low_ms,p50_high_ms,p95_ms,p95_"
      "low_ms,"
      "p95_high_ms,p99_ms,p99_low_ms,p99_high_ms,p999_ms,p999_low_ms,p999_high_ms,df_p99,"
      "df_p99_low,df_p99_high,df_p99_common,df_p99_common_low,df_p99_common_high,kept_ratio,"
      "kept_ratio_low,kept_ratio_high,"
      "memory_in_use_bytes,reason\n";
  for (const ModesSummary* light : light_agents(modes)) {
    for (const CompanyResult& company : light->companies) {
      for (std::size_t i = 0; i < company.modes.size(); ++i) {
        out += modes_csv_row(light->agent.name, company, i);
      }
    }
  }
  return out;
}

std::string modes_markdown(const ModesSummary& modes) {
  std::string out = fmt::format("# {}: sharing modes side by side\n\n**{}**\n\n",
                                escape_markdown(modes.scenario), escape_markdown(modes.advice));
  for (const auto& [label, value] : modes_facts(modes)) {
    out += bullet(label + ": " + escape_markdown(value));
  }
  for (const ModesSummary* light : light_agents(modes)) {
    for (const CompanyResult& company : light->companies) out += markdown_company(*light, company);
    const std::string advice = own_advice(*light, modes);
    if (!advice.empty()) out += "\n" + escape_markdown(advice) + "\n";
  }
  out += "\n" + markdown_memory(kModesMemoryCaption, memory_table(modes), "lllrrrrr", {});
  out += "## Method\n\n";
  for (const std::string& sentence : modes_method(modes)) out += bullet(escape_markdown(sentence));
  out += section_of("Why parts of it can't be concluded", analysis::inconclusive(modes));
  return out + section_of("Warnings", modes.warnings);
}

std::string modes_table(const ModesSummary& modes, TerminalStyle style) {
  const Painter paint(style);
  const bool several = modes.companies.size() > 1;
  std::string out;
  for (const ModesSummary* light : light_agents(modes)) {
    for (const CompanyResult& company : light->companies) {
      // Of one company the compared agent's whole advice: where others do better, too.
      const bool whole = light == &modes && !several;
      out += terminal_company(*light, company, paint);
      out += wrapped(printable(whole ? modes.advice : company.advice), "") + "\n";
    }
    const std::string advice = own_advice(*light, modes);
    if (!advice.empty()) out += wrapped(printable(advice), "") + "\n";
  }
  if (several) out += paint(Ink::kBold, wrapped(printable(modes.advice), ""));
  for (const std::string& why : modes.spoilt) {
    out += wrapped("can't conclude: " + printable(why), "");
  }
  return out;
}

}  // namespace kts::report
