// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "kts/base/files.hpp"
#include "kts/telemetry/recorder.hpp"
#include "kts/telemetry/sources.hpp"

namespace kts::telemetry {

// Which process is which agent, and since when.
class KnownAgents {
 public:
  void know(std::map<std::int64_t, std::string> agents, std::int64_t epoch_ns);
  // Empty: not an agent, or not yet one at that time.
  [[nodiscard]] std::string of(std::int64_t pid, std::int64_t epoch_ns) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::string> agents_;
  std::int64_t since_ns_ = 0;
};

// One source's file, look by look. Not thread-safe.
class Track {
 public:
  Track(std::string_view name, Nanoseconds period);
  virtual ~Track() = default;
  Track(const Track&) = delete;
  Track& operator=(const Track&) = delete;

  // Asks once and writes what came, into telemetry/<name><suffix>.csv; the file is made when the
  // source first gives something. An error is the file's.
  [[nodiscard]] Status look(const std::filesystem::path& folder, const std::string& suffix,
                            EpochOffset offset);
  [[nodiscard]] bool given_up() const { return given_up_; }
  [[nodiscard]] Nanoseconds period() const { return period_; }
  // Closes the file.
  [[nodiscard]] Result<SourceFacts> finish();

 protected:
  // A line behind its time stamp, without the newline.
  using Rows = std::vector<std::string>;
  [[nodiscard]] virtual Result<Rows> ask() = 0;
  [[nodiscard]] virtual std::map<std::string, std::string> refused() const { return {}; }
  // For sources whose pace depends on what they say: whether this look gave something new.
  virtual void saw(bool /*renewed*/) {}
  void set_period(Nanoseconds period) { period_ = period; }

 private:
  [[nodiscard]] Status write(const Rows& rows, MonotonicTime when, const EpochOffset& offset);

  const Source& source_;
  Nanoseconds period_;
  SourceFacts facts_;
  std::optional<OutputFile> file_;
  bool given_up_ = false;
  Rows last_;
  std::optional<MonotonicTime> last_change_;
  std::vector<Nanoseconds> changes_;
};

[[nodiscard]] std::unique_ptr<Track> nvml_track(device::GpuSource& gpus, int gpu, Nanoseconds pace);
[[nodiscard]] std::unique_ptr<Track> gpm_track(device::GpuSource& gpus, int gpu, Nanoseconds pace);
[[nodiscard]] std::unique_ptr<Track> counters_track(device::GpuSource& gpus, int gpu,
                                                    Nanoseconds pace);
[[nodiscard]] std::unique_ptr<Track> xid_track(device::GpuSource& gpus, int gpu, Nanoseconds pace);
// `offset` tells the driver's wall clock, from which on use counts. `no_figures` as in
// RecorderOptions: which processes there are is told without them.
[[nodiscard]] std::unique_ptr<Track> processes_track(device::GpuSource& gpus, int gpu,
                                                     Nanoseconds pace, const KnownAgents& agents,
                                                     EpochOffset offset, std::string no_figures);
[[nodiscard]] std::unique_ptr<Track> dcgm_track(std::string url, std::string card,
                                                Nanoseconds slowest, const std::atomic<bool>& stop);

}  // namespace kts::telemetry
