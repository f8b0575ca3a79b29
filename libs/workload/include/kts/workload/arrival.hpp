// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/workload/engine.hpp"
#include "kts/workload/trace.hpp"

namespace kts::workload {

// Closed: the next request comes `think` after the last one finished, or at once (saturate).
// Open, whatever became of those before: gaps that are exponential (poisson), equal (uniform) or
// gamma-distributed; poisson that is switched on and off; or those of a recorded trace. Chain: what
// the agent before it in a chain hands on, so that it has no schedule.
enum class ArrivalProcess {
  kClosed,
  kSaturate,
  kPoisson,
  kUniform,
  kGamma,
  kOnOff,
  kTrace,
  kChain
};

enum class PhaseLengths { kExponential, kFixed };

// Parameters that a process doesn't take keep their defaults.
struct ArrivalSpec {
  ArrivalProcess process = ArrivalProcess::kSaturate;
  double rate_per_s = 0;  // mean; on-off: while on
  Nanoseconds think{0};   // closed
  double cv = 1;          // gamma: standard deviation of the gaps / their mean; 1 is poisson
  Nanoseconds on{0};      // on-off: mean lengths of its phases
  Nanoseconds off{0};
  PhaseLengths phases = PhaseLengths::kExponential;
  TraceSpec trace = {};

  friend bool operator==(const ArrivalSpec&, const ArrivalSpec&) = default;
};

// One entry of the list of processes: what readers of files and flags, and help texts, go by.
struct ArrivalInfo {
  ArrivalProcess process;
  std::string_view name;
  bool open;
  std::size_t required;  // how many of the parameters, from the first on, must be given
  std::span<const std::string_view> parameters;  // as in a scenario: "rate", "cv"
  std::string_view meaning;
};
[[nodiscard]] std::span<const ArrivalInfo> arrival_processes();
[[nodiscard]] const ArrivalInfo& info(ArrivalProcess process);
[[nodiscard]] std::optional<ArrivalProcess> arrival_process_from_name(std::string_view name);
[[nodiscard]] bool is_open(ArrivalProcess process);
[[nodiscard]] std::string_view name(ArrivalProcess process);
[[nodiscard]] std::string_view name(PhaseLengths phases);
// Of every process, each once.
[[nodiscard]] std::vector<std::string_view> arrival_parameters();
[[nodiscard]] bool takes(ArrivalProcess process, std::string_view parameter);
// "poisson, uniform, gamma, on-off".
[[nodiscard]] std::string processes_that_take(std::string_view parameter);

// What is wrong with a parameter's value, if anything is.
struct ArrivalProblem {
  std::string_view parameter;
  std::string message;
  std::string hint;
};
[[nodiscard]] std::optional<ArrivalProblem> problem_of(const ArrivalSpec& spec);
// Whether a workload would begin again at once without having worked: all it did would be to write
// records, as fast as the host can.
[[nodiscard]] std::optional<ArrivalProblem> pace_problem(std::string_view workload,
                                                         const ArrivalSpec& spec);

// "poisson 200/s", "gamma 200/s, cv 3", "closed, 100ms think", "trace code.csv, 2x".
[[nodiscard]] std::string describe(const ArrivalSpec& spec);
// The flags of kts-worker that say the same.
[[nodiscard]] std::vector<std::string> arguments_of(const ArrivalSpec& spec);
[[nodiscard]] std::string_view arrival_flag(std::string_view parameter);
// In the long run; empty for closed processes and traces.
[[nodiscard]] std::optional<double> mean_rate_per_s(const ArrivalSpec& spec);

// Seed of one block's schedule: repeats of a phase see different arrivals, repeats of a run the
// same.
[[nodiscard]] std::uint64_t block_seed(std::uint64_t seed, int block);

struct Arrival {
  Nanoseconds gap{0};  // since the last one, or the block's start
  RequestShape shape;  // of a trace; else the workload's own
};

// The due times of an open process, reproducible from the seed on every platform. Begins in the
// middle of things: the wait for the first arrival is what is left of a gap at a random instant, so
// that the rate is right from the start and agents of one rate don't march in step.
class ArrivalSchedule {
 public:
  // Any open process but kChain. `trace` for ArrivalProcess::kTrace, and as long as the schedule
  // lives. A wrapping one begins at a random instant of its stretch.
  ArrivalSchedule(const ArrivalSpec& spec, std::uint64_t seed, const Trace* trace = nullptr);
  // Empty once a trace that doesn't wrap has ended.
  [[nodiscard]] std::optional<Arrival> next();

 private:
  double uniform();      // [0, 1)
  double exponential();  // mean 1
  double normal();
  double gamma(double shape);  // scale 1

  double next_gap_ns();
  double gamma_gap_ns();
  double on_off_gap_ns();
  double phase_ns(Nanoseconds mean);
  std::optional<Arrival> next_of_trace();
  void enter_trace();

  ArrivalSpec spec_;
  const Trace* trace_;
  std::uint64_t state_;
  bool first_ = true;
  double spare_normal_ = 0;
  bool has_spare_normal_ = false;
  double on_left_ns_ = 0;
  // Of a trace: where it was entered, how often it has begun again, the row to come, and the last
  // arrival's instant since the entry.
  std::int64_t entered_ns_ = 0;
  std::int64_t round_ns_ = 0;
  std::size_t row_ = 0;
  std::int64_t last_ns_ = 0;
};

}  // namespace kts::workload
