// SPDX-License-Identifier: Apache-2.0
#include "kts/report/plots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "format.hpp"
#include "kts/base/text.hpp"
#include "kts/report/report.hpp"
#include "palette.hpp"
#include "plot_pieces.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

using analysis::Ccdf;
using analysis::Estimate;
using analysis::Measure;
using analysis::Phase;

constexpr int kFontPixels = 14;
constexpr int kLegendPixels = 46;  // above the panels

std::string_view color_of(Phase phase) { return phase == Phase::kSolo ? kSolo.hex : kShared.hex; }

// Equal panels under a legend, filled row by row.
struct Grid {
  int columns;
  int rows;
  int panel_width;
  int panel_height;
  [[nodiscard]] int width() const { return columns * panel_width; }
  [[nodiscard]] int height() const { return kLegendPixels + rows * panel_height; }
  [[nodiscard]] double x(double pixels) const { return pixels / width(); }
  [[nodiscard]] double y(double pixels) const { return 1 - pixels / height(); }
};

Grid grid_for(std::size_t panels, int columns, int panel_width, int panel_height) {
  const int count = static_cast<int>(panels);
  return {columns, (count + columns - 1) / columns, panel_width, panel_height};
}

std::string legend_entry(const Grid& grid, double left, std::string_view color,
                         std::string_view label) {
  return fmt::format(
      "set object rectangle from screen {:.5f},{:.5f} to screen {:.5f},{:.5f} fc rgb \"{}\" "
      "fs solid noborder\n"
      "set label {} at screen {:.5f},{:.5f} tc rgb \"{}\"\n",
      grid.x(left), grid.y(30), grid.x(left + 14), grid.y(18), color, gnuplot_string(label),
      grid.x(left + 21), grid.y(24), kInk.hex);
}

// Terminal, style and legend with a note after it. The legend is a plot of its own: labels set for
// good would be drawn again in each panel.
std::string prologue(const Grid& grid, const std::string& legend, double note_left,
                     std::string_view note) {
  return fmt::format(
             "set encoding utf8\n"
             "set terminal svg noenhanced size {},{} font \"sans-serif,{}\" background \"{}\"\n"
             "set style fill solid 1 noborder\n"
             "unset key\nunset border\nunset tics\n"
             "set multiplot\n"
             "set margins screen 0, screen 1, screen 0, screen 1\n"
             "set xrange [0:1]\nset yrange [0:1]\n",
             grid.width(), grid.height(), kFontPixels, kPaper.hex) +
         legend +
         fmt::format(
             "set label {} at screen {:.5f},{:.5f} tc rgb \"{}\"\n"
             "plot 2\n"
             "unset label\nunset object\n"
             "set border 3 lc rgb \"{}\"\n"
             "set tics out scale 0.5 textcolor rgb \"{}\"\n"
             "set grid lt 1 lw 1 lc rgb \"{}\"\n",
             gnuplot_string(note), grid.x(note_left), grid.y(24), kMuted.hex, kMuted.hex,
             kMuted.hex, kGrid.hex);
}

std::string prologue(const Grid& grid, std::string_view note, bool dashed = false) {
  return prologue(grid,
                  legend_entry(grid, 16, kSolo.hex, name(Phase::kSolo)) +
                      legend_entry(grid, 84, kShared.hex, dashed ? "shared, dashed" : "shared"),
                  dashed ? 224 : 172, note);
}

std::string place(const Grid& grid, int index, std::string_view title, double bottom_pixels) {
  const double x = (index % grid.columns) * grid.panel_width;
  const double y = kLegendPixels + (index / grid.columns) * grid.panel_height;
  return fmt::format(
      "unset label\nunset arrow\nunset xlabel\n"
      "set margins screen {:.5f}, screen {:.5f}, screen {:.5f}, screen {:.5f}\n"
      "set title {} textcolor rgb \"{}\" offset 0,-0.4\n",
      grid.x(x + 66), grid.x(x + grid.panel_width - 20),
      grid.y(y + grid.panel_height - bottom_pixels), grid.y(y + 32), gnuplot_string(title),
      kInk.hex);
}

std::string x_label(std::string_view text) {
  return fmt::format("set xlabel {} textcolor rgb \"{}\" offset 0,0.8\n", gnuplot_string(text),
                     kMuted.hex);
}

// --- panels ---

struct Bar {
  double x = 0;
  Phase phase = Phase::kSolo;
  Estimate height;
};

