// SPDX-License-Identifier: Apache-2.0
// Compiled without fused multiply-adds: the same schedule on every platform.
#include "kts/workload/arrival.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include "kts/base/units.hpp"
#include "kts/workload/operands.hpp"

namespace kts::workload {
namespace {

using namespace std::chrono_literals;
using std::string_view;

constexpr std::array<string_view, 1> kThink{"think"};
constexpr std::array<string_view, 1> kRate{"rate"};
constexpr std::array<string_view, 2> kGammaParameters{"rate", "cv"};
constexpr std::array<string_view, 4> kOnOffParameters{"rate", "on", "off", "phases"};
constexpr std::array<string_view, 5> kTraceParameters{"file", "scale", "wrap", "from", "length"};

constexpr std::array<ArrivalInfo, 8> kProcesses{{
    {ArrivalProcess::kClosed, "closed", false, 1, kThink, "a think time after the last was done"},
    {ArrivalProcess::kSaturate, "saturate", false, 0, {}, "as soon as the last was done"},
    {ArrivalProcess::kPoisson, "poisson", true, 1, kRate, "exponential gaps"},
    {ArrivalProcess::kUniform, "uniform", true, 1, kRate, "equal gaps"},
    {ArrivalProcess::kGamma, "gamma", true, 2, kGammaParameters, "gamma gaps, bursty above cv 1"},
    {ArrivalProcess::kOnOff, "on-off", true, 3, kOnOffParameters,
     "poisson at the rate while on, nothing while off"},
    {ArrivalProcess::kTrace, "trace", true, 1, kTraceParameters, "as a recorded trace has them"},
    {ArrivalProcess::kChain, "chain", true, 0, {}, "as the agent before it in a chain hands on"},
}};

// What a parameter is called on the command line of kts-worker.
constexpr std::array<std::pair<string_view, string_view>, 11> kFlags{{
    {"think", "--think"},
    {"rate", "--rate"},
    {"cv", "--cv"},
    {"on", "--on"},
    {"off", "--off"},
    {"phases", "--phases"},
    {"file", "--trace"},
    {"scale", "--time-scale"},
    {"wrap", "--wrap"},
    {"from", "--trace-from"},
    {"length", "--trace-length"},
}};

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15U;
// A year: longer than any run, and sums of it don't overflow soon.
constexpr double kLongestGapNs = 3.2e16;
constexpr double kHighestRate = 1e6;
constexpr double kLeastCv = 0.01;
constexpr double kMostCv = 20;
constexpr Nanoseconds kLeastPhase = 100us;
constexpr Nanoseconds kMostPhase = 1h;
// Below that an agent passes through phases without end to come to one request.
constexpr double kLeastPerPhase = 0.01;
constexpr double kMostScale = 1e6;
constexpr Nanoseconds kLongestTrace = 24h * 366;

double seconds(Nanoseconds ns) { return std::chrono::duration<double>(ns).count(); }

}  // namespace

std::span<const ArrivalInfo> arrival_processes() { return kProcesses; }

const ArrivalInfo& info(ArrivalProcess process) {
  return *std::ranges::find(kProcesses, process, &ArrivalInfo::process);
}

std::optional<ArrivalProcess> arrival_process_from_name(string_view name) {
  const auto* const found = std::ranges::find(kProcesses, name, &ArrivalInfo::name);
  if (found == kProcesses.end()) return std::nullopt;
  return found->process;
}

bool is_open(ArrivalProcess process) { return info(process).open; }

string_view name(ArrivalProcess process) { return info(process).name; }

string_view name(PhaseLengths phases) {
  return phases == PhaseLengths::kFixed ? "fixed" : "exponential";
}

std::vector<string_view> arrival_parameters() {
  std::vector<string_view> all;
  for (const auto& [parameter, flag] : kFlags) all.push_back(parameter);
  return all;
}

bool takes(ArrivalProcess process, string_view parameter) {
  return std::ranges::find(info(process).parameters, parameter) != info(process).parameters.end();
}

std::string processes_that_take(string_view parameter) {
  std::vector<string_view> names;
  for (const ArrivalInfo& entry : kProcesses) {
    if (takes(entry.process, parameter)) names.push_back(entry.name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::optional<ArrivalProblem> problem_of(const ArrivalSpec& spec) {
  const auto out_of_range = [](string_view parameter, const auto& value, std::string hint) {
    return ArrivalProblem{parameter, fmt::format("{} is out of range", value), std::move(hint)};
  };
  const bool rated = takes(spec.process, "rate");
  if (rated && !(spec.rate_per_s > 0 && spec.rate_per_s <= kHighestRate)) {
    return out_of_range("rate", spec.rate_per_s,
                        "give requests per second, above 0 and at most 1000000");
  }
  if (!(spec.cv >= kLeastCv && spec.cv <= kMostCv)) {
    return out_of_range("cv", spec.cv,
                        fmt::format("give {} to {}; 1 is poisson", kLeastCv, kMostCv));
  }
  if (spec.process == ArrivalProcess::kOnOff) {
    for (const auto& [parameter, length] : {std::pair("on", spec.on), std::pair("off", spec.off)}) {
      if (length >= kLeastPhase && length <= kMostPhase) continue;
      return out_of_range(
          parameter, format_duration(length),
          fmt::format("give {} to {}", format_duration(kLeastPhase), format_duration(kMostPhase)));
    }
    if (spec.rate_per_s * seconds(spec.on) < kLeastPerPhase) {
      return out_of_range("rate", spec.rate_per_s,
                          "at this rate hardly a phase has a request: give longer ones");
    }
  }
  if (spec.process != ArrivalProcess::kTrace) return std::nullopt;
  if (spec.trace.file.empty()) return ArrivalProblem{"file", "names no file", {}};
  if (std::ranges::any_of(spec.trace.file, [](char c) { return c >= '\0' && c < ' '; })) {
    return ArrivalProblem{"file", "has control characters", "rename the file"};
  }
  if (!(spec.trace.scale > 0 && spec.trace.scale <= kMostScale)) {
    return out_of_range("scale", spec.trace.scale,
                        "give a factor above 0 and at most 1000000; 2 replays twice as fast");
  }
  for (const auto& [parameter, length] :
       {std::pair("from", spec.trace.from), std::pair("length", spec.trace.length)}) {
    if (length >= 0ns && length <= kLongestTrace) continue;
    return out_of_range(parameter, format_duration(length),
                        "give a time of the trace, such as 10min");
  }
  return std::nullopt;
}

std::optional<ArrivalProblem> pace_problem(string_view workload, const ArrivalSpec& spec) {
  constexpr Nanoseconds kLeastThink = 1ms;
  constexpr double kMostRate = 1000;
  constexpr const char* kHint = "take process: closed with think: 100ms, or an open process";
  if (workload != "idle-hold") return std::nullopt;
  if (spec.process == ArrivalProcess::kSaturate) {
    return ArrivalProblem{"process", "idle-hold does no work that could be saturated", kHint};
  }
  if (takes(spec.process, "rate") && spec.rate_per_s > kMostRate) {
    return ArrivalProblem{"rate", "idle-hold does no work that 1000/s or more would ask for",
                          "give a lower rate"};
  }
  if (spec.process == ArrivalProcess::kClosed && spec.think < kLeastThink) {
    return ArrivalProblem{"think", "idle-hold does no work, so it needs 1 ms or more between two",
                          kHint};
  }
  return std::nullopt;
}

std::string describe(const ArrivalSpec& spec) {
  const string_view word = name(spec.process);
  switch (spec.process) {
    case ArrivalProcess::kClosed:
      return fmt::format("closed, {} think", format_duration(spec.think));
    case ArrivalProcess::kSaturate:
    case ArrivalProcess::kChain:
      break;
    case ArrivalProcess::kPoisson:
    case ArrivalProcess::kUniform:
      return fmt::format("{} {:g}/s", word, spec.rate_per_s);
    case ArrivalProcess::kGamma:
      return fmt::format("{} {:g}/s, cv {:g}", word, spec.rate_per_s, spec.cv);
    case ArrivalProcess::kOnOff:
      return fmt::format("{} {:g}/s, {} on, {} off{}", word, spec.rate_per_s,
                         format_duration(spec.on), format_duration(spec.off),
                         spec.phases == PhaseLengths::kFixed ? ", fixed" : "");
    case ArrivalProcess::kTrace: {
      const TraceSpec& trace = spec.trace;
      std::string out = fmt::format(
          "{} {}, {:g}x", word, std::filesystem::path(trace.file).filename().string(), trace.scale);
      if (trace.from > 0ns) out += fmt::format(", from {}", format_duration(trace.from));
      if (trace.length > 0ns) out += fmt::format(", for {}", format_duration(trace.length));
      return out + (trace.wrap ? "" : ", once");
    }
  }
  return std::string(word);
}

string_view arrival_flag(string_view parameter) {
  const auto* const found =
      std::ranges::find(kFlags, parameter, [](const auto& entry) { return entry.first; });
  return found == kFlags.end() ? string_view() : found->second;
}

std::vector<std::string> arguments_of(const ArrivalSpec& spec) {
  std::vector<std::string> words{"--arrival", std::string(name(spec.process))};
  const auto give = [&](string_view parameter, std::string value) {
    if (!takes(spec.process, parameter)) return;
    words.emplace_back(arrival_flag(parameter));
    words.push_back(std::move(value));
  };
  give("think", format_duration(spec.think));
  give("rate", fmt::format("{}", spec.rate_per_s));
  give("cv", fmt::format("{}", spec.cv));
  give("on", format_duration(spec.on));
  give("off", format_duration(spec.off));
  give("phases", std::string(name(spec.phases)));
  give("file", spec.trace.file);
  give("scale", fmt::format("{}", spec.trace.scale));
  give("wrap", spec.trace.wrap ? "true" : "false");
  give("from", format_duration(spec.trace.from));
  give("length", format_duration(spec.trace.length));
  return words;
}

std::optional<double> mean_rate_per_s(const ArrivalSpec& spec) {
  if (!takes(spec.process, "rate")) return std::nullopt;
  if (spec.process != ArrivalProcess::kOnOff) return spec.rate_per_s;
  return spec.rate_per_s * seconds(spec.on) / seconds(spec.on + spec.off);
}

std::uint64_t block_seed(std::uint64_t seed, int block) {
  return scatter(seed ^ scatter(static_cast<std::uint64_t>(block) + kGolden));
}

ArrivalSchedule::ArrivalSchedule(const ArrivalSpec& spec, std::uint64_t seed, const Trace* trace)
    : spec_(spec), trace_(trace), state_(seed) {
  if (spec_.process == ArrivalProcess::kTrace) enter_trace();
}

std::optional<Arrival> ArrivalSchedule::next() {
  if (spec_.process == ArrivalProcess::kTrace) return next_of_trace();
  const double ns = std::min(next_gap_ns(), kLongestGapNs);
  first_ = false;
  return Arrival{Nanoseconds(std::llround(ns)), {}};
}

double ArrivalSchedule::uniform() {
  state_ += kGolden;  // SplitMix64
  return static_cast<double>(scatter(state_) >> 11) * 0x1p-53;
}

double ArrivalSchedule::exponential() { return -std::log(1 - uniform()); }

// Marsaglia's polar method: no trigonometry.
double ArrivalSchedule::normal() {
  if (std::exchange(has_spare_normal_, false)) return spare_normal_;
  for (;;) {
    const double x = 2 * uniform() - 1;
    const double y = 2 * uniform() - 1;
    const double square = x * x + y * y;
    if (square >= 1 || square == 0) continue;
    const double factor = std::sqrt(-2 * std::log(square) / square);
    spare_normal_ = y * factor;
    has_spare_normal_ = true;
    return x * factor;
  }
}

// Marsaglia & Tsang, "A simple method for generating gamma variables" (2000), with their remedy for
// shapes below 1.
double ArrivalSchedule::gamma(double shape) {
  if (shape < 1) {
    const double larger = gamma(shape + 1);
    return larger * std::exp(std::log(1 - uniform()) / shape);
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    const double log_u = std::log(1 - uniform());
    if (log_u < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double ArrivalSchedule::next_gap_ns() {
  const double mean_ns = 1e9 / spec_.rate_per_s;
  switch (spec_.process) {
    case ArrivalProcess::kGamma:
      return gamma_gap_ns();
    case ArrivalProcess::kOnOff:
      return on_off_gap_ns();
    case ArrivalProcess::kUniform:
      return first_ ? uniform() * mean_ns : mean_ns;
    default:
      return exponential() * 1e9 / spec_.rate_per_s;
  }
}

double ArrivalSchedule::gamma_gap_ns() {
  const double shape = 1 / (spec_.cv * spec_.cv);
  const double scale_ns = 1e9 / (spec_.rate_per_s * shape);
  if (!first_) return gamma(shape) * scale_ns;
  // What is left, at a random instant, of the gap that lies around it; such a gap is gamma too, one
  // shape higher.
  const double around = gamma(shape + 1) * scale_ns;
  return around * uniform();
}

double ArrivalSchedule::phase_ns(Nanoseconds mean) {
  const auto ns = static_cast<double>(mean.count());
  return spec_.phases == PhaseLengths::kFixed ? ns : exponential() * ns;
}

double ArrivalSchedule::on_off_gap_ns() {
  double gap_ns = 0;
  if (first_) {
    const auto on_ns = static_cast<double>(spec_.on.count());
    const auto off_ns = static_cast<double>(spec_.off.count());
    const double instant_ns = uniform() * (on_ns + off_ns);
    const bool is_on = instant_ns < on_ns;
    const bool fixed = spec_.phases == PhaseLengths::kFixed;
    if (!is_on) gap_ns = fixed ? on_ns + off_ns - instant_ns : phase_ns(spec_.off);
    on_left_ns_ = is_on && fixed ? on_ns - instant_ns : phase_ns(spec_.on);
  }
  double needed_ns = exponential() * 1e9 / spec_.rate_per_s;  // of time that is on
  while (needed_ns > on_left_ns_) {
    needed_ns -= on_left_ns_;
    gap_ns += on_left_ns_ + phase_ns(spec_.off);
    on_left_ns_ = phase_ns(spec_.on);
  }
  on_left_ns_ -= needed_ns;
  return gap_ns + needed_ns;
}

void ArrivalSchedule::enter_trace() {
  if (!spec_.trace.wrap || trace_->period_ns == 0) return;
  entered_ns_ = static_cast<std::int64_t>(uniform() * static_cast<double>(trace_->period_ns));
  row_ = static_cast<std::size_t>(
      std::ranges::lower_bound(trace_->rows, entered_ns_, {}, &TraceRow::at_ns) -
      trace_->rows.begin());
}

std::optional<Arrival> ArrivalSchedule::next_of_trace() {
  if (row_ == trace_->rows.size()) {
    if (!spec_.trace.wrap || trace_->period_ns == 0) return std::nullopt;
    row_ = 0;
    // Long before that the instants below stand still.
    constexpr std::int64_t kLatest = std::numeric_limits<std::int64_t>::max();
    if (round_ns_ < kLatest - 2 * trace_->period_ns) round_ns_ += trace_->period_ns;
  }
  const TraceRow& row = trace_->rows[row_++];
  // Each instant on its own is scaled and rounded: errors don't add up.
  const double since_ns =
      static_cast<double>(round_ns_ + row.at_ns - entered_ns_) / spec_.trace.scale;
  const std::int64_t at_ns =
      std::max<std::int64_t>(last_ns_, std::llround(std::min(since_ns, 100 * kLongestGapNs)));
  const Nanoseconds gap(at_ns - std::exchange(last_ns_, at_ns));
  // A shape's 0 would mean the workload's own number.
  return Arrival{gap, {std::max(row.input_tokens, 1), row.output_tokens}};
}

}  // namespace kts::workload
