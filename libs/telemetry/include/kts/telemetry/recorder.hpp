// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/device/gpu.hpp"

namespace kts::telemetry {

// How often each source is asked at most: its cost may stretch it. What blocks has a
// thread of its own, and PCIe its own pace.
struct Paces {
  Nanoseconds nvml = std::chrono::milliseconds(100);
  Nanoseconds gpm = std::chrono::milliseconds(1500);
  Nanoseconds processes = std::chrono::seconds(4);
  Nanoseconds xid = std::chrono::milliseconds(500);
  Nanoseconds counters = std::chrono::seconds(5);
  Nanoseconds dcgm = std::chrono::seconds(1);  // or faster, as long as its values keep changing
};

// What all sources together may take of one core. Each has a share, of the CPU time that its thread
// measures, and is asked no more often than that allows.
inline constexpr double kCoreShare = 0.004;

struct RecorderOptions {
  device::GpuSource* gpus = nullptr;  // outlives the recorder; null: no driver
  int gpu = 0;                        // NVML's index
  std::string card;                   // its UUID, for DCGM; empty: whatever the exporter says
  std::string dcgm_url;               // of DCGM's exporter; empty: none
  EpochOffset offset;
  std::filesystem::path folder;  // telemetry/
  std::string suffix;            // of the files' names: "nvml<suffix>.csv"
  // Why the driver's figures of one process say nothing, as under MPS: they stay empty, and this is
  // what refused says. Empty: they count.
  std::string no_figures_of_processes;
  Paces paces;
  double core_share = kCoreShare;
  // The CPU time of the calling thread; null: the kernel's.
  std::function<Nanoseconds()> thread_cpu;
};

// What became of a source.
struct SourceFacts {
  std::string name;                            // as in sources()
  std::string file;                            // "nvml.csv"; empty: it never gave anything
  std::string missing;                         // then: why, and how to get it
  Nanoseconds asked_every{0};                  // the mean that came out
  std::string stretched;                       // how much more seldom than its pace, and why; or ""
  std::optional<Nanoseconds> opening_cpu;      // CPU time of the first look, which opens things
  std::optional<Nanoseconds> look_cpu;         // mean of the others
  std::optional<Nanoseconds> renewed_every;    // median time between changed readings; two at least
  std::uint64_t readings = 0;                  // lines
  std::uint64_t gaps = 0;                      // looks that it refused
  std::map<std::string, std::string> refused;  // fields that stayed empty, in the driver's words
};

// Asks the telemetry sources again and again from threads of its own and writes what they say. A
// source that refuses the first three looks is given up; later refusals are gaps.
class Recorder {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Recorder>> start(RecorderOptions options);
  virtual ~Recorder() = default;
  // Whose processes these are from now on; {} when they end, so that a PID that is used again isn't
  // taken for an agent.
  virtual void know(std::map<std::int64_t, std::string> agents) = 0;
  // Ends the threads. The facts, or the first thing that went wrong with a file.
  [[nodiscard]] virtual Result<std::vector<SourceFacts>> stop() = 0;
};

// kBadInput when this can't be the URL of an exporter's page.
[[nodiscard]] Status check_exporter_url(const std::string& url);

// One look at every source of a card, and what a run would have of it: for kts doctor.
[[nodiscard]] std::vector<SourceFacts> look_at_sources(device::GpuSource& gpus, int gpu);

}  // namespace kts::telemetry
