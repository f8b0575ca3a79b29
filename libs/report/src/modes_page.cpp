// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "format.hpp"
#include "html_page.hpp"
#include "kts/base/files.hpp"
#include "kts/base/text.hpp"
#include "kts/report/modes.hpp"
#include "memory_words.hpp"
#include "modes_words.hpp"
#include "palette.hpp"
#include "plot_pieces.hpp"

namespace kts::report {
namespace {

using analysis::CompanyResult;
using analysis::ModeResult;
using analysis::ModesSummary;

// A way's name beside its point, which stands at `x` and `value`.
struct Label {
  std::string way;
  double x, value;
  double height = 0;  // where it is written, in parts of the panel's
};

bool has_point(const ModeResult& mode) {
  return mode.measured && mode.p99.value && mode.kept_ratio.value;
}
bool has_point(const CompanyResult& company) {
  return std::ranges::any_of(company.modes, [](const ModeResult& mode) { return has_point(mode); });
}

// The same of all panels, which so can be compared: kept in percent, p99 in ms.
struct Scales {
  double left = 0, right = 105;
  double bottom = 0, top = 0;
};

Scales scales_of(const ModesSummary& modes) {
  double low = modes.baseline.p99.value.value_or(1e9);
  double high = low < 1e9 ? low : 0;
  double least = 1;
  double most = 1;
  for (const CompanyResult& company : modes.companies) {
    for (const ModeResult& mode : company.modes) {
      if (!has_point(mode)) continue;
      low = std::min(low, mode.p99.ci_low.value_or(*mode.p99.value));
      high = std::max(high, mode.p99.ci_high.value_or(*mode.p99.value));
      least = std::min(least, *mode.kept_ratio.value);
      most = std::max(most, *mode.kept_ratio.value);
    }
  }
  // Room for names to the left of the points; from nothing where that isn't much further.
  const double left = std::floor(least * 10 - 1) * 10;
  return {left < 40 ? 0 : left, std::ceil(most * 100 + (left < 40 ? 5 : 2)), low / 1.5, high * 1.5};
}

// Names that would lie on each other are moved up, the lowest first. Those far apart sideways don't
// meet.
void spread(std::vector<Label>& labels, const Scales& scales) {
  constexpr double kLine = 0.055;
  constexpr double kReach = 0.3;
  std::ranges::sort(labels, {}, &Label::value);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i].height =
        std::log(labels[i].value / scales.bottom) / std::log(scales.top / scales.bottom);
    for (std::size_t k = 0; k < i; ++k) {
      if (std::abs(labels[i].x - labels[k].x) > kReach * (scales.right - scales.left)) continue;
      labels[i].height = std::max(labels[i].height, labels[k].height + kLine);
    }
  }
}

// One panel a company, side by side: kept share to the right, p99 upwards on a log scale.
std::string frontier_panel(const ModesSummary& modes, const CompanyResult& company,
                           const Scales& scales, double left, double right) {
  std::vector<Label> names;
  std::string points;
  for (std::size_t i = 0; i < company.modes.size(); ++i) {
    const ModeResult& mode = company.modes[i];
    if (!has_point(mode)) continue;
    const double value = *mode.p99.value;
    const double x = *mode.kept_ratio.value * 100;
    const std::string_view color = company.best == i ? kSolo.hex : kShared.hex;
    names.push_back({mode.entry.way, x, value});
    points += whiskers(x, mode.p99, color) +
              fmt::format(
                  "set object circle at {},{} size screen 0.006 front fc rgb \"{}\" fs "
                  "solid noborder\n",
                  x, value, color);
  }
  spread(names, scales);
  const double middle = scales.left + 0.6 * (scales.right - scales.left);
  std::string labels;
  for (const Label& label : names) {
    labels += fmt::format(
        "set label {} at first {}, graph {:.4f} {} offset {},0.5 textcolor rgb \"{}\"\n",
        gnuplot_string(label.way), label.x, label.height, label.x > middle ? "right" : "left",
        label.x > middle ? "-0.5" : "0.5", kInk.hex);
  }
  std::string out = fmt::format(
      "unset label\nunset arrow\nunset object\n"
      "set margins screen {}, screen {}, screen 0.17, screen 0.88\n"
      "set title {} textcolor rgb \"{}\" offset 0,-0.4\n"
      "set logscale y\nset xrange [{}:{}]\nset yrange [{}:{}]\nset ytics ({})\n"
      "set xlabel 'throughput that the neighbours keep, %' textcolor rgb \"{}\"\n"
      "set ylabel 'p99 latency (95 %), ms' textcolor rgb \"{}\"\n",
      left, right, gnuplot_string("beside " + company.company), kInk.hex, scales.left, scales.right,
      scales.bottom, scales.top, log_tics(scales.bottom, scales.top), kMuted.hex, kMuted.hex);
  if (modes.baseline.p99.value) {
    out += fmt::format(
        "set arrow from graph 0,first {0} to graph 1,first {0} nohead dt 2 lw 1.5 lc rgb \"{1}\"\n"
        "set label 'alone' at graph 0.02,first {0} offset 0,0.5 textcolor rgb \"{1}\"\n",
        *modes.baseline.p99.value, kMuted.hex);
  }
  return out + points + labels + fmt::format("plot {} with lines lt 0 lw 0\n", scales.bottom / 1e3);
}

std::string mode_row(const ModeCells& cells, bool best) {
  return "<tr>" + row_head(escape_html(cells.way) + (best ? " ✓" : "")) + stacked(cells.p50) +
         stacked(cells.p95) + stacked(cells.p99) + stacked(cells.p999) + stacked(cells.df) +
         stacked(cells.df_common) + several(escape_html(cells.neighbours)) + cell(cells.samples) +
         cell(cells.memory) + "</tr>\n";
}

