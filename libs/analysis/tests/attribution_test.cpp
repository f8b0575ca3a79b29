// SPDX-License-Identifier: Apache-2.0
// Causes that were planted come back as such. The runs are made here, not by the model of turns.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kts/analysis/summarize.hpp"
#include "kts/analysis/turn_model.hpp"
#include "left_out.hpp"
#include "synthetic.hpp"
#include "waits.hpp"

namespace kts::analysis::attribution_test {
namespace {

constexpr double kSlice = 2.0;
constexpr double kSwitch = 0.15;
constexpr double kService = 0.2;
constexpr double kHeavy = 2.7;
constexpr double kBlock = 2000;
constexpr int kBlocks = 10;

// A block's instants in ms since its start, put down as samples.
class Log {
 public:
  Log(const std::string& agent, int number, Phase phase)
      : block_(open_block(agent, number, phase, kBlock)) {
    block_.active = {"light", "heavy"};
    if (agent != "light") block_.meta->arrival = "saturate";
  }
  void add(double due, double submit, double start, double end, double done) {
    if (block_.phase == Phase::kShared) block_.due_gap.append(to_ns(due) - last_due_);
    last_due_ = to_ns(due);
    block_.latency.append(to_ns(done) - to_ns(due));
    block_.backlog.append(to_ns(submit) - to_ns(due));
    block_.gpu_wait.append(to_ns(start) - to_ns(submit));
    block_.gpu_time.append(to_ns(end) - to_ns(start));
    ++block_.due_in_window;
    ++block_.completed_in_window;
  }
  [[nodiscard]] AgentBlock take() { return std::move(block_); }

