// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "kts/analysis/summarize.hpp"
#include "load_fixtures.hpp"

namespace kts::analysis::load_study_test {
namespace {

using fixtures::expect_error;
using fixtures::Folder;
using fixtures::kEpoch;
using fixtures::kMillisecond;
using fixtures::mentions;

// What the study published of one agent in one phase.
struct Published {
  double p50_ms, p95_ms, p99_ms, rate_per_s;
};
constexpr Published kFftSolo{3.598, 3.645, 3.679, 278.1};
constexpr Published kFftShared{3.593, 5.868, 6.101, 257.9};
constexpr Published kGemmSolo{20.677, 20.896, 20.985, 49.1};
constexpr Published kGemmShared{20.669, 24.505, 24.690, 48.3};

// n lengths in ns with these type-7 quantiles, and a mean of 1000 / rate ms, in seeded disorder.
std::vector<std::int64_t> lengths_with(const Published& published, std::size_t n) {
  const auto ns = [](double ms) { return std::llround(ms * 1e6); };
  const auto rank = [&](double p) {
    return static_cast<std::size_t>(p * static_cast<double>(n - 1));
  };
  // Both ranks beside a quantile's position have its value, so interpolation gives just that.
  std::vector<std::int64_t> lengths(n, ns(published.p50_ms));
  std::fill(lengths.begin() + static_cast<std::ptrdiff_t>(rank(0.95)), lengths.end(),
            ns(published.p95_ms));
  std::fill(lengths.begin() + static_cast<std::ptrdiff_t>(rank(0.99)), lengths.end(),
            ns(published.p99_ms));
  const double wanted = 1e9 / published.rate_per_s * static_cast<double>(n);
  const auto excess = [&] {
    double sum = 0;
    for (const std::int64_t length : lengths) sum += static_cast<double>(length);
    return sum - wanted;
  };
  // Raise the stretch below p95 as far as the mean needs it, then settle it in the lower half.
  for (std::size_t k = rank(0.95); k-- > rank(0.5) + 2 && excess() < 0;) {
    lengths[k] = ns(published.p95_ms);
  }
  const std::int64_t surplus = std::llround(excess() / static_cast<double>(rank(0.5)));
  for (std::size_t k = 0; k < rank(0.5); ++k) lengths[k] -= surplus;
  std::mt19937_64 random(17);
  for (std::size_t k = n; k > 1; --k) std::swap(lengths[k - 1], lengths[random() % k]);
  return lengths;
}

struct StudyRun {
  std::string kind = "FFT";
  std::string phase_column = {};
  std::int64_t start_ns = kEpoch;
  std::int64_t sleep_ns = 100 * kMillisecond;
};

std::string line_of(const StudyRun& run, std::size_t i, std::int64_t start, std::int64_t length) {
  char line[record::kMaxRecordLine];
  // The host needs 20 us beside the device's time.
  const record::Iteration iteration{
      .seq = i, .due_ns = start, .submit_ns = start, .done_ns = start + length + 20'000};
  return {line, record::format_v1(line, run.kind, run.phase_column, iteration, length)};
}

std::string log_of(const StudyRun& run, const std::vector<std::int64_t>& lengths) {
  std::string text = "Using device: GTX 1080\n";
  std::int64_t start = run.start_ns;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    text += line_of(run, i, start, lengths[i]);
    start += lengths[i] + run.sleep_ns;
  }
  return text;
}

std::string plain_log(const StudyRun& run, std::size_t n = 100) {
  return log_of(run, std::vector<std::int64_t>(n, 4 * kMillisecond));
}

// 800 iterations, the first 40 slow ones that trimming has to remove.
std::string published_log(const StudyRun& run, const Published& published) {
  std::vector<std::int64_t> lengths(40, 99 * kMillisecond);
  const auto measured = lengths_with(published, 760);
  lengths.insert(lengths.end(), measured.begin(), measured.end());
  return log_of(run, lengths);
}

void write_study(const Folder& folder) {
  constexpr std::int64_t kHour = 3'600'000 * kMillisecond;
  folder.write("baseline-fft.log", published_log({}, kFftSolo));
  folder.write(
      "solo-gemm.log",
      published_log({.kind = "GEMM", .start_ns = kEpoch + kHour, .sleep_ns = 150 * kMillisecond},
                    kGemmSolo));
  folder.write("shared-fft.log", published_log({.start_ns = kEpoch + 2 * kHour}, kFftShared));
  folder.write("shared-gemm.log",
               published_log(
                   {.kind = "GEMM", .start_ns = kEpoch + 2 * kHour, .sleep_ns = 150 * kMillisecond},
                   kGemmShared));
}

TEST(Study, PublishedTableIsReproduced) {
  const Folder folder;
  write_study(folder);
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  const Summary summary = summarize(*data);
  const auto expect = [&](const std::string& agent, Phase phase, const Published& published) {
    const MeasureResult* result = find_result(summary, agent, phase, Measure::kGpuTime);
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(result->n, 760u);
    EXPECT_EQ(result->trimmed, 40u);
    EXPECT_EQ(result->lost, 0u);
    EXPECT_NEAR(result->p50.value.value_or(0), published.p50_ms, 1e-6);
    EXPECT_NEAR(result->p95.value.value_or(0), published.p95_ms, 1e-6);
    EXPECT_NEAR(result->p99.value.value_or(0), published.p99_ms, 1e-6);
    EXPECT_NEAR(result->rate_proxy_per_s.value_or(0), published.rate_per_s, 0.05);
  };
  expect("fft", Phase::kSolo, kFftSolo);
  expect("fft", Phase::kShared, kFftShared);
  expect("gemm", Phase::kSolo, kGemmSolo);
  expect("gemm", Phase::kShared, kGemmShared);
  const auto jitter = [&](const std::string& agent, Phase phase) {
    return find_result(summary, agent, phase, Measure::kGpuTime)->jitter.value_or(0);
  };
  EXPECT_NEAR(jitter("fft", Phase::kSolo), 1.02, 0.005);
  EXPECT_NEAR(jitter("fft", Phase::kShared), 1.70, 0.005);
  EXPECT_NEAR(jitter("gemm", Phase::kSolo), 1.01, 0.005);
  EXPECT_NEAR(jitter("gemm", Phase::kShared), 1.20, 0.006);
  const auto factor = [&](const std::string& agent) {
    const Degradation* found = find_degradation(summary, agent, Measure::kGpuTime, 0.99);
    return found ? found->ratio.value.value_or(0) : 0;
  };
  EXPECT_NEAR(factor("fft"), 1.66, 0.005);
  EXPECT_NEAR(factor("gemm"), 1.18, 0.005);
}

TEST(Study, HeaderSaysWhereItCameFrom) {
  const Folder folder;
  write_study(folder);
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.source, "KTS_APP v1");
  EXPECT_TRUE(data->header.within_run_only);
  EXPECT_EQ(data->header.started, "2025-11-21T01:53:20Z");
  EXPECT_EQ(data->header.device.kind, "");
  EXPECT_EQ(data->header.foreign_lines, 4u);
  ASSERT_EQ(data->header.agents.size(), 2u);
  EXPECT_EQ(data->header.agents[0].name, "fft");
  EXPECT_EQ(data->header.agents[0].baseline, "fft");
  EXPECT_EQ(data->blocks.size(), 4u * kSegments);
  EXPECT_TRUE(data->header.inconclusive.empty());
  // GEMM sleeps longer, so the FFT's 800 iterations end first.
  EXPECT_TRUE(mentions(data->header.warnings, "gemm: "));
  EXPECT_EQ(data->blocks[0].gpu_wait[0], record::kUnavailable);
  EXPECT_EQ(data->blocks[0].backlog[0], 0);
}

TEST(Study, PhaseColumnComesBeforeTheFilesName) {
  const Folder folder;
  folder.write("shared-fft.log", plain_log({.phase_column = "baseline"}));
  folder.write("x.log", plain_log({.phase_column = "shared_run-2"}));
  folder.write("y.log", plain_log({.kind = "GEMM", .phase_column = "SHARED"}));
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->blocks.size(), 3u * kSegments);
  EXPECT_EQ(data->blocks.front().phase, Phase::kSolo);
  EXPECT_TRUE(mentions(data->header.warnings, "gemm has no solo log"));
}