std::string company_section(const ModesSummary& light, const CompanyResult& company) {
  std::string rows = mode_row(baseline_cells(light), false);
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < company.modes.size(); ++i) {
    const ModeCells cells = cells_of(company.modes[i]);
    if (company.modes[i].measured) rows += mode_row(cells, company.best == i);
    if (!cells.note.empty()) notes.push_back(cells.way + ": " + cells.note);
  }
  return section(
      escape_html(light.agent.name) + " beside " + escape_html(company.company),
      "<p>" + escape_html(company.advice) + "</p>\n" +
          table("Latency quantiles of " + escape_html(light.agent.name) +
                    " in ms; DF of p99; rate that the neighbours keep; ✓: recommended.",
                head_cells({"way"},
                           {"p50", "p95", "p99", "p99.9", "DF in the mode", "DF against alone"},
                           {"neighbours keep"}, {"samples", "memory"}) +
                    "<tbody>\n" + rows + "</tbody>\n") +
          list(notes));
}

}  // namespace

std::vector<Plot> plan_frontier(const ModesSummary& modes) {
  std::vector<const CompanyResult*> drawn;
  for (const CompanyResult& company : modes.companies) {
    if (has_point(company)) drawn.push_back(&company);
  }
  if (drawn.empty()) return {};
  const Scales scales = scales_of(modes);
  const std::size_t width = drawn.size() == 1 ? 760 : 480 * drawn.size();
  Plot plot;
  plot.name = "frontier";
  plot.title = fmt::format("p99 of {} against the throughput that its neighbours keep",
                           printable(modes.agent.name));
  plot.script = fmt::format(
      "set encoding utf8\n"
      "set terminal svg noenhanced size {},420 font \"sans-serif,14\" background \"{}\"\n"
      "unset key\nset border 3 lc rgb \"{}\"\nset tics out nomirror scale 0.5 textcolor rgb "
      "\"{}\"\n"
      "set grid lt 1 lw 1 lc rgb \"{}\"\nset multiplot\n",
      width, kPaper.hex, kMuted.hex, kMuted.hex, kGrid.hex);
  bool any_open = false;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const double share = 1.0 / static_cast<double>(drawn.size());
    const double begin = static_cast<double>(i) * share;
    plot.script +=
        frontier_panel(modes, *drawn[i], scales, begin + 0.16 * share, begin + 0.96 * share);
    plot.description +=
        fmt::format("{}Beside {}:", i == 0 ? "" : " ", printable(drawn[i]->company));
    std::string separator = " ";
    for (const ModeResult& mode : drawn[i]->modes) {
      if (!has_point(mode)) continue;
      plot.description +=
          fmt::format("{}{} {} ms at {:.0f} % kept", separator, printable(mode.entry.way),
                      has_open_side(mode.p99) ? bounded(mode.p99) : number(mode.p99.value),
                      *mode.kept_ratio.value * 100);
      separator = ", ";
      any_open = any_open || has_open_side(mode.p99);
    }
    plot.description += ".";
  }
  plot.script += "unset multiplot\n";
  if (any_open) {
    plot.title += kArrowNote;
  }
  return {plot};
}

std::string modes_html(const ModesSummary& modes, const Drawing& drawing) {
  std::string facts;
  for (const auto& [label, value] : modes_facts(modes)) {
    facts += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", label, escape_html(value));
  }
  std::string body = fmt::format(
      "<header>\n<h1>{} <small>sharing modes side by side</small></h1>\n"
      "<p class=\"finding\">{}</p>\n<dl class=\"facts\">\n{}</dl>\n</header>\n",
      escape_html(modes.scenario), escape_html(modes.advice), facts);
  if (const auto why = analysis::inconclusive(modes); !why.empty()) {
    body += "<section class=\"alert\">\n<h2>What can't be concluded</h2>\n" + list(why) +
            "</section>\n";
  }
  body += figures(drawing);
  for (const ModesSummary* light : light_agents(modes)) {
    for (const CompanyResult& company : light->companies) body += company_section(*light, company);
    const std::string advice = own_advice(*light, modes);
    if (!advice.empty()) body += "<p>" + escape_html(advice) + "</p>\n";
  }
  body += html_memory(kModesMemoryCaption, memory_table(modes), 3, {});
  body += section("Method", list(modes_method(modes)));
  body += section("Warnings", list(modes.warnings));
  return page(modes.scenario, body);
}

Result<std::vector<std::string>> write_modes(const ModesSummary& modes,
                                             const std::filesystem::path& folder,
                                             const WriteOptions& options) {
  std::vector<std::string> warnings;
  Drawing drawing{plan_frontier(modes), {}};
  for (Plot& plot : drawing.plots) {
    auto svg = draw(plot, options.gnuplot);
    if (!svg) {
      drawing = {{}, "no plot: " + to_line(svg.error())};
      break;
    }
    plot.svg = *std::move(svg);
  }
  if (!drawing.missing.empty()) warnings.push_back(drawing.missing);
  KTS_CHECK_OK(make_directories(folder / "plots"));
  std::error_code ignored;
  std::filesystem::remove(folder / "plots" / "frontier.svg", ignored);
  KTS_CHECK_OK(write_file(folder / "modes.json", modes_json(modes)));
  KTS_CHECK_OK(write_file(folder / "modes.csv", modes_csv(modes)));
  KTS_CHECK_OK(write_file(folder / "results.md", modes_markdown(modes)));
  KTS_CHECK_OK(write_file(folder / "report.html", modes_html(modes, drawing)));
  for (const Plot& plot : drawing.plots) {
    KTS_CHECK_OK(write_file(folder / "plots" / (plot.name + ".svg"), plot.svg));
  }
  return warnings;
}

}  // namespace kts::report
