// SPDX-License-Identifier: Apache-2.0
// Kernels joined to iterations, from a run's folder.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kts/kernel_trace/activity.hpp"
#include "load_fixtures.hpp"

namespace kts::analysis::kernels_test {
namespace {

using fixtures::Folder;
using fixtures::kEpoch;
using fixtures::kMillisecond;
using fixtures::mentions;
using fixtures::V2Log;
using kernel_trace::Activity;
using kernel_trace::Kind;

constexpr std::int64_t kMicro = 1000;

Activity kernel(const std::string& name, std::int64_t start_ns, std::int64_t end_ns) {
  Activity activity;
  activity.name = name;
  activity.start_ns = start_ns;
  activity.end_ns = end_ns;
  activity.stream = 7;
  return activity;
}
std::string csv(const std::vector<Activity>& activities) {
  std::string text = std::string(kernel_trace::kCsvSchema) + std::string(kernel_trace::kCsvHeader);
  for (const Activity& activity : activities) append_csv(text, activity);
  return text;
}

// Of each iteration of the fixture (3 ms of device time), two kernels that overlap, a gap of half a
// millisecond, and a copy: busy for 2.5 ms.
std::vector<Activity> kernels_of(const V2Log& log) {
  std::vector<Activity> all;
  for (int k = 0; k < log.n; ++k) {
    const std::int64_t start = log.iteration(k).gpu_start_ns;
    all.push_back(kernel("_Z4gemmIfLi128EEvPKT_", start, start + kMillisecond));
    all.push_back(kernel("_Z4spinPxi", start + kMillisecond / 2, start + 2 * kMillisecond));
    Activity wait = kernel("stream", start, start + 3 * kMillisecond);
    wait.kind = Kind::kSync;
    Activity copy =
        kernel("host to device", start + 5 * kMillisecond / 2, start + 3 * kMillisecond);
    copy.kind = Kind::kCopy;
    copy.bytes = 64;
    wait.start_ns = copy.start_ns;
    all.push_back(copy);
    all.push_back(wait);
  }
  return all;
}

class Kernels : public testing::Test {
 protected:
  Kernels() { fixtures::write_run(folder_, 5); }
  void trace(const std::string& text) const {
    folder_.write("blocks/00-solo-router/router.kernels.csv", text);
  }
  Folder folder_;
};

TEST_F(Kernels, RunsWithoutATraceSayNothing) {
  EXPECT_TRUE(load(folder_.path())->header.kernels.empty());
}

TEST_F(Kernels, BusyIsTheUnionAndGapsAreTheRestOfGpuTime) {
  const V2Log log;
  trace(csv(kernels_of(log)));
  const auto run = load(folder_.path());
  ASSERT_TRUE(run) << to_line(run.error());
  ASSERT_EQ(run->header.kernels.size(), 1U);
  const KernelUse& use = run->header.kernels.front();
  EXPECT_EQ(use.agent, "router");
  EXPECT_EQ(use.phase, Phase::kSolo);
  EXPECT_EQ(use.blocks, 1);
  // Due in the window without its first 5 %.
  EXPECT_EQ(use.iterations, 95U);
  EXPECT_EQ(use.n, 3 * use.iterations);
  EXPECT_EQ(use.unjoined, 3U * 5);
  EXPECT_NEAR(use.gpu_time_ms.value(), 3.0, 1e-9);
  EXPECT_NEAR(use.busy_ms.value(), 2.5, 1e-9);
  EXPECT_NEAR(use.gap_ms.value(), 0.5, 1e-9);
  EXPECT_EQ(use.overhang_ms, 0.0);
  ASSERT_EQ(use.top.size(), 2U);
  EXPECT_EQ(use.top[0].name, "spin");
  EXPECT_EQ(use.top[0].n, use.iterations);
  EXPECT_NEAR(use.top[0].total_ms, 1.5 * 95, 1e-9);
  EXPECT_EQ(use.top[1].name, "gemm<float, 128>");
  EXPECT_TRUE(mentions(run->header.warnings, "kernels were traced"));
}

// Two kernels: one takes twice as long beside others, give or take what varies from block to block,
// the other as long as alone; a third is there beside others alone.
class KernelChanges : public testing::Test {
 protected:
  explicit KernelChanges(int cycles = 6) : cycles_(cycles) { fixtures::write_run(folder_, cycles); }
  // Both phases, or one.
  void trace(bool solo = true, bool shared = true) const {
    for (int block = 0; block < 3 * cycles_; ++block) {
      const bool alone = block % 3 == 0;
      if (block % 3 == 1 || !(alone ? solo : shared)) continue;
      const V2Log log{.start_ns = kEpoch + block * 2000 * kMillisecond};
      const std::int64_t varies = (block % 2 == 0 ? 10 : -10) * kMicro;
      const std::int64_t spin = (alone ? 500 : 1000) * kMicro + varies;
      std::vector<Activity> all;
      for (int k = 0; k < log.n; ++k) {
        const std::int64_t start = log.iteration(k).gpu_start_ns;
        all.push_back(kernel("_Z4gemmIfLi128EEvPKT_", start, start + kMillisecond));
        all.push_back(kernel("_Z4spinPxi", start + kMillisecond, start + kMillisecond + spin));
        if (!alone && k % 2 == 0) {
          all.push_back(kernel("late", start + 5 * kMillisecond / 2, start + 3 * kMillisecond));
        }
      }
      const std::string number = (block < 10 ? "0" : "") + std::to_string(block);
      folder_.write(
          "blocks/" + number + (alone ? "-solo-router" : "-shared") + "/router.kernels.csv",
          csv(all));
    }
  }
  [[nodiscard]] std::vector<KernelChange> changes() const {
    const auto run = load(folder_.path());
    EXPECT_TRUE(run) << to_line(run.error());
    return run->header.kernel_changes;
  }
  int cycles_;
  Folder folder_;
};

TEST_F(KernelChanges, TheOneThatAddsMostComesFirstWithIntervals) {
  trace();
  const std::vector<KernelChange> all = changes();
  ASSERT_EQ(all.size(), 3U);
  const KernelChange& spin = all[0];
  EXPECT_EQ(spin.agent, "router");
  EXPECT_EQ(spin.name, "spin");
  EXPECT_EQ(spin.symbol, "_Z4spinPxi");
  EXPECT_EQ(spin.solo->blocks, 6);
  EXPECT_EQ(spin.solo->launches_per_iteration, 1);
  EXPECT_NEAR(spin.solo->launch_ms.value.value(), 0.5, 1e-9);
  // Blocks of 0.49 and 0.51 ms: a standard error of sqrt(0.01^2 / 5), and t(5) = 2.571.
  EXPECT_NEAR(spin.solo->launch_ms.ci_high.value(), 0.5 + 2.571 * 0.01 / std::sqrt(5.0), 1e-5);
  EXPECT_NEAR(spin.launch_ratio.value.value(), 2, 1e-9);
  EXPECT_GT(spin.launch_ratio.ci_low.value(), 1.9);
  EXPECT_LT(spin.launch_ratio.ci_high.value(), 2.1);
  EXPECT_NEAR(spin.added_ms.value.value(), 0.5, 1e-9);
  EXPECT_GT(spin.added_ms.ci_low.value(), 0.47);
  EXPECT_LT(spin.added_ms.ci_high.value(), 0.53);

  const KernelChange& late = all[1];
  EXPECT_EQ(late.name, "late");
  EXPECT_EQ(late.solo->n, 0U);
  EXPECT_FALSE(late.solo->launch_ms.value) << "it never ran alone";
  EXPECT_FALSE(late.launch_ratio.value);
  EXPECT_NEAR(late.added_ms.value.value(), 0.25, 0.01);

  EXPECT_EQ(all[2].name, "gemm<float, 128>");
  EXPECT_EQ(all[2].added_ms.value, 0.0);
  EXPECT_EQ(all[2].added_ms.ci_high, 0.0);
}

TEST_F(KernelChanges, APhaseThatWasNotTracedIsEmpty) {
  trace(true, false);
  for (const KernelChange& change : changes()) {
    EXPECT_TRUE(change.solo);
    EXPECT_FALSE(change.shared);
    EXPECT_FALSE(change.added_ms.value);
    EXPECT_FALSE(change.launch_ratio.value);
  }
}

class FewKernelBlocks : public KernelChanges {
 protected:
  FewKernelBlocks() : KernelChanges(4) {}
};

TEST_F(FewKernelBlocks, GiveNoIntervals) {
  trace();
  for (const KernelChange& change : changes()) {
    EXPECT_FALSE(change.solo->launch_ms.ci_low);
    EXPECT_TRUE(change.added_ms.value);
    EXPECT_FALSE(change.added_ms.ci_low);
    EXPECT_FALSE(change.launch_ratio.ci_high);
  }
}

TEST_F(Kernels, ClockErrorsShowAndCountNothingAway) {
  const V2Log log;
  std::vector<Activity> all = kernels_of(log);
  for (Activity& activity : all) {
    activity.start_ns -= 40 * kMicro;
    activity.end_ns -= 40 * kMicro;
  }
  trace(csv(all));
  const auto run = load(folder_.path());
  ASSERT_TRUE(run);
  const KernelUse& use = run->header.kernels.front();
  EXPECT_NEAR(use.overhang_ms.value(), 0.04, 1e-9);
  EXPECT_NEAR(use.busy_ms.value(), 2.5, 1e-9);
  EXPECT_EQ(use.n, 3 * use.iterations);
}

TEST_F(Kernels, LossesAndDamageAreWarnedOf) {
  V2Log log;
  std::vector<std::string> lines = log.lines();
  record::BlockEnd end = log.end();
  end.kernels = 1;
  end.kernels_lost = 17;
  lines.back() = record::to_line(end);
  folder_.write("blocks/00-solo-router/router.log", fixtures::join(lines));
  trace(csv(kernels_of(log)) + "kernel,late to come,5,6,,,,,\nnonsense\n");
  const auto run = load(folder_.path());
  ASSERT_TRUE(run);
  EXPECT_EQ(run->header.kernels.front().lost, 17U);
  EXPECT_TRUE(mentions(run->header.warnings, "router, solo: 17 kernel records lost"));
  EXPECT_TRUE(mentions(run->header.warnings, "2 malformed rows of kernel traces"));
}

TEST_F(Kernels, AnotherFileIsLeftOutAndNamed) {
  trace("kind,name\n");
  const auto run = load(folder_.path());
  ASSERT_TRUE(run) << to_line(run.error());
  EXPECT_TRUE(run->header.kernels.empty());
  EXPECT_TRUE(mentions(run->header.warnings,
                       "blocks/00-solo-router/router.kernels.csv left out: its first lines are not "
                       "those of a kernel trace"));
}

}  // namespace
}  // namespace kts::analysis::kernels_test
