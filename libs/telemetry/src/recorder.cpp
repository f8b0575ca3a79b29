// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/recorder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <thread>

#include "track.hpp"

namespace kts::telemetry {
namespace {

// Looks at its tracks in turn, each when it is due.
class Pacer {
 public:
  Pacer(std::vector<std::unique_ptr<Track>> tracks, std::filesystem::path folder,
        std::string suffix, EpochOffset offset)
      : tracks_(std::move(tracks)),
        folder_(std::move(folder)),
        suffix_(std::move(suffix)),
        offset_(offset),
        due_(tracks_.size(), MonotonicTimeline::now()),
        thread_([this] { loop(); }) {}
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
    for (const auto& track : tracks_) {
      KTS_TRY(SourceFacts one, track->finish());
      facts.push_back(std::move(one));
    }
    return status_;
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_ && status_) {
      const auto next = std::ranges::min_element(due_);
      if (next == due_.end() || *next == MonotonicTime::max()) return;
      if (wake_.wait_for(lock, *next - MonotonicTimeline::now(), [this] { return stopping_; })) {
        return;
      }
      Track& track = *tracks_[static_cast<std::size_t>(next - due_.begin())];
      lock.unlock();
      status_ = track.look(folder_, suffix_, offset_);
      lock.lock();
      // A source that takes longer than its period leaves a gap, not a burst.
      *next = track.given_up() ? MonotonicTime::max()
                               : std::max(*next + track.period(), MonotonicTimeline::now());
    }
  }

  std::vector<std::unique_ptr<Track>> tracks_;
  std::filesystem::path folder_;
  std::string suffix_;
  EpochOffset offset_;
  std::vector<MonotonicTime> due_;  // of the thread alone, as is status_
  Status status_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

class ThreadedRecorder final : public Recorder {
 public:
  explicit ThreadedRecorder(RecorderOptions options) : options_(std::move(options)) {
    const auto run = [&](std::vector<std::unique_ptr<Track>> tracks) {
      pacers_.push_back(std::make_unique<Pacer>(std::move(tracks), options_.folder, options_.suffix,
                                                options_.offset));
    };
    if (device::GpuSource* const gpus = options_.gpus; gpus != nullptr) {
      const int gpu = options_.gpu;
      const Paces& paces = options_.paces;
      std::vector<std::unique_ptr<Track>> quick;
      quick.push_back(nvml_track(*gpus, gpu, paces.nvml));
      run(std::move(quick));
      std::vector<std::unique_ptr<Track>> slow;
      slow.push_back(gpm_track(*gpus, gpu, paces.gpm));
      slow.push_back(counters_track(*gpus, gpu, paces.counters));
      slow.push_back(processes_track(*gpus, gpu, paces.processes, agents_, options_.offset));
      slow.push_back(xid_track(*gpus, gpu, paces.xid));
      run(std::move(slow));
    }
    if (!options_.dcgm_url.empty()) {
      std::vector<std::unique_ptr<Track>> pages;
      pages.push_back(dcgm_track(options_.dcgm_url, options_.card, options_.paces.dcgm, stopping_));
      run(std::move(pages));
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