 private:
  AgentBlock block_;
  std::int64_t last_due_ = 0;
};

struct Stretch {
  double from, to;
  [[nodiscard]] double within(double a, double b) const {
    return std::max(0.0, std::min(to, b) - std::max(from, a));
  }
};
double within(const std::vector<Stretch>& stretches, double a, double b) {
  double sum = 0;
  for (const Stretch& s : stretches) sum += s.within(a, b);
  return sum;
}

// What was planted, summed over the light agent's requests.
struct Truth {
  double n = 0, turns = 0, switches = 0, queue = 0;
};

std::vector<double> arrivals(Random& random, double rate_per_ms) {
  std::vector<double> due;
  for (double t = random.exponential(1 / rate_per_ms); t < kBlock;
       t += random.exponential(1 / rate_per_ms)) {
    due.push_back(t);
  }
  return due;
}

// Turns that the two take from each other: the heavy agent always wants the device.
void take_turns_by_hand(RunData& data, int number, const std::vector<double>& due, Truth& truth) {
  std::vector<Stretch> heavy, switches;
  struct Request {
    double due, submit, start, end;
  };
  std::vector<Request> requests;
  double t = 0;
  double done = 0;
  std::size_t next = 0;
  while (t < kBlock) {
    const double begun = t;
    do {
      t += kSlice;
    } while (t < kBlock && (next == due.size() || due[next] > t));
    heavy.push_back({begun, t});
    if (next == due.size() || due[next] > t) break;
    switches.push_back({t, t + kSwitch});
    t += kSwitch;
    while (next < due.size() && due[next] <= t) {
      requests.push_back({due[next], std::max(due[next], done), t, t + kService});
      t += kService;
      done = t;
      ++next;
    }
    switches.push_back({t, t + kSwitch});
    t += kSwitch;
  }
  Log light("light", number, Phase::kShared);
  for (const Request& r : requests) {
    light.add(r.due, r.submit, r.start, r.end, r.end);
    truth.n += 1;
    truth.turns += within(heavy, r.submit, r.start);
    truth.switches += within(switches, r.submit, r.start);
    truth.queue += r.submit - r.due;
  }
  Log other("heavy", number, Phase::kShared);
  double left = kHeavy;
  double start = 0;
  double submit = 0;
  for (const Stretch& run : heavy) {
    double at = run.from;
    if (left == kHeavy) start = at;
    while (at + left <= run.to) {
      at += left;
      other.add(submit, submit, start, at, at);
      submit = start = at;
      left = kHeavy;
    }
    left -= run.to - at;
  }
  data.blocks.push_back(light.take());
  data.blocks.push_back(other.take());
}

void add_solo(RunData& data, int number, const std::vector<double>& due) {
  Log light("light", number, Phase::kSolo);
  double done = 0;
  for (const double at : due) {
    const double submit = std::max(at, done);
    done = submit + kService;
    light.add(at, submit, submit, done, done);
  }
  Log heavy("heavy", number + 1, Phase::kSolo);
  for (double t = 0; t + kHeavy < kBlock; t += kHeavy) heavy.add(t, t, t, t + kHeavy, t + kHeavy);
  data.blocks.push_back(light.take());
  data.blocks.push_back(heavy.take());
}

RunData empty_run(const std::string& sharing = "time-slicing") {
  RunData data;
  data.header.sharing = sharing;
  data.header.agents.resize(2);
  data.header.agents[0].name = "light";
  data.header.agents[1].name = "heavy";
  return data;
}

const Attribution* find(const Summary& summary, std::string_view agent, std::string_view at) {
  const auto found = std::ranges::find_if(
      summary.attribution, [&](const Attribution& a) { return a.agent == agent && a.at == at; });
  return found == summary.attribution.end() ? nullptr : &*found;
}

std::optional<double> made_of(const Attribution& a, Cause cause) {
  for (const Explanation& e : a.explained) {
    if (e.cause == cause) return e.ms.value;
  }
  return std::nullopt;
}

const Wait* find_wait(const Summary& summary, std::string_view agent, std::string_view at) {
  const auto found = std::ranges::find_if(
      summary.waits, [&](const Wait& w) { return w.agent == agent && w.at == at; });
  return found == summary.waits.end() ? nullptr : &*found;
}

class PlantedTurns : public testing::Test {
 protected:
  // `rate_per_ms`: low enough, and hardly anybody queues.
  Summary measure(double rate_per_ms) {
    Random random(5);
    RunData data = empty_run();
    for (int b = 0; b < kBlocks; ++b) {
      const std::vector<double> due = arrivals(random, rate_per_ms);
      add_solo(data, 3 * b, due);
      take_turns_by_hand(data, 3 * b + 2, due, truth_);
    }
    data.turns = TurnFigures{kSlice, kSwitch, "data sheet", ""};
    return summarize(data);
  }
  Truth truth_;
};

TEST_F(PlantedTurns, ComeBackAsTurnsAndSwitches) {
  const Summary summary = measure(0.02);
  const Attribution& mean = *find(summary, "light", "mean");
  const double growth = *mean.latency_growth_ms;
  EXPECT_NEAR(*made_of(mean, Cause::kTurns), truth_.turns / truth_.n, 0.1 * growth);
  EXPECT_NEAR(*made_of(mean, Cause::kSwitches), truth_.switches / truth_.n, 0.1 * growth);
  EXPECT_NEAR(*made_of(mean, Cause::kSwitches), kSwitch, 0.1 * kSwitch);
  EXPECT_NEAR(*made_of(mean, Cause::kExecution), 0, 0.01 * growth);
  EXPECT_NEAR(*made_of(mean, Cause::kSwitchedOut), 0, 0.01 * growth);
  EXPECT_NEAR(*mean.residue_ms, 0, 0.1 * growth);
}

TEST_F(PlantedTurns, OfRequestsAheadComeBackAsTheQueuesWaiting) {
  const Summary summary = measure(0.4);
  const Attribution& mean = *find(summary, "light", "mean");
  const double growth = *mean.latency_growth_ms;
  EXPECT_GT(*made_of(mean, Cause::kEarlierWaits), 0.1 * growth);
  const Wait& wait = *find_wait(summary, "light", "mean");
  EXPECT_EQ(wait.on, "heavy");
  EXPECT_NEAR(*wait.gpu_wait_ms, (truth_.turns + truth_.switches) / truth_.n, 0.05 * growth);
  // Nothing but the heavy agent makes it grow, save for the work of requests that came meanwhile.
  EXPECT_NEAR(*wait.ms.value + *made_of(mean, Cause::kEarlierWork), growth, 0.1 * growth);
  EXPECT_LE(*wait.ms.ci_low, *wait.ms.value);
  EXPECT_NEAR(*wait.growth_ratio, *wait.ms.value / growth, 1e-9);
}

TEST_F(PlantedTurns, LeaveLittleInNoPart) {
  const Summary summary = measure(0.8);
  const Attribution& mean = *find(summary, "light", "mean");
  EXPECT_LE(std::abs(*mean.residue_ms), 0.1 * *mean.latency_growth_ms);
  const Attribution& p99 = *find(summary, "light", "p99");
  ASSERT_TRUE(p99.residue_ms);
  EXPECT_LE(std::abs(*p99.residue_ms), 0.2 * *p99.latency_growth_ms);
}

TEST_F(PlantedTurns, OfTheHeavyAgentInMidWorkComeBackAsSwitchedOut) {
  const Summary summary = measure(0.1);
  const Attribution& mean = *find(summary, "heavy", "mean");
  const double growth = *mean.latency_growth_ms;
  const double out = *made_of(mean, Cause::kSwitchedOut) + *made_of(mean, Cause::kSwitchesMidWork);
  EXPECT_NEAR(out, growth, 0.1 * growth);
  EXPECT_NEAR(*made_of(mean, Cause::kSwitchedOut) / *made_of(mean, Cause::kSwitchesMidWork),
              kService / (2 * kSwitch), 0.15);
}

// Every request of the shared blocks is the same but for what `plant` adds.
template <typename Plant>
Summary beside_a_busy_agent(Plant plant, const std::string& sharing = "time-slicing") {
  Random random(9);
  RunData data = empty_run(sharing);
  for (int b = 0; b < kBlocks; ++b) {
    std::vector<double> due;
    for (double t = 5; t < kBlock; t += random.uniform(9, 11)) due.push_back(t);
    add_solo(data, 3 * b, due);
    Log light("light", 3 * b + 2, Phase::kShared);
    for (const double at : due) plant(light, at, random);
    Log heavy("heavy", 3 * b + 2, Phase::kShared);
    for (double t = 0; t + kHeavy < kBlock; t += kHeavy) {
      heavy.add(t, t, t, t + kHeavy, t + kHeavy);
    }
    data.blocks.push_back(light.take());
    data.blocks.push_back(heavy.take());
  }
  if (sharing == "time-slicing") data.turns = TurnFigures{kSlice, kSwitch, "data sheet", ""};
  return summarize(data);
}

TEST(PlantedNothing, HasNoGrowthToHaveAShareOf) {
  const Summary summary = beside_a_busy_agent([](Log& log, double due, Random& random) {
    const double done = due + kService * random.uniform(0.9, 1.1);
    log.add(due, due, due, done, done);
  });
  for (const Wait& wait : summary.waits) {
    // That lengths vary, which they don't alone, does make the tail grow.
    if (wait.agent != "light" || wait.at != "mean") continue;
    EXPECT_FALSE(wait.growth_ratio);
  }
}

TEST(PlantedSlowdown, ComesBackAsWorkTakingLonger) {
  const Summary summary = beside_a_busy_agent([](Log& log, double due, Random& random) {
    const double end = due + kService * random.uniform(1.25, 1.35);
    log.add(due, due, due, end, end);
  });
  const Attribution& mean = *find(summary, "light", "mean");
  const double growth = *mean.latency_growth_ms;
  EXPECT_NEAR(growth, 0.3 * kService, 0.01);
  EXPECT_NEAR(*made_of(mean, Cause::kExecution), growth, 0.1 * growth);
  EXPECT_NEAR(*made_of(mean, Cause::kTurns), 0, 0.1 * growth);
  EXPECT_NEAR(*made_of(mean, Cause::kSwitchedOut), 0, 0.1 * growth);
}

TEST(PlantedBacklog, ComesBackAsTheQueueAtWork) {
  const Summary summary = beside_a_busy_agent([](Log& log, double due, Random& random) {
    const double submit = due + random.uniform(2, 6);
    log.add(due, submit, submit, submit + kService, submit + kService);
  });
  const Attribution& mean = *find(summary, "light", "mean");
  const double growth = *mean.latency_growth_ms;
  EXPECT_NEAR(*made_of(mean, Cause::kEarlierWork), growth, 0.1 * growth);
  EXPECT_NEAR(*made_of(mean, Cause::kEarlierWaits), 0, 0.1 * growth);
  EXPECT_NEAR(*made_of(mean, Cause::kTurns), 0, 0.1 * growth);
}

TEST(PlantedSharing, HasNoTurnsWhereAgentsRunAtOnce) {
  const Summary summary = beside_a_busy_agent(
      [](Log& log, double due, Random&) {
        log.add(due, due, due, due + 2 * kService, due + 2 * kService);
      },
      "mps");
  EXPECT_FALSE(summary.turns);
  EXPECT_TRUE(summary.turn_checks.empty());
  const Attribution& mean = *find(summary, "light", "mean");
  EXPECT_NEAR(*made_of(mean, Cause::kSharing), kService, 0.1 * kService);
  EXPECT_FALSE(made_of(mean, Cause::kSwitchedOut));
  EXPECT_FALSE(made_of(mean, Cause::kExecution));
}

// Two heavy agents, one of which leaves: what the light one waited for it must go with it. `claim`
// scales what is said of the waits.
Summary with_one_left_out(int cycles, double claim = 1) {
  Random random(12);
  RunData data = empty_run();
  data.header.agents.resize(3);
  data.header.agents[2].name = "other";
  const std::vector<std::string> names{"light", "heavy", "other"};
  for (int b = 0; b < cycles; ++b) {
    const std::vector<double> due = arrivals(random, 0.05);
    const auto agent_of = [&](std::size_t a) {
      TurnAgent agent;
      agent.closed = a > 0;
      for (std::size_t i = 0; a == 0 && i < due.size(); ++i) {
        agent.work.push_back({due[i], 0, 0.01, kService, 0.004});
      }
      if (a > 0) agent.work.assign(1000, {0, 0, 0.003, kHeavy, 0.003});
      return agent;
    };
    const auto add = [&](int number, Phase phase, const std::vector<std::size_t>& who) {
      std::vector<std::string> active;
      std::vector<TurnAgent> agents;
      for (const std::size_t a : who) {
        active.push_back(names[a]);
        agents.push_back(agent_of(a));
      }
      const auto done = take_turns({kSlice, kSwitch}, agents, kBlock);
      for (std::size_t a = 0; a < who.size(); ++a) {
        Log log(active[a], number, phase);
        for (const TurnInstants& i : done[a]) {
          if (i.due_ms < kBlock) log.add(i.due_ms, i.submit_ms, i.start_ms, i.end_ms, i.done_ms);
        }
        data.blocks.push_back(log.take());
        data.blocks.back().active = active;
      }
    };
    for (const std::size_t a : {0, 1, 2}) add(10 * b + static_cast<int>(a), Phase::kSolo, {a});
    add(10 * b + 3, Phase::kShared, {0, 2});
    add(10 * b + 4, Phase::kShared, {0, 1});
    add(10 * b + 5, Phase::kShared, {0, 1, 2});
  }
  data.turns = TurnFigures{kSlice, kSwitch, "data sheet", ""};
  Summary summary = summarize(data);
  for (LeftOut& left : summary.left_out) {
    for (auto* value : {&left.predicted.value, &left.predicted.ci_low, &left.predicted.ci_high}) {
      if (*value) **value *= claim;
    }
    const MeasureResult& shared =
        *find_result(summary, left.agent, Phase::kShared, Measure::kLatency);
    judge(left, left.at == "mean" ? shared.mean : shared.p95.value);
  }
  std::erase_if(summary.left_out, [](const LeftOut& left) { return left.agent != "light"; });
  return summary;
}

TEST(LeaveOneOut, TheDropIsTheModels) {
  const Summary summary = with_one_left_out(20);
  int means = 0;
  int tails = 0;
  for (const LeftOut& left : summary.left_out) {
    (left.at == "mean" ? means : tails) += 1;
    EXPECT_EQ(left.blocks, 20);
    EXPECT_TRUE(left.by_model);
    EXPECT_NEAR(*left.drop.value, *left.predicted.value, 0.1 * *left.predicted.value)
        << left.left_out << " " << left.at;
    // Who comes next in the round also matters, which a wait doesn't know; in the tail, more.
    EXPECT_NEAR(*left.drop.value, *left.waited.value,
                (left.at == "mean" ? 0.5 : 1) * *left.waited.value)
        << left.left_out << " " << left.at;
    EXPECT_EQ(left.agreement, LeftOutCheck::kAgrees) << left.left_out << " " << left.at;
    EXPECT_LT(*left.drop.ci_low, *left.drop.value);
    EXPECT_EQ(left.agreement == LeftOutCheck::kCannotTell, !left.missing.empty());
    if (left.cycles_needed) {
      EXPECT_EQ(left.agreement, LeftOutCheck::kCannotTell);
      EXPECT_GT(*left.cycles_needed, 20U);
    }
  }
  EXPECT_EQ(means, 2);
  EXPECT_EQ(tails, 2);
  // The blocks without one are none of all.
  EXPECT_EQ(find_result(summary, "light", Phase::kShared, Measure::kLatency)->blocks, 20);
}

TEST(LeaveOneOut, AWrongMatrixDiffers) {
  for (const double claim : {0.3, 2.0}) {
    for (const LeftOut& left : with_one_left_out(20, claim).left_out) {
      EXPECT_EQ(left.agreement, LeftOutCheck::kDiffers) << left.left_out << " " << left.at << claim;
    }
  }
}

TEST(LeaveOneOut, TooFewCyclesCannotTell) {
  const Summary summary = with_one_left_out(4);
  ASSERT_EQ(summary.left_out.size(), 2U) << "p95 takes intervals";
  for (const LeftOut& left : summary.left_out) {
    EXPECT_EQ(left.agreement, LeftOutCheck::kCannotTell);
    EXPECT_EQ(left.missing, "there is no interval");
    EXPECT_EQ(left.cycles_needed, 5U);
  }
}

// drop 1.0 beside a prediction of 1.0 of a latency of 2 ms: half of it, 0.5, must be excluded.
TEST(LeaveOneOut, AgreesOnlyWhereAClaimOffByHalfWouldHaveBeenRefuted) {
  const auto told = [](double drop, double reach, double predicted, double latency = 2) {
    LeftOut entry;
    entry.blocks = 10;
    entry.drop = {drop, drop - reach, drop + reach};
    entry.predicted = {predicted, predicted, predicted};
    judge(entry, latency);
    return entry;
  };
  EXPECT_EQ(told(1, 0.45, 1).agreement, LeftOutCheck::kAgrees);
  EXPECT_EQ(told(1.2, 0.25, 1).agreement, LeftOutCheck::kAgrees);
  EXPECT_EQ(told(1.2, 0.15, 1).agreement, LeftOutCheck::kDiffers);
  EXPECT_EQ(told(1.9, 0.6, 1).agreement, LeftOutCheck::kDiffers);
  const LeftOut wide = told(1, 1, 1);
  EXPECT_EQ(wide.agreement, LeftOutCheck::kCannotTell);
  EXPECT_EQ(wide.cycles_needed, 40U) << "half as wide takes four times as many";
  EXPECT_EQ(told(1.4, 0.45, 1).cycles_needed, 13U) << "it differs once narrower than 0.4";
  // What changes no decision needs no refuting: 5 % of a latency of 20 ms.
  EXPECT_EQ(told(0.1, 0.5, 0.01, 20).agreement, LeftOutCheck::kAgrees);
  EXPECT_EQ(told(0.1, 0.5, 0.01, 2).agreement, LeftOutCheck::kCannotTell);
}

// A run by the model, without a data sheet: its lengths must be found in the records.
TEST(TurnFigures, AreFoundInTheRunItself) {
  Random random(3);
  RunData data = empty_run();
  for (int b = 0; b < kBlocks; ++b) {
    const std::vector<double> due = arrivals(random, 0.2);
    add_solo(data, 3 * b, due);
    TurnAgent light, heavy;
    for (const double at : due) light.work.push_back({at, 0, 0.01, kService, 0.004});
    heavy.closed = true;
    heavy.work.assign(1000, {0, 0, 0.003, kHeavy, 0.003});
    const auto done = take_turns({kSlice, kSwitch}, {light, heavy}, kBlock);
    for (const std::size_t agent : {0U, 1U}) {
      Log log(agent == 0 ? "light" : "heavy", 3 * b + 2, Phase::kShared);
      for (const TurnInstants& i : done[agent]) {
        if (i.due_ms < kBlock) log.add(i.due_ms, i.submit_ms, i.start_ms, i.end_ms, i.done_ms);
      }
      data.blocks.push_back(log.take());
    }
  }
  const Summary summary = summarize(data);
  ASSERT_TRUE(summary.turns);
  ASSERT_TRUE(summary.turns->slice_ms) << summary.turns->missing;
  EXPECT_NEAR(*summary.turns->slice_ms, kSlice, 0.05 * kSlice);
  EXPECT_NEAR(*summary.turns->switch_ms, kSwitch, 0.1 * kSwitch);
  ASSERT_EQ(summary.turn_checks.size(), 2U);
  EXPECT_NEAR(*summary.turn_checks[0].p50.model_ms, *summary.turn_checks[0].p50.measured_ms,
              0.1 * *summary.turn_checks[0].p50.measured_ms);
}

TEST(TurnFigures, AreMissingWithAReasonWhereNothingTellsThem) {
  const Summary summary = [] {
    Random random(4);
    RunData data = empty_run();
    Truth truth;
    for (int b = 0; b < kBlocks; ++b) {
      const auto due = arrivals(random, 0.05);
      add_solo(data, 3 * b, due);
      take_turns_by_hand(data, 3 * b + 2, due, truth);
    }
    return summarize(data);
  }();
  ASSERT_TRUE(summary.turns);
  EXPECT_FALSE(summary.turns->slice_ms);
  EXPECT_NE(summary.turns->missing.find("give a data sheet"), std::string::npos);
  const Attribution& mean = *find(summary, "light", "mean");
  EXPECT_TRUE(made_of(mean, Cause::kTurns));
  const auto& explained = mean.explained;
  const auto switches = std::ranges::find(explained, Cause::kSwitches, &Explanation::cause);
  ASSERT_NE(switches, explained.end());
  EXPECT_FALSE(switches->ms.value);
  EXPECT_EQ(switches->missing, summary.turns->missing);
}

TEST(GrowthInterval, TakesFiveBlocks) {
  for (const int blocks : {4, 5}) {
    Random random(8);
    RunData data = empty_run();
    Truth truth;
    for (int b = 0; b < blocks; ++b) {
      const auto due = arrivals(random, 0.2);
      add_solo(data, 3 * b, due);
      take_turns_by_hand(data, 3 * b + 2, due, truth);
    }
    const Summary summary = summarize(data);
    const PartGrowth& wait = find(summary, "light", "mean")->parts[1];
    ASSERT_EQ(wait.part, Measure::kGpuWait);
    EXPECT_EQ(wait.interval.low.has_value(), blocks >= stats::kMinBlocks);
    EXPECT_EQ(wait.interval.high.has_value(), blocks >= stats::kMinBlocks);
    if (wait.interval.low) {
      EXPECT_LT(*wait.interval.low, *wait.growth_ms);
      EXPECT_GT(*wait.interval.high, *wait.growth_ms);
    }
  }
}

// --- timelines ---

struct Told {
  std::size_t agent, sample;
  std::vector<double> ns;
  bool operator==(const Told&) const = default;
};

std::vector<Told> all_told(const std::vector<AgentBlock>& blocks) {
  std::vector<const AgentBlock*> agents;
  for (const AgentBlock& block : blocks) agents.push_back(&block);
  const std::vector<WorkRule> rules(blocks.size(), {kService * 1e6, 1e4, kService * 1e6, 1e6});
  std::vector<Told> told;
  tell_held(agents, rules, {kSlice * 1e6, kSwitch * 1e6},
            [&](std::size_t a, std::size_t i, const Held* held) {
              Told& entry = told.emplace_back(Told{a, i, {}});
              if (!held) return;
              entry.ns = {held->switches, held->switches_mid_work};
              for (const Held::On& on : held->on) {
                entry.ns.insert(entry.ns.end(), {on.backlog, on.wait, on.out, on.alone});
              }
            });
  std::ranges::stable_sort(told, {}, &Told::agent);
  return told;
}

TEST(Timeline, RequestsThatOvertakeEachOtherWaitFromTheirOwnSubmitOn) {
  Log ahead("heavy", 0, Phase::kShared);
  ahead.add(0, 0, 0, 1, 1);
  Log log("light", 0, Phase::kShared);
  log.add(0.2, 0.6, 1.2, 1.4, 1.4);  // due before the one that overtakes it
  log.add(0.1, 0.15, 1.0, 1.2, 1.2);
  const std::vector<Told> told = all_told({ahead.take(), log.take()});
  ASSERT_EQ(told.size(), 3U);
  const auto wait_on_heavy = [&](std::size_t entry) { return told[entry].ns[3] / 1e6; };
  EXPECT_EQ(told[1].sample, 0U);
  EXPECT_NEAR(wait_on_heavy(1), 0.4, 1e-9);
  EXPECT_NEAR(wait_on_heavy(2), 0.85, 1e-9);
}

TEST(Timeline, WhatIsForgottenOnTheWayChangesNothingThatIsTold) {
  const auto queue = [](bool out_of_order) {
    Random random(5);
    std::vector<AgentBlock> blocks;
    for (const char* agent : {"light", "heavy", "third"}) {
      Log log(agent, 0, Phase::kShared);
      double done = 0;
      for (const double due : arrivals(random, 1.0)) {
        const double submit = std::max(due, done);
        const double start = submit + random.exponential(0.3);
        const double end = start + random.exponential(0.4);
        done = end + 0.01;
        log.add(due, submit, start, end, done);
      }
      // Long after, and of all agents alike, but read otherwise.
      log.add(3 * kBlock + 1, 3 * kBlock + 1, 3 * kBlock + 1, 3 * kBlock + 2, 3 * kBlock + 2);
      const double last = 3 * kBlock + (out_of_order ? 0 : 2);
      log.add(last, last, last, last, last);
      blocks.push_back(log.take());
    }
    std::vector<Told> told = all_told(blocks);
    std::erase_if(told, [&](const Told& entry) {
      return entry.sample + 2 >= blocks[entry.agent].latency.size();
    });
    return told;
  };
  const std::vector<Told> told = queue(false);
  EXPECT_GT(told.size(), 5000U);
  EXPECT_TRUE(told == queue(true));
}

}  // namespace
}  // namespace kts::analysis::attribution_test
