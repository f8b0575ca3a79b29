// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/chain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <thread>
#include <vector>

#include "fakes.hpp"

namespace kts::worker::chain_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = ChainMessage::Kind;

constexpr int kBlock = 3;

ChainMessage request(std::uint16_t step, std::uint64_t number, Nanoseconds due,
                     std::uint16_t from = 0) {
  return {Kind::kRequest, kBlock, 0, step, from, number, due.count()};
}
ChainMessage end_of(std::uint16_t step) { return {Kind::kEnd, kBlock, 0, step, 0, 0, 0}; }

// Step `step` of the chain, after which comes the next one, whose agent's inbox is `next`.
ChainRole role(std::uint16_t step, int next) {
  ChainRole role{0, "answer", step};
  if (next >= 0) role.next = {{next, static_cast<std::uint16_t>(step + 1)}};
  return role;
}

// Messages that are there from an instant on.
class FakePort final : public ChainPort {
 public:
  FakePort(FakeClock& clock, const FakePacing& pacing) : clock_(clock), pacing_(pacing) {}
  void arrives(Nanoseconds when, const ChainMessage& message) {
    inbox_.push_back({at(when), message});
  }

  const ChainMessage* front() noexcept override {
    return inbox_.empty() || inbox_.front().when > clock_.now() ? nullptr : &inbox_.front().message;
  }
  void pop() noexcept override { inbox_.pop_front(); }
  void wait_until(MonotonicTime instant) noexcept override {
    if (!inbox_.empty()) instant = std::min(instant, inbox_.front().when);
    if (pacing_.stop_at > clock_.now()) instant = std::min(instant, pacing_.stop_at);
    clock_.sleep_until(instant);
  }
  void send(int to, const ChainMessage& message) noexcept override {
    sent.emplace_back(to, message);
    sent_at.push_back(clock_.now());
  }
  bool orphaned() const noexcept override { return inbox_.empty(); }

  std::vector<std::pair<int, ChainMessage>> sent;
  std::vector<MonotonicTime> sent_at;

 private:
  struct Arriving {
    MonotonicTime when;
    ChainMessage message;
  };
  FakeClock& clock_;
  const FakePacing& pacing_;
  std::deque<Arriving> inbox_;
};

class ChainedLoop : public testing::Test {
 protected:
  BlockOutcome run(std::vector<ChainRole> roles) {
    LoopSpec spec;
    spec.arrival.process = workload::ArrivalProcess::kChain;
    spec.roles = std::move(roles);
    spec.port = &port_;
    BlockPlan plan;
    plan.block = kBlock;
    plan.start = at(1s);
    plan.stop = at(2s);
    Loop loop(engine_, pacing_, sink_, spec);
    return loop.run(plan);
  }
  static ChainRole beginning(int next) {
    ChainRole first = role(0, next);
    first.arrival = {workload::ArrivalProcess::kUniform, 100, 0ns};
    return first;
  }

  FakeClock clock_;
  FakeEngine engine_{clock_, {3us, 10us, 2us}};
  FakePacing pacing_{clock_};
  VectorSink sink_;
  FakePort port_{clock_, pacing_};
};

TEST_F(ChainedLoop, TheFirstStepHandsEachRequestOnAtItsDone) {
  const BlockOutcome outcome = run({beginning(9)});
  ASSERT_GE(sink_.records.size(), 99U);
  ASSERT_EQ(port_.sent.size(), sink_.records.size() + 1);
  for (std::size_t i = 0; i < sink_.records.size(); ++i) {
    const auto& [to, message] = port_.sent[i];
    EXPECT_EQ(to, 9);
    EXPECT_EQ(message.kind, Kind::kRequest);
    EXPECT_EQ(message.step, 1U);
    EXPECT_EQ(message.request, i);
    EXPECT_EQ(message.due_ns, sink_.records[i].done_ns);
    EXPECT_EQ(sink_.steps[i], (record::Step{i, i, 0, 0}));
  }
  EXPECT_EQ(port_.sent.back().second.kind, Kind::kEnd);
  EXPECT_EQ(port_.sent_at.back(), at(2s));
  EXPECT_THAT(outcome.chain_requests, ElementsAre(sink_.records.size()));
  EXPECT_EQ(outcome.generation_stop, at(2s));
}

