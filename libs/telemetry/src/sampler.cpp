// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/sampler.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "kts/base/files.hpp"

namespace kts::telemetry {
namespace {

class ThreadSampler final : public Sampler {
 public:
  ThreadSampler(device::GpuSource& source, std::vector<int> gpus, EpochOffset offset,
                OutputFile file, Nanoseconds period)
      : source_(source),
        gpus_(std::move(gpus)),
        offset_(offset),
        file_(std::move(file)),
        period_(period),
        thread_([this] { loop(); }) {}
  ThreadSampler(const ThreadSampler&) = delete;
  ThreadSampler& operator=(const ThreadSampler&) = delete;
  ~ThreadSampler() override { end(); }

  Result<std::vector<Reading>> stop() override {
    end();
    if (status_) status_ = file_.close();
    if (!status_) return tl::unexpected(status_.error());
    return std::move(readings_);
  }

 private:
  void end() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void loop() {
    MonotonicTime next = MonotonicTimeline::now();
    std::unique_lock lock(mutex_);
    while (!stopping_ && status_) {
      lock.unlock();
      look();
      lock.lock();
      // A driver that takes longer than a period leaves a gap, not a burst.
      next = std::max(next + period_, MonotonicTimeline::now());
      wake_.wait_for(lock, next - MonotonicTimeline::now(), [this] { return stopping_; });
    }
  }

  void look() {
    for (const int gpu : gpus_) {
      const auto sample = source_.sample(gpu);
      if (!sample) continue;
      const auto now = offset_.to_epoch(MonotonicTimeline::now());
      readings_.push_back({now.time_since_epoch().count(), gpu, *sample});
      if (status_) status_ = file_.write(csv_row(readings_.back()));
    }
  }

  device::GpuSource& source_;
  std::vector<int> gpus_;
  EpochOffset offset_;
  OutputFile file_;
  Nanoseconds period_;
  // Written by the thread, read after its end.
  std::vector<Reading> readings_;
  Status status_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::string csv_row(const Reading& reading) {
  const device::GpuSample& s = reading.sample;
  std::string row = fmt::format("{},{}", reading.epoch_ns, reading.gpu);
  const auto field = [&row](const auto& value, const char* format) {
    row += ',';
    if (value) row += fmt::format(fmt::runtime(format), *value);
  };
  field(s.sm_clock_mhz, "{}");
  field(s.memory_clock_mhz, "{}");
  field(s.power_watts, "{:.3f}");
  field(s.temperature_celsius, "{}");
  field(s.clock_event_reasons, "{:#x}");
  field(s.utilisation_percent, "{}");
  return row + "\n";
}

Result<std::unique_ptr<Sampler>> Sampler::start(device::GpuSource& source, std::vector<int> gpus,
                                                EpochOffset offset,
                                                const std::filesystem::path& csv,
                                                Nanoseconds period) {
  KTS_TRY(OutputFile file, OutputFile::create(csv));
  KTS_CHECK_OK(file.write(kCsvHeader));
  return std::make_unique<ThreadSampler>(source, std::move(gpus), offset, std::move(file), period);
}

}  // namespace kts::telemetry