TEST(Study, OneFileMayHoldAllPhasesAndKinds) {
  const Folder folder;
  folder.write("all.log", plain_log({.phase_column = "solo"}) +
                              plain_log({.phase_column = "shared"}) +
                              plain_log({.kind = "GEMM", .phase_column = "shared"}));
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->blocks.size(), 3u * kSegments);
}

TEST(Study, UnknownPhaseIsBadInputThatNamesTheFlag) {
  const Folder folder;
  folder.write("fft.log", plain_log({}));
  expect_error(load(folder.path()), folder.file("fft.log"),
               "give --phase fft.log=solo or --phase fft.log=shared");
  folder.write("solo-or-shared.log", plain_log({}));
  std::filesystem::remove(folder.path() / "fft.log");
  expect_error(load(folder.path()), folder.file("solo-or-shared.log"), "--phase");
}

TEST(Study, FlagsSettleWhatTheFolderDoesNotSay) {
  const Folder folder;
  folder.write("a.log", plain_log({}));
  folder.write("b.log", plain_log({}));
  folder.write("shared-c.log", plain_log({}));
  const auto data =
      load(folder.path(), {.phases = {"a.log=solo", "b.log=shared"}, .agents = {"b.log=twin"}});
  ASSERT_TRUE(data) << to_line(data.error());
  ASSERT_EQ(data->header.agents.size(), 2u);
  EXPECT_EQ(data->header.agents[1].name, "twin");
  EXPECT_EQ(data->header.agents[1].baseline, "fft");
  EXPECT_EQ(data->baseline.at("twin"), "fft");
}

