// SPDX-License-Identifier: Apache-2.0
#include "kts/base/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>
#include <sstream>

#include "chain_words.hpp"
#include "fixtures.hpp"
#include "format.hpp"
#include "html_page.hpp"
#include "kts/report/report.hpp"
#include "memory_words.hpp"
#include "palette.hpp"
#include "plot_pieces.hpp"
#include "words.hpp"

namespace kts::report::text_test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Page, NoTwoColoursOfThePlotsAreTheSameOnLightOrDarkPaper) {
  const std::string html = page("title", "");
  for (const char* scheme :
       {":root{color-scheme:light dark", "(prefers-color-scheme:dark){:root{"}) {
    const std::size_t begin = html.find(scheme);
    ASSERT_NE(begin, std::string::npos) << scheme;
    const std::string rules = html.substr(begin, html.find('}', begin) - begin);
    std::set<std::string> values;
    for (const Color& color : kPalette) {
      const std::size_t at = rules.find(std::string(color.variable) + ":#");
      ASSERT_NE(at, std::string::npos) << scheme << " lacks " << color.variable;
      const std::size_t value = at + color.variable.size() + 1;
      values.insert(rules.substr(value, rules.find_first_of(";\n", value) - value));
    }
    EXPECT_EQ(values.size(), kPalette.size()) << scheme;
  }
}

TEST(Number, KeepsThreeSignificantDigits) {
  EXPECT_EQ(number(0.4431), "0.443");
  EXPECT_EQ(number(7.612), "7.61");
  EXPECT_EQ(number(24.69), "24.7");
  EXPECT_EQ(number(122.4), "122");
  EXPECT_EQ(number(12345.6), "12346");
}

TEST(Number, RoundingUpDoesNotGrowADigit) {
  EXPECT_EQ(number(9.996), "10.0");
  EXPECT_EQ(number(0.9999), "1.00");
  EXPECT_EQ(number(99.96), "100");
}

TEST(Number, SmallAndNegativeStayReadable) {
  EXPECT_EQ(number(0.00211), "0.0021");
  EXPECT_EQ(number(1e-9), "0");
  EXPECT_EQ(number(-0.5), "−0.500");
  EXPECT_EQ(number(0), "0");
}

TEST(Number, UnavailableIsADashAndNotAZero) {
  EXPECT_EQ(number(std::optional<double>{}), "–");
  EXPECT_EQ(number(std::numeric_limits<double>::quiet_NaN()), "–");
  EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "–");
}

TEST(Number, IgnoresTheLocale) {
  const char* old = std::setlocale(LC_ALL, nullptr);
  const std::string saved = old;
  if (std::setlocale(LC_ALL, "de_DE.UTF-8") == nullptr &&
      std::setlocale(LC_ALL, "C.UTF-8") == nullptr) {
    GTEST_SKIP() << "no other locale is installed";
  }
  EXPECT_EQ(number(7.61), "7.61");
  EXPECT_THAT(summary_csv(fixtures::two_agents()), HasSubstr(",0.443,"));
  std::setlocale(LC_ALL, saved.c_str());
}

TEST(Count, GroupsThousands) {
  EXPECT_EQ(count(0), "0");
  EXPECT_EQ(count(999), "999");
  EXPECT_EQ(count(1000), "1,000");
  EXPECT_EQ(count(1234567), "1,234,567");
  EXPECT_EQ(count(std::numeric_limits<std::uint64_t>::max()), "18,446,744,073,709,551,615");
}

TEST(QuantileName, HasNoTrailingZeros) {
  EXPECT_EQ(quantile_name(0.5), "p50");
  EXPECT_EQ(quantile_name(0.95), "p95");
  EXPECT_EQ(quantile_name(0.99), "p99");
  EXPECT_EQ(quantile_name(0.999), "p99.9");
  EXPECT_EQ(quantile_name(0.9999), "p99.99");
}

TEST(Interval, AnOpenSideIsMarked) {
  EXPECT_EQ(interval({1.0, 0.9, 1.1}), "0.900–1.10");
  EXPECT_EQ(interval({0.1, -0.2, 0.3}), "−0.200 to 0.300");
  EXPECT_EQ(interval({1.0, 0.9, {}}), "at least 0.900");
  EXPECT_EQ(interval({1.0, {}, 1.2}), "at most 1.20");
  EXPECT_EQ(interval({1.0, {}, {}}), "");
}

