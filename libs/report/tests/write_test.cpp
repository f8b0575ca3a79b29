// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <map>

#include "fixtures.hpp"
#include "kts/base/files.hpp"
#include "kts/report/report.hpp"

namespace kts::report::write_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    out[entry.path().lexically_relative(folder).string()] = read_file(entry.path()).value();
  }
  return out;
}

bool has_gnuplot() { return std::system("gnuplot --version >/dev/null 2>&1") == 0; }

// An executable that stands in for gnuplot.
std::string script(const std::filesystem::path& path, const std::string& body) {
  EXPECT_TRUE(write_file(path, "#!/bin/sh\n" + body));
  EXPECT_EQ(chmod(path.c_str(), 0755), 0);
  return path.string();
}

class Write : public testing::Test {
 protected:
  TemporaryDirectory folder_ = TemporaryDirectory::create("kts-report").value();
};

TEST_F(Write, SameSummaryGivesTheSameBytes) {
  if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  const auto a = folder_.path() / "a";
  const auto b = folder_.path() / "b";
  ASSERT_TRUE(write_all(fixtures::six_agents(), a));
  ASSERT_EQ(setenv("TZ", "Asia/Tokyo", 1), 0);
  ASSERT_TRUE(write_all(fixtures::six_agents(), b));
  EXPECT_THAT(contents(a), SizeIs(6));
  EXPECT_EQ(contents(a), contents(b));
}

TEST_F(Write, KernelsAreThereWhereTheyWereTraced) {
  ASSERT_TRUE(write_all(fixtures::traced(), folder_.path() / "traced", {.gnuplot = "no-gnuplot"}));
  ASSERT_TRUE(write_all(fixtures::one_agent(), folder_.path() / "not", {.gnuplot = "no-gnuplot"}));
  EXPECT_THAT(read_file(folder_.path() / "traced/kernels.csv").value(),
              HasSubstr("thinker,spin,_Z4spinPxi,shared-solo,iteration,ms,0.1,0.072,0.128,"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "not/kernels.csv"));
}

TEST_F(Write, EveryFixtureDrawsWithoutComplaint) {
  if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  for (const auto& fixture : fixtures::all()) {
    for (const auto& plot : plan_plots(fixture.make())) {
      const auto svg = draw(plot, "gnuplot");
      ASSERT_TRUE(svg) << fixture.name << ": " << to_line(svg.error());
      EXPECT_THAT(*svg, HasSubstr("</svg>"));
      EXPECT_THAT(*svg, Not(HasSubstr("GNUPLOT"))) << "the version would differ between machines";
    }
  }
}

TEST_F(Write, WithoutGnuplotEverythingElseIsThere) {
  const auto warnings =
      write_all(fixtures::two_agents(), folder_.path(), {.gnuplot = "gnuplot-that-is-not-there"});
  ASSERT_TRUE(warnings);
  ASSERT_THAT(*warnings, SizeIs(1));
  EXPECT_THAT(warnings->front(), HasSubstr("apt install gnuplot-nox"));
  const auto files = contents(folder_.path());
  EXPECT_THAT(files, SizeIs(5));
  EXPECT_THAT(files.at("report.html"), HasSubstr("gnuplot-that-is-not-there"));
  EXPECT_THAT(files.at("covariates.csv"),
              HasSubstr("\n01-solo-router,solo,router,nvml,,sm_clock_mhz,200,1980,1980,1980\n"));
}

TEST_F(Write, PlotsOfAnEarlierReportDoNotOutliveIt) {
  const auto program = script(folder_.path() / "gnuplot", "cat >/dev/null\necho '<svg></svg>'\n");
  const auto run = folder_.path() / "run";
  ASSERT_TRUE(write_all(fixtures::two_agents(), run, {.gnuplot = program}));
  ASSERT_THAT(contents(run), SizeIs(8));
  ASSERT_TRUE(write_file(run / "plots" / "mine.svg", "x"));
  const auto warnings = write_all(fixtures::two_agents(), run, {.gnuplot = "not-there"});
  ASSERT_TRUE(warnings);
  ASSERT_THAT(*warnings, SizeIs(1));
  EXPECT_THAT(warnings->front(), HasSubstr("; the plots of an earlier report were removed"));
  const auto files = contents(run);
  EXPECT_FALSE(files.contains("plots/panels.svg") || files.contains("plots/ccdf.svg"));
  EXPECT_TRUE(files.contains("plots/mine.svg"));
}

