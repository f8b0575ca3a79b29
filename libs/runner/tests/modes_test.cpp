// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/modes.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "fixture.hpp"
#include "kts/runner/memory.hpp"

namespace kts::runner::modes_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const Result<std::vector<device::Gpu>> kNoGpu = environment_lacks("no driver");

class Modes : public FakeRun {
 protected:
  Modes() { run_.scenario.plan.cycles = 4; }
  ModesRun modes() const {
    ModesRun out;
    out.base = run_;
    out.rounds = 2;
    return out;
  }
  static std::vector<std::string> folders(const ModesWork& work) {
    std::vector<std::string> names;
    for (const LocalRun& run : work.runs) names.push_back(run.folder.string());
    return names;
  }
  static std::string refusal(const ModesRun& modes,
                             const Result<std::vector<device::Gpu>>& gpus = kNoGpu) {
    const auto work = plan_modes(modes, gpus);
    if (work) return "no error";
    EXPECT_EQ(work.error().code, ErrorCode::kBadInput);
    return to_line(work.error());
  }
};

TEST_F(Modes, WhatTheMachineDoesNotHaveIsPlannedWithTheReasonAlone) {
  const auto work = plan_modes(modes(), kNoGpu);
  ASSERT_TRUE(work) << to_line(work.error());
  EXPECT_EQ(work->plan.agent, "light");
  EXPECT_THAT(folders(*work), ElementsAre("modes/exclusive-light", "modes/exclusive-heavy",
                                          "modes/time-slicing", "modes/streams"));
  ASSERT_EQ(work->plan.entries.size(), 5U);
  EXPECT_EQ(work->plan.entries[1].way, "mps");
  EXPECT_EQ(work->plan.entries[1].folder, "");
  EXPECT_THAT(work->plan.entries[1].reason, HasSubstr("a CPU can't be shared by 'mps'"));
  EXPECT_EQ(work->plan.entries[2].way, "mps-partitions");
  EXPECT_EQ(work->plan.entries[2].sharing, "mps");
  EXPECT_EQ(work->plan.entries[2].folder, "");
  EXPECT_EQ(work->runs[0].scenario.sharing, "exclusive");
  EXPECT_EQ(work->runs[0].scenario.agents.size(), 1U);
}

// nvidia-cuda-mps-control as it was before, or is since, it knew static partitions.
class DriverOnThePath {
 public:
  explicit DriverOnThePath(const std::string& text) {
    const auto program = folder_.path() / "nvidia-cuda-mps-control";
    EXPECT_TRUE(write_file(program, "#!/bin/sh\n# " + text + "\n"));
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    setenv("PATH", (folder_.path().string() + ":" + path_).c_str(), 1);
    setenv("CUDA_MPS_PIPE_DIRECTORY", folder_.path().c_str(), 1);
  }
  ~DriverOnThePath() {
    setenv("PATH", path_.c_str(), 1);
    unsetenv("CUDA_MPS_PIPE_DIRECTORY");
  }
  DriverOnThePath(const DriverOnThePath&) = delete;
  DriverOnThePath& operator=(const DriverOnThePath&) = delete;

 private:
  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
  std::string path_ = std::getenv("PATH");
};

