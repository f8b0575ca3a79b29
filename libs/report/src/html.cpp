// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "format.hpp"
#include "kts/report/report.hpp"
#include "palette.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

using analysis::Measure;
using analysis::Phase;

constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--paper:#f4f6f8;--card:#fefefe;--ink:#1f2937;--muted:#5b6575;--grid:#e1e5ea;
--solo:#0072b2;--shared:#d55e00;--bad:#b42318;--bad-soft:#fdecea;--good:#067647;--good-soft:#e7f6ee;
--open:#8a5a00;--open-soft:#fdf3dc}
@media (prefers-color-scheme:dark){:root{--paper:#0f1419;--card:#171e26;--ink:#e6eaf0;--muted:#9aa7b6;
--grid:#2b3541;--solo:#56b4e9;--shared:#f28e3c;--bad:#ff9b8f;--bad-soft:#3b1d1b;--good:#6fd6a0;
--good-soft:#12301f;--open:#f0c060;--open-soft:#33280f}}
@media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--muted:#444;--grid:#ccc;
--solo:#0072b2;--shared:#d55e00;--bad:#b42318;--bad-soft:#fff;--good:#067647;--good-soft:#fff;
--open:#8a5a00;--open-soft:#fff}section,figure,.agent{break-inside:avoid}body{font-size:11pt}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:2.2rem 1.2rem 3rem}
h1{font-size:1.1rem;margin:0;font-weight:600}
h1 small{color:var(--muted);font-weight:400}
h2{font-size:1.15rem;margin:0 0 .7rem}
p{margin:.4rem 0}
.finding{font-size:1.55rem;line-height:1.32;font-weight:600;margin:1rem 0 1.2rem;max-width:52rem;
letter-spacing:-.01em;text-wrap:pretty;overflow-wrap:anywhere}
section,figure{background:var(--card);border:1px solid var(--grid);border-radius:10px;
padding:1.2rem 1.3rem;margin:1.1rem 0}
.facts{display:flex;flex-wrap:wrap;gap:.35rem 1.6rem;margin:0;font-size:.9rem}
.facts div{display:flex;gap:.45rem;min-width:0}
.facts dt{color:var(--muted)}.facts dd{margin:0;overflow-wrap:anywhere}
.agents{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:1.1rem;margin:1.1rem 0}
.agent{background:var(--card);border:1px solid var(--grid);border-radius:10px;padding:1rem 1.2rem}
.agent header{display:flex;justify-content:space-between;align-items:baseline;gap:.8rem}
.agent h3{margin:0;font-size:1.05rem;overflow-wrap:anywhere}
.agent .what{color:var(--muted);font-size:.9rem;margin:.1rem 0 .6rem;overflow-wrap:anywhere}
.agent .big{font-size:2.1rem;font-weight:650;line-height:1.1;font-variant-numeric:tabular-nums}
.agent .big small{display:block;font-size:.9rem;line-height:1.5;font-weight:400;color:var(--muted)}
.agent p{font-size:.93rem}
.badge{font-size:.8rem;font-weight:600;padding:.12rem .6rem;border-radius:99px;white-space:nowrap;
border:1px solid currentColor}
.hurt,.overloaded{color:var(--bad);background:var(--bad-soft)}
.free,.helped{color:var(--good);background:var(--good-soft)}
.cannot-conclude,.not-shared{color:var(--open);background:var(--open-soft)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--muted);padding-bottom:.5rem}
th,td{padding:.32rem .7rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid)}
th{font-weight:600}thead th{color:var(--muted);font-weight:500;vertical-align:bottom}
th.word,td.word,tbody th{text-align:left}
tbody th{white-space:normal;overflow-wrap:anywhere;min-width:6rem;max-width:15rem}
td.note{white-space:normal;text-align:left;min-width:14rem}
tbody.group tr:first-child>*{border-top:2px solid var(--grid)}
.solo{color:var(--solo)}.shared{color:var(--shared)}
figure{padding:1rem}
figure svg{display:block;width:100%;height:auto}
figcaption{color:var(--muted);font-size:.9rem;margin-top:.5rem}
.bar{display:inline-block;height:.62rem;border-radius:2px;background:var(--shared);
vertical-align:baseline}
.growth{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:1.4rem 2.4rem}
.bars td.track{width:52%;text-align:left}
.bar.less{background:var(--solo)}
ul{margin:.3rem 0;padding-left:1.2rem}li{margin:.25rem 0;overflow-wrap:anywhere}
.alert{border-left:5px solid var(--open)}
dl.words{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem;font-size:.92rem;margin:.6rem 0 0}
dl.words dt{font-weight:600}dl.words dd{margin:0;color:var(--muted)}
code{font:.92em ui-monospace,"SFMono-Regular",Menlo,"Liberation Mono",monospace}
@media (max-width:640px){.finding{font-size:1.25rem}dl.words{grid-template-columns:1fr}dl.words dd{margin-bottom:.4rem}}
)css";

