// SPDX-License-Identifier: Apache-2.0
// CUDA events, mapped as kts maps them, against the GPU's own %globaltimer, mapped independently.
#include "kts/base/clock.hpp"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <new>
#include <random>
#include <vector>

#include "cuda_clock.hpp"
#include "globaltimer.hpp"

namespace kts::workload_cuda {
namespace {

std::int64_t now_ns() { return MonotonicTimeline::now().time_since_epoch().count(); }

class GlobalTimer {
 public:
  explicit GlobalTimer(cudaStream_t stream) : stream_(stream) {
    void* memory = nullptr;
    cudaHostAlloc(&memory, sizeof *box_, cudaHostAllocMapped);
    box_ = new (memory) Mailbox{};
  }
  ~GlobalTimer() { cudaFreeHost(box_); }

  OffsetFix fix(ClockMap& map) {
    std::vector<Bracket> brackets;
    for (int i = 0; i < 64; ++i) {
      ++turn_;
      enqueue_answer(stream_, box_, turn_);
      const std::int64_t settled = now_ns() + 20'000;
      while (now_ns() < settled) {
      }
      Bracket b;
      b.host_before_ns = now_ns();
      std::atomic_ref(box_->go).store(turn_, std::memory_order_release);
      while (std::atomic_ref(box_->seen).load(std::memory_order_acquire) != turn_) {
      }
      b.host_after_ns = now_ns();
      if (origin_ == 0) origin_ = box_->globaltimer;
      b.device_ns = relative(box_->globaltimer);
      brackets.push_back(b);
    }
    return intersect(brackets, map.drift_ratio()).value();
  }
  [[nodiscard]] double relative(std::uint64_t globaltimer) const {
    return static_cast<double>(static_cast<std::int64_t>(globaltimer - origin_));
  }

 private:
  cudaStream_t stream_;
  Mailbox* box_ = nullptr;
  std::uint32_t turn_ = 0;
  std::uint64_t origin_ = 0;
};

TEST(CudaClock, EventsAndGlobaltimerAgreeWithinTheProvenBounds) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    GTEST_SKIP() << "no CUDA device";
  }
  cudaStream_t stream;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  CudaClock clock;
  ASSERT_TRUE(clock.create(stream));
  GlobalTimer timer(stream);
  void* memory = nullptr;
  ASSERT_EQ(cudaHostAlloc(&memory, sizeof(std::uint64_t), cudaHostAllocMapped), cudaSuccess);
  auto* stamped = new (memory) std::uint64_t{0};
  cudaEvent_t before;
  cudaEvent_t after;
  cudaEventCreate(&before);
  cudaEventCreate(&after);

  SystemClock host;
  ASSERT_TRUE(clock.calibrate());
  ClockMap timer_map;
  timer_map.add(timer.fix(timer_map));
  host.sleep_until(host.now() + std::chrono::seconds(2));

  std::printf(
      "block  bound_before_us  bound_after_us  error_us  drift_ppm  "
      "timer-event_us min/p50  event-timer_us min/p50\n");
  std::mt19937_64 random(1);
  for (int block = 0; block < 6; ++block) {
    const auto start = clock.calibrate();
    ASSERT_TRUE(start);
    const OffsetFix timer_start = timer.fix(timer_map);
    timer_map.add(timer_start);

    std::vector<double> from_before;
    std::vector<double> to_after;
    const auto stop = host.now() + std::chrono::seconds(2);
    while (host.now() < stop) {
      cudaEventRecord(before, stream);
      enqueue_stamp(stream, stamped);
      cudaEventRecord(after, stream);
      ASSERT_EQ(cudaEventSynchronize(after), cudaSuccess);
      double device_ns = 0;
      const auto before_ns = clock.host_ns(before, device_ns);
      double after_device_ns = 0;
      const auto after_ns = clock.host_ns(after, after_device_ns);
      const auto timer_ns = timer_map.to_host_ns(timer.relative(*stamped));
      from_before.push_back(static_cast<double>(timer_ns - before_ns) * 1e-3);
      to_after.push_back(static_cast<double>(after_ns - timer_ns) * 1e-3);
      clock.renew_base(before, device_ns);
      host.sleep_until(host.now() + std::chrono::microseconds(500 + random() % 4000));
    }
    const auto end = clock.calibrate();
    ASSERT_TRUE(end);
    const OffsetFix timer_end = timer.fix(timer_map);
    const double timer_error = timer_map.add(timer_end);
    std::sort(from_before.begin(), from_before.end());
    std::sort(to_after.begin(), to_after.end());
    std::printf(
        "%5d  %15.2f  %14.2f  %8.2f  %9.3f  %10.2f %10.2f  %10.2f %10.2f\n", block,
        static_cast<double>(start->bound_ns) * 1e-3, static_cast<double>(end->bound_ns) * 1e-3,
        static_cast<double>(end->error_ns) * 1e-3, end->drift_ppm, from_before.front(),
        from_before[from_before.size() / 2], to_after.front(), to_after[to_after.size() / 2]);
    // The timer was read between the two events; it may seem otherwise only by what both mappings
    // may be off.
    const double slack_us =
        (static_cast<double>(std::max(start->bound_ns, end->bound_ns) + std::abs(end->error_ns)) +
         std::max(timer_start.half_width_ns, timer_end.half_width_ns) + std::abs(timer_error)) *
        1e-3;
    EXPECT_GE(from_before.front(), -slack_us);
    EXPECT_GE(to_after.front(), -slack_us);
    EXPECT_LE(end->bound_ns, 5000);
  }
  cudaEventDestroy(before);
  cudaEventDestroy(after);
  cudaFreeHost(stamped);
}

}  // namespace
}  // namespace kts::workload_cuda