TEST_F(Modes, StaticPartitionsAreMeasuredWhereTheDriverKnowsThem) {
  run_.scenario.device = "cuda";
  const Result<std::vector<device::Gpu>> card = std::vector<device::Gpu>(1);
  ModesRun wish = modes();
  wish.ways = {"mps-partitions"};
  {
    const DriverOnThePath old("get_client_list");
    const auto alone = plan_modes(wish, card);
    ASSERT_FALSE(alone);
    EXPECT_EQ(alone.error().code, ErrorCode::kEnvironment);
    EXPECT_THAT(
        to_line(alone.error()),
        StartsWith("--modes: mps-partitions: this driver's nvidia-cuda-mps-control knows no "
                   "static partitions"));
    const auto all = plan_modes(modes(), card);
    ASSERT_TRUE(all) << to_line(all.error());
    EXPECT_EQ(all->plan.entries[1].folder, "modes/mps");
    EXPECT_EQ(all->plan.entries[2].folder, "");
    EXPECT_THAT(all->plan.entries[2].reason, HasSubstr("knows no static partitions"));
  }
  const DriverOnThePath recent("sm_partition");
  const auto work = plan_modes(wish, card);
  ASSERT_TRUE(work) << to_line(work.error());
  const LocalRun& run = work->runs.back();
  EXPECT_EQ(run.folder, "modes/mps-partitions");
  EXPECT_EQ(run.scenario.sharing, "mps");
  for (const auto& agent : run.scenario.agents) EXPECT_EQ(agent.mps->partition_percent, 50);

  // Plain MPS is without, whatever the scenario asks for.
  wish.base.scenario.sharing = "mps";
  for (auto& agent : wish.base.scenario.agents) agent.mps.emplace().partition_percent = 50;
  wish.ways = {"mps"};
  const auto plain = plan_modes(wish, card);
  ASSERT_TRUE(plain) << to_line(plain.error());
  for (const auto& agent : plain->runs.back().scenario.agents) {
    EXPECT_EQ(agent.mps->partition_percent, std::nullopt);
  }
}

TEST_F(Modes, OfModesThatTheMachineHasNoneOfNothingIsPlanned) {
  ModesRun wish = modes();
  wish.ways = {"mps", "mig"};
  const auto work = plan_modes(wish, kNoGpu);
  ASSERT_FALSE(work);
  EXPECT_EQ(work.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(work.error()), StartsWith("--modes: mps: a CPU can't be shared by 'mps'"));
}

TEST_F(Modes, NeighboursAndDepthsMakeCompanies) {
  run_.scenario.agents.push_back(run_.scenario.agents[1]);
  run_.scenario.agents.back().name = "other";
  ModesRun wish = modes();
  wish.ways = {"time-slicing"};
  wish.in_flight = {1, 4};
  wish.beside_each = true;
  const auto work = plan_modes(wish, kNoGpu);
  ASSERT_TRUE(work) << to_line(work.error());
  EXPECT_THAT(folders(*work),
              ElementsAre("modes/exclusive-light", "modes/exclusive-heavy-in-flight-1",
                          "modes/exclusive-heavy-in-flight-4", "modes/exclusive-other-in-flight-1",
                          "modes/exclusive-other-in-flight-4",
                          "modes/time-slicing-beside-heavy-in-flight-1",
                          "modes/time-slicing-beside-heavy-in-flight-4",
                          "modes/time-slicing-beside-other-in-flight-1",
                          "modes/time-slicing-beside-other-in-flight-4"));
  EXPECT_EQ(work->plan.entries[1].company, "heavy at in_flight 4");
  EXPECT_EQ(work->runs[2].scenario.agents[0].in_flight, 4);
  EXPECT_EQ(work->runs[6].scenario.agents[1].in_flight, 4);
}

TEST_F(Modes, OnlyThoseWhoMeetHaveToFitIntoMemory) {
  auto& agents = run_.scenario.agents;
  agents[1].workload = workload::complete("membw", {{"bytes", "4GiB"}}).value();
  agents.push_back(agents[1]);
  agents.back().name = "other";
  agents.back().workload = workload::complete("membw", {{"bytes", "3GiB"}}).value();
  const DeviceMemory card{"X", std::uint64_t{5} << 30, {}};
  ModesRun wish = modes();
  wish.ways = {"time-slicing"};
  const auto at_once = plan_modes(wish, kNoGpu);
  ASSERT_TRUE(at_once) << to_line(at_once.error());
  EXPECT_FALSE(check_memory(predict_memory(largest_run(*at_once)), card));
  wish.beside_each = true;
  const auto each = plan_modes(wish, kNoGpu);
  ASSERT_TRUE(each) << to_line(each.error());
  EXPECT_TRUE(check_memory(predict_memory(largest_run(*each)), card));
  EXPECT_EQ(largest_run(*each).agents.at(1).name, "heavy");
}