TEST(Shorten, KeepsBothEnds) {
  EXPECT_EQ(shorten("router", 6), "router");
  EXPECT_EQ(shorten("abcdefgh", 5), "ab…gh");
  EXPECT_EQ(shorten("ééééé", 3), "é…é");
}

TEST(Printable, ControlsAndBrokenBytesCanDoNoHarm) {
  EXPECT_EQ(printable("a\nb\x1b[31mc\x7f"), "a b [31mc ");
  EXPECT_EQ(printable("\xC2\x9B\x33m"), " 3m") << "C1's own escape introducer";
  EXPECT_EQ(printable("é…😀"), "é…😀");
  EXPECT_EQ(printable("\xFFx\xC3"), "\xEF\xBF\xBDx\xEF\xBF\xBD");
  EXPECT_EQ(printable("\xC0\xAF\xED\xA0\x80"),
            std::string("\xEF\xBF\xBD\xEF\xBF\xBD") + "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD")
      << "overlong forms and surrogates";
}

TEST(Escape, EachMediumIsLeftIntact) {
  EXPECT_EQ(escape_html("<a href='x'>\"&\""), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;");
  EXPECT_EQ(escape_markdown("a|b*c_<d>"), "a\\|b\\*c\\_&lt;d>");
  EXPECT_EQ(escape_csv("plain"), "plain");
  EXPECT_EQ(escape_csv("a,\"b\"\nc"), "\"a,\"\"b\"\" c\"");
}

TEST(Finding, IsAboutTheAgentWithAnObjective) {
  Summary s = fixtures::six_agents();
  EXPECT_THAT(finding(s), HasSubstr("router's p99"));
  for (auto& agent : s.agents) agent.slo_latency_ms = agent.slo_quantile = {};
  EXPECT_THAT(finding(s), HasSubstr("thinker's p99")) << "else about the one hurt most";
}

TEST(Finding, SaysFirstThatTheRunCannotConclude) {
  Summary s = fixtures::two_agents();
  s.inconclusive = {"block 3 was not shared"};
  EXPECT_EQ(finding(s), "This run can't support a conclusion: block 3 was not shared.");
}

TEST(Finding, FreeHelpedAndUncertainAreToldApart) {
  Summary s = fixtures::two_agents();
  auto& df = s.degradation[2];
  ASSERT_EQ(df.quantile, 0.99);
  df.verdict = analysis::Verdict::kFree;
  EXPECT_THAT(finding(s), HasSubstr("as good as alone"));
  df.verdict = analysis::Verdict::kHelped;
  EXPECT_THAT(finding(s), HasSubstr("lower than alone"));
  df.verdict = analysis::Verdict::kCannotConclude;
  EXPECT_THAT(finding(s), HasSubstr("can't be concluded"));
}

TEST(Finding, WhereP99CannotBeToldALowerQuantileMayBe) {
  Summary s = fixtures::two_agents();
  ASSERT_EQ(s.degradation[1].quantile, 0.95);
  s.degradation[1].ratio = {2.6, 1.2, 2.99};
  s.degradation[2].verdict = analysis::Verdict::kCannotConclude;
  EXPECT_THAT(finding(s), HasSubstr("Its p95 surely changes: it is 2.60× what it is alone (95 % "
                                    "interval 1.20–2.99)."));
  s.degradation[1].ratio = {1.1, 1.0, 1.3};
  s.degradation[0].ratio = {0.8, 0.7, 0.9};
  EXPECT_THAT(finding(s), HasSubstr("Its p50 surely changes: it is 0.800× what it is alone"));
  s.degradation[0].ratio = {0.8, 0.7, 1.0};
  EXPECT_THAT(finding(s), Not(HasSubstr("surely changes")));
}

TEST(Finding, NoAgentsAndOneAgentAreSaidPlainly) {
  EXPECT_EQ(finding(Summary{}), "This run has no agents.");
  EXPECT_THAT(finding(fixtures::one_agent()), HasSubstr("nothing to compare"));
}

TEST(EventTime, IsJudgedByWhatItShows) {
  const auto said = [](double value, double low, double high, bool misses) {
    Summary s = fixtures::two_agents();
    for (auto& d : s.degradation) {
      if (d.agent == "router" && d.measure == analysis::Measure::kGpuTime && d.quantile == 0.99) {
        d.ratio = {value, low, high};
      }
    }
    s.findings[0].event_time_misses_it = misses;
    return event_time_sentence(s, views(s)[0]);
  };
  EXPECT_THAT(said(0.86, 0.84, 0.88, true), StartsWith("Event time alone would have missed it"));
  EXPECT_THAT(said(1.2, 0.9, 1.6, true), HasSubstr("would not have settled it"));
  EXPECT_THAT(said(3.0, 2.8, 3.2, false), HasSubstr("would have understated it"));
  EXPECT_THAT(said(16.9, 16, 18, false), HasSubstr("would have shown it"));
}

TEST(DeviceWords, OfACpuHaveNothingOfAGpu) {
  Summary s = fixtures::two_agents();
  s.device = {"cpu", "cpu 0", {}, {}};
  s.sharing = "streams";
  s.attribution[0].explained.push_back({.part = analysis::Measure::kGpuTime,
                                        .cause = analysis::Cause::kSharing,
                                        .ms = {1.0, {}, {}},
                                        .estimated = false});
  EXPECT_THAT(event_time_sentence(s, views(s)[0]), StartsWith("Device time alone"));
  for (const std::string& text : {results_markdown(s), report_html(s, {}), terminal_table(s, {})}) {
    for (const char* word : {"CUDA", "SMs", "vent time", "launch lock"}) {
      EXPECT_THAT(text, Not(HasSubstr(word)));
    }
  }
  EXPECT_THAT(results_markdown(s), HasSubstr("sharing the core and its caches"));
  s.device.kind = "cuda";
  EXPECT_THAT(results_markdown(s), HasSubstr("sharing SMs, caches and bandwidth"));
  EXPECT_THAT(report_html(s, {}), HasSubstr("what CUDA events see"));
}

TEST(EventTime, IsSaidToBeUnknownWhenItWasNotRecorded) {
  Summary s = fixtures::two_agents();
  std::erase_if(s.degradation,
                [](const auto& d) { return d.measure == analysis::Measure::kGpuTime; });
  EXPECT_THAT(event_time_sentence(s, views(s)[0]), HasSubstr("unknown"));
}

TEST(Averages, TheStudysLogsAreToldByItsThroughputProxy) {
  const Summary s = fixtures::within_run_only();
  const auto all = views(s);
  EXPECT_THAT(averages_sentence(all[0]), HasSubstr("as 1000 / mean ms"));
  EXPECT_THAT(averages_sentence(all[0]), HasSubstr("−7.3\u00a0%"));
}

TEST(RunFacts, ACpuIsNotPassedOffAsAGpu) {
  Summary s = fixtures::two_agents();
  EXPECT_THAT(results_markdown(s), Not(HasSubstr("operating system's scheduler")));
  s.device.kind = "cpu";
  EXPECT_THAT(results_markdown(s), HasSubstr("operating system's scheduler"));
}

TEST(Objectives, OnlyMissedOnesAreNamed) {
  EXPECT_EQ(missed_objectives(fixtures::six_agents()), "");
  EXPECT_THAT(missed_objectives(fixtures::two_agents()), HasSubstr("objective of 5 ms is missed"));
}

TEST(Terminal, LinesFitAHundredColumns) {
  for (const auto& fixture : fixtures::all()) {
    std::istringstream lines(terminal_table(fixture.make(), {}));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(columns(line), 100U) << fixture.name << ": " << line;
    }
  }
}

