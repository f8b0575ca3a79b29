// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <set>

#include "format.hpp"
#include "kts/base/text.hpp"
#include "kts/report/matrix.hpp"
#include "matrix_words.hpp"
#include "palette.hpp"
#include "plot_pieces.hpp"

namespace kts::report {
namespace {

using analysis::MatrixCell;
using analysis::SetResult;

// Of the cells, on light and dark paper alike.
constexpr std::string_view kCellInk = "#101418";
constexpr std::string_view kUnknown = "#d0d5dc";

struct Rgb {
  double red, green, blue;
};
constexpr Rgb kPale{250, 246, 240};
constexpr Rgb kCostly{230, 110, 40};
constexpr Rgb kLost{86, 160, 220};

std::string mix(const Rgb& from, const Rgb& to, double share) {
  const double t = std::clamp(share, 0.0, 1.0);
  const auto channel = [t](double a, double b) {
    return static_cast<int>(std::lround(a + (b - a) * t));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", channel(from.red, to.red),
                     channel(from.green, to.green), channel(from.blue, to.blue));
}

// A canvas measured in pixels from its upper left corner.
struct Canvas {
  double width, height;
  [[nodiscard]] std::string at(double x, double y) const {
    return fmt::format("screen {:.5f},{:.5f}", x / width, 1 - y / height);
  }
  [[nodiscard]] std::string begin() const {
    return fmt::format(
        "set encoding utf8\n"
        "set terminal svg noenhanced size {},{} font \"sans-serif,13\" background \"{}\"\n"
        "unset key\nunset border\nunset tics\n"
        "set margins screen 0, screen 1, screen 0, screen 1\n"
        "set xrange [0:1]\nset yrange [0:1]\n",
        static_cast<int>(width), static_cast<int>(height), kPaper.hex);
  }
  [[nodiscard]] std::string text(double x, double y, std::string_view words, std::string_view align,
                                 std::string_view color) const {
    return fmt::format("set label {} at {} {} front tc rgb \"{}\"\n", gnuplot_string(words),
                       at(x, y), align, color);
  }
  [[nodiscard]] std::string box(double x, double y, double w, double h,
                                std::string_view color) const {
    return fmt::format(
        "set object rectangle from {} to {} fc rgb \"{}\" fs solid border rgb \"{}\"\n",
        at(x, y + h), at(x + w, y), color, kPaper.hex);
  }
};

struct Shown {
  std::string first, second;  // lines in the cell
  std::string color;
};

constexpr double kRowHead = 120;
constexpr double kCellWidth = 104;
constexpr double kCellHeight = 46;
constexpr double kPanelHead = 62;
constexpr double kTitleWidth = 380;

std::string panel(const Canvas& canvas, double left, double top, std::string_view title,
                  const Matrix& matrix, const std::function<Shown(const MatrixCell&)>& show) {
  const auto& agents = matrix.header.agents;
  std::string out = canvas.text(left, top + 14, title, "left", kInk.hex);
  for (std::size_t c = 0; c < agents.size(); ++c) {
    out += canvas.text(left + kRowHead + (static_cast<double>(c) + 0.5) * kCellWidth, top + 46,
                       shorten(printable(agents[c].name), 13), "center", kMuted.hex);
  }
  for (std::size_t r = 0; r < agents.size(); ++r) {
    const double y = top + kPanelHead + static_cast<double>(r) * kCellHeight;
    out += canvas.text(left + kRowHead - 10, y + kCellHeight / 2,
                       shorten(printable(agents[r].name), 16), "right", kInk.hex);
    for (std::size_t c = 0; c < agents.size(); ++c) {
      const SetResult* set = find_set(matrix, {agents[r].name, agents[c].name});
      const MatrixCell* cell = set ? find_cell(*set, agents[r].name) : nullptr;
      if (!cell) continue;
      const Shown shown = show(*cell);
      const double x = left + kRowHead + static_cast<double>(c) * kCellWidth;
      out += canvas.box(x, y, kCellWidth, kCellHeight, shown.color);
      const double middle = x + kCellWidth / 2;
      const bool two = !shown.second.empty();
      out +=
          canvas.text(middle, y + kCellHeight / 2 - (two ? 8 : 0), shown.first, "center", kCellInk);
      if (two)
        out += canvas.text(middle, y + kCellHeight / 2 + 10, shown.second, "center", kCellInk);
    }
  }
  return out;
}

Plot heat_map(const Matrix& matrix) {
  const auto agents = static_cast<double>(matrix.header.agents.size());
  // Wide enough for its title, however few the agents.
  const double panel_width = std::max(kRowHead + agents * kCellWidth, kTitleWidth) + 24;
  const double panel_height = kPanelHead + agents * kCellHeight + 24;
  const bool side_by_side = matrix.header.agents.size() <= 4;
  const Canvas canvas{side_by_side ? 2 * panel_width : panel_width,
                      (side_by_side ? panel_height : 2 * panel_height) + 34};
  double most = 3;
  for (const CellView& view : costliest(matrix, 2)) {
    if (!view.cell->overloaded) most = std::max(most, view.cell->df.value.value_or(1));
  }
  Plot plot;
  plot.name = "matrix";
  plot.title = "What each agent pays beside each";
  plot.script = canvas.begin();
  plot.script += panel(
      canvas, 0, 10, "  latency DF (95 %): the row's agent beside the column's", matrix,
      [most](const MatrixCell& cell) -> Shown {
        if (cell.overloaded) return {"overloaded", "", mix(kPale, kCostly, 1)};
        if (!cell.df.value) return {std::string(kAbsent), "", std::string(kUnknown)};
        const bool unsure = cell.verdict == analysis::Verdict::kCannotConclude;
        return {
            df_text(cell), df_interval(cell),
            unsure ? std::string(kUnknown)
                   : mix(kPale, kCostly, std::log(std::max(1.0, *cell.df.value)) / std::log(most))};
      });
  plot.script +=
      panel(canvas, side_by_side ? panel_width : 0, side_by_side ? 10 : 10 + panel_height,
            "  throughput kept by the row's agent", matrix, [](const MatrixCell& cell) -> Shown {
              if (!cell.kept.value) {
                return {std::string(kAbsent), "", std::string(kUnknown)};
              }
              std::string bounds;
              if (cell.kept.ci_low && cell.kept.ci_high) {
                bounds = fmt::format("{}–{}", number(*cell.kept.ci_low * 100),
                                     number(*cell.kept.ci_high * 100));
              }
              return {kept_text(cell.kept), bounds, mix(kPale, kLost, 1 - *cell.kept.value)};
            });
  plot.script +=
      canvas.text(8, canvas.height - 14, "grey: can't be told apart from alone yet, or no estimate",
                  "left", kMuted.hex);
  plot.script += "plot 2\n";
  for (const CellView& view : costliest(matrix, 2)) {
    plot.description +=
        fmt::format("{}{} beside {}: {}, {} kept", plot.description.empty() ? "" : "; ",
                    printable(view.cell->agent), beside(*view.set, view.cell->agent),
                    df_text(*view.cell), kept_text(view.cell->kept));
  }
  plot.description += ".";
  return plot;
}

// Okabe and Ito's, in an order that keeps neighbours apart.
constexpr std::array<std::string_view, 6> kLines{"#0072b2", "#d55e00", "#009e73",
                                                 "#cc79a7", "#e69f00", "#56b4e9"};

Plot growth(const std::vector<Scaling>& all) {
  const std::size_t shown = std::min(all.size(), kLines.size());
  Plot plot;
  plot.name = "scaling";
  plot.title = "p99 latency and what all do together, by the number of agents";
  plot.description = "Latency p99 in ms, then the sum of throughput kept, by the number of agents.";
  plot.script = fmt::format(
      "set encoding utf8\n"
      "set terminal svg noenhanced size 960,400 font \"sans-serif,13\" background \"{0}\"\n"
      "set multiplot\nset border 3 lc rgb \"{1}\"\nset tics out scale 0.5 textcolor rgb \"{1}\"\n"
      "set xtics nomirror\nset ytics nomirror\nset grid lt 1 lw 1 lc rgb \"{2}\"\n"
      "set key top left reverse Left textcolor rgb \"{3}\"\n"
      "set xlabel 'agents on the device' textcolor rgb \"{1}\"\n",
      kPaper.hex, kMuted.hex, kGrid.hex, kInk.hex);
  // Ticks where something was measured.
  std::set<std::size_t> numbers;
  for (const Scaling& s : all) {
    for (const auto& point : s.points) numbers.insert(point.agents);
  }
  std::string ticks;
  for (const std::size_t number : numbers) {
    ticks += fmt::format("{}{}", ticks.empty() ? "" : ", ", number);
  }
  const double least = static_cast<double>(*numbers.begin());
  const double most = static_cast<double>(*numbers.rbegin());
  const bool doubling = most / least >= 6;
  bool any_open = false;
  const auto draw = [&](std::string_view title, double left, bool logarithmic, auto value) {
    std::string data;
    std::string lines;
    std::string arrows;
    double low = 0;
    double high = 0;
    for (std::size_t i = 0; i < shown; ++i) {
      std::string points;
      for (const auto& point : all[i].points) {
        analysis::Estimate y = value(point);
        if (!y.value || !(*y.value > 0)) continue;
        // On a logarithmic axis 0 is nowhere.
        if (logarithmic && !(y.ci_low.value_or(0) > 0)) y.ci_low.reset();
        const double from = y.ci_low.value_or(*y.value);
        const double to = y.ci_high.value_or(*y.value);
        points += fmt::format("{} {}\n", point.agents, *y.value);
        arrows += whiskers(static_cast<double>(point.agents), y, kLines[i]);
        any_open |= has_open_side(y);
        low = low > 0 ? std::min(low, from) : from;
        high = std::max(high, to);
      }
      if (points.empty()) continue;
      lines +=
          fmt::format("{0}'-' using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc rgb \"{1}\" title {2}",
                      lines.empty() ? "plot " : ", ", kLines[i],
                      gnuplot_string(fmt::format("{} beside {}", all[i].agent, all[i].neighbour)));
      data += points + "e\n";
    }
    if (lines.empty()) return;
    // Room above the lines for their names.
    std::string range =
        fmt::format("unset logscale y\nset ytics autofreq\nset yrange [0:{}]", high * 1.3);
    if (logarithmic) {
      const double bottom = low / 1.5;
      const double top = high * std::pow(high / low * 2, 0.35);
      range = fmt::format("set logscale y\nset ytics nomirror ({})\nset yrange [{}:{}]",
                          log_tics(bottom, top), bottom, top);
    }
    plot.script += fmt::format(
        "set margins screen {:.4f}, screen {:.4f}, screen 0.16, screen 0.9\n"
        "unset arrow\nset title {} textcolor rgb \"{}\"\n{}\nset xrange [{}:{}]\nset xtics "
        "({})\n{}\n",
        left + 0.06, left + 0.47, gnuplot_string(title), kInk.hex,
        doubling ? "set logscale x 2" : "unset logscale x", doubling ? least / 1.15 : least - 0.5,
        doubling ? most * 1.15 : most + 0.5, ticks, range);
    plot.script += arrows + lines + "\n" + data;
  };
  draw("latency p99, ms (95 %)", 0, true, [](const Scaling::Point& p) { return p.view.cell->p99; });
  draw("sum of throughput kept (1: one agent alone; 95 %)", 0.5, false,
       [](const Scaling::Point& p) { return p.view.set->kept_sum; });
  plot.script += "unset multiplot\n";
  if (any_open) plot.title += kArrowNote;
  return plot;
}

}  // namespace

std::vector<Plot> plan_plots(const Matrix& matrix) {
  std::vector<Plot> plots;
  if (!costliest(matrix, 2).empty()) plots.push_back(heat_map(matrix));
  if (const auto all = scalings(matrix); !all.empty()) plots.push_back(growth(all));
  return plots;
}

}  // namespace kts::report