TEST_F(Modes, OnACardARequestQueuesNothingAhead) {
  auto& agents = run_.scenario.agents;
  run_.scenario.device = "cuda";
  agents.push_back(agents[1]);
  agents.back().name = "llm";
  agents.back().workload = workload::complete("request", {}).value();
  const Result<std::vector<device::Gpu>> card = std::vector<device::Gpu>(1);
  ModesRun wish = modes();
  wish.ways = {"time-slicing"};
  wish.in_flight = {4};
  const auto beside_both = plan_modes(wish, card);
  ASSERT_TRUE(beside_both) << to_line(beside_both.error());
  EXPECT_EQ(beside_both->runs.back().scenario.agents.at(1).in_flight, 4);
  EXPECT_EQ(beside_both->runs.back().scenario.agents.at(2).in_flight, 1);
  wish.beside_each = true;
  EXPECT_EQ(refusal(wish, card),
            "--in-flight: llm can't have 4 in flight: on a card a request is driven token by "
            "token, one at a time; choose --in-flight 1, or leave it out");
  wish.in_flight = {1};
  EXPECT_TRUE(plan_modes(wish, card));
  wish.in_flight = {4};
  wish.base.scenario.device = "cpu";
  EXPECT_TRUE(plan_modes(wish, kNoGpu));
}

TEST_F(Modes, TheAgentWithAnObjectiveIsTheOneThatIsCompared) {
  run_.scenario.agents[1].slo = scenario::Slo{};
  EXPECT_EQ(plan_modes(modes(), kNoGpu)->plan.agent, "heavy");
}

scenario::Chain chain_of(std::string name, std::vector<scenario::ChainPart> way) {
  scenario::Chain chain;
  chain.name = std::move(name);
  chain.arrival.process = workload::ArrivalProcess::kPoisson;
  chain.arrival.rate_per_s = 5;
  chain.way = std::move(way);
  return chain;
}

TEST_F(Modes, AChainIsComparedAsOneAndItsAgentsAreNoNeighbours) {
  auto& agents = run_.scenario.agents;
  agents.push_back(agents[0]);
  agents.back().name = "tool";
  for (const std::size_t place : {0, 2}) agents[place].arrival = {};
  for (const std::size_t place : {0, 2}) {
    agents[place].arrival.process = workload::ArrivalProcess::kChain;
  }
  run_.scenario.chains = {chain_of("answer", {{"light"}, {"tool"}})};
  ModesRun wish = modes();
  wish.ways = {"time-slicing", "streams"};
  const auto work = plan_modes(wish, kNoGpu);
  ASSERT_TRUE(work) << to_line(work.error());
  EXPECT_EQ(work->plan.agent, "answer");
  EXPECT_THAT(folders(*work), ElementsAre("modes/alone-answer", "modes/exclusive-heavy",
                                          "modes/time-slicing", "modes/streams"));
  EXPECT_EQ(work->plan.baselines[0].agent, "answer");
  EXPECT_EQ(work->runs[0].scenario.agents.size(), 2U);
  EXPECT_EQ(work->runs[0].scenario.sharing, "time-slicing");
  EXPECT_EQ(work->runs[1].scenario.chains.size(), 0U);
  EXPECT_EQ(work->plan.entries[0].company, "heavy");
  EXPECT_THAT(work->plan.entries[0].neighbours, ElementsAre("heavy"));
  EXPECT_EQ(work->runs[3].scenario.agents.size(), 3U);

  // With an objective of its own the agent beside it is compared, and the chain is its neighbour.
  wish.base.scenario.agents[1].slo = scenario::Slo{};
  const auto other = plan_modes(wish, kNoGpu);
  ASSERT_TRUE(other) << to_line(other.error());
  EXPECT_EQ(other->plan.agent, "heavy");
  EXPECT_THAT(other->plan.entries[0].neighbours, ElementsAre("answer"));
  wish.base.scenario.agents.erase(wish.base.scenario.agents.begin() + 1);
  EXPECT_THAT(refusal(wish), HasSubstr("one chain alone shares with nobody"));
}

std::vector<std::string> others_of(const ModesRun& wish) {
  const auto work = plan_modes(wish, kNoGpu);
  if (!work) return {to_line(work.error())};
  std::vector<std::string> names;
  for (const auto& other : work->plan.others) names.push_back(other.agent + " of " + other.party);
  return names;
}

