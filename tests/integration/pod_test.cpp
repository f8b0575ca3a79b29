// SPDX-License-Identifier: Apache-2.0
// The real kts-worker as a pod's process, on the CPU; the test plays the driver of the run. Nothing
// here depends on how fast it is: a block that a busy machine begins late is repeated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <sstream>

#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"
#include "places.hpp"
#include "pod_driver.hpp"

namespace kts::pod::pod_test {
namespace {

using std::chrono_literals::operator""ms;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Words pod_command(const std::string& agent, const Words& more, const Words& pod_flags = {}) {
  Words words{in_build("bin/kts-worker"), "pod", "--plan", "PLAN", "--ack", "ACK"};
  words.insert(words.end(), pod_flags.begin(), pod_flags.end());
  words.insert(words.end(), {"--", "fft", "--device", "cpu", "--size", "32", "--agent", agent});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}
const Words kOpen{"--arrival", "poisson", "--rate", "400"};
const Words kClosed{"--arrival", "saturate"};

struct Parsed {
  record::BlockMeta meta;
  std::vector<record::Iteration> iterations;
  record::BlockEnd end;
};

// A block's records as the run's folder would hold them: META, records with rising seq, END.
Parsed parse(const PodProcess::BlockLog& log) {
  Parsed parsed;
  std::istringstream text(log.records);
  int metas = 0;
  int ends = 0;
  for (std::string line; std::getline(text, line);) {
    const auto kind = record::parse_line(line);
    if (const auto* r = std::get_if<record::V2Record>(&kind)) {
      if (!parsed.iterations.empty()) {
        EXPECT_GT(r->iteration.seq, parsed.iterations.back().seq);
      }
      EXPECT_EQ(metas, 1);
      EXPECT_EQ(ends, 0);
      parsed.iterations.push_back(r->iteration);
    } else if (const auto* m = std::get_if<record::MetaLine>(&kind)) {
      parsed.meta = record::parse_meta(m->json).value();
      ++metas;
    } else if (const auto* e = std::get_if<record::EndLine>(&kind)) {
      parsed.end = record::parse_end(e->json).value();
      ++ends;
    } else {
      ADD_FAILURE() << "no record: " << line;
    }
  }
  EXPECT_EQ(metas, 1);
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(parsed.end.emitted, parsed.iterations.size());
  return parsed;
}

TEST(Pod, ReadySaysWhoAndWhereItIs) {
  PodProcess pod(pod_command("router", kOpen),
                 {"KTS_POD_UID=6f1c", "KTS_POD_NAME=kts-router-x7", "KTS_NODE_NAME=worker-1",
                  "NVIDIA_VISIBLE_DEVICES=GPU-5a"});
  Driver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  const Ready& ready = pod.ready.front();
  EXPECT_EQ(ready.agent, "router");
  EXPECT_EQ(ready.device, "cpu");
  EXPECT_EQ(ready.uuid, "GPU-5a");
  EXPECT_EQ(ready.uuid_source, "visible-devices");
  EXPECT_EQ(ready.pod_uid, "6f1c");
  EXPECT_EQ(ready.pod, "kts-router-x7");
  EXPECT_EQ(ready.node, "worker-1");
  EXPECT_GT(ready.median_iteration_ns, 0);
  EXPECT_LE(ready.monotonic_ns, Driver::now_ns());
  EXPECT_GT(ready.epoch_ns, ready.monotonic_ns);
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0) << pod.error_output();
}

TEST(Pod, TwoPodsShareACoreInMirroredBlocks) {
  PodProcess router(pod_command("router", kOpen), {"KTS_POD_UID=1", "KTS_NODE_NAME=worker-1"});
  PodProcess thinker(pod_command("thinker", kClosed), {"KTS_POD_UID=2"});
  Driver driver({&router, &thinker});
  ASSERT_TRUE(driver.until_ready());
  std::vector<int> shared, solo_router, solo_thinker;
  for (const bool mirrored : {false, true}) {
    if (mirrored)
      shared.push_back(driver.run("shared", "", {{"router", &router}, {"thinker", &thinker}}));
    solo_router.push_back(driver.run("solo", "parked", {{"router", &router}}));
    solo_thinker.push_back(driver.run("solo", "parked", {{"thinker", &thinker}}));
    if (!mirrored)
      shared.push_back(driver.run("shared", "", {{"router", &router}, {"thinker", &thinker}}));
  }
  driver.end();
  EXPECT_EQ(driver.exit_of(router), 0) << router.error_output();
  EXPECT_EQ(driver.exit_of(thinker), 0) << thinker.error_output();

  const auto find = [&](int index) {
    return *std::ranges::find_if(driver.plan.blocks,
                                 [&](const Block& block) { return block.index == index; });
  };
  const auto check = [&](const PodProcess& pod, const std::string& agent, bool open, int index) {
    ASSERT_NE(index, 0);
    const Block block = find(index);
    const auto blocks = pod.blocks();
    ASSERT_TRUE(blocks.contains(index)) << agent;
    const Parsed parsed = parse(blocks.at(index));
    EXPECT_EQ(parsed.meta.agent, agent);
    EXPECT_EQ(parsed.meta.block, index);
    EXPECT_EQ(parsed.meta.phase, block.phase);
    EXPECT_EQ(parsed.meta.neighbours, block.neighbours);
    EXPECT_EQ(parsed.meta.epoch_offset_ns, driver.plan.epoch_offset_ns);
    EXPECT_GT(parsed.iterations.size(), 0U) << agent;
    const std::int64_t start = block.start_ns + driver.plan.epoch_offset_ns;
    const std::int64_t stop = block.stop_ns + driver.plan.epoch_offset_ns;
    EXPECT_GE(parsed.end.generation_start_ns, start);
    EXPECT_LE(parsed.end.generation_stop_ns, open ? stop : stop + block.tail_ns);
    for (const auto& header : blocks.at(index).headers) {
      EXPECT_TRUE(header.complete);
      EXPECT_EQ(header.late_ns, parsed.end.generation_start_ns - start);
      EXPECT_EQ(header.dropped, 0U);
    }
  };
  for (const int index : solo_router) check(router, "router", true, index);
  for (const int index : solo_thinker) check(thinker, "thinker", false, index);
  for (const int index : shared) {
    check(router, "router", true, index);
    check(thinker, "thinker", false, index);
  }
  const auto meta = parse(router.blocks().at(shared[0])).meta;
  EXPECT_EQ(meta.pod_uid, "1");
  EXPECT_EQ(meta.node, "worker-1");
}

TEST(Pod, AbsentNeighboursHaveNoProcess) {
  PodProcess router(pod_command("router", kOpen));
  PodProcess thinker(pod_command("thinker", kClosed));
  Driver driver({&router, &thinker});
  ASSERT_TRUE(driver.until_ready());
  EXPECT_THAT(thinker.children(), SizeIs(1));
  const int alone = driver.run("solo", "absent", {{"router", &router}}, 150ms, 500ms);
  ASSERT_NE(alone, 0);
  EXPECT_THAT(thinker.children(), IsEmpty());
  EXPECT_EQ(thinker.beat->state, "absent");
  EXPECT_EQ(thinker.ready.size(), 1U);
  // It comes back, warms up and verifies, before it is needed.
  const int shared =
      driver.run("shared", "", {{"router", &router}, {"thinker", &thinker}}, 150ms, 1000ms);
  ASSERT_NE(shared, 0);
  ASSERT_GE(thinker.ready.size(), 2U);
  EXPECT_GE(thinker.ready.back().starts, 2);
  EXPECT_GT(parse(thinker.blocks().at(shared)).iterations.size(), 0U);
  driver.end();
  EXPECT_EQ(driver.exit_of(router), 0);
  EXPECT_EQ(driver.exit_of(thinker), 0);
}

TEST(Pod, WorkerThatIsNotReadyInTimeMissesTheBlockAndTheNextIsRun) {
  PodProcess pod(pod_command("router", kOpen));
  Driver driver({&pod});
  // Before the worker can have warmed up; and a run in which it was never needed before.
  driver.add("solo", "parked", {"router"}, 50ms, 0ms, 1ms);
  driver.publish();
  ASSERT_TRUE(driver.until([&] { return pod.reader().missed().contains(1); }));
  EXPECT_THAT(pod.reader().missed().at(1), testing::AnyOf("warming_up", "late"));
  const int index = driver.run("solo", "parked", {{"router", &pod}});
  ASSERT_NE(index, 0);
  EXPECT_FALSE(pod.blocks().contains(1));
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0);
}