// Beside its neighbour a long label would not fit.
std::string bar_label(double value, int digits) {
  return number(value, std::abs(value) < 0.1 ? 2 : digits);
}

// A whisker with a cap at each bound; where one is missing, so is its half.
std::string whisker(double x, const Estimate& height) {
  if (!height.ci_low && !height.ci_high) return {};
  const double value = height.value.value_or(0);
  const bool both = height.ci_low && height.ci_high;
  const double from = both ? *height.ci_low : value;
  const double to = height.ci_high ? *height.ci_high : *height.ci_low;
  return fmt::format(
      "set arrow from {0},{1} to {0},{2} {3} size screen 0.005,90 fixed front lw 1.5 lc rgb "
      "\"{4}\"\n",
      x, from, to, both ? "heads" : "head", kInk.hex);
}

std::string bar_panel(const std::vector<Bar>& bars, std::string_view tics, int digits) {
  double top = 0;
  for (const auto& bar : bars) {
    top = std::max({top, bar.height.value.value_or(0), bar.height.ci_high.value_or(0)});
  }
  std::string out = fmt::format(
      "set xrange [-0.5:1.5]\nset yrange [0:{}]\nset xtics nomirror ({}) offset 0,0.4\n"
      "set ytics nomirror\nset boxwidth 0.34\n",
      top > 0 ? top * 1.2 : 1, tics);
  std::string plot = "plot 0 lc rgb \"" + std::string(kMuted.hex) + "\"";
  std::string data;
  for (const auto& [x, phase, height] : bars) {
    const double value = height.value.value_or(0);
    out += fmt::format("set label {} at {},{} center offset 0,0.7 textcolor rgb \"{}\"\n",
                       gnuplot_string(height.value ? bar_label(value, digits) : "n/a"), x,
                       std::max(value, height.ci_high.value_or(0)), kInk.hex);
    if (!height.value) continue;
    out += whisker(x, height);
    plot += fmt::format(", '-' using 1:2 with boxes lc rgb \"{}\"", color_of(phase));
    data += fmt::format("{} {}\ne\n", x, value);
  }
  return out + plot + "\n" + data;
}

std::string describe_bars(const std::vector<Bar>& bars) {
  std::string out;
  for (const auto& bar : bars) {
    out += fmt::format(" {} {}", name(bar.phase), number(bar.height.value));
    out += &bar == &bars.back() ? ";" : ",";
  }
  return out;
}

// The study's four panels, one pair an agent: latency p50 and p99, and throughput.
Plot panels(const Summary& summary) {
  const auto all = views(summary);
  const bool roomy = all.size() <= 3;
  const Grid grid = grid_for(2 * all.size(), roomy ? 2 : 4, roomy ? 480 : 310, 268);
  const std::size_t name_width = roomy ? 36 : 20;
  Plot plot;
  plot.name = kPlotNames[0];
  plot.title = "Latency and throughput, solo beside shared";
  plot.script = prologue(grid, "whiskers: 95 % interval of a quantile, where the samples give one");
  int index = 0;
  for (const auto& view : all) {
    const std::string agent = shorten(printable(view.info->name), name_width);
    const auto estimate = [](const analysis::MeasureResult* r,
                             Estimate analysis::MeasureResult::*q) {
      return r == nullptr ? Estimate{} : r->*q;
    };
    using analysis::MeasureResult;
    const std::vector<Bar> latency{
        {-0.2, Phase::kSolo, estimate(view.solo, &MeasureResult::p50)},
        {0.2, Phase::kShared, estimate(view.shared, &MeasureResult::p50)},
        {0.8, Phase::kSolo, estimate(view.solo, &MeasureResult::p99)},
        {1.2, Phase::kShared, estimate(view.shared, &MeasureResult::p99)}};
    const std::vector<Bar> rate{{0, Phase::kSolo, {view.rates.solo, {}, {}}},
                                {1, Phase::kShared, {view.rates.shared, {}, {}}}};
    plot.script += place(grid, index++, agent + ": latency, ms", 58);
    plot.script += x_label(sample_counts(view));
    plot.script += bar_panel(latency, "'p50' 0, 'p99' 1", 3);
    plot.script +=
        place(grid, index++,
              agent + (view.rates.achieved ? ": completed per s" : ": 1000 / mean ms, per s"), 58);
    plot.script += bar_panel(rate, "'solo' 0, 'shared' 1", 4);
    plot.description += fmt::format("{}{}: p50 then p99 latency in ms{} rate per s{}",
                                    plot.description.empty() ? "" : " ", printable(view.info->name),
                                    describe_bars(latency), describe_bars(rate));
  }
  plot.script += "unset multiplot\n";
  plot.description.back() = '.';
  return plot;
}