TEST_F(Modes, EveryAgentWhoseLatencyMattersIsALightOne) {
  auto& agents = run_.scenario.agents;
  agents.push_back(agents[0]);
  agents.back().name = "other";
  EXPECT_THAT(others_of(modes()), ElementsAre("other of other"));
  agents[1].slo = scenario::Slo{};
  EXPECT_THAT(others_of(modes()), IsEmpty());
  agents[2].slo = scenario::Slo{};
  EXPECT_THAT(others_of(modes()), ElementsAre("other of other"));
  // Whose own load differs between the companies has no baseline that they share.
  std::swap(agents[0], agents[1]);
  agents[1].slo = scenario::Slo{};
  agents[2].arrival = agents[0].arrival;
  agents[0].slo.reset();
  ModesRun wish = modes();
  EXPECT_THAT(others_of(wish), ElementsAre("other of other"));
  wish.in_flight = {1, 4};
  EXPECT_THAT(others_of(wish), IsEmpty());
}

TEST_F(Modes, AChainIsALightOneAndAnAgentOfItWithAnObjectiveToo) {
  auto& agents = run_.scenario.agents;
  agents.push_back(agents[0]);
  agents.back().name = "tool";
  agents[1].arrival = agents[2].arrival = {};
  agents[1].arrival.process = agents[2].arrival.process = workload::ArrivalProcess::kChain;
  run_.scenario.chains = {chain_of("answer", {{"heavy"}, {"tool"}})};
  EXPECT_THAT(others_of(modes()), ElementsAre("light of light"));
  run_.scenario.chains[0].slo = agents[2].slo = scenario::Slo{};
  EXPECT_THAT(others_of(modes()), ElementsAre("tool of answer"));
  run_.scenario.chains[0].slo.reset();
  agents[0].slo = scenario::Slo{};
  EXPECT_THAT(others_of(modes()), ElementsAre("tool of answer"));
}

TEST_F(Modes, TheSameRunsAreToldOfEveryLightAgent) {
  run_.scenario.plan.cycles = 2;
  run_.scenario.agents.push_back(run_.scenario.agents[0]);
  run_.scenario.agents.back().name = "other";
  ModesRun wish = modes();
  wish.ways = {"time-slicing"};
  wish.rounds = 1;
  wish.beside_each = true;
  auto work = plan_modes(wish, kNoGpu);
  ASSERT_TRUE(work) << to_line(work.error());
  EXPECT_EQ(work->runs.size(), 5U);
  const Status status = run_modes(wish, *work, progress_);
  ASSERT_TRUE(status) << to_line(status.error());
  const auto summary = analysis::load_modes(run_.folder);
  ASSERT_TRUE(summary) << to_line(summary.error());
  EXPECT_EQ(summary->companies.size(), 2U);
  ASSERT_EQ(summary->others.size(), 1U);
  const analysis::ModesSummary& other = summary->others[0];
  EXPECT_EQ(other.agent.name, "other");
  EXPECT_EQ(other.agent.arrival, summary->agent.arrival);
  EXPECT_GT(other.baseline.n, 0U);
  // It met the compared one only.
  ASSERT_EQ(other.companies.size(), 1U);
  EXPECT_EQ(other.companies[0].company, "light");
  const analysis::ModeResult& mode = other.companies[0].modes.at(0);
  EXPECT_EQ(mode.entry.folder, "modes/time-slicing-beside-other");
  EXPECT_GT(mode.n, 0U);
  EXPECT_TRUE(mode.p50.value);
  ASSERT_EQ(mode.neighbours.size(), 1U);
  EXPECT_EQ(mode.neighbours[0].agent, "light");
  EXPECT_TRUE(mode.neighbours[0].kept.value);
  EXPECT_FALSE(other.companies[0].advice.empty());
}

