// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/recorder.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <thread>

#include "pace.hpp"
#include "track.hpp"

namespace kts::telemetry {
namespace {

Nanoseconds kernel_thread_cpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

struct Asked {
  std::unique_ptr<Track> track;
  CostPace pace;
  MonotonicTime due;
};

// Looks at its tracks in turn, each when it is due.
class Pacer {
 public:
  Pacer(std::vector<Asked> asked, const RecorderOptions& options)
      : asked_(std::move(asked)), options_(options), thread_([this] { loop(); }) {}
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;
  ~Pacer() { end(); }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  // After end().
  Status finish(std::vector<SourceFacts>& facts) {
    for (const Asked& one : asked_) {
      KTS_TRY(SourceFacts told, one.track->finish());
      one.pace.tell(told, one.track->period());
      facts.push_back(std::move(told));
    }
    return status_;
  }

 private:
  void loop() {
    // Waking up and waiting count as the next look's: all that the thread takes is somebody's.
    Nanoseconds cpu_before = options_.thread_cpu();
    std::unique_lock lock(mutex_);
    while (!stopping_ && status_) {
      const auto next = std::ranges::min_element(asked_, {}, &Asked::due);
      if (next == asked_.end() || next->due == MonotonicTime::max()) return;
      if (wake_.wait_for(lock, next->due - MonotonicTimeline::now(),
                         [this] { return stopping_; })) {
        return;
      }
      Track& track = *next->track;
      lock.unlock();
      status_ = track.look(options_.folder, options_.suffix, options_.offset);
      const Nanoseconds cpu = options_.thread_cpu();
      next->due =
          next->pace.next(next->due, MonotonicTimeline::now(), cpu - cpu_before, track.period());
      if (track.given_up()) next->due = MonotonicTime::max();
      cpu_before = cpu;
      lock.lock();
    }
  }

  std::vector<Asked> asked_;  // of the thread until end(), as is status_
  const RecorderOptions& options_;
  Status status_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

class ThreadedRecorder final : public Recorder {
 public:
  explicit ThreadedRecorder(RecorderOptions options) : options_(std::move(options)) {
    if (!options_.thread_cpu) options_.thread_cpu = kernel_thread_cpu;
    // By what a look costs and what its pace is worth: they come to 1 without an exporter.
    const bool card = options_.gpus != nullptr;
    const bool exporter = !options_.dcgm_url.empty();
    const double all = (card ? 1.0 : 0.0) + (exporter ? 0.2 : 0.0);
    const MonotonicTime now = MonotonicTimeline::now();
    const auto asked = [&](double part, std::unique_ptr<Track> track) {
      return Asked{std::move(track), CostPace(options_.core_share * part / all), now};
    };
    const auto run = [&](auto... sources) {
      std::vector<Asked> together;
      (together.push_back(std::move(sources)), ...);
      pacers_.push_back(std::make_unique<Pacer>(std::move(together), options_));
    };
    const Paces& paces = options_.paces;
    if (card) {
      device::GpuSource& gpus = *options_.gpus;
      const int gpu = options_.gpu;
      run(asked(0.3, nvml_track(gpus, gpu, paces.nvml)));
      run(asked(0.38, gpm_track(gpus, gpu, paces.gpm)),
          asked(0.11, counters_track(gpus, gpu, paces.counters)),
          asked(0.18, processes_track(gpus, gpu, paces.processes, agents_, options_.offset,
                                      options_.no_figures_of_processes)),
          asked(0.03, xid_track(gpus, gpu, paces.xid)));
    }
    if (exporter) {
      run(asked(0.2, dcgm_track(options_.dcgm_url, options_.card, paces.dcgm, stopping_)));
    }
  }
  ThreadedRecorder(const ThreadedRecorder&) = delete;
  ThreadedRecorder& operator=(const ThreadedRecorder&) = delete;
  ~ThreadedRecorder() override { stopping_ = true; }

  void know(std::map<std::int64_t, std::string> agents) override {
    const auto now = options_.offset.to_epoch(MonotonicTimeline::now());
    agents_.know(std::move(agents), now.time_since_epoch().count());
  }

  Result<std::vector<SourceFacts>> stop() override {
    stopping_ = true;
    std::vector<SourceFacts> facts;
    for (const auto& pacer : pacers_) pacer->end();
    for (const auto& pacer : pacers_) KTS_CHECK_OK(pacer->finish(facts));
    return facts;
  }

 private:
  RecorderOptions options_;
  KnownAgents agents_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::unique_ptr<Pacer>> pacers_;
};

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::start(RecorderOptions options) {
  if (!options.dcgm_url.empty()) KTS_CHECK_OK(check_exporter_url(options.dcgm_url));
  return std::make_unique<ThreadedRecorder>(std::move(options));
}

Status check_exporter_url(const std::string& url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.starts_with(scheme) && url.size() > scheme.size()) return {};
  }
  return bad_input(fmt::format("'{}' is no URL of a DCGM exporter", url),
                   "name it whole, as in http://localhost:9400/metrics", "--dcgm");
}

std::vector<SourceFacts> look_at_sources(device::GpuSource& gpus, int gpu) {
  const Paces paces;
  std::vector<SourceFacts> facts;
  const auto note = [&](std::string_view name, Nanoseconds pace, const auto& answer) {
    SourceFacts one;
    one.name = name;
    one.asked_every = pace;
    if (!answer) one.missing = to_line(answer.error());
    facts.push_back(std::move(one));
  };
  note("nvml", paces.nvml, gpus.sample(gpu));
  note("gpm", paces.gpm, gpus.gpm(gpu));
  note("nvml_counters", paces.counters, gpus.counters(gpu));
  note("processes", paces.processes, gpus.compute_processes(gpu));
  note("xid", paces.xid, gpus.xid_errors(gpu));
  if (const auto uses = gpus.process_use(gpu, 0); !uses) {
    facts[3].refused = {{"sm_percent", to_line(uses.error())}};
  }
  for (const auto& [field, why] : gpus.refusals(gpu)) {
    for (SourceFacts& one : facts) {
      const auto columns = find_source(one.name)->columns;
      if (std::ranges::find(columns, std::string_view(field), &Column::name) != columns.end() &&
          one.name != "processes") {
        one.refused.emplace(field, why);
      }
    }
  }
  return facts;
}

}  // namespace kts::telemetry
