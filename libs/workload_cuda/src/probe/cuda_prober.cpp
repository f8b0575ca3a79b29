// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "cuda_clock.hpp"
#include "cuda_error.hpp"
#include "device_identity.hpp"
#include "kernels/memory.hpp"
#include "kts/base/clock.hpp"
#include "kts/workload/cuda_module.hpp"
#include "kts/workload/probe.hpp"
#include "kts/workload_cuda/clock_map.hpp"
#include "probe/probe_kernels.hpp"

namespace kts::workload_cuda {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using workload::ProbeTask;
using workload::ProbeTrace;

constexpr std::uint32_t kRoomForGaps = 65'536;
constexpr std::int64_t kMostRepeats = 100'000;
constexpr int kQueued = 8;
constexpr std::int64_t kMostBeats = 20'000;
constexpr std::int64_t kThresholdNs = 5'000;
constexpr int kFixes = 64;
// Of a chase: a page of a large allocation, the least and the most memory, points an octave, and
// loads in all before there are enough lines to even out where in the L2 they lie.
constexpr std::int64_t kPageBytes = 2 << 20;
constexpr std::int64_t kLeastChaseBytes = 8 << 20;
constexpr std::int64_t kMostChaseBytes = std::int64_t{64} << 30;
constexpr double kSizesAnOctave = 4;
constexpr std::uint64_t kEnoughLines = 1024;
constexpr std::uint64_t kTimedLoads = 4096;
// Beyond what a task asked for: other contexts' turns, and a driver that takes its time.
constexpr milliseconds kPatience{5000};

std::int64_t host_now_ns() { return MonotonicTimeline::now().time_since_epoch().count(); }

// Host memory that the device writes to.
template <typename T>
class Mapped {
 public:
  Mapped() = default;
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() {
    if (value_) cudaFreeHost(value_);
  }
  [[nodiscard]] Status create() {
    void* memory = nullptr;
    KTS_CUDA(cudaHostAlloc(&memory, sizeof(T), cudaHostAllocMapped),
             "cannot allocate mapped host memory");
    value_ = new (memory) T{};
    void* device = nullptr;
    KTS_CUDA(cudaHostGetDevicePointer(&device, value_, 0), "cannot map host memory");
    device_ = static_cast<T*>(device);
    return {};
  }
  [[nodiscard]] T* host() const { return value_; }
  [[nodiscard]] T* device() const { return device_; }

 private:
  T* value_ = nullptr;
  T* device_ = nullptr;
};

template <typename T>
class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { release(); }
  void release() {
    cudaFree(data_);
    data_ = nullptr;
    count_ = 0;
  }
  [[nodiscard]] Status create(std::size_t count) {
    release();
    void* memory = nullptr;
    KTS_CUDA(cudaMalloc(&memory, count * sizeof(T)), "cannot allocate device memory");
    data_ = static_cast<T*>(memory);
    KTS_CUDA(cudaMemset(data_, 0, count * sizeof(T)), "cannot clear device memory");
    count_ = count;
    return {};
  }
  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() {
    if (event_) cudaEventDestroy(event_);
  }
  [[nodiscard]] Status create(unsigned flags) {
    KTS_CUDA(cudaEventCreateWithFlags(&event_, flags), "cannot create an event");
    return {};
  }
  [[nodiscard]] cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

std::vector<std::int64_t>& series(ProbeTrace& trace, const char* name, std::size_t room) {
  auto& numbers = trace.series[name];
  numbers.reserve(room);
  return numbers;
}

class CudaProber final : public workload::Prober {
 public:
  ~CudaProber() override {
    if (stream_) cudaStreamDestroy(stream_);
  }

  [[nodiscard]] Status create(int ordinal) {
    KTS_CHECK_OK(check_device(ordinal));
    KTS_CUDA(cudaSetDevice(ordinal), "cannot choose the device");
    KTS_CUDA(cudaSetDeviceFlags(cudaDeviceScheduleSpin), "cannot choose how to synchronise");
    KTS_TRY(identity_, identify(ordinal));
    KTS_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cannot create a stream");
    KTS_CHECK_OK(result_.create(1));
    KTS_CHECK_OK(gaps_.create(kRoomForGaps));
    KTS_CHECK_OK(sink_.create(1));
    KTS_CHECK_OK(sum_.create(1));
    KTS_CHECK_OK(span_.create());
    KTS_CHECK_OK(box_.create());
    KTS_CHECK_OK(times_.create());
    KTS_CHECK_OK(before_.create(cudaEventDefault));
    KTS_CHECK_OK(after_.create(cudaEventDefault));
    for (Event& event : ring_) {
      KTS_CHECK_OK(event.create(cudaEventDisableTiming | cudaEventBlockingSync));
    }
    KTS_CUDA(prepare_full(ordinal, full_), "cannot shape a kernel that fills the device");
    KTS_CHECK_OK(clock_.create(stream_));
    return load_kernels();
  }

