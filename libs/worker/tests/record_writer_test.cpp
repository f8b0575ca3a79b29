// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/record_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>

#include "pipe.hpp"

namespace kts::worker::record_writer_test {
namespace {

using record::kUnavailable;

class RecordWriterTest : public testing::Test {
 protected:
  void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }

  static RecordFormat format(RecordVersion version) {
    RecordFormat format;
    format.version = version;
    format.agent = "router";
    format.kind = "FFT";
    format.phase = "solo";
    format.epoch.value = Nanoseconds(1'000'000);
    return format;
  }

  Pipe pipe_;
  StopFlag stop_;
};

TEST_F(RecordWriterTest, InstantsAreWrittenOnTheRunsTimeLine) {
  RecordWriter writer(pipe_.writer(), format(RecordVersion::kV2), stop_);
  ASSERT_TRUE(writer.push(record::Iteration{0, 1, 2, 3, 4, 5}));
  ASSERT_TRUE(writer.drain());
  EXPECT_EQ(pipe_.line(), "KTS_APP,v2,router,0,1000001,1000002,1000003,1000004,1000005");
}

TEST_F(RecordWriterTest, UnavailableInstantsStayEmpty) {
  RecordWriter writer(pipe_.writer(), format(RecordVersion::kV2), stop_);
  ASSERT_TRUE(writer.push(record::Iteration{7, 1, 2, kUnavailable, kUnavailable, 5}));
  ASSERT_TRUE(writer.drain());
  EXPECT_EQ(pipe_.line(), "KTS_APP,v2,router,7,1000001,1000002,,,1000005");
  EXPECT_EQ(writer.gpu_time().count(), 0U);
  EXPECT_EQ(writer.latency().max(), 4);
}

TEST_F(RecordWriterTest, StudysLineCarriesTheTimeBetweenDeviceInstants) {
  RecordWriter writer(pipe_.writer(), format(RecordVersion::kV1), stop_);
  ASSERT_TRUE(writer.push(record::Iteration{3, 0, 0, 1'000, 3'599'123, 4'000'000}));
  ASSERT_TRUE(writer.drain());
  EXPECT_EQ(pipe_.line(), "KTS_APP,v1,FFT,3,1000000,5000000,3.598123,solo");
}

TEST_F(RecordWriterTest, RequestsAreWrittenWithTheirTokens) {
  RecordWriter writer(pipe_.writer(), format(RecordVersion::kV2), stop_);
  ASSERT_TRUE(writer.push(record::Iteration{9, 1, 2, 3, 50, 60, 20, 128, 3}));
  ASSERT_TRUE(writer.push(record::Token{9, 1, 40}));
  ASSERT_TRUE(writer.push(record::Token{9, 2, 50}));
  ASSERT_TRUE(writer.drain());
  EXPECT_EQ(pipe_.line(),
            "KTS_APP,v2,router,9,1000001,1000002,1000003,1000050,1000060,128,3,1000020");
  EXPECT_EQ(pipe_.line(), "KTS_TOKEN,v2,router,9,1,1000040");
  EXPECT_EQ(pipe_.line(), "KTS_TOKEN,v2,router,9,2,1000050");
  EXPECT_EQ(writer.ttft().max(), 19);
  EXPECT_EQ(writer.itl().count(), 2U);
  EXPECT_EQ(writer.itl().max(), 20);
}

TEST_F(RecordWriterTest, StepsNameTheirChain) {
  RecordFormat chained = format(RecordVersion::kV2);
  chained.chains = {"", "answer"};
  RecordWriter writer(pipe_.writer(), chained, stop_);
  ASSERT_TRUE(writer.push(record::Iteration{0, 1, 2, 3, 4, 5}));
  ASSERT_TRUE(writer.push(record::Step{0, 7, 1, 2}));
  ASSERT_TRUE(writer.drain());
  EXPECT_EQ(pipe_.line(), "KTS_APP,v2,router,0,1000001,1000002,1000003,1000004,1000005");
  EXPECT_EQ(pipe_.line(), "KTS_STEP,v2,router,0,answer,7,2");
}

TEST_F(RecordWriterTest, StudysLinesHaveNoTokens) {
  RecordWriter writer(pipe_.writer(), format(RecordVersion::kV1), stop_);
  ASSERT_TRUE(writer.push(record::Iteration{0, 0, 0, 1'000, 2'000, 3'000, 500, 8, 2}));
  ASSERT_TRUE(writer.push(record::Token{0, 1, 2'000}));
  ASSERT_TRUE(writer.write_line("end\n"));
  EXPECT_TRUE(pipe_.line().starts_with("KTS_APP,v1,FFT,0,"));
  EXPECT_EQ(pipe_.line(), "end");
}

TEST_F(RecordWriterTest, LinesComeAfterWhatWasPushedBefore) {
  RecordWriter writer(pipe_.writer(), format(RecordVersion::kV2), stop_);
  ASSERT_TRUE(writer.push(record::Iteration{0, 1, 2, 3, 4, 5}));
  ASSERT_TRUE(writer.write_line("KTS_END,v2,{}\n"));
  ASSERT_TRUE(writer.push(record::Iteration{1, 1, 2, 3, 4, 5}));
  ASSERT_TRUE(writer.drain());
  EXPECT_TRUE(pipe_.line().starts_with("KTS_APP,v2,router,0,"));
  EXPECT_EQ(pipe_.line(), "KTS_END,v2,{}");
  EXPECT_TRUE(pipe_.line().starts_with("KTS_APP,v2,router,1,"));
}

// Nobody drains: if they weren't flushed by themselves, this would wait forever.
TEST_F(RecordWriterTest, RecordsAreFlushedUnasked) {
  RecordWriter writer(pipe_.writer(), format(RecordVersion::kV2), stop_);
  ASSERT_TRUE(writer.push(record::Iteration{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(pipe_.line().starts_with("KTS_APP,v2,router,0,"));
}

TEST_F(RecordWriterTest, MoreThanABufferArrivesWhole) {
  constexpr std::uint64_t kCount = 2'000;  // some 130 kB: two buffers and two pipes full
  RecordWriter writer(pipe_.writer(), format(RecordVersion::kV2), stop_);
  std::uint64_t wrong = 0;
  std::thread reader([&] {
    for (std::uint64_t seq = 0; seq < kCount; ++seq) {
      wrong += pipe_.line() != "KTS_APP,v2,router," + std::to_string(seq) +
                                   ",1000001,1000002,1000003,1000004,1000005";
    }
  });
  for (std::uint64_t seq = 0; seq < kCount; ++seq)
    EXPECT_TRUE(writer.push(record::Iteration{seq, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(writer.drain());
  reader.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(writer.latency().count(), kCount);
}

// The pipe's reader stands still, so the writer is stuck; the pusher must not be.
TEST_F(RecordWriterTest, StuckReaderCostsRecordsAndNeverStallsThePusher) {
  constexpr std::uint64_t kCount = 10'000;  // far more than pipe, buffer and ring hold
  std::uint64_t refused = 0;
  std::uint64_t arrived = 0;
  {
    RecordWriter writer(pipe_.writer(), format(RecordVersion::kV2), stop_, 64);
    for (std::uint64_t seq = 0; seq < kCount; ++seq) {
      if (!writer.push(record::Iteration{seq, 1, 2, 3, 4, 5})) ++refused;
    }
    EXPECT_GT(refused, 0U);
    std::thread reader([&] {
      while (!pipe_.line().starts_with("KTS_END")) ++arrived;
    });
    EXPECT_TRUE(writer.write_line("KTS_END,v2,{}\n"));
    reader.join();
  }
  EXPECT_EQ(arrived + refused, kCount);
}

TEST_F(RecordWriterTest, ReaderThatWentInterruptsAndIsNamed) {
  RecordWriter writer(pipe_.writer(), format(RecordVersion::kV2), stop_);
  pipe_.close_reader();
  ASSERT_TRUE(writer.push(record::Iteration{0, 1, 2, 3, 4, 5}));
  const auto status = writer.drain();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(status.error().message.find("Broken pipe"), std::string::npos);
  EXPECT_EQ(stop_.get(), StopRequest::kInterrupt);
  EXPECT_FALSE(writer.write_line("KTS_END,v2,{}\n"));
}

TEST_F(RecordWriterTest, FullDiskInterruptsAndIsNamed) {
  const int full = open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  {
    RecordWriter writer(full, format(RecordVersion::kV2), stop_);
    const auto status = writer.write_line("KTS_META,v2,{}\n");
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().message.find("No space left"), std::string::npos);
    EXPECT_EQ(stop_.get(), StopRequest::kInterrupt);
  }
  close(full);
}

}  // namespace
}  // namespace kts::worker::record_writer_test
