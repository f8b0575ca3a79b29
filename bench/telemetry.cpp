// SPDX-License-Identifier: Apache-2.0
// What recording telemetry costs, as a share of one core, at the paces of a run: against replayed
// answers, which cost next to nothing to ask for, and against the driver where there is one.
// usage: bench_telemetry [SECONDS]
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "kts/base/clock.hpp"
#include "kts/base/files.hpp"
#include "kts/device/gpu.hpp"
#include "kts/telemetry/recorder.hpp"

namespace {

using namespace kts;

constexpr double kLimit = 0.005;  // of one core

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// A median call's cost says which source to look at.
template <typename Call>
void time_call(const char* what, Call call) {
  constexpr int kCalls = 20;
  double wall = 0;
  const double cpu = cpu_seconds();
  for (int i = 0; i < kCalls; ++i) {
    const MonotonicTime begin = MonotonicTimeline::now();
    if (!call()) return;
    wall += std::chrono::duration<double>(MonotonicTimeline::now() - begin).count();
  }
  fmt::print("  {:<20} {:8.0f} µs a call, {:8.0f} µs of CPU\n", what, wall / kCalls * 1e6,
             (cpu_seconds() - cpu) / kCalls * 1e6);
}

Status measure(const char* what, device::GpuSource& source, double seconds) {
  KTS_TRY(const TemporaryDirectory folder, TemporaryDirectory::create("kts-bench"));
  telemetry::RecorderOptions options;
  options.gpus = &source;
  options.offset = EpochOffset::measure();
  options.folder = folder.path();
  const double cpu = cpu_seconds();
  const MonotonicTime begin = MonotonicTimeline::now();
  KTS_TRY(const auto recorder, telemetry::Recorder::start(std::move(options)));
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  KTS_TRY(const auto facts, recorder->stop());
  const double wall = std::chrono::duration<double>(MonotonicTimeline::now() - begin).count();
  const double share = (cpu_seconds() - cpu) / wall;
  fmt::print("{}: {:.3f} % of one core over {:.0f} s (limit {:.1f} %){}\n", what, share * 100, wall,
             kLimit * 100, share > kLimit ? ": ABOVE" : "");
  for (const auto& one : facts) {
    fmt::print(
        "  {:<16} {}\n", one.name,
        one.missing.empty()
            ? fmt::format(
                  "{:.1f} readings/s, {} gaps, renewed every {}",
                  static_cast<double>(one.readings) / wall, one.gaps,
                  one.renewed_every
                      ? fmt::format("{:.3f} s",
                                    std::chrono::duration<double>(*one.renewed_every).count())
                      : std::string("?"))
            : one.missing);
  }
  return {};
}

Status bench(double seconds) {
  const std::filesystem::path recording = "libs/device/tests/data/eventful.json";
  std::error_code ec;
  KTS_TRY(const auto replay, device::open_recording(std::filesystem::exists(recording, ec)
                                                        ? recording
                                                        : KTS_SOURCE_DIR / recording));
  KTS_CHECK_OK(measure("replayed answers", *replay, seconds));
  const auto nvml = device::open_nvml();
  if (!nvml) {
    fmt::print("driver: skipped, {}\n", to_line(nvml.error()));
    return {};
  }
  KTS_CHECK_OK(measure("driver", **nvml, seconds));
  device::GpuSource& source = **nvml;
  time_call("nvml", [&] { return source.sample(0).has_value(); });
  time_call("processes", [&] { return source.compute_processes(0).has_value(); });
  time_call("process_use", [&] { return source.process_use(0, 1).has_value(); });
  time_call("nvml_counters", [&] { return source.counters(0).has_value(); });
  time_call("xid", [&] { return source.xid_errors(0).has_value(); });
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
  const auto done = bench(seconds > 0 ? seconds : 5);
  if (done) return 0;
  fmt::print(stderr, "bench_telemetry: {}\n", kts::to_line(done.error()));
  return kts::exit_code(done.error());
}