  workload::DeviceIdentity device() const override { return identity_; }

  Result<ProbeTrace> perform(const ProbeTask& task) override {
    if (task.name == "sweep") KTS_CHECK_OK(set_size(task.number("bytes")));
    if (task.name == "metronome") KTS_CHECK_OK(reserve_marks(beats(task) + 1));
    if (task.name == "chase" || task.name == "laps") {
      KTS_CHECK_OK(reserve_chase(task));
    } else {
      chased_.release();  // much memory, which others may need
    }
    SystemClock clock;
    clock.sleep_until(MonotonicTime(Nanoseconds(task.number("start_ns"))));
    if (task.name == "spin") return spin_for(task);
    if (task.name == "launches") return launches(task);
    if (task.name == "events") return events(task);
    if (task.name == "stamps") return stamps(task);
    if (task.name == "clock") return clocks(task);
    if (task.name == "pulses") return pulses(task);
    if (task.name == "train") return train(task);
    if (task.name == "metronome") return metronome(task);
    if (task.name == "sweep") return sweeps(task);
    if (task.name == "chase") return chases(task);
    if (task.name == "laps") return laps(task);
    return bad_input(fmt::format("the CUDA device has no task '{}'", task.name));
  }

 private:
  static Status check_device(int ordinal) {
    int devices = 0;
    if (const auto code = cudaGetDeviceCount(&devices); code != cudaSuccess || devices == 0) {
      return environment_lacks(
          fmt::format("no CUDA device can be used: {}",
                      code == cudaSuccess ? "none is there" : cudaGetErrorString(code)),
          "check nvidia-smi; this build needs a driver for CUDA 13 (580 or later)", "CUDA");
    }
    if (ordinal >= 0 && ordinal < devices) return {};
    return environment_lacks(fmt::format("there is no CUDA device {}", ordinal),
                             fmt::format("choose one of 0 to {}", devices - 1), "--device");
  }

  // The driver loads a kernel when it is first launched, which may wait for the device.
  Status load_kernels() {
    constexpr std::uint64_t kShort = 10'000;
    const SpinPlan plan{kShort, kShort, kShort, 1, false};
    KTS_CUDA(spin(result_.data(), gaps_.data(), plan, stream_), "cannot launch");
    KTS_CUDA(spin_full(result_.data(), gaps_.data(), plan, full_, sink_.data(), stream_),
             "cannot launch a kernel that fills the device");
    KTS_CUDA(work_for(span_.device(), 0, stream_), "cannot launch");
    KTS_CUDA(read_timer(span_.device(), 1, stream_), "cannot launch");
    KTS_CUDA(answer(box_.device(), 0, stream_), "cannot launch");
    KTS_CHECK_OK(set_size(4096));
    KTS_CUDA(sweep(words_.data(), 1024, 1, sum_.data(), stream_), "cannot launch");
    KTS_CHECK_OK(chased_.create(static_cast<std::size_t>(kPageBytes)));
    KTS_TRY(const ChaseTimes ignored, follow(chase_over(1), 1, 1));
    static_cast<void>(ignored);
    return finish(milliseconds(0));
  }

  // Sleeps till the stream is done: a host thread that spins would take a core.
  Status finish(Nanoseconds expected) {
    const MonotonicTime give_up = MonotonicTimeline::now() + expected + kPatience;
    SystemClock clock;
    for (;;) {
      const cudaError_t code = cudaStreamQuery(stream_);
      if (code == cudaSuccess) return {};
      if (code != cudaErrorNotReady) {
        return tl::unexpected(cuda_error(code, "the device failed while it worked"));
      }
      if (clock.now() > give_up) {
        return environment_lacks("the device took too long", "see whether others keep it busy",
                                 "CUDA");
      }
      clock.sleep_until(clock.now() + microseconds(200));
    }
  }