struct Iterating {
  std::unique_ptr<PodProcess> pod;
  std::unique_ptr<Driver> driver;
};
// A pod in a block of a minute, its first; a new one with more time where the pod misses the block.
Iterating iterating_pod() {
  for (auto lead = 1000ms; lead < 60'000ms; lead *= 2) {
    Iterating made;
    made.pod = std::make_unique<PodProcess>(pod_command("thinker", kClosed));
    made.driver = std::make_unique<Driver>(std::vector<PodProcess*>{made.pod.get()});
    if (!made.driver->until_ready()) break;
    made.driver->add("solo", "parked", {"thinker"}, 60'000ms, lead);
    made.driver->publish();
    const auto missed = [&] { return made.pod->reader().missed().contains(1); };
    const auto iterates = [&] { return made.pod->beat && made.pod->beat->iterations > 0; };
    if (!made.driver->until([&] { return missed() || iterates(); })) break;
    if (!missed()) return made;
  }
  return {};
}

TEST(Pod, SignalInABlockFinishesTheIterationAndDeliversWhatWasMeasured) {
  const Iterating iterating = iterating_pod();
  ASSERT_TRUE(iterating.pod);
  PodProcess& pod = *iterating.pod;
  Driver& driver = *iterating.driver;
  EXPECT_EQ(pod.beat->block, 1);
  EXPECT_EQ(pod.beat->state, "running");
  EXPECT_EQ(pod.reader().arrived(), 0U);
  pod.kill(SIGTERM);
  EXPECT_EQ(driver.exit_of(pod), 130);
  ASSERT_TRUE(pod.has_block(1));
  const auto log = pod.blocks().at(1);
  EXPECT_FALSE(log.headers.back().complete);
  const Parsed parsed = parse(log);
  EXPECT_TRUE(parsed.end.interrupted);
  EXPECT_GT(parsed.iterations.size(), 0U);
}

TEST(Pod, KilledWorkerIsReportedAndItsRecordsAreDelivered) {
  const Iterating iterating = iterating_pod();
  ASSERT_TRUE(iterating.pod);
  PodProcess& pod = *iterating.pod;
  Driver& driver = *iterating.driver;
  ASSERT_THAT(pod.children(), SizeIs(1));
  kill(pod.children().front(), SIGKILL);
  EXPECT_EQ(driver.exit_of(pod), 1);
  ASSERT_FALSE(pod.failures.empty());
  EXPECT_EQ(pod.failures.front().block, 1);
  EXPECT_EQ(pod.failures.front().status, "killed by signal 9 (SIGKILL)");
  EXPECT_THAT(pod.error_output(), HasSubstr("kts-worker: agent thinker: "));
  ASSERT_TRUE(pod.has_block(1));
  EXPECT_THAT(pod.blocks().at(1).records, HasSubstr("KTS_APP,v2,thinker,0,"));
}

TEST(Pod, WrongCommandLinesAreNamed) {
  const std::vector<std::pair<Words, std::string>> cases{
      {{"pod"}, "no worker"},
      {{"pod", "--chunk-bytes", "5", "--", "fft"}, "--chunk-bytes: '5'"},
      {{"pod", "--chunk-bytes", "4194305", "--", "fft"}, "--chunk-bytes: '4194305'"},
      {{"pod", "--plam", "x", "--", "fft"}, "--plam"},
      {{"pod", "--", "fft", "--size", "x"}, "--size: 'x'"},
      {{"pod", "--", "fft", "--duration", "1s"}, "--controlled"},
  };
  for (const auto& [arguments, words] : cases) {
    Words command{in_build("bin/kts-worker")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    PodProcess pod(command);
    Driver driver({&pod});
    EXPECT_EQ(driver.exit_of(pod), 2) << words;
    EXPECT_THAT(pod.error_output(), HasSubstr(words));
    EXPECT_EQ(std::ranges::count(pod.error_output(), '\n'), 1) << pod.error_output();
  }
}

// Each reading of the log loses, repeats or cuts a range of lines with some probability, as a log
// does whose files are rotated under its reader.
class BadLog {
 public:
  Words operator()(Words lines) {
    const auto below = [this](std::size_t n) {
      return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
    };
    if (lines.size() < 2 || below(3) > 0) return lines;
    const auto first = lines.begin() + static_cast<std::ptrdiff_t>(below(lines.size()));
    const auto last = first + static_cast<std::ptrdiff_t>(
                                  1 + below(static_cast<std::size_t>(lines.end() - first)));
    switch (below(3)) {
      case 0:
        lines.erase(first, last);
        break;
      case 1: {
        const Words copy(first, last);
        lines.insert(lines.end(), copy.begin(), copy.end());
        break;
      }
      default:
        first->resize(first->size() / 2);
        break;
    }
    return lines;
  }

 private:
  std::mt19937 random_{20261121};
};

TEST(Pod, HundredsOfThousandsOfRecordsSurviveALogThatLosesRanges) {
  constexpr std::uint64_t kWanted = 300'000;
  PodProcess pod(
      pod_command("thinker", {"--arrival", "saturate", "--in-flight", "64", "--size", "2"},
                  {"--chunk-bytes", "65536", "--window-bytes", "1000000"}),
      {}, BadLog());
  Driver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  std::uint64_t records = 0;
  std::uint64_t lost_in_the_ring = 0;
  for (int round = 0; records < kWanted; ++round) {
    ASSERT_LT(round, 40);
    const int index = driver.run("solo", "parked", {{"thinker", &pod}}, 600ms);
    ASSERT_NE(index, 0) << pod.describe();
    const Parsed parsed = parse(pod.blocks().at(index));
    records += parsed.iterations.size();
    lost_in_the_ring += parsed.end.iterations - parsed.end.emitted;
  }
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0) << pod.error_output();
  EXPECT_GT(pod.reader().damaged(), 0U);
  EXPECT_EQ(pod.reader().ack().again.size(), 0U);
  EXPECT_GT(pod.lines(), records);
  RecordProperty("records", static_cast<int>(records));
  RecordProperty("lost_in_the_ring", static_cast<int>(lost_in_the_ring));
}

}  // namespace
}  // namespace kts::pod::pod_test
