// SPDX-License-Identifier: Apache-2.0
// What recording telemetry costs, as a share of one core, at the paces of a run: against replayed
// answers, which cost next to nothing to ask for, and against the driver where there is one.
// Opening the sources, in the first second, is said apart.
// usage: bench_telemetry [SECONDS [driver]]   20 by default, 10 at least; `driver`: only against it
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "kts/base/clock.hpp"
#include "kts/base/files.hpp"
#include "kts/device/gpu.hpp"
#include "kts/telemetry/recorder.hpp"

namespace {

using namespace kts;

constexpr double kLimit = 0.005;  // of one core
constexpr double kShortest = 10;  // s: the dearest sources come every few seconds
constexpr Nanoseconds kOpening = std::chrono::seconds(1);  // measured apart

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// What calls of a source take on average, asked as quickly as it answers.
template <typename Call>
void time_call(const char* what, Call call, Nanoseconds pause = {}) {
  constexpr int kCalls = 20;
  double wall = 0, cpu = 0;
  for (int i = 0; i <= kCalls; ++i) {
    const double cpu_before = cpu_seconds();
    const MonotonicTime begin = MonotonicTimeline::now();
    if (!call()) return;
    const MonotonicTime end = MonotonicTimeline::now();
    // The first one may open things.
    if (i > 0) wall += std::chrono::duration<double>(end - begin).count();
    if (i > 0) cpu += cpu_seconds() - cpu_before;
    std::this_thread::sleep_for(pause);
  }
  fmt::print("  {:<20} {:8.0f} µs a call, {:8.0f} µs of CPU\n", what, wall / kCalls * 1e6,
             cpu / kCalls * 1e6);
}

std::string in_us(const std::optional<Nanoseconds>& cost) {
  return cost ? fmt::format("{:.0f} µs", std::chrono::duration<double, std::micro>(*cost).count())
              : std::string("?");
}

Status measure(const char* what, device::GpuSource& source, double seconds) {
  KTS_TRY(const TemporaryDirectory folder, TemporaryDirectory::create("kts-bench"));
  telemetry::RecorderOptions options;
  options.gpus = &source;
  options.offset = EpochOffset::measure();
  options.folder = folder.path();
  const double cpu_at_start = cpu_seconds();
  const MonotonicTime start = MonotonicTimeline::now();
  KTS_TRY(const auto recorder, telemetry::Recorder::start(std::move(options)));
  std::this_thread::sleep_for(kOpening);
  const double cpu = cpu_seconds();
  const MonotonicTime begin = MonotonicTimeline::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const double share = (cpu_seconds() - cpu) /
                       std::chrono::duration<double>(MonotonicTimeline::now() - begin).count();
  KTS_TRY(const auto facts, recorder->stop());
  const double wall = std::chrono::duration<double>(MonotonicTimeline::now() - start).count();
  fmt::print("{}: {:.3f} % of one core over {:.0f} s (limit {:.1f} %){}\n", what, share * 100,
             seconds, kLimit * 100, share > kLimit ? ": ABOVE" : "");
  fmt::print("  opening, the first {:.0f} s: {:.1f} ms of CPU\n",
             std::chrono::duration<double>(kOpening).count(), (cpu - cpu_at_start) * 1e3);
  for (const auto& one : facts) {
    if (!one.missing.empty()) {
      fmt::print("  {:<16} {}\n", one.name, one.missing);
      continue;
    }
    fmt::print(
        "  {:<16} every {:.3f} s, {} of CPU at first, then {} a look; {:.1f} readings/s, {} gaps, "
        "renewed every {}\n",
        one.name, std::chrono::duration<double>(one.asked_every).count(), in_us(one.opening_cpu),
        in_us(one.look_cpu), static_cast<double>(one.readings) / wall, one.gaps,
        one.renewed_every
            ? fmt::format("{:.3f} s", std::chrono::duration<double>(*one.renewed_every).count())
            : std::string("?"));
    if (!one.stretched.empty()) fmt::print("  {:<16} {}\n", "", one.stretched);
  }
  return {};
}

Status bench(double seconds, bool only_driver) {
  if (only_driver) {
    KTS_TRY(const auto nvml, device::open_nvml());
    return measure("driver", *nvml, seconds);
  }
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
  // Oftener than every 100 ms it isn't asked at all.
  time_call(
      "gpm", [&] { return source.gpm(0).has_value(); }, std::chrono::milliseconds(150));
  time_call("processes", [&] { return source.compute_processes(0).has_value(); });
  time_call("process_use", [&] { return source.process_use(0, 1).has_value(); });
  time_call("nvml_counters", [&] { return source.counters(0).has_value(); });
  time_call("xid", [&] { return source.xid_errors(0).has_value(); });
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto done = bench(std::max(kShortest, argc > 1 ? std::atof(argv[1]) : 20),
                          argc > 2 && std::string_view(argv[2]) == "driver");
  if (done) return 0;
  fmt::print(stderr, "bench_telemetry: {}\n", kts::to_line(done.error()));
  return kts::exit_code(done.error());
}