std::string badge(const std::string& verdict) {
  std::string css = verdict;
  std::replace(css.begin(), css.end(), ' ', '-');
  return fmt::format("<span class=\"badge {}\">{}</span>", css, verdict);
}

std::string cell(const std::string& text) { return "<td>" + text + "</td>"; }
std::string word(const std::string& text) { return "<td class=\"word\">" + text + "</td>"; }
std::string row_head(const std::string& text) {
  return "<th scope=\"row\" class=\"word\">" + text + "</th>";
}

std::string head_cells(const std::vector<std::string_view>& words,
                       const std::vector<std::string_view>& numbers) {
  std::string out = "<thead><tr>";
  for (const auto w : words) out += fmt::format("<th scope=\"col\" class=\"word\">{}</th>", w);
  for (const auto n : numbers) out += fmt::format("<th scope=\"col\">{}</th>", n);
  return out + "</tr></thead>\n";
}

std::string section(std::string_view title, const std::string& body) {
  return body.empty() ? body : fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", title, body);
}

std::string table(std::string_view caption, const std::string& inside) {
  return fmt::format("<div class=\"scroll\"><table>\n<caption>{}</caption>\n{}</table></div>\n",
                     caption, inside);
}

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) out += "<li>" + escape_html(item) + "</li>\n";
  return out.empty() ? out : "<ul>\n" + out + "</ul>\n";
}

std::string header(const Summary& summary) {
  std::string facts;
  for (const auto& [label, value] : run_facts(summary)) {
    facts += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", label, escape_html(value));
  }
  return fmt::format(
      "<header>\n<h1>{} <small>what sharing one device costs</small></h1>\n"
      "<p class=\"finding\">{}</p>\n<dl class=\"facts\">\n{}</dl>\n</header>\n",
      escape_html(summary.scenario.empty() ? summary.run_id : summary.scenario),
      escape_html(finding(summary)), facts);
}

std::string agent_card(const AgentView& view) {
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
  for (const auto& sentence : {overload_sentence(view), averages_sentence(view),
                               event_time_sentence(view), cannot_conclude_sentence(view)}) {
    if (!sentence.empty()) out += "<p>" + escape_html(sentence) + "</p>\n";
  }
  return out + "</article>\n";
}

std::string agent_cards(const std::vector<AgentView>& all) {
  std::string out;
  for (const auto& view : all) out += agent_card(view);
  return out.empty() ? out : "<div class=\"agents\">\n" + out + "</div>\n";
}

// gnuplot's document as an inline element: scaled by the page, coloured by its variables, and with
// ids of its own, since two plots bring the same ones.
std::string inline_svg(const Plot& plot) {
  std::string svg = plot.svg.substr(std::min(plot.svg.find("<svg"), plot.svg.size()));
  const auto replace_all = [&svg](std::string_view from, std::string_view to) {
    for (auto at = svg.find(from); at != std::string::npos; at = svg.find(from, at + to.size())) {
      svg.replace(at, from.size(), to);
    }
  };
  for (const auto& color : kPalette) {
    const std::string variable = fmt::format("var({})", color.variable);
    replace_all(fmt::format("rgb({:3}, {:3}, {:3})", color.red, color.green, color.blue), variable);
    replace_all(fmt::format("rgb({},{},{})", color.red, color.green, color.blue), variable);
    replace_all(color.hex, variable);
  }
  for (const std::string_view quote : {"\"", "'"}) {
    replace_all(fmt::format("id={}", quote), fmt::format("id={}{}-", quote, plot.name));
    replace_all(fmt::format("href={}#", quote), fmt::format("href={}#{}-", quote, plot.name));
  }
  replace_all("font-family=\"sans-serif\"", "font-family=\"inherit\"");
  const auto open = svg.find('>');
  const auto box = svg.find("viewBox=");
  if (open != std::string::npos && box != std::string::npos && box < open) {
    const auto box_end = svg.find('"', svg.find('"', box) + 1) + 1;
    svg.replace(0, open,
                fmt::format("<svg {} xmlns:xlink=\"http://www.w3.org/1999/xlink\" role=\"img\" "
                            "aria-label=\"{}. {}\"",
                            svg.substr(box, box_end - box), escape_html(plot.title),
                            escape_html(plot.description)));
  }
  return svg;
}

std::string figures(const Drawing& drawing) {
  std::string out;
  for (const auto& plot : drawing.plots) {
    out += fmt::format("<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n", inline_svg(plot),
                       escape_html(plot.title));
  }
  if (!drawing.missing.empty()) {
    out += "<section class=\"alert\"><p>This report has " + escape_html(drawing.missing) +
           "</p></section>\n";
  }
  return out;
}

