// SPDX-License-Identifier: Apache-2.0
#include "kts/report/datasheet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "format.hpp"
#include "html_page.hpp"
#include "kts/base/files.hpp"
#include "kts/base/text.hpp"
#include "markdown.hpp"
#include "painter.hpp"
#include "palette.hpp"
#include "plot_pieces.hpp"

namespace kts::report {
namespace {

using analysis::Agreement;
using analysis::DataSheet;
using analysis::Figure;
using analysis::Spread;

// "time slice k4" of time_slice_k4_ms.
std::string figure_name(std::string_view key, std::string_view unit) {
  if (key.size() > unit.size() + 1 && key.ends_with(unit) &&
      key[key.size() - unit.size() - 1] == '_') {
    key.remove_suffix(unit.size() + 1);
  }
  std::string out(key);
  std::ranges::replace(out, '_', ' ');
  return out;
}

// Where the figure isn't at hand: a key ends with its unit.
std::string figure_name(std::string_view key) {
  return figure_name(key, key.substr(key.rfind('_') + 1));
}

std::string figure_unit(const Figure& figure) {
  if (figure.unit == "us") return "µs";
  if (figure.unit == "mib") return "MiB";
  return figure.unit == "ratio" || figure.unit == "count" ? std::string() : figure.unit;
}

std::string figure_value(const Figure& figure) {
  return figure.value.value ? number(*figure.value.value, 4) : std::string(kAbsent);
}

// Four digits where three would hide the width.
std::string figure_interval(const Figure& figure) { return interval(figure.value, 4); }

// The chapters of docs/probe.md, by the beginnings of their figures' keys.
struct Chapter {
  std::string_view title, about;
  std::vector<std::string_view> begin_with;
};

// The last takes what no other does.
const std::vector<Chapter>& chapters() {
  static const std::vector<Chapter> all{
      {"Turns",
       "How long a context runs before the next one does, and what handing over costs.",
       {"time_slice", "context_switch", "turn_gap", "turn_order", "round_robin", "clock64",
        "interrupted_alone"}},
      {"Turns that aren't needed",
       "What short work waits for and takes away beside a busy context, and what idle ones cost.",
       {"short_", "turn_release", "idle_hold", "interrupted_parked", "parked",
        "kernel_round_trip_parked"}},
      {"Preemption and caches",
       "Where kernels are stopped, what reading memory again costs after another's turn, and how "
       "far the TLB reaches.",
       {"gap_beside", "long_kernel", "sweep", "cache_refill", "chase", "tlb"}},
      {"Work beside work",
       "The speed that is left beside a neighbour, alone = 1.",
       {"streams_", "mps_"}},
      {"Calls and clocks", "What every measurement rests on.", {""}}};
  return all;
}

// Each chapter's figures, in their own order.
std::vector<std::pair<const Chapter*, std::vector<const Figure*>>> in_chapters(
    const DataSheet& sheet) {
  std::vector<std::pair<const Chapter*, std::vector<const Figure*>>> out;
  for (const Chapter& chapter : chapters()) out.emplace_back(&chapter, 0);
  for (const Figure& figure : sheet.figures) {
    const auto own = std::ranges::find_if(out, [&figure](const auto& one) {
      return std::ranges::any_of(one.first->begin_with, [&figure](std::string_view beginning) {
        return figure.key.starts_with(beginning);
      });
    });
    own->second.push_back(&figure);
  }
  std::erase_if(out, [](const auto& one) { return one.second.empty(); });
  return out;
}

// The beginning, at word's end.
std::string first_words(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string(text);
  const std::size_t end = text.rfind(' ', width - 1);
  return std::string(text.substr(0, end)) + "…";
}

std::string agreement_words(const Agreement& agreement) {
  return fmt::format("{} and {} differ by {:.2f} %, where {:.0f} % are allowed: they {}",
                     figure_name(agreement.key), figure_name(agreement.other),
                     agreement.difference_ratio * 100, agreement.limit_ratio * 100,
                     agreement.agrees() ? "agree" : "don't agree");
}

std::vector<std::pair<std::string, std::string>> sheet_facts(const DataSheet& sheet) {
  std::vector<std::pair<std::string, std::string>> facts{{"device", sheet.device.name}};
  const auto add = [&](const char* label, const std::string& value) {
    if (!value.empty()) facts.emplace_back(label, value);
  };
  if (sheet.device.kind == "cpu") {
    add("measured on", "one core under the operating system's scheduler");
  }
  add("uuid", sheet.device.uuid);
  add("driver", sheet.device.driver);
  add("sharing", sheet.sharing);
  add("measured", sheet.measured_at);
  if (sheet.quick) facts.emplace_back("extent", "quick: slice, switch, launch and clock only");
  return facts;
}

std::vector<std::string> missing_words(const DataSheet& sheet) {
  std::vector<std::string> out;
  for (const auto& missing : sheet.unavailable) {
    out.push_back(fmt::format("{}: {}", figure_name(missing.key), missing.reason));
  }
  return out;
}

constexpr std::string_view kMethod =
    "Intervals are at 95 %, by rounds, and never narrower than a step of the clock. docs/probe.md "
    "says how each figure is measured and what can mislead.";

struct Curve {
  const Spread* spread;
  std::string label, color;
};

std::vector<Curve> curves_of(const DataSheet& sheet) {
  std::vector<Curve> curves;
  constexpr std::array<std::string_view, 4> kGapColors{"#d55e00", "#cc79a7", "#e69f00", "#8a5a00"};
  std::size_t gaps = 0;
  for (const Spread& spread : sheet.spreads) {
    if (spread.values.size() < 2 || spread.values.front() <= 0) continue;
    if (spread.key == "time_slice_ms") {
      curves.push_back(
          {&spread, fmt::format("turn, {} contexts", spread.contexts), std::string(kSolo.hex)});
    } else if (spread.key == "turn_gap_ms") {
      curves.push_back({&spread, fmt::format("gap, {} contexts", spread.contexts),
                        std::string(kGapColors[gaps++ % kGapColors.size()])});
    }
  }
  return curves;
}

// What each plot of a sheet begins with, its x from `low` to `high`.
std::string sheet_axes(double low, double high) {
  return fmt::format(
      "set encoding utf8\n"
      "set terminal svg noenhanced size 760,420 font \"sans-serif,14\" background \"{0}\"\n"
      "set border 3 lc rgb \"{1}\"\nset tics out nomirror scale 0.5 textcolor rgb \"{1}\"\n"
      "set grid lt 1 lw 1 lc rgb \"{2}\"\nset key outside above textcolor rgb \"{3}\"\n"
      "set logscale x\nset xrange [{4}:{5}]\n",
      kPaper.hex, kMuted.hex, kGrid.hex, kInk.hex, low, high);
}

// Of a figure chase_64mib_ns: 64.
std::optional<int> chased_mib(std::string_view key) {
  constexpr std::string_view kBegin = "chase_";
  constexpr std::string_view kEnd = "mib_ns";
  if (!key.starts_with(kBegin) || !key.ends_with(kEnd)) return std::nullopt;
  int mib = 0;
  const char* const last = key.data() + key.size() - kEnd.size();
  const auto [end, error] = std::from_chars(key.data() + kBegin.size(), last, mib);
  if (error != std::errc() || end != last || mib <= 0) return std::nullopt;
  return mib;
}

// What a load costs by the memory that loads go round in, and how far the TLB reaches.
std::optional<Plot> plan_loads(const DataSheet& sheet) {
  std::map<int, const Figure*> curve;
  std::string reaches;
  int reach = 0;  // each label a line lower, as they may lie close
  Plot plot;
  for (const Figure& figure : sheet.figures) {
    if (!figure.value.value) continue;
    if (const auto mib = chased_mib(figure.key)) curve.emplace(*mib, &figure);
    if (!figure.key.starts_with("tlb_reach") || *figure.value.value <= 0) continue;
    reaches += fmt::format(
        "set arrow from {0}, graph 0 to {0}, graph 1 nohead lw 1.5 lc rgb \"{1}\"\n"
        "set label {2} at {0}, graph {3} left offset 0.6,0 tc rgb \"{1}\"\n",
        *figure.value.value, kMuted.hex, gnuplot_string(figure_name(figure.key, figure.unit)),
        0.96 - 0.07 * reach++);
    plot.description += fmt::format("{} {} MiB; ", figure_name(figure.key, figure.unit),
                                    number(*figure.value.value));
  }
  if (curve.size() < 2) return std::nullopt;
  plot.name = kLoadsPlot;
  plot.title = "What a load costs by how much memory loads go round in";
  std::string data;
  std::string ticks;
  for (const auto& [mib, figure] : curve) {
    const double ns = *figure->value.value;
    data += fmt::format("{} {} {} {}\n", mib, ns, figure->value.ci_low.value_or(ns),
                        figure->value.ci_high.value_or(ns));
    ticks += fmt::format(
        "{}\"{}\" {}", ticks.empty() ? "" : ",",
        mib < 1024 ? fmt::format("{} MiB", mib) : fmt::format("{} GiB", mib / 1024), mib);
  }
  const auto& [least, at_least] = *curve.begin();
  const auto& [most, at_most] = *curve.rbegin();
  plot.description +=
      fmt::format("{} ns at {} MiB, {} ns at {} MiB.", number(*at_least->value.value), least,
                  number(*at_most->value.value), most);
  plot.script = sheet_axes(least / 1.3, most * 1.3) +
                fmt::format(
                    "set xtics rotate by -35 ({})\nset yrange [0:*]\n"
                    "set xlabel 'memory' textcolor rgb \"{}\" offset 0,0.4\n"
                    "set ylabel 'ns a load' textcolor rgb \"{}\"\n{}"
                    "$loads << EOD\n{}EOD\n"
                    "plot $loads using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 lc rgb "
                    "\"{}\" title \"a load that waits for the one before\"\n",
                    ticks, kMuted.hex, kMuted.hex, reaches, data, kSolo.hex);
  return plot;
}

std::optional<Plot> plan_turns(const DataSheet& sheet) {
  const std::vector<Curve> curves = curves_of(sheet);
  if (curves.empty()) return std::nullopt;
  double low = curves[0].spread->values.front();
  double high = curves[0].spread->values.back();
  Plot plot;
  plot.name = kTurnsPlot;
  plot.title = "How long turns and the gaps between them are";
  std::string data;
  std::string lines;
  for (const Curve& curve : curves) {
    const auto& values = curve.spread->values;
    low = std::min(low, values.front());
    high = std::max(high, values.back());
    const std::string block = fmt::format("$curve{}", &curve - curves.data());
    data += block + " << EOD\n";
    for (std::size_t i = 0; i < values.size(); ++i) {
      data += fmt::format("{} {}\n", values[i],
                          static_cast<double>(i) / static_cast<double>(values.size() - 1));
    }
    data += "EOD\n";
    lines +=
        fmt::format("{} {} using 1:2 with lines lw 2.5 lc rgb \"{}\" title {}",
                    lines.empty() ? "plot" : ",", block, curve.color, gnuplot_string(curve.label));
    plot.description += fmt::format("{}{}: median {} ms", plot.description.empty() ? "" : "; ",
                                    curve.label, number(values[values.size() / 2]));
  }
  plot.description += ".";
  std::string ticks;
  for (const double tick : log_ticks(low / 1.3, high * 1.3)) {
    ticks += fmt::format("{}{}", ticks.empty() ? "" : ",", tick);
  }
  plot.script = sheet_axes(low / 1.3, high * 1.3) + "set yrange [0:1.02]\n";
  if (!ticks.empty()) plot.script += fmt::format("set xtics ({})\n", ticks);
  plot.script += fmt::format(
      "set xlabel 'length, ms' textcolor rgb \"{0}\" offset 0,0.4\n"
      "set ylabel 'share at or below' textcolor rgb \"{0}\"\n{1}{2}\n",
      kMuted.hex, data, lines);
  return plot;
}

}  // namespace

std::string headline(const DataSheet& sheet) {
  const Figure* slice = analysis::find_figure(sheet, "time_slice_ms");
  const Figure* change = analysis::find_figure(sheet, "context_switch_ms");
  if (slice == nullptr || change == nullptr || !slice->value.value || !change->value.value) {
    return "How this device takes turns was not found.";
  }
  return fmt::format(
      "Beside another that is busy, a context runs {} ms at a time, and handing over takes {} ms.",
      number(*slice->value.value, 4), number(*change->value.value));
}

std::string datasheet_table(const DataSheet& sheet, TerminalStyle style) {
  const Painter paint(style);
  std::vector<Row> rows{{"figure", "value", "", "95 %", "n", "method"}};
  for (const auto& [chapter, figures] : in_chapters(sheet)) {
    for (const Figure* figure : figures) {
      rows.push_back({figure_name(figure->key, figure->unit), figure_value(*figure),
                      figure_unit(*figure), figure_interval(*figure), count(figure->n),
                      first_words(printable(figure->method), 48)});
    }
  }
  std::string out = paint(Ink::kBold, printable(sheet.device.name)) + "\n";
  if (!sheet.figures.empty()) out += table(rows, paint);
  for (const Agreement& agreement : sheet.agreements) {
    out += paint(agreement.agrees() ? Ink::kGreen : Ink::kRed,
                 wrapped(agreement_words(agreement), "  "));
  }
  for (const std::string& missing : missing_words(sheet)) {
    out += paint(Ink::kDim, wrapped("not available: " + printable(missing), "  "));
  }
  return out + paint(Ink::kBold, wrapped(headline(sheet), ""));
}

std::string datasheet_markdown(const DataSheet& sheet) {
  std::string out = fmt::format("# {}: how it shares itself\n\n**{}**\n\n",
                                escape_markdown(sheet.device.name), headline(sheet));
  for (const auto& [label, value] : sheet_facts(sheet)) {
    out += bullet(label + ": " + escape_markdown(value));
  }
  for (const auto& [chapter, figures] : in_chapters(sheet)) {
    out += fmt::format("\n## {}\n\n{}\n\n", chapter->title, chapter->about);
    out += table_head({"figure", "value", "95 %", "n", "method", ""}, "lrrrll");
    for (const Figure* figure : figures) {
      out += row({escape_markdown(figure->key), figure_value(*figure) + " " + figure_unit(*figure),
                  figure_interval(*figure), count(figure->n), escape_markdown(figure->method),
                  escape_markdown(figure->note)});
    }
  }
  std::vector<std::string> agreements;
  for (const Agreement& agreement : sheet.agreements) {
    agreements.push_back(agreement_words(agreement));
  }
  out += "\n" + list("Methods side by side", agreements);
  out += list("Not available", missing_words(sheet));
  out += list("Warnings", sheet.warnings);
  return out + std::string(kMethod) + "\n";
}

std::string datasheet_html(const DataSheet& sheet, const Drawing& drawing) {
  std::string facts;
  for (const auto& [label, value] : sheet_facts(sheet)) {
    facts += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", label, escape_html(value));
  }
  std::string body = fmt::format(
      "<header>\n<h1>{} <small>how it shares itself</small></h1>\n"
      "<p class=\"finding\">{}</p>\n<dl class=\"facts\">\n{}</dl>\n</header>\n",
      escape_html(sheet.device.name), escape_html(headline(sheet)), facts);
  body += figures(drawing);
  for (const auto& [chapter, figures] : in_chapters(sheet)) {
    std::string rows;
    for (const Figure* figure : figures) {
      rows += fmt::format("<tr id=\"{}\">", escape_html(figure->key)) +
              row_head(escape_html(figure_name(figure->key, figure->unit))) +
              cell(figure_value(*figure) + " " + figure_unit(*figure)) +
              cell(figure_interval(*figure)) + cell(count(figure->n)) +
              note(escape_html(figure->method) +
                   (figure->note.empty() ? "" : "; " + escape_html(figure->note))) +
              "</tr>\n";
    }
    body +=
        section(chapter->title,
                table(chapter->about, head_cells({"figure"}, {"value", "95 %", "n"}, {"method"}) +
                                          "<tbody>\n" + rows + "</tbody>\n"));
  }
  std::vector<std::string> agreements;
  for (const Agreement& agreement : sheet.agreements) {
    agreements.push_back(agreement_words(agreement));
  }
  body += section("Methods side by side", list(agreements));
  body += section("Not available", list(missing_words(sheet)));
  body += section("Warnings", list(sheet.warnings));
  body += fmt::format("<p>{}</p>\n", kMethod);
  return page(sheet.device.name, body);
}

std::vector<Plot> plan_plots(const DataSheet& sheet) {
  std::vector<Plot> plots;
  for (auto& plot : {plan_turns(sheet), plan_loads(sheet)}) {
    if (plot) plots.push_back(*plot);
  }
  return plots;
}

Result<std::vector<std::string>> write_datasheet(const DataSheet& sheet,
                                                 const std::filesystem::path& folder,
                                                 const WriteOptions& options) {
  std::vector<std::string> warnings;
  const Drawing drawing = draw_all(plan_plots(sheet), options.gnuplot);
  if (!drawing.missing.empty()) warnings.push_back(drawing.missing);
  KTS_CHECK_OK(make_directories(folder / "plots"));
  std::error_code ignored;
  for (const char* name : {kTurnsPlot, kLoadsPlot}) {
    std::filesystem::remove(folder / "plots" / fmt::format("{}.svg", name), ignored);
  }
  KTS_CHECK_OK(write_file(folder / "datasheet.json", analysis::to_json(sheet)));
  KTS_CHECK_OK(write_file(folder / "datasheet.md", datasheet_markdown(sheet)));
  KTS_CHECK_OK(write_file(folder / "datasheet.html", datasheet_html(sheet, drawing)));
  for (const Plot& plot : drawing.plots) {
    KTS_CHECK_OK(write_file(folder / "plots" / (plot.name + ".svg"), plot.svg));
  }
  return warnings;
}

}  // namespace kts::report
