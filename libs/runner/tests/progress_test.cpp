// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kts::runner::progress_test {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

ProgressState state() {
  return {5, 30, 2, 10, "shared", {{"router", 199.64}, {"thinker", 358.1}}, 51'200ms};
}

std::string written(bool terminal) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = open_memstream(&text, &size);
  {
    const auto progress = make_progress(stream, terminal);
    progress->note("hello");
    progress->update(state());
    progress->block_done(state());
  }
  std::fclose(stream);
  const std::string out(text, size);
  std::free(text);
  return out;
}

TEST(Progress, SaysBlockCycleRatesAndRemainingTime) {
  EXPECT_EQ(describe(state()),
            "cycle 2/10, block 5/30 (shared): router 199.6/s, thinker 358.1/s; 52 s left");
  ProgressState crowded = state();
  crowded.rates.resize(64);
  crowded.remaining = 10min;
  EXPECT_THAT(describe(crowded), HasSubstr(", 60 more; 10 min 0 s left"));
}

TEST(Progress, WithoutATerminalItIsALineABlock) {
  EXPECT_EQ(written(false), "hello\n" + describe(state()) + "\n");
}

TEST(Progress, OnATerminalOneLineIsWrittenOverAndGoneAtTheEnd) {
  const std::string out = written(true);
  EXPECT_THAT(out, HasSubstr("hello\n"));
  EXPECT_THAT(out.substr(6), Not(HasSubstr("\n")));
  EXPECT_TRUE(out.ends_with("\r\x1b[K"));
}

}  // namespace
}  // namespace kts::runner::progress_test
