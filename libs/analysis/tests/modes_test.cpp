// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/modes.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kts/base/files.hpp"
#include "load_fixtures.hpp"

namespace kts::analysis::modes_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

ModeResult mode(std::string way, double p99, double kept) {
  ModeResult result;
  result.entry.way = std::move(way);
  result.measured = true;
  result.p99 = {p99, p99 * 0.95, p99 * 1.05};
  result.kept_ratio.value = kept;
  return result;
}

ModesSummary summary(std::vector<CompanyResult> companies) {
  ModesSummary out;
  out.agent.name = "fft";
  out.companies = std::move(companies);
  advise(out);
  return out;
}

TEST(Advice, IsTheLowestTailAmongThoseThatSpareTheNeighbours) {
  const ModesSummary s = summary({{"gemm",
                                   {mode("time-slicing", 7.6, 0.9), mode("mps", 17.4, 1.0),
                                    mode("mps-priority", 3.4, 0.96), mode("mps-75", 1.2, 0.63)},
                                   {},
                                   {}}});
  ASSERT_TRUE(s.companies[0].best);
  EXPECT_EQ(*s.companies[0].best, 2U);
  EXPECT_THAT(s.advice,
              StartsWith("Beside gemm take mps-priority: its p99 is the lowest of those"));
  EXPECT_THAT(s.advice, HasSubstr("3.40 ms (3.23–3.57)"));
  EXPECT_THAT(s.advice, HasSubstr("mps-75 would bring p99 to 1.20 ms"));
  EXPECT_THAT(s.advice, HasSubstr("Under time-slicing it is 7.60 ms"));
  EXPECT_EQ(exit_code(s), 0);
}

// Of an agent in the same runs.
ModesSummary other(std::string name, std::vector<CompanyResult> companies) {
  ModesSummary out;
  out.agent.name = std::move(name);
  out.companies = std::move(companies);
  return out;
}

CompanyResult company(std::string name, std::vector<ModeResult> modes) {
  for (ModeResult& mode : modes) mode.entry.folder = "modes/" + mode.entry.way;
  return {std::move(name), std::move(modes), {}, {}};
}

TEST(Advice, DoesNotHideThatAnotherLightAgentDoesBetterOtherwise) {
  ModesSummary s =
      summary({company("encoder, gemm", {mode("time-slicing", 7.6, 0.9), mode("mps", 3.4, 0.96)})});
  const std::string alone = s.advice;
  s.others = {other(
      "encoder", {company("fft, gemm", {mode("time-slicing", 20, 0.9), mode("mps", 60, 0.96)})})};
  advise(s);
  EXPECT_EQ(s.advice, alone +
                          " encoder does better under time-slicing (p99 20.0 ms (19.0–21.0), "
                          "under mps 60.0 ms (57.0–63.0)).");
  EXPECT_EQ(s.companies[0].advice, alone);
  EXPECT_THAT(s.others[0].companies[0].advice,
              StartsWith("Beside fft, gemm take time-slicing: its p99 is the lowest. encoder's "));
  EXPECT_EQ(exit_code(s), 0);

  // Nor is there anything to say where its p99 can't be told apart or where it's lower too.
  s.others[0].companies[0].modes[1] = mode("mps", 20.5, 0.9);
  advise(s);
  EXPECT_EQ(s.advice, alone);
  s.others[0].companies[0].modes[1] = mode("mps", 2, 0.7);
  advise(s);
  EXPECT_EQ(s.advice, alone);
}

TEST(Advice, SaysWhereAnotherLightAgentMeetsItsObjectiveOnly) {
  ModesSummary s =
      summary({company("encoder", {mode("time-slicing", 7.6, 0.9), mode("mps", 3.4, 0.96)})});
  s.others = {
      other("encoder", {company("fft", {mode("time-slicing", 20, 0.9), mode("mps", 21, 0.96)})})};
  s.others[0].agent.slo_latency_ms = 20.5;
  s.others[0].agent.slo_quantile = 0.99;
  s.others[0].companies[0].modes[0].slo_met = true;
  advise(s);
  EXPECT_THAT(s.advice, HasSubstr("encoder does better under time-slicing (p99 20.0 ms"));
  EXPECT_THAT(s.advice, HasSubstr("; only there it is sure to meet its objective)."));
}

