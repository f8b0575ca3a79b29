// SPDX-License-Identifier: Apache-2.0
#include "arrival_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "kts/base/units.hpp"

namespace kts::worker_app {
namespace {

constexpr const char* kGroup = "Arrivals";

struct Flag {
  std::string_view parameter;
  const char* type;
  const char* meaning;
};
constexpr std::array<Flag, 11> kFlags{{
    {"think", "TIME", "Think time of closed arrivals (100ms, gemm 150ms)"},
    {"rate", "N", "Requests a second: the mean, or while on"},
    {"cv", "N", "gamma: standard deviation of the gaps / their mean; 1 is poisson"},
    {"on", "TIME", "on-off: mean length of the phases with requests"},
    {"off", "TIME", "on-off: and of those without"},
    {"phases", "WORD", "on-off: their lengths are exponential, or fixed (exponential)"},
    {"file", "FILE", "trace: CSV with times, input and output tokens"},
    {"scale", "N", "trace: its gaps are divided by it (1)"},
    {"wrap", "BOOL", "trace: begins at a random instant and begins again (true)"},
    {"from", "TIME", "trace: where the stretch to replay begins (0)"},
    {"length", "TIME", "trace: how long that stretch is (to the end)"},
}};

std::string flag(std::string_view parameter) {
  return std::string(workload::arrival_flag(parameter));
}

class Reader {
 public:
  explicit Reader(const ArrivalTexts& texts) : texts_(texts) {}

  [[nodiscard]] bool has(std::string_view parameter) const { return !text(parameter).empty(); }

  Status take(std::string_view parameter, double& to) const {
    if (!has(parameter)) return {};
    const auto value = parse_double(text(parameter));
    if (!value) return refuse(parameter, "no number", "write it like 2.5");
    to = *value;
    return {};
  }
  Status take(std::string_view parameter, Nanoseconds& to) const {
    if (!has(parameter)) return {};
    const auto value = parse_duration(text(parameter));
    if (!value || value->count() < 0) {
      return refuse(parameter, "no duration", "write it like 5s, 100ms or 250us");
    }
    to = *value;
    return {};
  }
  Status take(std::string_view parameter, std::string_view yes, std::string_view no,
              bool& to) const {
    if (!has(parameter)) return {};
    if (text(parameter) != yes && text(parameter) != no) {
      return refuse(parameter, fmt::format("neither {} nor {}", yes, no), {});
    }
    to = text(parameter) == yes;
    return {};
  }
  [[nodiscard]] const std::string& text(std::string_view parameter) const {
    static const std::string kNone;
    const auto found = texts_.parameters.find(std::string(parameter));
    return found == texts_.parameters.end() ? kNone : found->second;
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view parameter, std::string_view what,
                                             std::string hint) const {
    return bad_input(fmt::format("'{}' is {}", text(parameter), what), std::move(hint),
                     flag(parameter));
  }
  const ArrivalTexts& texts_;
};

Status read_parameters(const Reader& reader, workload::ArrivalSpec& arrival) {
  KTS_CHECK_OK(reader.take("think", arrival.think));
  KTS_CHECK_OK(reader.take("rate", arrival.rate_per_s));
  KTS_CHECK_OK(reader.take("cv", arrival.cv));
  KTS_CHECK_OK(reader.take("on", arrival.on));
  KTS_CHECK_OK(reader.take("off", arrival.off));
  bool fixed = false;
  KTS_CHECK_OK(reader.take("phases", "fixed", "exponential", fixed));
  if (fixed) arrival.phases = workload::PhaseLengths::kFixed;
  arrival.trace.file = reader.text("file");
  KTS_CHECK_OK(reader.take("scale", arrival.trace.scale));
  KTS_CHECK_OK(reader.take("wrap", "true", "false", arrival.trace.wrap));
  KTS_CHECK_OK(reader.take("from", arrival.trace.from));
  return reader.take("length", arrival.trace.length);
}

}  // namespace

void add_arrival_flags(CLI::App& app, ArrivalTexts& texts) {
  std::string processes;
  for (const auto& entry : workload::arrival_processes()) {
    std::vector<std::string> flags;
    for (const auto parameter : entry.parameters.first(entry.required)) {
      flags.push_back(flag(parameter));
    }
    processes += fmt::format("{}{}: {}{}", processes.empty() ? "" : "; ", entry.name, entry.meaning,
                             flags.empty() ? "" : fmt::format(" ({})", fmt::join(flags, " ")));
  }
  app.add_option("--arrival", texts.process, processes)->group(kGroup)->type_name("PROCESS");
  for (const Flag& entry : kFlags) {
    app.add_option(flag(entry.parameter), texts.parameters[std::string(entry.parameter)],
                   entry.meaning)
        ->group(kGroup)
        ->type_name(entry.type);
  }
}

Result<workload::ArrivalSpec> read_arrival(const ArrivalTexts& texts,
                                           std::optional<workload::Trace>& trace) {
  const auto process = workload::arrival_process_from_name(texts.process);
  if (!process) {
    std::vector<std::string_view> names;
    for (const auto& entry : workload::arrival_processes()) names.push_back(entry.name);
    const std::string near = nearest_word(texts.process, names);
    return bad_input(fmt::format("'{}' is none of {}", texts.process, fmt::join(names, ", ")),
                     near.empty() ? "" : fmt::format("did you mean '{}'?", near), "--arrival");
  }
  const Reader reader(texts);
  const workload::ArrivalInfo& known = workload::info(*process);
  for (const std::string_view parameter : workload::arrival_parameters()) {
    if (!reader.has(parameter) || takes(*process, parameter)) continue;
    return bad_input(
        fmt::format("has no meaning for {} arrivals", known.name),
        fmt::format("leave it out, or take --arrival {}", workload::processes_that_take(parameter)),
        flag(parameter));
  }
  for (const std::string_view parameter : known.parameters.first(known.required)) {
    // The think time has a default, by the workload.
    if (reader.has(parameter) || parameter == "think") continue;
    return bad_input(fmt::format("{} arrivals need it", known.name),
                     fmt::format("give {} VALUE; --help says what it means", flag(parameter)),
                     flag(parameter));
  }
  workload::ArrivalSpec arrival;
  arrival.process = *process;
  KTS_CHECK_OK(read_parameters(reader, arrival));
  if (const auto problem = workload::problem_of(arrival)) {
    return bad_input(problem->message, problem->hint, flag(problem->parameter));
  }
  if (*process == workload::ArrivalProcess::kTrace) {
    KTS_TRY(trace, workload::load_trace(arrival.trace));
  }
  return arrival;
}

}  // namespace kts::worker_app