TEST_F(Modes, WishesThatMakeNoSenseAreRefused) {
  ModesRun wish = modes();
  wish.ways = {"mpss"};
  EXPECT_EQ(refusal(wish), "--modes: no mode or variant is called 'mpss'; did you mean 'mps'?");
  wish.ways = {"partition"};
  EXPECT_THAT(refusal(wish), StartsWith("--modes: no mode or variant is called 'partition'; there "
                                        "are: exclusive, time-slicing"));
  wish.ways = {"exclusive"};
  EXPECT_THAT(refusal(wish), HasSubstr("nothing to compare"));
  wish = modes();
  wish.base.scenario.variants = {{"mps", "mps", {{"heavy", {}, {}}}}};
  EXPECT_THAT(refusal(wish), HasSubstr("a variant is called 'mps'"));
  wish = modes();
  std::swap(wish.base.scenario.agents[0], wish.base.scenario.agents[1]);
  wish.in_flight = {4};
  EXPECT_THAT(refusal(wish), HasSubstr("light arrive by themselves"));
  wish.base.scenario.agents.pop_back();
  EXPECT_THAT(refusal(wish), HasSubstr("one agent alone shares with nobody"));
}

TEST_F(Modes, EveryRunIsWholeAfterAllRounds) {
  ModesRun wish = modes();
  wish.ways = {"time-slicing"};
  auto work = plan_modes(wish, kNoGpu);
  ASSERT_TRUE(work);
  const Status status = run_modes(wish, *work, progress_);
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_TRUE(exists("modes/plan.json"));
  EXPECT_TRUE(exists("modes/time-slicing/blocks/12-solo-light/block.json"));
  EXPECT_TRUE(exists("modes/exclusive-light/blocks/04-solo-light/block.json"));
  // Two rounds, the second backwards.
  std::vector<std::string> order;
  for (const ProgressState& state : progress_.done) {
    const std::string run = state.what.substr(0, state.what.find(':'));
    if (order.empty() || order.back() != run) order.push_back(run);
  }
  EXPECT_THAT(order, ElementsAre("exclusive-light", "exclusive-heavy", "time-slicing",
                                 "exclusive-heavy", "exclusive-light"));
  const auto summary = analysis::load_modes(run_.folder);
  ASSERT_TRUE(summary) << to_line(summary.error());
  EXPECT_EQ(summary->companies.at(0).modes.at(0).entry.way, "time-slicing");
  EXPECT_TRUE(summary->companies[0].modes[0].p50.value);
  EXPECT_TRUE(summary->companies[0].modes[0].kept_ratio.value);
}

TEST_F(Modes, TheTimeLeftIsThatOfAllPartsTogether) {
  ModesRun wish = modes();
  wish.ways = {"time-slicing"};
  auto work = plan_modes(wish, kNoGpu);
  ASSERT_TRUE(work);
  ASSERT_TRUE(run_modes(wish, *work, progress_));
  // Four cycles of each agent's block alone, and of three blocks together, of 20 ms each.
  ASSERT_EQ(progress_.done.size(), 4U + 4 + 4 * 3);
  EXPECT_GE(progress_.done.front().remaining, 19 * std::chrono::milliseconds(20));
  EXPECT_EQ(progress_.done.back().remaining, Nanoseconds(0));
}

TEST_F(Modes, AWayThatFailsIsLeftOutWithTheReason) {
  ModesRun wish = modes();
  wish.ways = {"time-slicing", "streams"};  // the fake worker hosts nobody
  auto work = plan_modes(wish, kNoGpu);
  ASSERT_TRUE(work);
  const Status status = run_modes(wish, *work, progress_);
  ASSERT_TRUE(status) << to_line(status.error());
  const auto summary = analysis::load_modes(run_.folder);
  ASSERT_TRUE(summary) << to_line(summary.error());
  const auto& streams = summary->companies.at(0).modes.at(1);
  EXPECT_FALSE(streams.measured);
  EXPECT_THAT(streams.entry.reason, HasSubstr("the agents' common process doesn't start"));
}

TEST_F(Modes, WithoutABaselineThereIsNothingToCompare) {
  misbehave("crash-start", "heavy");
  ModesRun wish = modes();
  wish.ways = {"time-slicing"};
  auto work = plan_modes(wish, kNoGpu);
  ASSERT_TRUE(work);
  const Status status = run_modes(wish, *work, progress_);
  ASSERT_FALSE(status);
  EXPECT_THAT(to_line(status.error()), StartsWith("modes/exclusive-heavy: agent heavy: "));
}

}  // namespace
}  // namespace kts::runner::modes_test