TEST_F(ChainedLoop, WaitingMessagesAreServedInOrderAndTheWaitIsBacklog) {
  port_.arrives(1100ms, request(1, 0, 1099ms));
  port_.arrives(1100ms, request(3, 7, 1100ms));
  port_.arrives(2s, end_of(1));
  port_.arrives(2s, end_of(3));
  run({role(1, 5), role(3, -1)});
  ASSERT_EQ(sink_.records.size(), 2U);
  EXPECT_EQ(sink_.records[0].due_ns, 1'099'000'000);
  EXPECT_EQ(sink_.records[0].submit_ns, 1'100'000'000);
  EXPECT_EQ(sink_.records[1].due_ns, 1'100'000'000);
  EXPECT_EQ(sink_.records[1].submit_ns, sink_.records[0].done_ns);
  EXPECT_THAT(sink_.steps, ElementsAre(record::Step{0, 0, 0, 1}, record::Step{1, 7, 0, 3}));
  // The last step hands nothing on.
  ASSERT_EQ(port_.sent.size(), 2U);
  EXPECT_EQ(port_.sent[0].second.step, 2U);
  EXPECT_EQ(port_.sent[1].second.kind, Kind::kEnd);
}

TEST_F(ChainedLoop, WhatIsUnderWayAtTheStopIsStillServed) {
  port_.arrives(2500ms, request(1, 0, 2499ms));
  port_.arrives(2600ms, end_of(1));
  const BlockOutcome outcome = run({role(1, -1)});
  EXPECT_EQ(outcome.iterations, 1U);
  EXPECT_EQ(outcome.abandoned, 0U);
  EXPECT_EQ(outcome.generation_stop, at(2s));
}

TEST_F(ChainedLoop, GivingUpDropsWhatWaitsAndCountsIt) {
  engine_.times.work = 300ms;
  pacing_.stop_at = at(2200ms);
  pacing_.request = StopRequest::kGiveUp;
  for (std::uint64_t i = 0; i < 10; ++i) port_.arrives(1s, request(1, i, 999ms));
  port_.arrives(2s, end_of(1));
  const BlockOutcome outcome = run({role(1, 5)});
  EXPECT_GT(outcome.iterations, 0U);
  EXPECT_EQ(outcome.iterations + outcome.abandoned, 10U);
  EXPECT_GT(outcome.abandoned, 0U);
  EXPECT_EQ(port_.sent.back().second.kind, Kind::kEnd);
}

TEST_F(ChainedLoop, WhatTheStepBeforeHadInProgressWhenGivingUpStillComesToItsEnd) {
  pacing_.stop_at = at(2200ms);
  pacing_.request = StopRequest::kGiveUp;
  port_.arrives(2300ms, request(1, 0, 2299ms));
  port_.arrives(2301ms, end_of(1));
  const BlockOutcome outcome = run({role(1, -1)});
  EXPECT_EQ(outcome.iterations, 1U);
  EXPECT_EQ(outcome.abandoned, 0U);
}

TEST_F(ChainedLoop, GivingUpCountsWhatWasDueAtTheBeginningOfTheChain) {
  engine_.times.work = 30ms;  // requests every 10 ms
  pacing_.stop_at = at(2200ms);
  pacing_.request = StopRequest::kGiveUp;
  const BlockOutcome outcome = run({beginning(9)});
  EXPECT_GT(outcome.abandoned, 0U);
  EXPECT_THAT(outcome.chain_requests, ElementsAre(outcome.iterations + outcome.abandoned));
  EXPECT_NEAR(static_cast<double>(outcome.chain_requests[0]), 100, 1);
}

TEST_F(ChainedLoop, AForkHandsEachRequestToAllOfItsBranches) {
  ChainRole fork = role(1, 5);
  fork.next = {{5, 2}, {6, 3}};
  port_.arrives(1100ms, request(1, 0, 1099ms));
  port_.arrives(2s, end_of(1));
  run({fork});
  ASSERT_EQ(port_.sent.size(), 4U);
  for (const std::size_t i : {0U, 2U}) {
    EXPECT_EQ(port_.sent[i].first, 5);
    EXPECT_EQ(port_.sent[i].second.step, 2U);
    EXPECT_EQ(port_.sent[i].second.from, 1U);
    EXPECT_EQ(port_.sent[i + 1].first, 6);
    EXPECT_EQ(port_.sent[i + 1].second.step, 3U);
    EXPECT_EQ(port_.sent[i].second.due_ns, port_.sent[i + 1].second.due_ns);
  }
  EXPECT_EQ(port_.sent[0].second.due_ns, sink_.records.at(0).done_ns);
}

TEST_F(ChainedLoop, AJoinIsDueWhenTheLastBranchIsDone) {
  ChainRole join = role(3, -1);
  join.branches = 2;
  // The second one's first branch comes before the first one is whole.
  port_.arrives(1100ms, request(3, 0, 1099ms, 1));
  port_.arrives(1110ms, request(3, 1, 1109ms, 1));
  port_.arrives(1120ms, request(3, 0, 1119ms, 2));
  port_.arrives(1130ms, request(3, 1, 1108ms, 2));
  port_.arrives(2s, end_of(3));
  port_.arrives(2001ms, request(3, 2, 2000ms, 1));
  port_.arrives(2001ms, request(3, 2, 1999ms, 2));
  port_.arrives(2002ms, end_of(3));
  const BlockOutcome outcome = run({join});
  EXPECT_EQ(outcome.abandoned, 0U);
  ASSERT_EQ(sink_.records.size(), 3U);
  EXPECT_EQ(sink_.records[0].due_ns, 1'119'000'000);
  EXPECT_EQ(sink_.records[1].due_ns, 1'109'000'000);
  EXPECT_EQ(sink_.records[1].submit_ns, 1'130'000'000);
  EXPECT_EQ(sink_.records[2].due_ns, 2'000'000'000);
  EXPECT_THAT(sink_.steps, ElementsAre(record::Step{0, 0, 0, 3, 2}, record::Step{1, 1, 0, 3, 1},
                                       record::Step{2, 2, 0, 3, 1}));
}

TEST_F(ChainedLoop, WhatABranchGaveUpIsNotWaitedForBeyondTheBlock) {
  ChainRole join = role(3, 5);
  join.branches = 2;
  pacing_.stop_at = at(2200ms);
  pacing_.request = StopRequest::kGiveUp;
  port_.arrives(1100ms, request(3, 0, 1099ms, 1));
  port_.arrives(1100ms, request(3, 1, 1099ms, 1));
  port_.arrives(2s, end_of(3));
  // In progress when the other branch gave up, which drops request 0.
  port_.arrives(2300ms, request(3, 1, 2299ms, 2));
  port_.arrives(2301ms, end_of(3));
  const BlockOutcome outcome = run({join});
  EXPECT_EQ(outcome.iterations, 1U);
  // Counted where it was dropped.
  EXPECT_EQ(outcome.abandoned, 0U);
  ASSERT_EQ(sink_.steps.size(), 1U);
  EXPECT_EQ(sink_.steps[0].request, 1U);
  ASSERT_EQ(port_.sent.size(), 2U);
  EXPECT_EQ(port_.sent.back().second.kind, Kind::kEnd);
}

TEST_F(ChainedLoop, AnAgentMayBeSideBySideWithItself) {
  port_.arrives(1100ms, request(1, 0, 1099ms));
  port_.arrives(1100ms, request(2, 0, 1099ms));
  port_.arrives(2s, end_of(1));
  port_.arrives(2s, end_of(2));
  ChainRole one = role(1, 9);
  one.next = {{9, 3}};
  ChainRole other = role(2, 9);
  run({one, other});
  ASSERT_EQ(sink_.records.size(), 2U);
  EXPECT_EQ(sink_.records[0].due_ns, sink_.records[1].due_ns);
  EXPECT_EQ(sink_.records[1].submit_ns, sink_.records[0].done_ns);
  EXPECT_EQ(port_.sent.at(0).second.from, 1U);
  EXPECT_EQ(port_.sent.at(1).second.from, 2U);
}

TEST_F(ChainedLoop, AChainThatBeginsByAForkIsDueAtAllOfItsFirstSteps) {
  ChainRole other = beginning(8);
  other.step = 1;
  run({beginning(9), other});
  ASSERT_GE(sink_.records.size(), 198U);
  ASSERT_EQ(sink_.records.size() % 2, 0U);
  for (std::size_t i = 0; i < sink_.records.size(); i += 2) {
    EXPECT_EQ(sink_.records[i].due_ns, sink_.records[i + 1].due_ns);
    EXPECT_EQ(sink_.steps[i].request, sink_.steps[i + 1].request);
    EXPECT_NE(sink_.steps[i].step, sink_.steps[i + 1].step);
  }
}

TEST_F(ChainedLoop, MessagesOfAnotherBlockAreDropped) {
  ChainMessage stale = request(1, 0, 999ms);
  stale.block = kBlock - 1;
  port_.arrives(1s, stale);
  port_.arrives(2s, end_of(1));
  EXPECT_EQ(run({role(1, -1)}).iterations, 0U);
  EXPECT_THAT(sink_.steps, IsEmpty());
}

TEST_F(ChainedLoop, NobodyLeftToHandOnEndsTheBlock) {
  port_.arrives(1500ms, request(1, 0, 1499ms));
  const BlockOutcome outcome = run({role(1, -1)});
  EXPECT_EQ(outcome.iterations, 1U);
}

TEST_F(ChainedLoop, AFailedDeviceHandsNothingOn) {
  engine_.fails_at = 1;
  port_.arrives(1s, request(1, 0, 999ms));
  port_.arrives(2s, end_of(1));
  const BlockOutcome outcome = run({role(1, 5)});
  EXPECT_FALSE(outcome.device);
  EXPECT_THAT(port_.sent, IsEmpty());
}

class ChainSocketsTest : public testing::Test {
 protected:
  ChainSocketsTest() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends_.data()), 0); }
  ~ChainSocketsTest() override {
    close(ends_[0]);
    if (ends_[1] >= 0) close(ends_[1]);
  }
  void close_writer() { close(std::exchange(ends_[1], -1)); }
  std::array<int, 2> ends_{};
  StopFlag stop_;
};

TEST_F(ChainSocketsTest, MessagesComeWholeAndInOrder) {
  ChainSockets port(ends_[0], stop_);
  EXPECT_EQ(port.front(), nullptr);
  for (std::uint64_t i = 0; i < 3; ++i) port.send(ends_[1], request(1, i, 5ms));
  for (std::uint64_t i = 0; i < 3; ++i) {
    port.wait_until(MonotonicTime::max());
    ASSERT_NE(port.front(), nullptr);
    EXPECT_EQ(port.front()->request, i);
    EXPECT_EQ(port.front()->due_ns, 5'000'000);
    port.pop();
  }
  EXPECT_EQ(port.front(), nullptr);
}

TEST_F(ChainSocketsTest, ARingOfAgentsCannotStopItself) {
  // Far more than the socket holds, to its own inbox.
  ChainSockets port(ends_[0], stop_);
  constexpr std::uint64_t kCount = 20'000;
  for (std::uint64_t i = 0; i < kCount; ++i) port.send(ends_[1], request(1, i, 0ns));
  for (std::uint64_t i = 0; i < kCount; ++i) {
    ASSERT_NE(port.front(), nullptr);
    ASSERT_EQ(port.front()->request, i);
    port.pop();
  }
}

TEST_F(ChainSocketsTest, AStopRequestEndsAWait) {
  ChainSockets port(ends_[0], stop_);
  std::thread other([&] { stop_.raise(StopRequest::kStop); });
  while (stop_.get() == StopRequest::kNone) port.wait_until(MonotonicTime::max());
  other.join();
  EXPECT_EQ(port.front(), nullptr);
}

TEST_F(ChainSocketsTest, TheLastWritersEndIsSeenAndNothingIsWaitedForAnyMore) {
  ChainSockets port(ends_[0], stop_);
  port.send(ends_[1], request(1, 4, 0ns));
  close_writer();
  port.wait_until(MonotonicTime::max());
  ASSERT_NE(port.front(), nullptr);
  EXPECT_EQ(port.front()->request, 4U);
  EXPECT_TRUE(port.orphaned());
}

TEST_F(ChainSocketsTest, WhatIsSentToOneThatIsGoneIsDropped) {
  std::array<int, 2> other{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other.data()), 0);
  close(other[0]);
  ChainSockets port(ends_[0], stop_);
  port.send(other[1], request(1, 0, 0ns));
  close(other[1]);
}

}  // namespace
}  // namespace kts::worker::chain_test