std::string results_table(const Summary& summary, const std::vector<AgentView>& all) {
  std::string body;
  for (const auto& view : all) {
    std::string rows;
    for (const Measure measure : record::kMeasures) {
      const auto* solo = find_result(summary, view.info->name, Phase::kSolo, measure);
      const auto* shared = find_result(summary, view.info->name, Phase::kShared, measure);
      if (!has_values(solo, shared) && measure != Measure::kLatency) continue;
      rows += "<tr>" + row_head(rows.empty() ? escape_html(view.info->name) : "") +
              word(std::string(record::info(measure).name));
      for (const auto* result : {solo, shared}) {
        for (const auto quantile : {&analysis::MeasureResult::p50, &analysis::MeasureResult::p95,
                                    &analysis::MeasureResult::p99}) {
          rows +=
              cell(result == nullptr ? std::string(kAbsent) : number((result->*quantile).value));
        }
      }
      const bool headline = measure == Measure::kLatency;
      const auto* df = headline                       ? view.df
                       : measure == Measure::kGpuTime ? view.df_gpu_time
                                                      : nullptr;
      rows += cell(df != nullptr && df->ratio.value ? times(*df->ratio.value) : "") +
              cell(df != nullptr ? interval(df->ratio) : "") +
              word(headline ? badge(verdict_words(view)) : "") + "</tr>\n";
    }
    body += "<tbody class=\"group\">\n" + rows + "</tbody>\n";
  }
  const std::string head =
      "<thead><tr><th rowspan=\"2\" scope=\"col\" class=\"word\">agent</th>"
      "<th rowspan=\"2\" scope=\"col\" class=\"word\">measure, ms</th>"
      "<th colspan=\"3\" scope=\"colgroup\" class=\"solo\">solo</th>"
      "<th colspan=\"3\" scope=\"colgroup\" class=\"shared\">shared</th>"
      "<th rowspan=\"2\" scope=\"col\">DF of p99</th><th rowspan=\"2\" scope=\"col\">95 % "
      "interval</th><th rowspan=\"2\" scope=\"col\" class=\"word\">verdict</th></tr>\n<tr>"
      "<th scope=\"col\">p50</th><th scope=\"col\">p95</th><th scope=\"col\">p99</th>"
      "<th scope=\"col\">p50</th><th scope=\"col\">p95</th><th "
      "scope=\"col\">p99</th></tr></thead>\n";
  return section("Alone beside shared",
                 table("Quantiles in milliseconds; DF is the shared quantile over the solo one.",
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

std::string objectives(const Summary& summary) {
  std::vector<std::string> said;
  for (const auto& slo : summary.slos) said.push_back(slo_sentence(slo));
  return section("Objectives", list(said));
}

std::string loads(const Summary& summary) {
  std::string rows;
  for (const auto& load : summary.loads) {
    rows += "<tr>" + row_head(escape_html(load.agent)) + word(std::string(name(load.phase))) +
            cell(number(load.offered_per_s, 4)) + cell(number(load.completed_per_s, 4)) +
            cell(count(load.abandoned)) + "<td class=\"note\">" +
            (load.overloaded ? "overloaded: " + escape_html(load.why) : "kept up") + "</td></tr>\n";
  }
  if (rows.empty()) return rows;
  return section(
      "Load",
      table("Requests per second of agents with open arrivals, and how many were never begun.",
            head_cells({"agent", "phase"}, {"offered", "completed", "never begun", ""}) +
                "<tbody>\n" + rows + "</tbody>\n"));
}

std::string card_meanwhile(const Summary& summary) {
  constexpr std::string_view kTitle = "What the card did meanwhile";
  if (!summary.covariates_missing.empty()) {
    return section(kTitle, "<p>Not known: " + escape_html(summary.covariates_missing) + ".</p>\n");
  }
  const auto all = covariate_table(summary);
  if (all.empty()) return {};
  std::string rows;
  for (std::size_t i = 1; i < all.size(); ++i) {
    rows += "<tr>" + row_head(escape_html(all[i].front()));
    for (std::size_t k = 1; k < all[i].size(); ++k) rows += cell(all[i][k]);
    rows += "</tr>\n";
  }
  const std::vector<std::string_view> numbers(all.front().begin() + 1, all.front().end());
  return section(kTitle,
                 table("Mean (least–most) of what DCGM's exporter said of the whole card within "
                       "the blocks.",
                       head_cells({"phase"}, numbers) + "<tbody>\n" + rows + "</tbody>\n"));
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

std::string vocabulary() {
  std::string out;
  for (const Measure measure : record::kMeasures) {
    const auto& info = record::info(measure);
    out += fmt::format("<dt>{}</dt><dd>{} <code>{}</code></dd>\n", escape_html(info.name),
                       escape_html(info.meaning), escape_html(info.formula));
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
  return fmt::format(
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<title>{} · kts report</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
             escape_html(summary.scenario.empty() ? summary.run_id : summary.scenario), kStyle) +
         header(summary) + alert + agent_cards(all) + figures(drawing) +
         results_table(summary, all) + objectives(summary) + growth(summary) +
         card_meanwhile(summary) + loads(summary) + section("Warnings", list(summary.warnings)) +
         samples(summary) + vocabulary() + "</main>\n</body>\n</html>\n";
}

}  // namespace kts::report