TEST(Advice, SaysWhenItDependsOnTheNeighbour) {
  const ModesSummary s =
      summary({{"gemm", {mode("time-slicing", 7.6, 0.9), mode("mps", 17.4, 0.95)}, {}, {}},
               {"decode", {mode("time-slicing", 5.3, 0.9), mode("mps", 0.47, 0.93)}, {}, {}}});
  EXPECT_EQ(s.advice, "It depends on the neighbour: time-slicing beside gemm, mps beside decode.");
  const ModesSummary one =
      summary({{"gemm", {mode("time-slicing", 7.6, 0.9), mode("mps", 4, 0.95)}, {}, {}},
               {"decode", {mode("time-slicing", 5.3, 0.9), mode("mps", 0.47, 0.93)}, {}, {}}});
  EXPECT_EQ(one.advice, "Take mps: it is best beside every neighbour here.");
}

TEST(Advice, SaysBetweenWhichWaysItDependsWhereAThirdIsBestEverywhere) {
  const auto priority = [](double p99) { return mode("mps-priority", p99, 0.95); };
  ModesSummary s = summary({{"gemm",
                             {mode("time-slicing", 7.6, 0.9), mode("mps", 17.4, 0.95),
                              mode("streams", 17.0, 0.95), priority(3.1)},
                             {},
                             {}},
                            {"decode",
                             {mode("time-slicing", 5.3, 0.9), mode("mps", 0.47, 0.93),
                              mode("streams", 0.48, 0.93), priority(0.3)},
                             {},
                             {}}});
  EXPECT_EQ(s.advice,
            "Take mps-priority: it is best beside every neighbour here. Between time-slicing and "
            "mps or streams it depends on the neighbour: time-slicing is better beside gemm, mps "
            "or streams beside decode.");
  // Nothing is claimed of what can't be told apart, or of a run that can't conclude.
  s.companies[1].modes[1] = mode("mps", 5.3, 0.93);
  s.companies[1].modes[2].inconclusive = {"an overload"};
  advise(s);
  EXPECT_EQ(s.advice, "Take mps-priority: it is best beside every neighbour here.");
}

TEST(Advice, DoesNotDependOnTheNeighbourWhereOneWayIsAsGoodAsTheBestEverywhere) {
  const ModesSummary s =
      summary({{"gemm", {mode("time-slicing", 5.0, 0.97), mode("streams", 5.2, 0.92)}, {}, {}},
               {"decode", {mode("time-slicing", 5.3, 0.9), mode("streams", 0.47, 0.93)}, {}, {}}});
  EXPECT_EQ(*s.companies[0].best, 0U);
  EXPECT_THAT(s.advice, StartsWith("Take streams: beside every neighbour here it is best, or does "
                                   "as well as the best as far as these runs can tell"));
}

TEST(Advice, SaysWhenOnlyOneWayCanBeTold) {
  ModeResult bare = mode("streams", 3, 0.9);
  bare.p99.ci_high.reset();
  const ModesSummary s = summary({{"gemm", {mode("time-slicing", 5.0, 0.97), bare}, {}, {}}});
  EXPECT_THAT(s.advice, HasSubstr("it is the only way whose p99 these runs can tell"));
}

TEST(Advice, TheOnlyP99BeatsOneThatIsAtLeastMore) {
  ModeResult bare = mode("mps", 13.8, 1.0);
  bare.p99.ci_high.reset();
  const ModesSummary s = summary({{"gemm", {mode("time-slicing", 5.0, 0.9), bare}, {}, {}}});
  EXPECT_EQ(*s.companies[0].best, 0U);
  EXPECT_THAT(s.advice, HasSubstr("its p99 is the lowest (mps's is at least 13.1 ms)"));
}

TEST(Advice, WithoutAnyP99SaysWhatALowerQuantileTellsAndRecommendsNothing) {
  ModeResult slow = mode("mps", 800, 1.0);
  ModeResult quick = mode("time-slicing", 90, 0.95);
  slow.p99 = quick.p99 = {};
  slow.p95 = {629, 276, {}};
  quick.p95 = {70, 51, 75};
  slow.p50 = {394, 270, 477};
  quick.p50 = {49.1, 48.4, 50.4};
  const ModesSummary s = summary({{"gemm", {slow, quick}, {}, {}}});
  EXPECT_FALSE(s.companies[0].best);
  EXPECT_EQ(exit_code(s), 5);
  EXPECT_THAT(s.companies[0].advice,
              testing::EndsWith("p50, the highest quantile with intervals: time-slicing 49.1 ms "
                                "(48.4–50.4), mps 394 ms (270–477)."));
}

