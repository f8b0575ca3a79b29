// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "format.hpp"
#include "kts/base/text.hpp"
#include "kts/report/report.hpp"
#include "memory_words.hpp"
#include "painter.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

using analysis::Measure;
using analysis::Phase;

constexpr std::size_t kNumberWidth = 8;
constexpr std::size_t kMeasureWidth = 10;
constexpr std::size_t kWidestLine = 100;

Ink ink_of(const std::string& verdict) {
  if (verdict == "hurt" || verdict == "overloaded") return Ink::kRed;
  if (verdict == "free" || verdict == "helped") return Ink::kGreen;
  return Ink::kYellow;
}

std::string quantile_columns(const analysis::MeasureResult* result) {
  std::string out;
  for (const auto* estimate : {result ? &result->p50 : nullptr, result ? &result->p95 : nullptr,
                               result ? &result->p99 : nullptr}) {
    out += pad_left(estimate ? number(estimate->value) : std::string(kAbsent), kNumberWidth);
  }
  return out;
}

std::string degradation(const analysis::Degradation* df) {
  if (df == nullptr || !df->ratio.value) return pad_right(pad_left(kAbsent, 7), 22);
  return pad_right(pad_left(times(*df->ratio.value), 7) + " " + interval(df->ratio), 22);
}

// Of an overloaded agent they say more than its latency, which grows for as long as one measures.
std::string rates(const Summary& summary, const AgentView& view, const Painter& paint) {
  std::string out;
  for (const auto& load : summary.loads) {
    if (view.overload == nullptr || load.agent != view.info->name) continue;
    const std::string line =
        fmt::format("{}: {}/s offered, {}/s completed", name(load.phase),
                    number(load.offered_per_s, 4), number(load.completed_per_s, 4));
    out += "  " + pad_right(line, 80) +
           paint(load.overloaded ? Ink::kRed : Ink::kGreen,
                 load.overloaded ? "overloaded" : "kept up") +
           "\n";
  }
  return out;
}

std::string agent_line(const AgentView& view, const Painter& paint) {
  std::string description;
  for (const auto* part : {&view.info->workload, &view.info->arrival}) {
    if (!part->empty()) description += "  " + printable(*part);
  }
  const std::string name = printable(view.info->name);
  std::string counts;
  if (view.solo != nullptr || view.shared != nullptr) {
    counts = sample_counts(view);
    const bool fits = columns(name + description + counts) + 2 <= kWidestLine;
    counts = (fits ? "  " : "\n  ") + counts;
  }
  return paint(Ink::kBold, name) + paint(Ink::kDim, description + counts) + "\n";
}

}  // namespace

TerminalStyle terminal_style(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool plain = (no_color != nullptr && *no_color != '\0') ||
                     (term != nullptr && std::string_view(term) == "dumb");
  return {.color = !plain && isatty(fd) == 1};
}

std::string terminal_table(const Summary& summary, TerminalStyle style) {
  const Painter paint(style);
  const auto group = [](std::string_view label) { return pad_left(label, 3 * kNumberWidth); };
  const auto heads = [] {
    return pad_left("p50", kNumberWidth) + pad_left("p95", kNumberWidth) +
           pad_left("p99", kNumberWidth);
  };
  const std::string margin(kMeasureWidth, ' ');
  std::string out =
      paint(Ink::kDim, margin + group("alone (solo), ms") + "  " + group("shared, ms")) + "\n";
  out += paint(Ink::kDim, margin + heads() + "  " + heads() + "   " +
                              pad_right("DF of p99 (95 %)", 21) + "verdict") +
         "\n";

  const auto all = views(summary);
  for (const auto& view : all) {
    const std::string& agent = view.info->name;
    out += agent_line(view, paint);
    out += rates(summary, view, paint);
    if (!has_values(view.solo, view.shared) && view.overload == nullptr) out += "  no samples\n";
    for (const Measure measure :
         {Measure::kLatency, Measure::kTtft, Measure::kItl, Measure::kGpuTime}) {
      const auto* solo = find_result(summary, agent, Phase::kSolo, measure);
      const auto* shared = find_result(summary, agent, Phase::kShared, measure);
      if (!has_values(solo, shared)) continue;
      const bool headline = measure == Measure::kLatency;
      const std::string verdict = headline ? verdict_words(view) : "";
      out += "  " + pad_right(record::info(measure).name, kMeasureWidth - 2) +
             quantile_columns(solo) + "  " + quantile_columns(shared) + " ";
      const std::string df = degradation(find_degradation(summary, agent, measure, 0.99));
      out += headline ? df + " " + paint(ink_of(verdict), verdict)
                      : df.substr(0, df.find_last_not_of(' ') + 1);
      out += "\n";
    }
  }

  const std::string said = finding(summary);
  out += "\n" + paint(Ink::kBold, wrapped(said, ""));
  for (const std::string& condition : summary.conditions) {
    out += wrapped("- " + printable(condition), "  ");
  }
  for (std::size_t i = 1; i < summary.inconclusive.size(); ++i) {
    out += wrapped("- " + printable(summary.inconclusive[i]), "  ");
  }
  for (const auto& question : open_questions(all)) {
    if (printable(question) != said) out += wrapped("- " + printable(question), "  ");
  }
  for (const auto& sentence : objective_sentences(summary)) {
    out += wrapped("- " + printable(sentence), "  ");
  }
  for (const auto& view : all) {
    const std::string waits = printable(wait_sentence(summary, view.info->name));
    if (!waits.empty()) out += wrapped("- " + waits, "  ");
  }
  if (const std::string left_out = left_out_sentence(summary); !left_out.empty()) {
    out += wrapped("- " + printable(left_out), "  ");
  }
  for (const auto& view : all) {
    const std::string tokens = printable(token_rate_sentence(view));
    if (!tokens.empty()) out += wrapped("- " + tokens, "  ");
  }
  const std::string memory = printable(memory_sentence(summary));
  if (!memory.empty()) out += wrapped("- " + memory, "  ");
  if (summary.within_run_only) out += wrapped("- " + method_sentence(summary), "  ");
  return out;
}

}  // namespace kts::report