  Result<ProbeTrace> spin_for(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t length =
        std::clamp<std::int64_t>(task.number("length_ns"), 1, 20'000'000'000);
    const SpinPlan plan{static_cast<std::uint64_t>(length),
                        static_cast<std::uint64_t>(task.number("threshold_ns", kThresholdNs)),
                        static_cast<std::uint64_t>(length) / 4 + 1000, kRoomForGaps, false};
    const bool full = task.number("full") != 0;
    KTS_CUDA(launch_spin(plan, full), "cannot launch");
    if (full) describe_full(trace);
    KTS_CHECK_OK(finish(Nanoseconds(length)));

    SpinResult result{};
    KTS_CUDA(cudaMemcpy(&result, result_.data(), sizeof result, cudaMemcpyDeviceToHost),
             "cannot copy from the device");
    const std::uint32_t kept = std::min(result.gaps, kRoomForGaps);
    std::vector<SpinGap> gaps(kept);
    if (kept > 0) {
      KTS_CUDA(
          cudaMemcpy(gaps.data(), gaps_.data(), kept * sizeof(SpinGap), cudaMemcpyDeviceToHost),
          "cannot copy from the device");
    }
    trace.series["span_ns"] = {static_cast<std::int64_t>(result.begin_ns),
                               static_cast<std::int64_t>(result.end_ns)};
    auto& begins = series(trace, "gap_begin_ns", kept);
    auto& lengths = series(trace, "gap_length_ns", kept);
    auto& cycles = series(trace, "gap_cycles", kept);
    for (const SpinGap& gap : gaps) {
      begins.push_back(static_cast<std::int64_t>(gap.begin_ns));
      lengths.push_back(static_cast<std::int64_t>(gap.length_ns));
      cycles.push_back(gap.cycles);
    }
    trace.values["steps"] = static_cast<double>(result.steps);
    trace.values["cycles"] = static_cast<double>(result.cycles);
    trace.values["gaps_without_room"] = static_cast<double>(result.gaps - kept);
    if (result.step_ns != ~std::uint64_t{0}) {
      trace.values["clock_step_ns"] = static_cast<double>(result.step_ns);
    }
    return trace;
  }

  cudaError_t launch_spin(const SpinPlan& plan, bool full) noexcept {
    return full ? spin_full(result_.data(), gaps_.data(), plan, full_, sink_.data(), stream_)
                : spin(result_.data(), gaps_.data(), plan, stream_);
  }

  void describe_full(ProbeTrace& trace) const {
    trace.values["shared_ratio"] = static_cast<double>(full_.shared_bytes) /
                                   static_cast<double>(full_.multiprocessor_shared_bytes);
    // Registers are handed out by eights a thread.
    const int registers = (full_.registers + 7) / 8 * 8;
    trace.values["register_ratio"] = static_cast<double>(registers) * full_.threads /
                                     static_cast<double>(full_.block_registers_limit);
  }

  // What this moment says of %globaltimer and CLOCK_MONOTONIC.
  Result<OffsetFix> fix_globaltimer() {
    std::vector<Bracket> brackets;
    brackets.reserve(kFixes);
    std::atomic_ref<std::uint32_t> go(box_.host()->go);
    std::atomic_ref<std::uint32_t> seen(box_.host()->seen);
    for (int i = 0; i < kFixes; ++i) {
      ++turn_;
      KTS_CUDA(answer(box_.device(), turn_, stream_), "cannot launch");
      const std::int64_t settled = host_now_ns() + 20'000;
      while (host_now_ns() < settled) {
      }
      Bracket bracket;
      bracket.host_before_ns = host_now_ns();
      go.store(turn_, std::memory_order_release);
      const std::int64_t give_up = bracket.host_before_ns + 10'000'000;
      while (seen.load(std::memory_order_acquire) != turn_ && host_now_ns() < give_up) {
      }
      bracket.host_after_ns = host_now_ns();
      // Ends within kAnswerWithinNs by itself. Without a pause, since clocks drift.
      KTS_CUDA(cudaStreamSynchronize(stream_), "the device failed while it worked");
      if (seen.load(std::memory_order_acquire) != turn_) continue;
      bracket.device_ns = since_origin(box_.host()->globaltimer);
      brackets.push_back(bracket);
    }
    if (const auto fix = intersect(brackets, 0)) return *fix;
    if (brackets.empty()) {
      return environment_lacks("the device never answered in time",
                               "see whether others keep it busy", "CUDA");
    }
    // Where the clocks drift so fast that brackets contradict each other, one of them has to do.
    const auto width = [](const Bracket& b) { return b.host_after_ns - b.host_before_ns; };
    const Bracket best = *std::ranges::min_element(brackets, {}, width);
    const double half = 0.5 * static_cast<double>(width(best));
    return OffsetFix{best.device_ns,
                     static_cast<double>(best.host_before_ns) + half - best.device_ns, half};
  }
  [[nodiscard]] double since_origin(std::uint64_t globaltimer) {
    if (origin_ == 0) origin_ = globaltimer;
    return static_cast<double>(static_cast<std::int64_t>(globaltimer - origin_));
  }

  static std::int64_t repeats(const ProbeTask& task) {
    return std::clamp<std::int64_t>(task.number("rounds", 1000), 1, kMostRepeats);
  }

  Result<ProbeTrace> launches(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t rounds = repeats(task);
    const auto room = static_cast<std::size_t>(rounds);
    auto& call = series(trace, "call_ns", room);
    auto& begin = series(trace, "begin_ns", room);
    auto& round_trip = series(trace, "round_trip_ns", room);
    KTS_TRY(const OffsetFix fix, fix_globaltimer());
    for (std::int64_t i = 0; i < rounds; ++i) {
      const std::int64_t before = host_now_ns();
      const cudaError_t code = work_for(span_.device(), 0, stream_);
      const std::int64_t after = host_now_ns();
      KTS_CUDA(code, "cannot launch");
      KTS_CUDA(cudaStreamSynchronize(stream_), "the device failed while it worked");
      const std::int64_t done = host_now_ns();
      call.push_back(after - before);
      round_trip.push_back(done - before);
      const double began = since_origin(span_.host()->begin_ns) + fix.offset_ns;
      begin.push_back(static_cast<std::int64_t>(began) - before);
    }
    trace.values["begin_bound_ns"] = fix.half_width_ns;
    return trace;
  }

  Result<ProbeTrace> events(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t rounds = repeats(task);
    const auto room = static_cast<std::size_t>(rounds);
    auto& record = series(trace, "record_ns", room);
    auto& pair = series(trace, "pair_ns", room);
    auto& around = series(trace, "pair_around_kernel_ns", room);
    for (std::int64_t i = 0; i < 2 * rounds; ++i) {
      const bool with_kernel = i % 2 == 1;
      const std::int64_t before = host_now_ns();
      const cudaError_t first = cudaEventRecord(before_.get(), stream_);
      const std::int64_t after = host_now_ns();
      KTS_CUDA(first, "cannot record an event");
      if (with_kernel) KTS_CUDA(work_for(span_.device(), 0, stream_), "cannot launch");
      KTS_CUDA(cudaEventRecord(after_.get(), stream_), "cannot record an event");
      KTS_CUDA(cudaEventSynchronize(after_.get()), "the device failed while it worked");
      float ms = 0;
      KTS_CUDA(cudaEventElapsedTime(&ms, before_.get(), after_.get()), "cannot time events");
      if (with_kernel) record.push_back(after - before);
      (with_kernel ? around : pair).push_back(static_cast<std::int64_t>(ms * 1e6f + 0.5f));
    }
    return trace;
  }

  Result<ProbeTrace> stamps(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    constexpr int kReads = 100;
    auto& host = series(trace, "host_stamp_of_100_ns", kReads);
    auto& device = series(trace, "device_stamp_of_100_ns", kReads);
    for (int i = 0; i < kReads; ++i) {
      const std::int64_t before = host_now_ns();
      std::int64_t after = before;
      for (int j = 0; j < kReads; ++j) after = host_now_ns();
      host.push_back(after - before);
    }
    // Many more reads than are told of: the timer may tick in microseconds.
    constexpr int kMore = 100;
    for (int i = 0; i < kReads; ++i) {
      KTS_CUDA(read_timer(span_.device(), kReads * kMore, stream_), "cannot launch");
      KTS_CUDA(cudaStreamSynchronize(stream_), "the device failed while it worked");
      const WorkSpan span = *span_.host();
      device.push_back(static_cast<std::int64_t>((span.end_ns - span.begin_ns) / kMore));
    }
    return trace;
  }

  Result<ProbeTrace> clocks(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    KTS_TRY(const workload::ClockCalibration events, clock_.calibrate());
    trace.values["event_bound_ns"] = static_cast<double>(events.bound_ns);
    trace.values["event_error_ns"] = static_cast<double>(events.error_ns);
    trace.values["event_drift_ppm"] = events.drift_ppm;
    KTS_TRY(const OffsetFix fix, fix_globaltimer());
    trace.values["globaltimer_ns"] = fix.device_ns;
    trace.values["globaltimer_offset_ns"] = fix.offset_ns;
    trace.values["globaltimer_bound_ns"] = fix.half_width_ns;
    return trace;
  }

  // Now and then a short kernel; between them this context has nothing to do.
  Result<ProbeTrace> pulses(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t every = std::max<std::int64_t>(task.number("every_ns"), 100'000);
    const std::int64_t stop = task.number("start_ns") + task.number("length_ns");
    const auto work = static_cast<std::uint64_t>(
        std::clamp<std::int64_t>(task.number("work_ns"), 0, 1'000'000'000));
    auto& begins = series(trace, "begin_ns", 1024);
    auto& ends = series(trace, "end_ns", 1024);
    auto& latency = series(trace, "latency_ns", 1024);
    SystemClock clock;
    std::uint64_t random = 88'172'645'463'325'252ull;
    while (host_now_ns() < stop) {
      const std::int64_t before = host_now_ns();
      KTS_CUDA(work_for(span_.device(), work, stream_), "cannot launch");
      KTS_CUDA(cudaStreamSynchronize(stream_), "the device failed while it worked");
      latency.push_back(host_now_ns() - before);
      begins.push_back(static_cast<std::int64_t>(span_.host()->begin_ns));
      ends.push_back(static_cast<std::int64_t>(span_.host()->end_ns));
      // Uneven, lest it keep step with the slices.
      random ^= random << 13;
      random ^= random >> 7;
      random ^= random << 17;
      const std::int64_t pause =
          every / 2 + static_cast<std::int64_t>(random % static_cast<std::uint64_t>(every));
      clock.sleep_until(clock.now() + Nanoseconds(pause));
    }
    return trace;
  }

  // Kernels of one length, one after the other, some queued ahead.
  Result<ProbeTrace> train(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t stop = task.number("start_ns") + task.number("length_ns");
    const auto work = static_cast<std::uint64_t>(
        std::clamp<std::int64_t>(task.number("work_ns"), 1000, 1'000'000'000));
    const bool full = task.number("full") != 0;
    const SpinPlan plan{work, ~std::uint64_t{0}, work / 4 + 1000, 0, false};
    std::int64_t kernels = 0;
    for (; host_now_ns() < stop; ++kernels) {
      const cudaEvent_t event = ring_[static_cast<std::size_t>(kernels % kQueued)].get();
      if (kernels >= kQueued) {
        KTS_CUDA(cudaEventSynchronize(event), "the device failed while it worked");
      }
      KTS_CUDA(launch_spin(plan, full), "cannot launch");
      KTS_CUDA(cudaEventRecord(event, stream_), "cannot record an event");
    }
    KTS_CHECK_OK(finish(Nanoseconds(static_cast<std::int64_t>(work) * kQueued)));
    trace.values["kernels"] = static_cast<double>(kernels);
    return trace;
  }

  static std::int64_t beat_ns(const ProbeTask& task) {
    return std::clamp<std::int64_t>(task.number("work_ns", 200'000), 10'000, 100'000'000);
  }
  // As many as fill length_ns when each of `contexts` gets its share.
  static std::int64_t beats(const ProbeTask& task) {
    const std::int64_t contexts = std::clamp<std::int64_t>(task.number("contexts", 1), 1, 64);
    return std::clamp<std::int64_t>(task.number("length_ns") / (beat_ns(task) * contexts), 1,
                                    kMostBeats);
  }
  Status reserve_marks(std::int64_t count) {
    while (marks_.size() < static_cast<std::size_t>(count)) {
      if (auto created = marks_.emplace_back().create(cudaEventDefault); !created) {
        marks_.pop_back();
        return created;
      }
    }
    return {};
  }

  // Kernels of the same work, all queued at once, lest the turn be given up in between; a launch
  // waits by itself when the queue is full. How long each was on its way, by events.
  Result<ProbeTrace> metronome(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const auto work = static_cast<std::uint64_t>(beat_ns(task));
    const auto count = static_cast<std::size_t>(beats(task));
    const bool full = task.number("full") != 0;
    const SpinPlan plan{work, kThresholdNs, work / 4 + 1000, 0, true};
    KTS_CUDA(cudaEventRecord(marks_[0].get(), stream_), "cannot record an event");
    for (std::size_t i = 0; i < count; ++i) {
      KTS_CUDA(launch_spin(plan, full), "cannot launch");
      KTS_CUDA(cudaEventRecord(marks_[i + 1].get(), stream_), "cannot record an event");
    }
    KTS_CHECK_OK(finish(Nanoseconds(std::max(task.number("length_ns"), beat_ns(task)))));
    auto& intervals = series(trace, "interval_ns", count);
    for (std::size_t i = 0; i < count; ++i) {
      float ms = 0;
      KTS_CUDA(cudaEventElapsedTime(&ms, marks_[i].get(), marks_[i + 1].get()),
               "cannot time events");
      intervals.push_back(static_cast<std::int64_t>(ms * 1e6f + 0.5f));
    }
    if (full) describe_full(trace);
    return trace;
  }

  Status set_size(std::int64_t bytes) {
    const std::int64_t count = std::clamp<std::int64_t>(bytes / 4, 1024, std::int64_t{1} << 30);
    if (count == word_count_) return {};
    word_count_ = 0;
    KTS_CHECK_OK(words_.create(static_cast<std::size_t>(count)));
    word_count_ = count;
    return {};
  }

  // Reads the same memory again and again, resting in between.
  Result<ProbeTrace> sweeps(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t stop = task.number("start_ns") + task.number("length_ns");
    const Nanoseconds rest(std::max<std::int64_t>(task.number("rest_ns"), 0));
    auto& lengths = series(trace, "sweep_ns", 4096);
    SystemClock clock;
    while (host_now_ns() < stop) {
      KTS_CUDA(cudaEventRecord(before_.get(), stream_), "cannot record an event");
      KTS_CUDA(sweep(words_.data(), word_count_, 1, sum_.data(), stream_), "cannot launch");
      KTS_CUDA(cudaEventRecord(after_.get(), stream_), "cannot record an event");
      KTS_CUDA(cudaEventSynchronize(after_.get()), "the device failed while it worked");
      float ms = 0;
      KTS_CUDA(cudaEventElapsedTime(&ms, before_.get(), after_.get()), "cannot time events");
      lengths.push_back(static_cast<std::int64_t>(ms * 1e6f + 0.5f));
      clock.sleep_until(clock.now() + rest);
    }
    return trace;
  }

  // Memory for a task's to_bytes, at most three quarters of what is free; kept as long as it will
  // do.
  Status reserve_chase(const ProbeTask& task) {
    const std::int64_t wish = std::clamp<std::int64_t>(task.number("to_bytes", kMostChaseBytes),
                                                       kLeastChaseBytes, kMostChaseBytes) /
                              kPageBytes * kPageBytes;
    if (wish == chase_wish_ && chased_.data() != nullptr) return {};
    chased_.release();
    std::size_t free = 0;
    std::size_t all = 0;
    KTS_CUDA(cudaMemGetInfo(&free, &all), "cannot ask for free memory");
    const std::int64_t room = static_cast<std::int64_t>(free) / 4 * 3 / kPageBytes * kPageBytes;
    if (room < kLeastChaseBytes) return environment_lacks("too little memory is free on the card");
    KTS_CHECK_OK(chased_.create(static_cast<std::size_t>(std::min(wish, room))));
    chase_wish_ = wish;
    return {};
  }

  static Chase chase_over(std::uint64_t pages) {
    Chase chase{pages, static_cast<std::uint64_t>(kPageBytes), 1, 1};
    chase.laps = (kEnoughLines + pages - 1) / pages;
    // Near the golden section, whose multiples lie evenly.
    chase.page_step = static_cast<std::uint64_t>(static_cast<double>(pages) * 0.618) | 1;
    while (std::gcd(chase.page_step, pages) != 1) ++chase.page_step;
    return chase;
  }

  // Links a chase anew, follows it, and says how long the loads took.
  Result<ChaseTimes> follow(const Chase& chase, std::uint64_t first, std::uint64_t second) {
    KTS_CUDA(link_chase(chased_.data(), chase, stream_), "cannot launch");
    return follow_again(chase, first, second);
  }
  Result<ChaseTimes> follow_again(const Chase& chase, std::uint64_t first, std::uint64_t second) {
    *times_.host() = {};
    KTS_CUDA(follow_chase(chased_.data(), chase, first, second, times_.device(), stream_),
             "cannot launch");
    KTS_CHECK_OK(finish(milliseconds(0)));
    if (!times_.host()->whole) return fail(ErrorCode::kInternal, "a chain of loads broke");
    return *times_.host();
  }

  // What a load costs that waits for the one before, by the size of the memory they go round in:
  // after one round, kTimedLoads. Data are in the L2 at any size, as few as the lines are.
  Result<ProbeTrace> chases(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const auto most = static_cast<double>(chased_.count());
    auto& sizes = series(trace, "size_bytes", 64);
    auto& took = series(trace, "took_ns", 64);
    // A card that rests lowers its clocks.
    constexpr std::uint64_t kWarmUpNs = 20'000'000;
    KTS_CUDA(work_for(span_.device(), kWarmUpNs, stream_), "cannot launch");
    for (int i = 0;; ++i) {
      const double wish = static_cast<double>(kLeastChaseBytes) * std::exp2(i / kSizesAnOctave);
      const auto pages = static_cast<std::int64_t>(wish / static_cast<double>(kPageBytes) + 0.5);
      if (static_cast<double>(pages * kPageBytes) > most) break;
      if (!sizes.empty() && pages * kPageBytes == sizes.back()) continue;
      const Chase chase = chase_over(static_cast<std::uint64_t>(pages));
      KTS_TRY(const ChaseTimes times, follow(chase, chase.pages * chase.laps, kTimedLoads));
      sizes.push_back(pages * kPageBytes);
      took.push_back(static_cast<std::int64_t>(times.second_ns));
    }
    trace.values["loads"] = static_cast<double>(kTimedLoads);
    return trace;
  }

  // Now and then the same pages twice in a row, a load a page; in between this context rests.
  Result<ProbeTrace> laps(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t stop = task.number("start_ns") + task.number("length_ns");
    const Nanoseconds rest(std::max<std::int64_t>(task.number("rest_ns"), 0));
    const std::uint64_t pages = chased_.count() / static_cast<std::size_t>(kPageBytes);
    Chase chase = chase_over(pages);
    chase.laps = 1;
    auto& first = series(trace, "first_ns", 1024);
    auto& second = series(trace, "second_ns", 1024);
    KTS_TRY(ChaseTimes times, follow(chase, pages, pages));  // cold in any case
    SystemClock clock;
    while (host_now_ns() < stop) {
      clock.sleep_until(clock.now() + rest);
      KTS_TRY(times, follow_again(chase, pages, pages));
      first.push_back(static_cast<std::int64_t>(times.first_ns));
      second.push_back(static_cast<std::int64_t>(times.second_ns));
    }
    return trace;
  }

  workload::DeviceIdentity identity_;
  cudaStream_t stream_ = nullptr;
  DeviceArray<SpinResult> result_;
  DeviceArray<SpinGap> gaps_;
  DeviceArray<float> sink_;
  DeviceArray<unsigned long long> sum_;
  DeviceArray<std::uint32_t> words_;
  std::int64_t word_count_ = 0;
  DeviceArray<unsigned char> chased_;
  std::int64_t chase_wish_ = 0;
  Mapped<ChaseTimes> times_;
  Mapped<WorkSpan> span_;
  Mapped<Mailbox> box_;
  Event before_, after_;
  std::array<Event, kQueued> ring_;
  std::deque<Event> marks_;
  FullShape full_;
  CudaClock clock_;
  std::uint32_t turn_ = 0;
  std::uint64_t origin_ = 0;
};

}  // namespace
}  // namespace kts::workload_cuda

extern "C" kts::workload::Prober* kts_workload_cuda_prober_v2(int ordinal,
                                                              kts::Error* error) noexcept {
  try {
    auto prober = std::make_unique<kts::workload_cuda::CudaProber>();
    auto created = prober->create(ordinal);
    if (created) return prober.release();
    *error = std::move(created).error();
  } catch (const std::exception& exception) {
    *error = {kts::ErrorCode::kEnvironment, exception.what(), {}, "CUDA"};
  }
  return nullptr;
}