// --- ccdf ---

struct Range {
  double low = 0;
  double high = 0;
  void include(double value) {
    if (!(value > 0) || !std::isfinite(value)) return;
    low = low > 0 ? std::min(low, value) : value;
    high = std::max(high, value);
  }
};

// Under each curve's panel stands how many requests or tokens it is of.
std::string ccdf_panel(const Summary& summary, const std::vector<const Ccdf*>& curves,
                       std::string_view agent, Measure measure,
                       const std::optional<double>& objective_ms) {
  Range x;
  Range y;
  std::string data;
  std::string plot;
  for (const Ccdf* curve : curves) {
    std::string points;
    for (std::size_t i = 0; i < std::min(curve->latency_ms.size(), curve->share_above.size());
         ++i) {
      if (!(curve->latency_ms[i] > 0) || !(curve->share_above[i] > 0)) continue;  // off a log scale
      x.include(curve->latency_ms[i]);
      y.include(curve->share_above[i]);
      points += fmt::format("{} {}\n", curve->latency_ms[i], curve->share_above[i]);
    }
    if (points.empty()) continue;
    plot += fmt::format("{}'-' using 1:2 with steps lw 2 dt {} lc rgb \"{}\"",
                        plot.empty() ? "plot " : ", ", curve->phase == Phase::kSolo ? 1 : 2,
                        color_of(curve->phase));
    data += points + "e\n";
  }
  if (plot.empty()) {
    return "unset logscale\nset xrange [0:1]\nset yrange [0:1]\nunset xtics\nunset ytics\n"
           "unset xlabel\nset label 'no samples' at graph 0.5,0.5 center textcolor rgb \"" +
           std::string(kMuted.hex) + "\"\nplot 2\n";
  }
  if (objective_ms) x.include(*objective_ms);
  const double low = x.low / 1.08;
  const double high = x.high * 1.08;
  const double floor = std::min(y.low, 0.1) / 1.3;
  std::string y_tics = "'100 %%' 1";
  for (double share = 0.1; share >= floor; share /= 10) {
    y_tics +=
        fmt::format(", '{:.{}f} %%' {}", share * 100,
                    std::max(0, static_cast<int>(std::lround(-std::log10(share))) - 2), share);
  }
  // Two decades have two of them.
  if (floor > 0.01) y_tics = log_tics(floor, 1, 100, " %%");
  std::string out = fmt::format(
      "set logscale xy\nset xrange [{}:{}]\nset yrange [{}:1]\nset xtics nomirror ({}) "
      "offset 0,0.4\nset ytics nomirror ({})\n"
      "{}",
      low, high, floor, log_tics(low, high), y_tics,
      x_label(fmt::format("{}, ms ({})", record::info(measure).name,
                          sample_counts(find_result(summary, agent, Phase::kSolo, measure),
                                        find_result(summary, agent, Phase::kShared, measure)))));
  if (objective_ms) {
    out += fmt::format(
        "set arrow from {0}, graph 0 to {0}, graph 1 nohead dt 3 lw 1.5 lc rgb \"{1}\"\n"
        "set label 'objective' at {0}, graph 0.94 {2} offset {3},0 textcolor rgb \"{1}\"\n",
        *objective_ms, kInk.hex, *objective_ms > std::sqrt(low * high) ? "right" : "left",
        *objective_ms > std::sqrt(low * high) ? "-0.6" : "0.6");
  }
  return out + plot + "\n" + data;
}

std::vector<const Ccdf*> curves_of(const Summary& summary, std::string_view agent,
                                   Measure measure) {
  std::vector<const Ccdf*> curves;
  for (const auto& curve : summary.ccdfs) {
    if (curve.agent == agent && curve.measure == measure) curves.push_back(&curve);
  }
  return curves;
}