TEST(Study, TwoLogsOfOneAgentAndPhaseAreBadInputThatNamesTheFlag) {
  const Folder folder;
  folder.write("shared-a.log", plain_log({}));
  folder.write("shared-b.log", plain_log({}));
  expect_error(load(folder.path()), folder.file("shared-b.log"),
               "tell them apart with --agent shared-b.log=NAME");
  folder.write("shared-a.log", plain_log({}) + plain_log({.phase_column = "shared"}));
  std::filesystem::remove(folder.path() / "shared-b.log");
  expect_error(load(folder.path()), folder.file("shared-a.log"), "more than one phase column");
}

TEST(Study, BadFlagsAreBadInput) {
  const Folder folder;
  folder.write("solo-fft.log", plain_log({}));
  expect_error(load(folder.path(), {.phases = {"solo"}, .agents = {}}), "--phase",
               "'solo' is not of the form FILE=VALUE");
  expect_error(load(folder.path(), {.phases = {"no.log=solo"}, .agents = {}}), "--phase",
               "there is no log 'no.log'");
  expect_error(load(folder.path(), {.phases = {"solo-fft.log=loud"}, .agents = {}}), "--phase",
               "'loud' is neither solo nor shared");
  expect_error(load(folder.path(), {.phases = {}, .agents = {"solo-fft.log="}}), "--agent",
               "'solo-fft.log=' is not of the form FILE=VALUE");
}

TEST(Study, FolderWithoutLogsIsBadInput) {
  const Folder folder;
  folder.write("notes.txt", "KTS_APP,v1,FFT,0,1,2,3.5,solo\n");
  expect_error(load(folder.path()), folder.path().string(), "holds neither blocks/ nor *.log");
}

TEST(Study, EmptyLogIsBadInput) {
  const Folder folder;
  folder.write("solo-fft.log", "");
  expect_error(load(folder.path()), folder.file("solo-fft.log"), "holds no records");
}

TEST(Study, LogShorterThanItsWarmUpIsBadInput) {
  const Folder folder;
  folder.write("solo-fft.log", plain_log({}, 5));
  expect_error(load(folder.path()), folder.file("solo-fft.log"),
               "5 solo records, and the first 5 are left out as warm-up");
}

