// SPDX-License-Identifier: Apache-2.0
#include "cpu_engine.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpu_work.hpp"
#include "kts/base/clock.hpp"
#include "kts/record/iteration.hpp"
#include "kts/workload/cost.hpp"
#include "kts/workload/futex.hpp"
#include "kts/workload/memory.hpp"
#include "kts/workload/registry.hpp"

namespace kts::workload {
namespace {

std::string model_name() {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with("model name")) continue;
    const auto value = line.find_first_not_of(" \t", std::min(line.find(':'), line.size() - 1) + 1);
    if (value != std::string::npos) return line.substr(value);
  }
  return "CPU";
}

Status pin_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (core < CPU_SETSIZE) CPU_SET(static_cast<unsigned>(core), &set);
  if (const int code = pthread_setaffinity_np(pthread_self(), sizeof set, &set); code != 0) {
    return environment_lacks(with_errno(fmt::format("core {} can't be used", core), code),
                             "taskset -p $$ shows the cores that can", "--device-core");
  }
  return {};
}

std::int64_t now_ns() { return MonotonicTimeline::now().time_since_epoch().count(); }

class CpuEngine final : public Engine {
 public:
  CpuEngine(const EngineSpec& spec, std::unique_ptr<CpuWork> work)
      : spec_(spec),
        work_(std::move(work)),
        queue_(std::bit_ceil(static_cast<std::size_t>(spec.in_flight))),
        slots_(static_cast<std::size_t>(spec.in_flight)) {}

  ~CpuEngine() override {
    if (!thread_.joinable()) return;
    leaving_.store(true, std::memory_order_relaxed);
    submitted_.fetch_add(1, std::memory_order_release);
    futex_wake_all(submitted_);
    thread_.join();
  }

  Status start() {
    std::promise<Status> ready;
    auto outcome = ready.get_future();
    thread_ = std::thread([this, &ready] { live(ready); });
    return outcome.get();
  }

  DeviceIdentity device() const override { return processor_as_device(spec_.device_core); }
  std::uint64_t operand_bytes() const override { return memory_of(spec_.workload, "cpu").total(); }

  Status warm_up(int iterations) override {
    for (int i = 0; i < std::max(iterations, spec_.in_flight); ++i) {
      submit(i % spec_.in_flight, {});
      wait(i % spec_.in_flight);
    }
    return {};
  }

  Result<Verification> verify() override {
    submit(0, {});
    wait(0);
    return work_->verify();
  }

  void submit(int slot, const RequestShape& shape) noexcept override {
    const std::uint32_t number = submitted_.load(std::memory_order_relaxed);
    queue_[number % queue_.size()] = slot;
    slots_[static_cast<std::size_t>(slot)].number = number + 1;
    slots_[static_cast<std::size_t>(slot)].shape = shape;
    submitted_.store(number + 1, std::memory_order_release);
    futex_wake_all(submitted_);
    for (std::int64_t piece = 1; piece < pieces_; ++piece) {
      handed_over_.fetch_add(1, std::memory_order_release);
      futex_wake_all(handed_over_);
    }
  }

  void wait(int slot) noexcept override {
    const std::uint32_t wanted = slots_[static_cast<std::size_t>(slot)].number;
    for (;;) {
      const std::uint32_t done = done_.load(std::memory_order_acquire);
      // Counters wrap; what is in flight is far less than half their range.
      if (static_cast<std::int32_t>(done - wanted) >= 0) return;
      if (spec_.sync == SyncMode::kSpin) {
        relax();
      } else {
        futex_wait(done_, done);
      }
    }
  }

  DeviceSpan span(int slot) noexcept override {
    return slots_[static_cast<std::size_t>(slot)].span;
  }

  std::span<const std::int64_t> token_times(int slot) const noexcept override {
    return work_->token_times(slot);
  }

  // Device and host read one clock.
  Result<ClockCalibration> calibrate() override { return ClockCalibration{}; }
  Status status() const override { return {}; }

  Result<bool> results_finite() override {
    const auto result = work_->result();
    return std::all_of(result.begin(), result.end(), [](float x) { return std::isfinite(x); });
  }

  std::optional<Growth> growth() const override { return work_->growth(); }

  std::int64_t device_cpu_ns() const override {
    clockid_t clock{};
    timespec t{};
    if (pthread_getcpuclockid(const_cast<std::thread&>(thread_).native_handle(), &clock) != 0 ||
        clock_gettime(clock, &t) != 0) {
      return record::kUnavailable;
    }
    return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
  }

 private:
  struct Slot {
    std::uint32_t number = 0;  // of its last submission, from 1
    RequestShape shape;
    DeviceSpan span;
  };

  void live(std::promise<Status>& ready) {
    pthread_setname_np(pthread_self(), "kts-device");
    Status status = spec_.device_core < 0 ? Status{} : pin_to(spec_.device_core);
    if (status) status = work_->prepare(spec_);
    const bool ok = status.has_value();
    pieces_ = ok ? work_->pieces() : 1;
    ready.set_value(std::move(status));
    if (!ok) return;

    std::uint32_t next = 0;
    std::uint32_t taken = 0;
    for (;;) {
      const std::uint32_t submitted = submitted_.load(std::memory_order_acquire);
      if (submitted == next) {
        futex_wait(submitted_, submitted);
        continue;
      }
      if (leaving_.load(std::memory_order_relaxed)) return;
      const int number = queue_[next % queue_.size()];
      Slot& slot = slots_[static_cast<std::size_t>(number)];
      slot.span.start_ns = now_ns();
      work_->run(number, slot.shape);
      for (std::int64_t piece = 1; piece < pieces_; ++piece) {
        for (;;) {
          const std::uint32_t handed_over = handed_over_.load(std::memory_order_acquire);
          if (handed_over != taken) break;
          futex_wait(handed_over_, handed_over);
        }
        ++taken;
        work_->run(number, slot.shape);
      }
      slot.span.end_ns = now_ns();
      done_.store(++next, std::memory_order_release);
      if (spec_.sync == SyncMode::kBlock) futex_wake_all(done_);
    }
  }

  EngineSpec spec_;
  std::unique_ptr<CpuWork> work_;
  std::vector<int>
      queue_;  // slots in the order of submission; a power of two, so counters may wrap
  std::vector<Slot> slots_;
  std::int64_t pieces_ = 1;  // of an iteration; the first comes with its submission
  alignas(64) std::atomic<std::uint32_t> submitted_{0};
  std::atomic<std::uint32_t> handed_over_{0};  // further pieces
  std::atomic<bool> leaving_{false};
  alignas(64) std::atomic<std::uint32_t> done_{0};
  std::thread thread_;
};

}  // namespace

DeviceIdentity processor_as_device(int core) {
  return {"cpu", model_name(), core < 0 ? std::string("cpu") : fmt::format("cpu:{}", core)};
}

Result<std::unique_ptr<Engine>> make_cpu_engine(const EngineSpec& spec) {
  auto work = make_cpu_work(spec.workload.kind());
  if (!work) {
    return environment_lacks(
        fmt::format("the CPU backend has no workload '{}'", spec.workload.kind()));
  }
  if (spec.threads > 1 && spec.device_core >= 0) {
    return bad_input(fmt::format("{} threads on one core", spec.threads),
                     "take one thread, or leave the device thread free of a core", "--threads");
  }
  KTS_CHECK_OK(require_memory(memory_of(spec.workload, "cpu").total(), available_memory()));
  auto engine = std::make_unique<CpuEngine>(spec, std::move(work));
  KTS_CHECK_OK(engine->start());
  return engine;
}

}  // namespace kts::workload