Plot ccdf(const Summary& summary) {
  const std::size_t count = summary.agents.size();
  const int columns = count == 1 ? 1 : count <= 4 ? 2 : 3;
  const Grid grid = grid_for(count, columns, columns == 1 ? 720 : columns == 2 ? 480 : 400, 310);
  Plot plot;
  plot.name = kPlotNames[1];
  plot.title = "Share of requests slower than a given latency";
  plot.description =
      "Complementary cumulative distribution of latency on logarithmic axes, one panel an agent; "
      "solo is the solid line, shared the dashed one. The further right a line lies, the slower.";
  plot.script = prologue(grid, "share of requests slower than a latency; at 1 % stands p99", true);
  int index = 0;
  for (const auto& agent : summary.agents) {
    plot.script += place(grid, index++, shorten(printable(agent.name), 40), 56);
    plot.script += ccdf_panel(summary, curves_of(summary, agent.name, Measure::kLatency),
                              agent.name, Measure::kLatency, agent.slo_latency_ms);
  }
  plot.script += "unset multiplot\n";
  return plot;
}

// Of LLM requests: the first token and the gaps after it, a row an agent.
std::optional<Plot> token_ccdf(const Summary& summary) {
  struct Panel {
    std::string_view agent;
    std::string title;
    Measure measure;
    std::vector<const Ccdf*> curves;
  };
  std::vector<Panel> panels;
  for (const auto& agent : summary.agents) {
    for (const Measure measure : {Measure::kTtft, Measure::kItl}) {
      auto curves = curves_of(summary, agent.name, measure);
      if (curves.empty()) continue;
      panels.push_back(
          {agent.name,
           fmt::format("{}, {}", shorten(printable(agent.name), 30), record::info(measure).name),
           measure, std::move(curves)});
    }
  }
  if (panels.empty()) return std::nullopt;
  const Grid grid = grid_for(panels.size(), 2, 480, 310);
  Plot plot;
  plot.name = kPlotNames[2];
  plot.title = "Share of first tokens and of gaps between tokens longer than a given time";
  plot.description =
      "Complementary cumulative distribution of time to first token (ttft) and inter-token latency "
      "(itl) on logarithmic axes; solo is the solid line, shared the dashed one. The further right "
      "a line lies, the slower.";
  plot.script = prologue(grid, "share of tokens that took longer; at 1 % stands p99", true);
  int index = 0;
  for (const Panel& panel : panels) {
    plot.script += place(grid, index++, panel.title, 56);
    plot.script += ccdf_panel(summary, panel.curves, panel.agent, panel.measure, std::nullopt);
  }
  plot.script += "unset multiplot\n";
  return plot;
}

// --- attribution ---

// Where a request's latency goes, from the bottom up. Colours of Okabe and Ito's palette.
struct Layer {
  std::string_view name;
  std::string_view color;
};
constexpr std::array kLayers{
    Layer{"own work", kSolo.hex},          Layer{"launch and notify", kMuted.hex},
    Layer{"queue: work", kSky.hex},        Layer{"queue: waiting", kAmber.hex},
    Layer{"turns of others", kShared.hex}, Layer{"switches", "#cc79a7"},
    Layer{"undivided", "#009e73"}};  // of a chain: backlog, gpu_wait and notify of all its steps
using Heights = std::array<double, kLayers.size()>;

// Empty without parts. What isn't explained further stays with its part.
std::optional<Heights> layers(const analysis::Attribution& a, bool is_chain, bool shared) {
  const auto part = [&](Measure measure) -> double {
    for (const auto& p : a.parts) {
      if (p.part == measure) return (shared ? p.shared_ms : p.solo_ms).value_or(0);
    }
    return 0;
  };
  if (!has_values(a)) return std::nullopt;
  const auto cause = [&](analysis::Cause wanted) -> double {
    for (const auto& e : a.explained) {
      if (e.cause != wanted) continue;
      const double solo = e.solo_ms.value_or(0);
      return std::max(0.0, shared ? solo + e.ms.value.value_or(0) : solo);
    }
    return 0;
  };
  if (is_chain) {
    Heights whole{part(Measure::kGpuTime)};
    whole.back() =
        std::max(0.0, part(Measure::kBacklog) + part(Measure::kGpuWait) + part(Measure::kNotify));
    return whole;
  }
  using analysis::Cause;
  const double out = cause(Cause::kSwitchedOut);
  const double mid_work = cause(Cause::kSwitchesMidWork);
  const double turns = cause(Cause::kTurns);
  const double switches = cause(Cause::kSwitches);
  const double waiting = cause(Cause::kEarlierWaits);
  Heights heights{part(Measure::kGpuTime) - out - mid_work,
                  part(Measure::kGpuWait) - turns - switches + part(Measure::kNotify),
                  part(Measure::kBacklog) - waiting,
                  waiting,
                  turns + out,
                  switches + mid_work,
                  0};
  for (double& height : heights) height = std::max(0.0, height);
  return heights;
}