TEST_F(Write, PlotsThatHaveNoDataAnyMoreAreRemoved) {
  const auto program = script(folder_.path() / "gnuplot", "cat >/dev/null\necho '<svg></svg>'\n");
  const auto run = folder_.path() / "run";
  ASSERT_TRUE(write_all(fixtures::two_agents(), run, {.gnuplot = program}));
  Summary less = fixtures::two_agents();
  less.ccdfs.clear();
  const auto warnings = write_all(less, run, {.gnuplot = program});
  ASSERT_TRUE(warnings);
  EXPECT_THAT(*warnings, IsEmpty());
  const auto files = contents(run);
  EXPECT_TRUE(files.contains("plots/panels.svg"));
  EXPECT_FALSE(files.contains("plots/ccdf.svg"));
}

TEST_F(Write, AGnuplotThatFailsIsAWarningWithItsWords) {
  const auto program =
      script(folder_.path() / "gnuplot", "cat >/dev/null\necho oh no >&2\nexit 1\n");
  const auto warnings =
      write_all(fixtures::two_agents(), folder_.path() / "out", {.gnuplot = program});
  ASSERT_TRUE(warnings);
  ASSERT_THAT(*warnings, SizeIs(1));
  EXPECT_THAT(warnings->front(), HasSubstr("oh no"));
}

TEST_F(Write, AGnuplotThatDoesNotReadIsNoHang) {
  const auto program = script(folder_.path() / "gnuplot", "exit 0\n");
  const auto drawing = draw_all(plan_plots(fixtures::six_agents()), program);
  EXPECT_THAT(drawing.plots, IsEmpty());
  EXPECT_THAT(drawing.missing, HasSubstr("drew nothing"));
}

TEST_F(Write, OutputPathThatIsAFileIsBadInput) {
  const auto path = folder_.path() / "file";
  ASSERT_TRUE(write_file(path, "x"));
  const auto status = write_all(fixtures::one_agent(), path, {.gnuplot = "gnuplot-not-there"});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(read_file(path).value(), "x");
}

TEST_F(Write, ReadOnlyFolderIsAnEnvironmentError) {
  if (geteuid() == 0) {
    // Root may write anywhere but to a full or virtual file system.
    const auto status = write_all(fixtures::one_agent(), "/proc/self", {.gnuplot = "not-there"});
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
    return;
  }
  const auto path = folder_.path() / "locked";
  ASSERT_TRUE(std::filesystem::create_directory(path));
  ASSERT_EQ(chmod(path.c_str(), 0555), 0);
  const auto status = write_all(fixtures::one_agent(), path, {.gnuplot = "not-there"});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
}

TEST(PlanPlots, HostileNamesStayInsideTheirStrings) {
  Summary s = fixtures::two_agents();
  const std::string hostile = "x'\nsystem('touch /tmp/x') `id` @a %d";
  s.agents[0].name = hostile;
  for (auto& r : s.results) {
    if (r.agent == "router") r.agent = hostile;
  }
  for (auto& a : s.attribution) {
    if (a.agent == "router") a.agent = hostile;
  }
  for (const auto& plot : plan_plots(s)) {
    EXPECT_THAT(plot.script, Not(HasSubstr("\nsystem")));
    EXPECT_THAT(plot.script, HasSubstr("'x'' system(''touch"));
  }
}

TEST(PlanPlots, NothingMeasuredNothingDrawn) { EXPECT_THAT(plan_plots(Summary{}), IsEmpty()); }

}  // namespace
}  // namespace kts::report::write_test
