// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/attention.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>

#include "pipe.hpp"

namespace kts::worker::attention_test {
namespace {

using control::Command;
using control::to_line;

class AttentionTest : public testing::Test {
 protected:
  void start() {
    auto attention = Attention::start(commands_.reader(), stop_);
    ASSERT_TRUE(attention);
    attention_ = std::move(*attention);
  }
  // The flag is raised by another thread.
  void await(StopRequest request) {
    while (stop_.get() != request) std::this_thread::yield();
  }

  Pipe commands_;
  StopFlag stop_;
  std::unique_ptr<Attention> attention_;
};

TEST_F(AttentionTest, CommandsComeInOrderHoweverTheBytesAreCut) {
  start();
  const std::string bytes =
      to_line(Command(control::Prepare{3, "solo", "parked"})) + to_line(Command(control::Finish{}));
  for (const char byte : bytes) commands_.put({&byte, 1});
  const auto first = attention_->next();
  ASSERT_TRUE(first);
  EXPECT_EQ(std::get<control::Prepare>(*first).block, 3);
  EXPECT_TRUE(std::holds_alternative<control::Finish>(attention_->next().value()));
  EXPECT_EQ(stop_.get(), StopRequest::kNone);
}

TEST_F(AttentionTest, StopReachesTheFlagAndNotTheQueue) {
  start();
  commands_.put(to_line(Command(control::Stop{})) + to_line(Command(control::Finish{})));
  await(StopRequest::kStop);
  EXPECT_TRUE(std::holds_alternative<control::Finish>(attention_->next().value()));
}

TEST_F(AttentionTest, GivingUpIsMoreThanStoppingAndLessThanAnInterrupt) {
  start();
  commands_.put(to_line(Command(control::GiveUp{})) + to_line(Command(control::Stop{})) +
                to_line(Command(control::Finish{})));
  EXPECT_TRUE(std::holds_alternative<control::Finish>(attention_->next().value()));
  EXPECT_EQ(stop_.get(), StopRequest::kGiveUp);
  commands_.close_writer();
  await(StopRequest::kInterrupt);
}

TEST_F(AttentionTest, EndOfInputIsExitAndEndsABlock) {
  start();
  commands_.close_writer();
  EXPECT_TRUE(std::holds_alternative<control::Exit>(attention_->next().value()));
  EXPECT_EQ(stop_.get(), StopRequest::kInterrupt);
  EXPECT_TRUE(attention_->interruption());
}

TEST_F(AttentionTest, ExitIsExitWithTheInputStillOpen) {
  start();
  commands_.put(to_line(Command(control::Exit{})));
  EXPECT_TRUE(std::holds_alternative<control::Exit>(attention_->next().value()));
}

TEST_F(AttentionTest, WhatWasReadBeforeTheEndIsStillObeyed) {
  start();
  commands_.put(to_line(Command(control::Prepare{})));
  commands_.close_writer();
  await(StopRequest::kInterrupt);
  EXPECT_TRUE(std::holds_alternative<control::Prepare>(attention_->next().value()));
  EXPECT_TRUE(std::holds_alternative<control::Exit>(attention_->next().value()));
}

TEST_F(AttentionTest, NonsenseIsBadInputAndEndsABlock) {
  start();
  commands_.put("hello\n");
  const auto next = attention_->next();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(next.error().where, "stdin");
  EXPECT_EQ(stop_.get(), StopRequest::kInterrupt);
}

TEST_F(AttentionTest, EndlessLineIsBadInput) {
  start();
  const std::string chunk(4096, 'x');
  for (std::size_t sent = 0; sent < control::kMaxFrame; sent += chunk.size()) commands_.put(chunk);
  const auto next = attention_->next();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kBadInput);
}

TEST_F(AttentionTest, SignalsInterruptWhoeverWaitsAndAreNamed) {
  for (const auto& [number, name] : {std::pair(SIGINT, "SIGINT"), std::pair(SIGTERM, "SIGTERM")}) {
    StopFlag stop;
    auto attention = Attention::start(-1, stop);
    ASSERT_TRUE(attention);
    kill(getpid(), number);
    const auto next = (*attention)->next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, ErrorCode::kInterrupted);
    EXPECT_NE(next.error().message.find(name), std::string::npos);
    EXPECT_EQ(stop.get(), StopRequest::kInterrupt);
  }
}

// As threads that a library starts before main do.
TEST_F(AttentionTest, SignalTakenByAForeignThreadCounts) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  start();
  std::thread foreign([&set] {
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    pthread_kill(pthread_self(), SIGTERM);
  });
  foreign.join();
  EXPECT_FALSE(attention_->next());
}

TEST_F(AttentionTest, SecondSignalEndsTheProcessAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        StopFlag stop;
        const auto attention = Attention::start(-1, stop);
        kill(getpid(), SIGINT);
        while (stop.get() != StopRequest::kInterrupt) std::this_thread::yield();
        kill(getpid(), SIGINT);
        for (;;) pause();
      },
      testing::ExitedWithCode(130), "");
}

TEST(HostedAttention, SeveralInAProcessHaveAChannelEach) {
  Pipe first_commands;
  Pipe second_commands;
  StopFlag first_stop;
  StopFlag second_stop;
  auto first = Attention::start_hosted(first_commands.reader(), first_stop);
  auto second = Attention::start_hosted(second_commands.reader(), second_stop);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  first_commands.close_writer();
  EXPECT_TRUE(std::holds_alternative<control::Exit>((*first)->next().value()));
  first->reset();
  second_commands.put(to_line(Command(control::Finish{})));
  EXPECT_TRUE(std::holds_alternative<control::Finish>((*second)->next().value()));
  EXPECT_EQ(second_stop.get(), StopRequest::kNone);
}

}  // namespace
}  // namespace kts::worker::attention_test