TEST(Advice, OfWaysThatCannotBeToldApartTakesTheKinder) {
  const ModesSummary s =
      summary({{"gemm", {mode("streams", 5.0, 0.92), mode("time-slicing", 5.2, 0.97)}, {}, {}}});
  EXPECT_EQ(*s.companies[0].best, 1U);
  EXPECT_THAT(s.advice, HasSubstr("p99 can't tell it from streams"));
}

TEST(Advice, WithAnObjectiveTakesTheKindestWayThatMeetsIt) {
  ModesSummary s = summary({{"gemm",
                             {mode("time-slicing", 7.6, 0.9), mode("mps-priority", 3.4, 0.96),
                              mode("mps-75", 1.2, 0.63)},
                             {},
                             {}}});
  s.agent.slo_latency_ms = 5;
  s.agent.slo_quantile = 0.99;
  auto& modes = s.companies[0].modes;
  modes[0].slo_met = false;
  modes[1].slo_met = true;
  modes[2].slo_met = true;
  advise(s);
  EXPECT_EQ(*s.companies[0].best, 1U);
  EXPECT_THAT(s.advice, HasSubstr("meets the objective (p99 at most 5 ms)"));
  EXPECT_EQ(exit_code(s), 0);
  for (auto& each : modes) each.slo_met = false;
  advise(s);
  EXPECT_EQ(*s.companies[0].best, 2U);
  EXPECT_THAT(s.advice, HasSubstr("comes nearest"));
  EXPECT_EQ(exit_code(s), 3);
}

TEST(Advice, AnObjectiveBelowP99NeedsNoIntervalOfP99) {
  ModesSummary s =
      summary({{"gemm", {mode("time-slicing", 7.6, 0.9), mode("mps", 3.4, 0.96)}, {}, {}}});
  s.agent.slo_latency_ms = 2;
  s.agent.slo_quantile = 0.95;
  for (ModeResult& each : s.companies[0].modes) each.p99.ci_high.reset();
  s.companies[0].modes[0].slo_met = false;
  s.companies[0].modes[1].slo_met = true;
  advise(s);
  EXPECT_EQ(*s.companies[0].best, 1U);
  EXPECT_THAT(s.advice, HasSubstr("meets the objective (p95 at most 2 ms), and no other way does"));
}

TEST(Advice, WithoutIntervalsNothingIsRecommended) {
  ModeResult bare = mode("time-slicing", 7.6, 0.9);
  bare.p99.ci_high.reset();
  ModeResult spoilt = mode("mps", 1, 1);
  spoilt.inconclusive = {"not shared"};
  const ModesSummary s = summary({{"gemm", {bare, spoilt}, {}, {}}});
  EXPECT_FALSE(s.companies[0].best);
  EXPECT_EQ(exit_code(s), 5);
  EXPECT_THAT(s.companies[0].advice, HasSubstr("nothing can be recommended"));
  EXPECT_THAT(s.companies[0].advice, HasSubstr("longer blocks or more cycles"));
}

TEST(ModesPlan, AFolderWithoutOneIsNotOfKtsModes) {
  const auto folder = TemporaryDirectory::create().value();
  EXPECT_FALSE(is_modes_folder(folder.path()));
  ASSERT_TRUE(
      write_plan({"s", "fft", 2, {}, {{"mps", "mps", "gemm", "", "no driver"}}}, folder.path()));
  EXPECT_TRUE(is_modes_folder(folder.path()));
  const auto loaded = load_modes(folder.path());
  ASSERT_TRUE(loaded) << to_line(loaded.error());
  ASSERT_EQ(loaded->companies.size(), 1U);
  EXPECT_FALSE(loaded->companies[0].modes[0].measured);
  EXPECT_EQ(loaded->companies[0].modes[0].entry.reason, "no driver");
  EXPECT_EQ(exit_code(*loaded), 5);
}

TEST(ModesPlan, OfARunThatCannotBeReadItSaysWhyWithoutItsPath) {
  const auto folder = TemporaryDirectory::create().value();
  const std::filesystem::path block = folder.path() / "modes" / "mps" / "blocks" / "01-shared";
  ASSERT_TRUE(make_directories(block));
  ASSERT_TRUE(
      write_plan({"s",
                  "fft",
                  2,
                  {},
                  {{"mps", "mps", "gemm", "modes/mps", ""}, {"mig", "mig", "gemm", "x", ""}}},
                 folder.path()));
  const auto reason = [&](std::size_t way) {
    return load_modes(folder.path())->companies.at(0).modes.at(way).entry.reason;
  };
  EXPECT_EQ(reason(0), "no block of its run was finished");
  EXPECT_EQ(reason(1), "no block of its run was finished");
  EXPECT_THAT(load_modes(folder.path())->spoilt, IsEmpty());
  ASSERT_TRUE(write_file(block / "block.json", "{"));
  EXPECT_THAT(reason(0), StartsWith("blocks/01-shared/block.json: "));
  EXPECT_THAT(load_modes(folder.path())->spoilt,
              ElementsAre(StartsWith("mps, beside gemm: blocks/01-shared/block.json: ")));
}

