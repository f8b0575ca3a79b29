// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/traces.hpp"

#include <gtest/gtest.h>

#include "kts/base/files.hpp"

namespace kts::runner::traces_test {
namespace {

constexpr const char* kTrace = "timestamp_s,input_tokens,output_tokens\n0,1,1\n1,1,1\n";

class TracesTest : public testing::Test {
 protected:
  TracesTest() {
    for (const char* source : {"one", "two"}) {
      EXPECT_TRUE(make_directories(folder_.path() / source));
      EXPECT_TRUE(write_file(folder_.path() / source / "t.csv", kTrace + std::string(source)));
    }
    EXPECT_TRUE(make_directories(run()));
  }
  void add_agent(const std::string& name, const std::string& source) {
    scenario::AgentSpec agent;
    agent.name = name;
    if (!source.empty()) {
      agent.arrival.process = workload::ArrivalProcess::kTrace;
      agent.arrival.trace.file = (folder_.path() / source / "t.csv").string();
    }
    scenario_.agents.push_back(agent);
  }
  [[nodiscard]] std::filesystem::path run() const { return folder_.path() / "run"; }

  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
  scenario::Scenario scenario_;
};

TEST_F(TracesTest, CopiesAreNamedRelativeToTheFolderAndEachFileOnce) {
  add_agent("router", "one");
  add_agent("thinker", "");
  add_agent("guard", "two");
  add_agent("tool", "one");
  ASSERT_TRUE(bring_traces(scenario_, run()));
  EXPECT_EQ(scenario_.agents[0].arrival.trace.file, "traces/t.csv");
  EXPECT_EQ(scenario_.agents[1].arrival.trace.file, "");
  EXPECT_EQ(scenario_.agents[2].arrival.trace.file, "traces/guard-t.csv");
  EXPECT_EQ(scenario_.agents[3].arrival.trace.file, "traces/t.csv");
  EXPECT_EQ(read_file(run() / "traces/t.csv").value(), kTrace + std::string("one"));
  EXPECT_EQ(read_file(run() / "traces/guard-t.csv").value(), kTrace + std::string("two"));
}

TEST_F(TracesTest, WithoutTracesNothingIsWritten) {
  add_agent("router", "");
  ASSERT_TRUE(bring_traces(scenario_, run()));
  EXPECT_FALSE(std::filesystem::exists(run() / "traces"));
}

TEST_F(TracesTest, FileThatIsNotThereIsNamed) {
  add_agent("router", "three");
  const auto brought = bring_traces(scenario_, run());
  ASSERT_FALSE(brought);
  EXPECT_EQ(brought.error().code, ErrorCode::kBadInput);
  EXPECT_NE(brought.error().where.find("three/t.csv"), std::string::npos);
}

}  // namespace
}  // namespace kts::runner::traces_test