std::string layer_panel(const std::vector<const analysis::Attribution*>& places, bool is_chain) {
  double top = 0;
  std::string tics;
  std::string out;
  std::array<std::string, kLayers.size()> data;
  for (std::size_t place = 0; place < places.size(); ++place) {
    for (const bool shared : {false, true}) {
      const auto heights = layers(*places[place], is_chain, shared);
      if (!heights) continue;
      const double x = static_cast<double>(place) + (shared ? 0.21 : -0.21);
      double sum = 0;
      for (std::size_t layer = 0; layer < kLayers.size(); ++layer) {
        sum += (*heights)[layer];
        data[layer] += fmt::format("{} {}\n", x, sum);
      }
      top = std::max(top, sum);
      out += fmt::format("set label {} at {},{} center offset 0,0.7 textcolor rgb \"{}\"\n",
                         gnuplot_string(bar_label(sum, 3)), x, sum, kInk.hex);
      tics += fmt::format("{}\"{}\\nn {}\" {}", tics.empty() ? "" : ", ",
                          shared ? "shared" : places[place]->at + " solo",
                          count(shared ? places[place]->shared_n : places[place]->solo_n), x);
    }
  }
  // The tallest first, so that each one covers the lower part of the one before.
  std::string plot;
  std::string blocks;
  for (std::size_t layer = kLayers.size() - (is_chain ? 0 : 1); layer-- > 0;) {
    plot += fmt::format("{}'-' using 1:2 with boxes lc rgb \"{}\"", plot.empty() ? "plot " : ", ",
                        kLayers[layer].color);
    blocks += data[layer] + "e\n";
  }
  return fmt::format(
             "set xrange [-0.55:{}]\nset yrange [0:{}]\nset xtics nomirror ({}) offset 0,0.4\n"
             "set ytics nomirror\nset boxwidth 0.36\n",
             static_cast<double>(places.size()) - 0.45, top > 0 ? top * 1.18 : 1, tics) +
         out + plot + "\n" + blocks;
}

std::optional<Plot> attribution(const Summary& summary) {
  struct Panel {
    std::string_view agent;
    bool is_chain;
    std::vector<const analysis::Attribution*> places;
  };
  std::vector<Panel> panels;
  for (const auto& agent : summary.agents) {
    Panel panel{agent.name, agent.is_chain, {}};
    for (const std::string_view at : {"mean", "p95", "p99"}) {
      for (const auto& a : summary.attribution) {
        if (a.agent == agent.name && a.at == at && has_values(a)) panel.places.push_back(&a);
      }
    }
    if (!panel.places.empty()) panels.push_back(std::move(panel));
  }
  if (panels.empty()) return std::nullopt;
  const Grid grid = grid_for(panels.size(), 2, 480, 298);
  Plot plot;
  plot.name = kPlotNames[3];
  plot.title = "Where a request's time goes, alone and shared";
  plot.description =
      "Stacked bars of latency in ms, solo beside shared, on average and around p95 and p99: its "
      "own work, launch and notify, its queue while that was at work and while it waited for "
      "others, "
      "turns of others, switches. The numbers are those of the tables.";
  // Two rows would not fit above the panels, so the labels stand close.
  constexpr std::array<double, kLayers.size()> kLeft{16, 119, 297, 425, 578, 740, 850};
  const bool any_chain = std::ranges::any_of(panels, &Panel::is_chain);
  if (any_chain) plot.description += " The waits of a chain as a whole are not divided.";
  std::string legend;
  for (std::size_t layer = 0; layer < kLayers.size() - (any_chain ? 0 : 1); ++layer) {
    legend += legend_entry(grid, kLeft[layer], kLayers[layer].color, kLayers[layer].name);
  }
  plot.script = prologue(grid, legend, 850, any_chain ? "" : "mean, ms");
  int index = 0;
  for (const Panel& panel : panels) {
    plot.script += place(grid, index++, shorten(printable(panel.agent), 36) + ": latency, ms", 58);
    plot.script += layer_panel(panel.places, panel.is_chain);
  }
  plot.script += "unset multiplot\n";
  return plot;
}

}  // namespace

