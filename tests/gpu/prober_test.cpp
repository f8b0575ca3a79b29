// SPDX-License-Identifier: Apache-2.0
// What a CUDA prober says of its own context; contexts beside each other are
// tests/gpu/probe_visit.sh.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "kts/base/clock.hpp"
#include "kts/workload/probe.hpp"

namespace kts::workload {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Ge;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class CudaProber : public testing::Test {
 protected:
  void SetUp() override {
    const auto choice = choose_device("auto");
    if (!choice || choice->kind != "cuda") GTEST_SKIP() << "no CUDA device";
    auto made = make_prober(*choice, 0);
    ASSERT_TRUE(made) << to_line(made.error());
    prober_ = *std::move(made);
  }
  ProbeTrace perform(ProbeTask task) {
    task.set("start_ns", MonotonicTimeline::now().time_since_epoch().count());
    auto trace = prober_->perform(task);
    EXPECT_TRUE(trace) << to_line(trace.error());
    return trace ? *trace : ProbeTrace{};
  }
  std::unique_ptr<Prober> prober_;
};

TEST_F(CudaProber, SpinsForItsLength) {
  for (const std::int64_t full : {0, 1}) {
    const ProbeTrace trace =
        perform(ProbeTask{"spin"}.set("length_ns", 20'000'000).set("full", full));
    const auto& span = trace.all("span_ns");
    ASSERT_THAT(span, SizeIs(2));
    EXPECT_GE(span[1] - span[0], 20'000'000);
    EXPECT_GT(trace.value("steps"), 4000) << "looks less often than every 5 us";
    EXPECT_GT(trace.value("cycles"), 1e6);
    EXPECT_EQ(trace.all("gap_begin_ns").size(), trace.all("gap_length_ns").size());
    EXPECT_EQ(trace.value("shared_ratio") > 0.5, full == 1);
  }
}

TEST_F(CudaProber, BeatsAsOftenAsItsLengthHolds) {
  for (const std::int64_t full : {0, 1}) {
    const ProbeTrace trace = perform(ProbeTask{"metronome"}
                                         .set("length_ns", 40'000'000)
                                         .set("work_ns", 200'000)
                                         .set("contexts", 2)
                                         .set("full", full));
    EXPECT_THAT(trace.all("interval_ns"), AllOf(SizeIs(100), Each(Ge(200'000))));
  }
}

TEST_F(CudaProber, GivesWhatEachTaskPromises) {
  const ProbeTrace launches = perform(ProbeTask{"launches"}.set("rounds", 10));
  for (const char* name : {"call_ns", "round_trip_ns"}) {
    EXPECT_THAT(launches.all(name), AllOf(SizeIs(10), Each(Ge(100)))) << name;
  }
  const ProbeTrace events = perform(ProbeTask{"events"}.set("rounds", 10));
  EXPECT_THAT(events.all("pair_ns"), SizeIs(10));
  EXPECT_THAT(events.all("pair_around_kernel_ns"), SizeIs(10));
  EXPECT_THAT(perform(ProbeTask{"stamps"}).all("device_stamp_of_100_ns"), Not(IsEmpty()));
  ProbeTask pulses{"pulses"};
  pulses.set("length_ns", 20'000'000).set("every_ns", 4'000'000).set("work_ns", 100'000);
  EXPECT_THAT(perform(pulses).all("latency_ns"), AllOf(Not(IsEmpty()), Each(Ge(100'000))));
  EXPECT_GT(perform(ProbeTask{"train"}.set("length_ns", 20'000'000).set("work_ns", 500'000))
                .value("kernels"),
            1);
  EXPECT_THAT(perform(ProbeTask{"sweep"}.set("length_ns", 20'000'000).set("bytes", 1 << 20))
                  .all("sweep_ns"),
              Not(IsEmpty()));
  const ProbeTrace chase = perform(ProbeTask{"chase"}.set("to_bytes", 1 << 30));
  EXPECT_THAT(chase.all("size_bytes"), AllOf(SizeIs(29), testing::Contains(1 << 30)));
  EXPECT_THAT(chase.all("took_ns"), AllOf(SizeIs(29), Each(Ge(100'000))));
  ProbeTask laps{"laps"};
  laps.set("length_ns", 20'000'000).set("to_bytes", 32 << 20).set("rest_ns", 1'000'000);
  const ProbeTrace lapped = perform(laps);
  EXPECT_THAT(lapped.all("first_ns"), AllOf(Not(IsEmpty()), Each(Ge(1'000))));
  EXPECT_THAT(lapped.all("second_ns"), SizeIs(lapped.all("first_ns").size()));
  const ProbeTrace clock = perform(ProbeTask{"clock"});
  EXPECT_GT(clock.value("event_bound_ns"), 0);
  EXPECT_GT(clock.value("globaltimer_bound_ns"), 0);
}

TEST_F(CudaProber, RefusesWhatItHasNot) { EXPECT_FALSE(prober_->perform(ProbeTask{"wake"})); }

}  // namespace
}  // namespace kts::workload