TEST(Terminal, ColourIsOnlyThereWhenAskedFor) {
  const Summary s = fixtures::two_agents();
  EXPECT_THAT(terminal_table(s, {.color = false}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(terminal_table(s, {.color = true}), HasSubstr("\x1b[1;31mhurt\x1b[0m"));
}

TEST(Terminal, APipeGetsNoColour) {
  ASSERT_EQ(setenv("TERM", "xterm", 1), 0);
  EXPECT_FALSE(terminal_style(-1).color);
}

TEST(Terminal, LogTextCannotSteerIt) {
  EXPECT_THAT(terminal_table(fixtures::special_characters(), {}), Not(HasSubstr("\x1b")));
}

TEST(Html, LogTextCannotBecomeMarkup) {
  const std::string html = report_html(fixtures::special_characters(), {});
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<b>bold")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
}

TEST(Html, NeedsNothingFromOutside) {
  const std::string html = report_html(fixtures::two_agents(), {});
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(html, Not(HasSubstr("src=")));
}

TEST(Html, SaysWhyThereAreNoPlots) {
  EXPECT_THAT(report_html(fixtures::two_agents(), {{}, "no plots: gnuplot is not there"}),
              HasSubstr("no plots: gnuplot is not there"));
}

TEST(Csv, EveryRowHasAsManyFieldsAsTheHeader) {
  for (const auto& fixture : fixtures::all()) {
    std::istringstream lines(summary_csv(fixture.make()));
    for (std::string line; std::getline(lines, line);) {
      std::size_t fields = 1;
      bool quoted = false;
      for (const char c : line) {
        if (c == '"') quoted = !quoted;
        if (c == ',' && !quoted) ++fields;
      }
      EXPECT_EQ(fields, 14U) << fixture.name << ": " << line;
    }
  }
}

TEST(OpenQuestions, OfManyAgentsThreeAreToldAndTheOthersCounted) {
  Summary summary;
  for (int i = 0; i < 64; ++i) {
    summary.agents.emplace_back().name = "a" + std::to_string(i);
    for (const auto phase : {analysis::Phase::kSolo, analysis::Phase::kShared}) {
      analysis::MeasureResult result;
      result.agent = summary.agents.back().name;
      result.phase = phase;
      summary.results.push_back(result);
    }
    analysis::SloOutcome slo;
    slo.agent = summary.agents.back().name;
    slo.quantile = 0.99;
    summary.slos.push_back(slo);
  }
  const auto open = open_questions(views(summary));
  ASSERT_EQ(open.size(), 4U);
  EXPECT_THAT(open[2], HasSubstr("a2's p99 latency can't be concluded"));
  EXPECT_THAT(open[3], HasSubstr("61 more agents"));
  const auto objectives = objective_sentences(summary);
  ASSERT_EQ(objectives.size(), 2U);
  EXPECT_THAT(objectives[0], StartsWith("a0: its objective"));
  EXPECT_EQ(objectives[1], "63 more objectives can't be judged.");
}

TEST(MemoryWords, SumStandsBesideTheCardAndTheErrorBesideBoth) {
  const Summary measured = fixtures::two_agents();
  EXPECT_EQ(memory_sentence(measured),
            "The agents together held 1.6 GiB of NVIDIA H200's 140.4 GiB (1.1\u00a0%), "
            "\u22120.1\u00a0% against the prediction.");
  const auto rows = memory_table(measured);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_THAT(rows[2],
              testing::ElementsAre(
                  "thinker", "operands 192.0 MiB, workspace 32.0 MiB, context 560.0 MiB",
                  "the driver (NVML)", "784.0 MiB", "224.0 MiB", "812.0 MiB", "+3.6\u00a0%"));
}

TEST(MemoryWords, WhatGrowsIsNotHeldAgainstThePrediction) {
  Summary growing = fixtures::two_agents();
  growing.memory->agents[1].grows = true;
  growing.memory->agents[1].error_ratio.reset();
  growing.memory->error_ratio.reset();
  EXPECT_EQ(memory_sentence(growing),
            "The agents together held 1.6 GiB of NVIDIA H200's 140.4 GiB (1.1\u00a0%); how far "
            "thinker grows isn't predicted.");
  EXPECT_EQ(memory_table(growing)[2][1],
            "operands 192.0 MiB, workspace 32.0 MiB, context 560.0 MiB, before it grows");
  EXPECT_EQ(memory_table(growing)[2].back(), kAbsent);
}

TEST(MemoryWords, WhatTheCardHoldsMoreStandsForProcessesThatSayNothing) {
  Summary mps = fixtures::cannot_conclude();
  mps.memory->measured = std::uint64_t{504} << 20;
  mps.memory->measured_share = 0.0035;
  mps.memory->error_ratio = 0.05;
  mps.memory->measured_by = "card";
  EXPECT_EQ(memory_sentence(mps),
            "The agents together held 504.0 MiB of NVIDIA H200's 140.4 GiB (0.35\u00a0%), "
            "+5.0\u00a0% against the prediction; by what the card holds more than before the run.");
  EXPECT_EQ(memory_table(mps).back()[2], "by what the card holds more than before the run");
}

TEST(MemoryWords, WhatIsNotMeasuredIsPredictedAndSaysWhy) {
  const Summary mps = fixtures::cannot_conclude();
  EXPECT_EQ(memory_sentence(mps),
            "The agents together are predicted to hold 480.0 MiB of NVIDIA H200's 140.4 GiB "
            "(0.33\u00a0%); not measured: under MPS the driver's figures are the server's.");
  EXPECT_EQ(memory_table(mps)[1].back(), kAbsent);
  EXPECT_EQ(memory_sentence(fixtures::missing_values()), "");
  EXPECT_TRUE(memory_table(fixtures::missing_values()).empty());
}

TEST(ChainWords, EachStepIsARowAndWhatIsUnknownIsMarked) {
  Summary summary = fixtures::two_agents();
  EXPECT_TRUE(chain_tables(summary).empty());
  EXPECT_EQ(chains_markdown(summary), "");
  EXPECT_THAT(summary_json(summary), HasSubstr("\"chains\": []"));
  summary.chains = {{"answer",
                     analysis::Phase::kSolo,
                     98,
                     2,
                     {{"mean", 93, {{"router", 10, 7, 3}, {"tool", {}, {}, {}}}}}},
                    {"answer",
                     analysis::Phase::kShared,
                     99,
                     0,
                     {{"mean", 95, {{"router", 25, 21, 4}, {"tool", 5, {}, {}}}}}}};
  EXPECT_THAT(chains_markdown(summary),
              HasSubstr("| step | agent | solo mean (n 93) | shared mean (n 95) |\n"
                        "|--:|---|--:|--:|\n"
                        "| 1 | router | 10.0 (7.00 + 3.00) | 25.0 (21.0 + 4.00) |\n"
                        "| 2 | tool | – | 5.00 |\n"));
  EXPECT_THAT(chains_markdown(summary),
              HasSubstr("2 of 100 requests of its solo blocks did not come to their end"));
  EXPECT_THAT(report_html(summary, {}), HasSubstr("<h2>Where a chain's time goes</h2>"));
  EXPECT_THAT(summary_json(summary), HasSubstr("\"unfinished\": 2"));
  EXPECT_THAT(summary_csv(summary), HasSubstr("answer,shared,,wait,step1_mean,ms,21,,,95,,,,\n"));
  EXPECT_THAT(summary_csv(summary), HasSubstr("answer,solo,,work,step2_mean,ms,,,,93,,,,\n"));
  EXPECT_THAT(chains_markdown(summary), Not(HasSubstr("critical path")));
}

TEST(ChainWords, AForkSaysWhichBranchTheOthersWaitedFor) {
  Summary summary = fixtures::two_agents();
  analysis::ChainDivision mean{"mean", 90, {}};
  mean.steps = {{"router", 10, 7, 3, {}, 90, 10.0},
                {"guard", 4, 3, 1, {0}, 30, 11.0},
                {"tool", 9, 3, 6, {0}, 60, 12.5},
                {"router", 12, 9, 3, {1, 2}, 90, 12.0}};
  mean.forks = {{{{"guard", 30, 1.0 / 3}, {"tool", 60, 2.0 / 3}}}};
  summary.chains = {{"answer", analysis::Phase::kSolo, 98, 0, {mean}}};
  const std::string markdown = chains_markdown(summary);
  EXPECT_THAT(markdown, HasSubstr("critical path"));
  EXPECT_THAT(markdown, HasSubstr("| 2 | guard, after 1 | 4.00 (3.00 + 1.00) |\n"
                                  "| 3 | tool, after 1 | 9.00 (3.00 + 6.00) |\n"
                                  "| 4 | router, after 2 and 3 | 12.0 (9.00 + 3.00) |\n"));
  const std::string sentence =
      "Of 90 solo requests, side by side ended last: guard in 30 (33 %), tool in 60 (67 %).";
  EXPECT_THAT(markdown, HasSubstr(sentence));
  EXPECT_THAT(report_html(summary, {}), HasSubstr(sentence));
  EXPECT_THAT(summary_json(summary), HasSubstr("\"branch\": \"tool\""));
  EXPECT_THAT(summary_csv(summary), HasSubstr("answer,solo,,own,step3_mean,ms,12.5,,,90,,,,\n"));
  EXPECT_THAT(summary_csv(summary),
              HasSubstr("answer,solo,,critical,step3_mean,requests,60,,,90,,,,\n"));
}

TEST(Headline, AChainLeadsAndItsAgentsAreNoNeighboursOfIt) {
  Summary summary = fixtures::two_agents();
  ASSERT_EQ(summary.agents.size(), 2U);
  summary.agents[0].party = "answer";
  summary.agents[0].is_chain = true;
  for (auto& slo : {0, 1}) summary.agents[static_cast<std::size_t>(slo)].slo_latency_ms.reset();
  analysis::AgentInfo member = summary.agents[1];
  member.name = "member";
  member.party = "answer";
  summary.agents.push_back(member);
  const std::string sentence = finding(summary);
  EXPECT_THAT(sentence, HasSubstr("beside " + summary.agents[1].name + ", " +
                                  summary.agents[0].name + "'s p99 latency"));
}

TEST(KernelSentence, NamesTheOneThatGrewAndSaysWhereNoneDidForCertain) {
  Summary summary = fixtures::traced();
  ASSERT_EQ(kernel_sentences(summary).size(), 1U) << "nothing is known of an agent traced alone";
  EXPECT_THAT(kernel_sentences(summary)[0],
              StartsWith("Of thinker's kernels spin grew most: 0.100 ms more an iteration"));
  analysis::KernelChange& spin = summary.kernel_changes.front();
  spin.added_ms.ci_low = -0.01;
  EXPECT_EQ(kernel_sentences(summary)[0], "None of thinker's kernels grew for certain.");
  spin.added_ms.ci_low = spin.added_ms.ci_high = {};
  EXPECT_THAT(kernel_sentences(summary)[0], HasSubstr("seems to have grown most, by 0.100 ms"));
}

TEST(WaitSentence, SaysWhatIsMoreOfTheGrowthThanWaiting) {
  Summary summary = fixtures::two_agents();
  EXPECT_THAT(wait_sentence(summary, "router"), Not(HasSubstr("More of the growth")));

  // Where agents run at once, a turn is nothing and work slower.
  auto& growth = summary.attribution[1];
  growth.explained = {
      {analysis::Measure::kBacklog, analysis::Cause::kEarlierWork, {1.2, {}, {}}},
      {analysis::Measure::kGpuWait, analysis::Cause::kTurns, {9.0, {}, {}}},
      {analysis::Measure::kGpuTime, analysis::Cause::kSharing, {6.4, {}, {}}, false},
  };
  EXPECT_THAT(wait_sentence(summary, "router"), Not(HasSubstr("More of the growth")));
  summary.waits[1].growth.value = 0.02;
  EXPECT_THAT(wait_sentence(summary, "router"),
              HasSubstr("More of the growth, 6.40 ms, is sharing SMs, caches and bandwidth."));
}

TEST(WaitSentence, SaysHowMuchLongerAnAgentOfAChainWaitsThanAlone) {
  Summary summary = fixtures::two_agents();
  EXPECT_THAT(wait_sentence(summary, "router"),
              StartsWith("router waits longer than alone: at p99 6.90 ms for thinker, where"));
  // As agents of one chain, which wait for each other alone as well.
  analysis::Wait& wait = summary.waits[1];
  wait.solo_ms = 5.1;
  wait.growth = {1.8, 1.2, 2.4};
  wait.growth_ratio = 0.25;
  EXPECT_THAT(wait_sentence(summary, "router"),
              StartsWith("router waits longer than alone: at p99 1.80 ms for thinker (6.90 ms in "
                         "all), where its latency grew by 7.17 ms (estimated; of all 6.90 ms for "
                         "thinker, 3.90 ms in its own queue"));
  EXPECT_THAT(wait_table(summary, "p99")[1],
              testing::Contains("1.80 (1.20–2.40), 25 %; 6.90 in all"));
  EXPECT_THAT(wait_caption(summary), HasSubstr("than it does alone"));
  EXPECT_THAT(results_markdown(summary), HasSubstr("after it stands how long they wait in all"));

  wait.growth.value = -0.2;
  EXPECT_THAT(wait_sentence(summary, "router"),
              StartsWith("router waits for nobody longer than alone at p99, where its latency"));
  // Too few iterations alone at that rank: what it waits in all is no growth.
  wait.solo_ms.reset();
  wait.growth = {};
  wait.growth_ratio.reset();
  EXPECT_THAT(wait_table(summary, "p99")[1], testing::Contains("–; 6.90 in all"));
  EXPECT_THAT(wait_sentence(summary, "router"), HasSubstr("on average 1.30 ms for thinker"));
}

TEST(WaitSentence, ClaimsNothingWhereOneWaitsGrowthIsNotKnown) {
  Summary summary = fixtures::two_agents();
  summary.attribution[1].explained = {
      {analysis::Measure::kGpuTime, analysis::Cause::kSharing, {6.4, {}, {}}, false}};
  analysis::Wait guard = summary.waits[1];
  guard.on = "guard";
  guard.solo_ms.reset();
  guard.growth = {};
  summary.waits.push_back(guard);
  const std::string unknown =
      "router waits at p99 for guard 6.90 ms in all; how much longer than alone isn't known.";
  summary.waits[1].growth.value = 0.02;
  EXPECT_THAT(wait_sentence(summary, "router"),
              AllOf(StartsWith("router waits longer than alone: at p99 0.0200 ms for thinker"),
                    HasSubstr(" " + unknown), Not(HasSubstr("More of the growth"))));
  summary.waits[1].growth.value = -0.2;
  summary.waits[1].solo_ms = 7.1;
  EXPECT_EQ(wait_sentence(summary, "router"), unknown);
}

TEST(LogTicks, AnyAxisHasAtLeastThreeThatCanBeToldApart) {
  for (const double low : {0.00031, 0.99, 1.1, 5.1, 812.0}) {
    for (const double ratio : {1.0002, 1.003, 1.02, 1.3, 3.0, 6.5, 8.0, 30.0, 45.0, 900.0, 1e5}) {
      const double high = low * ratio;
      const std::vector<double> ticks = log_ticks(low, high);
      EXPECT_GE(ticks.size(), 3U) << low << " to " << high;
      EXPECT_LE(ticks.size(), 8U) << low << " to " << high;
      EXPECT_TRUE(ticks.front() >= low && ticks.back() <= high);
      std::set<std::string> labels;
      std::string rest = log_tics(low, high);
      for (std::size_t begin = 0; begin < rest.size();) {
        const std::size_t end = rest.find('\'', begin + 1);
        labels.insert(rest.substr(begin + 1, end - begin - 1));
        begin = std::min(rest.size(), rest.find(", ", end)) + 2;
      }
      EXPECT_EQ(labels.size(), ticks.size()) << rest;
    }
  }
  EXPECT_THAT(log_tics(1.00005, 1.00095),
              testing::AllOf(StartsWith("'1.0002' 1.0002"), HasSubstr(", '1.0008' 1.0008")));
}

TEST(Ccdf, OfFewRequestsHasMoreTicksThanItsTwoDecades) {
  Summary summary = fixtures::two_agents();
  for (auto& curve : summary.ccdfs) {
    curve.latency_ms = {1.00, 1.01, 1.02};
    curve.share_above = {1, 0.5, 0.2};
  }
  summary.agents[0].slo_latency_ms.reset();
  const std::string script = plan_plots(summary)[1].script;
  EXPECT_THAT(script, HasSubstr("set ytics nomirror ('10 %%' 0.1, '20 %%' 0.2, '50 %%' 0.5, "
                                "'100 %%' 1)"));
}

TEST(WaitTable, AShareThatRoundsToNothingHasNoSign) {
  Summary summary = fixtures::two_agents();
  summary.waits[0].growth_ratio = -0.001;
  const auto rows = wait_table(summary, "mean");
  ASSERT_GE(rows.size(), 2U);
  EXPECT_THAT(rows[1], testing::Contains(testing::EndsWith(", 0 %")));
}

TEST(LeftOutSentence, CountsWhatAgreesDiffersAndCannotBeTold) {
  Summary summary = fixtures::two_agents();
  EXPECT_EQ(
      left_out_sentence(summary),
      "Left out one by one: the drop of the others' latency is as the model of turns predicts in 1 "
      "of 3 cases; it differs for router without thinker (p95); 1 can't be told: a run of up to 5 "
      "cycles would tell.");
  summary.left_out.resize(1);
  summary.left_out[0].by_model = false;
  EXPECT_THAT(left_out_sentence(summary), HasSubstr("is as long as they waited for it in 1 of 1"));
  EXPECT_THAT(left_out_sentence(summary), Not(HasSubstr("differs")));
  summary.left_out.clear();
  EXPECT_EQ(left_out_sentence(summary), "");
}

}  // namespace
}  // namespace kts::report::text_test