namespace {

// Those of the candidates that are on the axis and don't crowd it.
std::vector<double> uncrowded(const std::vector<double>& candidates, double low, double high) {
  const double decades = std::log10(high / low);
  std::vector<double> ticks;
  for (const double tick : candidates) {
    const bool crowded = !ticks.empty() && std::log10(tick / ticks.back()) < decades / 7;
    if (tick >= low && tick <= high && !crowded) ticks.push_back(tick);
  }
  return ticks;
}

}  // namespace

std::vector<double> log_ticks(double low, double high) {
  constexpr std::size_t kLeast = 3;
  const double decades = std::log10(high / low);
  if (decades > 0.8) {
    const std::vector<double> steps = decades > 3     ? std::vector<double>{1}
                                      : decades > 1.6 ? std::vector<double>{1, 3}
                                                      : std::vector<double>{1, 2, 5};
    std::vector<double> candidates;
    for (double decade = std::pow(10, std::floor(std::log10(low))); decade <= high; decade *= 10) {
      for (const double step : steps) candidates.push_back(decade * step);
    }
    auto ticks = uncrowded(candidates, low, high);
    if (ticks.size() >= kLeast) return ticks;
  }
  // Equal steps, the largest round one that gives enough.
  const double raw = (high - low) / 4;
  const double unit = std::pow(10, std::floor(std::log10(raw)));
  const double step = unit * (raw < 2 * unit ? 1 : raw < 5 * unit ? 2 : 5);
  std::vector<double> candidates;
  for (double k = std::ceil(low / step); k * step <= high; ++k) candidates.push_back(k * step);
  return uncrowded(candidates, low, high);
}

std::string log_tics(double low, double high, double scale, std::string_view unit) {
  const std::vector<double> ticks = log_ticks(low, high);
  double gap = high;
  for (std::size_t i = 1; i < ticks.size(); ++i) gap = std::min(gap, ticks[i] - ticks[i - 1]);
  const auto label = [](double value, int digits) { return fmt::format("{:.{}g}", value, digits); };
  constexpr int kMostDigits = 15;
  constexpr double kTrue = 0.01;  // of the gap
  int digits = 4;
  const auto is_true = [&](double tick) {
    return std::abs(std::strtod(label(tick, digits).c_str(), nullptr) - tick) <= kTrue * gap;
  };
  while (digits < kMostDigits && !std::ranges::all_of(ticks, is_true)) ++digits;
  std::string out;
  for (const double tick : ticks) {
    out += fmt::format("{}'{}{}' {}", out.empty() ? "" : ", ", label(tick * scale, digits), unit,
                       tick);
  }
  return out;
}

bool has_open_side(const analysis::Estimate& estimate) {
  return estimate.value && (!estimate.ci_low || !estimate.ci_high);
}

std::string whiskers(double x, const analysis::Estimate& estimate, std::string_view color) {
  std::string out;
  for (const bool up : {false, true}) {
    const std::optional<double> bound = up ? estimate.ci_high : estimate.ci_low;
    const std::string end =
        bound ? fmt::format("first {},{} head size screen 0.004,90 fixed front", x, *bound)
              : fmt::format("first {}, graph {} head filled size screen 0.012,20 fixed front", x,
                            up ? 1 : 0);
    out += fmt::format("set arrow from first {},{} to {} lw 1.5 lc rgb \"{}\"\n", x,
                       *estimate.value, end, color);
  }
  return out;
}

std::string gnuplot_string(std::string_view text) {
  std::string out = "'";
  for (const char c : printable(text)) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

std::vector<Plot> plan_plots(const Summary& summary) {
  std::vector<Plot> plots;
  if (!summary.agents.empty() && !summary.results.empty()) plots.push_back(panels(summary));
  if (!summary.agents.empty() && !summary.ccdfs.empty()) plots.push_back(ccdf(summary));
  if (auto tokens = token_ccdf(summary)) plots.push_back(*std::move(tokens));
  if (auto parts = attribution(summary)) plots.push_back(*std::move(parts));
  return plots;
}

Drawing draw_all(std::vector<Plot> plots, const std::string& gnuplot) {
  Drawing drawing{std::move(plots), {}};
  for (auto& plot : drawing.plots) {
    auto svg = draw(plot, gnuplot);
    if (!svg) return {{}, "no plots: " + to_line(svg.error())};
    plot.svg = *std::move(svg);
  }
  return drawing;
}

}  // namespace kts::report
