// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/iteration_covariates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kts/analysis/summarize.hpp"
#include "load_fixtures.hpp"

namespace kts::analysis::iteration_covariates_test {
namespace {

using fixtures::kEpoch;
using fixtures::kMillisecond;
using fixtures::V2Log;
using testing::HasSubstr;

// One block of one second. Iterations are due every 10 ms and take 9 ms from submit to done, but
// for the last, which takes `last_ms`.
class JoinIterations : public testing::Test {
 protected:
  void run_with(int last_ms) {
    V2Log log;
    std::string text = record::to_line(log.meta()) + "\n";
    for (int k = 0; k < log.n; ++k) {
      record::Iteration i = log.iteration(k);
      if (k == log.n - 1) i.gpu_end_ns = i.done_ns = i.submit_ns + last_ms * kMillisecond;
      text += log.record_line(i) + "\n";
    }
    folder_.write("blocks/00-solo-router/router.log", text + record::to_line(log.end()) + "\n");
    folder_.write("blocks/00-solo-router/block.json",
                  "{\"phase\":\"solo\",\"active\":[\"router\"],\"parked\":[],\"window_start_ns\":" +
                      std::to_string(kEpoch) +
                      ",\"window_stop_ns\":" + std::to_string(kEpoch + 1000 * kMillisecond) + "}");
  }
  // Every 100 ms for two seconds: the clock counts up from 1000, power stays.
  void nvml() {
    std::string text = "epoch_ns,gpu,sm_clock_mhz,power_watts\n";
    for (int k = 0; k < 20; ++k) {
      text += std::to_string(kEpoch + k * 100 * kMillisecond) + ",0," + std::to_string(1000 + k) +
              ",300\n";
    }
    folder_.write("telemetry/nvml.csv", text);
  }
  IterationJoin join() {
    const auto data = load(folder_.path());
    if (!data) {
      ADD_FAILURE() << to_line(data.error());
      return {};
    }
    const auto joined = join_iterations(folder_.path(), summarize(*data), csv());
    if (!joined) ADD_FAILURE() << to_line(joined.error());
    return joined.value_or(IterationJoin{});
  }
  [[nodiscard]] std::filesystem::path csv() const { return folder_.path() / "out.csv"; }
  fixtures::Folder folder_;
};

TEST_F(JoinIterations, WithoutTelemetryThereIsNoFile) {
  run_with(500);
  EXPECT_EQ(join().joined, 0U);
  EXPECT_FALSE(std::filesystem::exists(csv()));
}

TEST_F(JoinIterations, OfMillisecondsHaveNoLineEvenWhereAReadingFellIntoThem) {
  run_with(9);
  nvml();
  const IterationJoin joined = join();
  EXPECT_EQ(joined.joined, 0U);
  EXPECT_EQ(joined.iterations, 0U) << "the logs need not be read for that";
  EXPECT_FALSE(std::filesystem::exists(csv()));
}

TEST_F(JoinIterations, OneThatOutlastsTheIntervalHasTheMeanOfItsOwnReadings) {
  run_with(500);
  nvml();
  const IterationJoin joined = join();
  EXPECT_EQ(joined.joined, 1U);
  EXPECT_EQ(joined.iterations, 100U);
  const std::string text = read_file(csv()).value_or("");
  // From 991 ms to 1491 ms: readings 10 to 14. Power reaches a second back, beyond its submit.
  const std::string submit = std::to_string(kEpoch + 991 * kMillisecond);
  const std::string done = std::to_string(kEpoch + 1491 * kMillisecond);
  EXPECT_EQ(text,
            "block,agent,seq,submit_ns,done_ns,nvml.sm_clock_mhz,nvml.power_watts\n"
            "00-solo-router,router,99," +
                submit + "," + done + ",1012,\n");
}

}  // namespace
}  // namespace kts::analysis::iteration_covariates_test