TEST(Study, WarmUpIsFiveOrAFewPercentRoundedUp) {
  for (const auto& [n, trimmed] : {std::pair{6u, 5u}, {100u, 5u}, {101u, 6u}, {120u, 6u}}) {
    const Folder folder;
    folder.write("solo-fft.log", plain_log({}, n));
    const auto data = load(folder.path());
    ASSERT_TRUE(data) << to_line(data.error());
    std::uint64_t samples = 0;
    std::uint64_t left_out = 0;
    std::uint64_t completed = 0;
    for (const AgentBlock& block : data->blocks) {
      samples += block.latency.size();
      left_out += block.trimmed;
      completed += block.completed_in_window;
    }
    EXPECT_EQ(left_out, trimmed) << n;
    EXPECT_EQ(samples, n - trimmed) << n;
    EXPECT_EQ(completed, n) << n;
  }
}

TEST(Study, MixedVersionsAreBadInput) {
  const Folder folder;
  folder.write("solo-fft.log", plain_log({}) + "KTS_APP,v2,fft,0,1,2,3,4,5\n");
  expect_error(load(folder.path()), folder.file("solo-fft.log") + ":102",
               "a v2 line in a folder of v1 logs");
}

TEST(Study, MalformedLinesAreCountedAndNamed) {
  const Folder folder;
  folder.write("solo-fft.log", plain_log({}) +
                                   "KTS_APP,v1,FFT,100,1763690\n"
                                   "KTS_APP,v1,FFT,101,1,2,nan,solo\n"
                                   "KTS_APP,v1,FFT,1o2,1,2,3.5,solo\n");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.malformed_lines, 3u);
  EXPECT_TRUE(mentions(data->header.warnings,
                       "3 malformed lines left out: solo-fft.log:102 (cut short), "
                       "solo-fft.log:103 (a latency that is not a plain decimal number)"));
}

TEST(Study, HolesInSeqAreLostRecords) {
  const Folder folder;
  std::string text = plain_log({});
  const auto hole = text.find("KTS_APP,v1,FFT,50,");
  text.erase(hole, text.find('\n', hole) + 1 - hole);
  folder.write("solo-fft.log", text);
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->blocks.front().lost, 1u);
  EXPECT_TRUE(mentions(data->header.warnings, "solo-fft.log: 1 record lost"));
}

TEST(Study, DuplicatesAreDroppedWhenIdenticalAndRefusedWhenNot) {
  const Folder folder;
  folder.write("solo-fft.log", plain_log({}) + line_of({}, 0, kEpoch, 4 * kMillisecond));
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.duplicate_records, 1u);
  folder.write("solo-fft.log", plain_log({}) + line_of({}, 0, kEpoch, 5 * kMillisecond));
  expect_error(load(folder.path()), folder.file("solo-fft.log") + ":102",
               "seq 0 stands here and in line 2, with different instants");
}

TEST(Study, ClockThatRunsBackwardsIsBadInput) {
  const Folder folder;
  folder.write("solo-fft.log", plain_log({}) + line_of({}, 100, kEpoch, 4 * kMillisecond));
  expect_error(load(folder.path()), folder.file("solo-fft.log") + ":102",
               "the clock runs backwards: due comes before the previous due at seq 100");
}

TEST(Study, SharedPhaseThatNeverOverlappedIsInconclusive) {
  const Folder folder;
  folder.write("solo-fft.log", plain_log({}));
  folder.write("shared-fft.log", plain_log({}));
  folder.write("shared-gemm.log",
               plain_log({.kind = "GEMM", .start_ns = kEpoch + 3'600'000 * kMillisecond}));
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.inconclusive,
            std::vector<std::string>{
                "the shared phase was not shared: its agents never ran at the same time"});
  EXPECT_EQ(exit_code(data->header), 5);
  for (const AgentBlock& block : data->blocks) EXPECT_EQ(block.phase, Phase::kSolo);
}

TEST(Study, SharedPhaseOfOneAgentIsInconclusive) {
  const Folder folder;
  folder.write("solo-fft.log", plain_log({}));
  folder.write("shared-fft.log", plain_log({}));
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_TRUE(mentions(data->header.inconclusive, "records of one agent only"));
}

TEST(Study, LastInstantThatCanBeWrittenIsRead) {
  const Folder folder;
  folder.write("solo-fft.log", plain_log({}) +
                                   "KTS_APP,v1,FFT,100,9223372036854775806,"
                                   "9223372036854775807,0.5,\n");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->blocks.back().latency.size(), 1u);
}

}  // namespace
}  // namespace kts::analysis::load_study_test