TEST(ModesPlan, DamageOfABaselineOrAWayIsWhyItEndsInconclusive) {
  const fixtures::Folder run;
  fixtures::write_run(run, 2);
  const auto folder = TemporaryDirectory::create().value();
  const std::filesystem::path modes = folder.path() / "modes";
  ASSERT_TRUE(write_plan({"s",
                          "router",
                          2,
                          {{"router", "", "modes/exclusive-router"}},
                          {{"time-slicing", "time-slicing", "thinker", "modes/slicing", ""}}},
                         folder.path()));
  const auto put = [&](const std::string& name) {
    std::filesystem::copy(run.path(), modes / name, std::filesystem::copy_options::recursive);
  };
  put("exclusive-router");
  put("slicing");
  EXPECT_THAT(load_modes(folder.path())->spoilt, IsEmpty());
  ASSERT_TRUE(write_file(modes / "exclusive-router/blocks/00-solo-router/router.log", ""));
  ASSERT_TRUE(write_file(modes / "slicing/environment.json", "{"));
  const auto loaded = load_modes(folder.path());
  ASSERT_TRUE(loaded) << to_line(loaded.error());
  EXPECT_THAT(loaded->spoilt,
              ElementsAre("router alone: 1 of 6 blocks is damaged and left out: "
                          "blocks/00-solo-router",
                          StartsWith("time-slicing, beside thinker: environment.json is damaged")));
  EXPECT_GT(loaded->baseline.n, 0U);
  // Whatever else is advised.
  ModesSummary advised = summary({{"gemm", {mode("mps", 3.4, 0.96)}, {}, {}}});
  EXPECT_EQ(exit_code(advised), 0);
  advised.spoilt = loaded->spoilt;
  EXPECT_EQ(exit_code(advised), 5);
  EXPECT_EQ(inconclusive(advised), loaded->spoilt);
}

TEST(ModesPlan, OtherLightAgentsSeeTheRunsThatTheyTookPartIn) {
  const auto folder = TemporaryDirectory::create().value();
  ModesPlan plan{"s", "fft", 2, {}, {}, {{"encoder", "encoder"}, {"tool", "fft"}}};
  for (const int depth : {1, 4}) {
    plan.entries.push_back({"mps",
                            "mps",
                            fmt::format("encoder, gemm at in_flight {}", depth),
                            fmt::format("modes/mps-{}", depth),
                            "",
                            {"encoder", "gemm"}});
  }
  plan.entries.push_back({"mps", "mps", "topk", "modes/mps-topk", "", {"topk"}});
  ASSERT_TRUE(write_plan(plan, folder.path()));
  const auto loaded = load_modes(folder.path());
  ASSERT_TRUE(loaded) << to_line(loaded.error());
  const auto companies = [](const ModesSummary& of) {
    std::vector<std::string> names;
    for (const CompanyResult& each : of.companies) names.push_back(each.company);
    return names;
  };
  ASSERT_EQ(loaded->others.size(), 2U);
  EXPECT_THAT(companies(loaded->others[0]),
              ElementsAre("fft, gemm at in_flight 1", "fft, gemm at in_flight 4"));
  EXPECT_EQ(companies(loaded->others[1]), companies(*loaded));
  EXPECT_EQ(loaded->others[1].agent.name, "tool");
}

TEST(ModesPlan, OneThatIsNoPlanIsRefused) {
  const auto folder = TemporaryDirectory::create().value();
  ASSERT_TRUE(make_directories(folder.path() / "modes"));
  for (const char* text : {"", "{}", R"({"schema": "kts.other/1"})",
                           R"({"schema": "kts.modes-plan/1", "scenario": 3})"}) {
    ASSERT_TRUE(write_file(folder.path() / "modes" / "plan.json", text));
    const auto loaded = load_modes(folder.path());
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(to_line(loaded.error()), HasSubstr("plan.json: not a plan of kts modes"));
  }
}

}  // namespace
}  // namespace kts::analysis::modes_test
