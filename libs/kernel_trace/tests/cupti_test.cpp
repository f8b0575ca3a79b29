// SPDX-License-Identifier: Apache-2.0
// The tracer against a CUPTI that plays records.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "fake_cupti.hpp"
#include "kts/base/files.hpp"
#include "kts/kernel_trace/activity.hpp"
#include "kts/kernel_trace/tracer.hpp"
#include "places.hpp"

namespace kts::kernel_trace::cupti_test {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kEpochOffset = 1'700'000'000'000'000'000;

class Cuptis : public testing::Test {
 protected:
  Cuptis() {
    unsetenv("FAKE_CUPTI_VERSION");
    unsetenv("FAKE_CUPTI_REFUSES");
    void* const fake =
        dlopen(in_build("tests/libkts_fake_cupti.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(fake, nullptr) << dlerror();
    now = reinterpret_cast<decltype(&fake_cupti_now)>(dlsym(fake, "fake_cupti_now"));
    kernel = reinterpret_cast<decltype(&fake_cupti_kernel)>(dlsym(fake, "fake_cupti_kernel"));
    others = reinterpret_cast<decltype(&fake_cupti_others)>(dlsym(fake, "fake_cupti_others"));
  }
  static Result<std::unique_ptr<Tracer>> open(std::uint64_t bytes = kLeastBufferBytes) {
    return open_cupti({bytes, in_build("tests/libkts_fake_cupti.so")});
  }
  std::filesystem::path csv() const { return directory_.path() / "a.kernels.csv"; }
  std::vector<Activity> rows() const {
    std::ifstream in(csv());
    std::vector<Activity> all;
    std::string line;
    std::getline(in, line);
    EXPECT_EQ(line + "\n", kCsvSchema);
    std::getline(in, line);
    EXPECT_EQ(line + "\n", kCsvHeader);
    while (std::getline(in, line)) {
      const auto activity = parse_csv(line);
      EXPECT_TRUE(activity) << line;
      if (activity) all.push_back(*activity);
    }
    return all;
  }

  decltype(&fake_cupti_now) now = nullptr;
  decltype(&fake_cupti_kernel) kernel = nullptr;
  decltype(&fake_cupti_others) others = nullptr;
  TemporaryDirectory directory_ = *TemporaryDirectory::create("kts-cupti-test");
  EpochOffset epoch_{Nanoseconds(kEpochOffset)};
};

TEST_F(Cuptis, ABlocksRecordsAreWrittenByStartOnTheRunsClock) {
  const auto tracer = open();
  ASSERT_TRUE(tracer) << to_line(tracer.error());
  EXPECT_THAT((*tracer)->name(), HasSubstr("CUPTI 13."));
  EXPECT_THAT((*tracer)->limits(), HasSubstr("context switches"));
  const std::int64_t before = now();
  kernel("warm_up", before, before + 5, 7);
  ASSERT_TRUE((*tracer)->begin_block());
  const std::int64_t t = now();
  kernel("second", t + 100, t + 150, 7);
  kernel("first", t + 10, t + 90, 7);
  others(t + 200, t + 250);
  while (now() < t + 250) {
  }
  const auto counts = (*tracer)->end_block(csv(), epoch_);
  ASSERT_TRUE(counts) << to_line(counts.error());
  EXPECT_EQ(counts->rows, 6U);
  EXPECT_EQ(counts->lost, 0U);
  EXPECT_EQ(counts->outside, 0U);
  const auto all = rows();
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[0], (Activity{Kind::kKernel,
                              "first",
                              kEpochOffset + t + 10,
                              kEpochOffset + t + 90,
                              7,
                              11,
                              {},
                              Dim{32, 1, 1},
                              Dim{256, 1, 1}}));
  EXPECT_EQ(all[1].name, "second");
  EXPECT_EQ(all[2].kind, Kind::kCopy);
  EXPECT_EQ(all[2].name, "device to host");
  EXPECT_EQ(all[2].bytes, 4096U);
  EXPECT_EQ(all[3].kind, Kind::kSet);
  EXPECT_EQ(all[4].kind, Kind::kSync);
  EXPECT_EQ(all[4].name, "context");
  EXPECT_FALSE(all[4].stream);
  EXPECT_EQ(all[5].kind, Kind::kOverhead);
  EXPECT_EQ(all[5].name, "CUPTI flushes");
}

TEST_F(Cuptis, FullBuffersLoseRecordsAndCountThemBlockByBlock) {
  const auto tracer = open();
  ASSERT_TRUE(tracer);
  constexpr std::uint64_t kMany = 20'000;
  for (int block = 0; block < 3; ++block) {
    ASSERT_TRUE((*tracer)->begin_block());
    const std::int64_t t = now();
    for (std::uint64_t k = 0; k < kMany; ++k) kernel("k", t, t, 7);
    const auto counts = (*tracer)->end_block(csv(), epoch_);
    ASSERT_TRUE(counts);
    EXPECT_GT(counts->lost, 0U);
    EXPECT_GT(counts->rows, 1000U);
    EXPECT_EQ(counts->rows + counts->lost, kMany) << "block " << block;
    EXPECT_EQ(rows().size(), counts->rows);
  }
  ASSERT_TRUE((*tracer)->begin_block());
  EXPECT_EQ((*tracer)->end_block(csv(), epoch_)->lost, 0U);
}

TEST_F(Cuptis, RecordsWithoutInstantsAreLostAndThoseOfOtherTimesAreOutside) {
  const auto tracer = open();
  ASSERT_TRUE(tracer);
  ASSERT_TRUE((*tracer)->begin_block());
  const std::int64_t t = now();
  kernel("never finished", 0, 0, 7);
  kernel("backwards", t, t - 1, 7);
  kernel("long ago", t - 60'000'000'000, t, 7);
  kernel("to come", t, t + 60'000'000'000, 7);
  kernel("good", t, t, 7);
  const auto counts = (*tracer)->end_block(csv(), epoch_);
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->rows, 1U);
  EXPECT_EQ(counts->lost, 2U);
  EXPECT_EQ(counts->outside, 2U);
}

TEST_F(Cuptis, AFileThatCannotBeWrittenIsAnErrorAndTheTracerGoesOn) {
  const auto tracer = open();
  ASSERT_TRUE(tracer);
  ASSERT_TRUE((*tracer)->begin_block());
  kernel("k", now(), now(), 7);
  EXPECT_FALSE((*tracer)->end_block("/nonexistent/a.kernels.csv", epoch_));
  ASSERT_TRUE((*tracer)->begin_block());
  EXPECT_EQ((*tracer)->end_block(csv(), epoch_)->rows, 0U);
}

TEST_F(Cuptis, WhatCuptiRefusesIsTheEnvironmentsLack) {
  for (const char* function : {"cuptiActivityRegisterTimestampCallback",
                               "cuptiActivityRegisterCallbacks", "cuptiActivityEnable"}) {
    setenv("FAKE_CUPTI_REFUSES", function, 1);
    const auto tracer = open();
    ASSERT_FALSE(tracer) << function;
    EXPECT_EQ(tracer.error().code, ErrorCode::kEnvironment);
    EXPECT_EQ(tracer.error().where, "--trace-kernels");
    EXPECT_THAT(to_line(tracer.error()), HasSubstr("CUPTI_ERROR_INSUFFICIENT_PRIVILEGES"));
    EXPECT_THAT(tracer.error().hint, HasSubstr("root"));
  }
  unsetenv("FAKE_CUPTI_REFUSES");
  const auto tracer = open();
  ASSERT_TRUE(tracer) << to_line(tracer.error());
  EXPECT_EQ(open().error().code, ErrorCode::kInternal) << "one at a time";
  setenv("FAKE_CUPTI_REFUSES", "cuptiActivityFlushAll", 1);
  EXPECT_EQ((*tracer)->begin_block().error().code, ErrorCode::kEnvironment);
}

TEST_F(Cuptis, MissingOrForeignLibrariesAreTheEnvironmentsLack) {
  const auto missing = open_cupti({kLeastBufferBytes, "/nonexistent/libcupti.so"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(missing.error()), HasSubstr("CUPTI can't be loaded"));
  const auto other = open_cupti({kLeastBufferBytes, "libm.so.6"});
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("no cuptiGetVersion"));
  setenv("FAKE_CUPTI_VERSION", "120800", 1);
  const auto old = open();
  ASSERT_FALSE(old);
  EXPECT_THAT(old.error().message, HasSubstr("CUPTI 12.8.0 is not of the version"));
}

}  // namespace
}  // namespace kts::kernel_trace::cupti_test
