// SPDX-License-Identifier: Apache-2.0
// kts matrix as a user types it, on the CPU device.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "kts/base/files.hpp"
#include "program.hpp"

namespace kts::matrix_test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using Json = nlohmann::json;

class MatrixCli : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string text(const std::string& name) const {
    return read_file(folder_.path() / name).value_or("no such file");
  }
  Json json(const std::string& name) const { return Json::parse(text(name), nullptr, false); }

  std::string scenario(const std::string& plan = "{cycles: 2, block: 40ms}") {
    const std::string file = path("agents.yaml");
    EXPECT_TRUE(write_file(file, "schema: kts.scenario/1\nname: pair\nplan: " + plan +
                                     "\nagents:\n"
                                     "  - name: light\n"
                                     "    workload: {kind: fft, size: 64}\n"
                                     "    arrival: {process: poisson, rate: 400}\n"
                                     "  - name: heavy\n"
                                     "    workload: {kind: gemm, size: 64}\n"
                                     "    arrival: {process: saturate}\n"));
    return file;
  }
  Outcome matrix(std::vector<std::string> more) {
    std::vector<std::string> argv{kKts, "matrix", "--device", "cpu"};
    argv.insert(argv.end(), more.begin(), more.end());
    return Program::run(argv);
  }
  static int blocks_of(const Json& matrix) {
    int blocks = 0;
    for (const Json& set : matrix.at("sets")) blocks += set.at("blocks").get<int>();
    return blocks;
  }

  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
};

TEST_F(MatrixCli, MeasuresEveryPairAndGoesOnLater) {
  const Outcome first = matrix({scenario(), "--out", path("run")});
  ASSERT_THAT(first.exit, AnyOf(0, 5)) << first.err;
  Json result = json("run/matrix.json");
  EXPECT_EQ(result.at("schema"), "kts.matrix/1");
  EXPECT_EQ(result.at("agents").size(), 2U);
  ASSERT_EQ(result.at("sets").size(), 3U);
  EXPECT_EQ(blocks_of(result), 3 * 2);
  for (const Json& alone : result.at("alone")) EXPECT_EQ(alone.at("blocks"), 4);
  for (const Json& set : result.at("sets")) {
    for (const Json& cell : set.at("cells")) EXPECT_GT(cell.at("n"), 0) << set.dump();
  }
  for (const char* file : {"run/matrix.csv", "run/results.md", "run/report.html"}) {
    EXPECT_THAT(text(file), HasSubstr("light")) << file;
  }

  // All cycles are done; a budget adds what an interval takes.
  const Outcome again = matrix({"--resume", path("run"), "--json"});
  EXPECT_THAT(again.err, HasSubstr("all have 2 blocks"));
  EXPECT_EQ(again.out, text("run/matrix.json"));
  const Outcome more = matrix({"--resume", path("run"), "--minutes", "0.05"});
  ASSERT_THAT(more.exit, AnyOf(0, 5)) << more.err;
  result = json("run/matrix.json");
  EXPECT_GT(blocks_of(result), 3 * 2);
  // On a starved machine a block of 40 ms may end before its other agent began.
  EXPECT_THAT(result.at("inconclusive").get<std::vector<std::string>>(),
              testing::Each(AnyOf(HasSubstr("was not shared"), HasSubstr("has no verdict"))));
  EXPECT_EQ(more.exit == 5, text("run/matrix.json").find("has no verdict") != std::string::npos);
}

TEST_F(MatrixCli, ReportSaysTheSameAgain) {
  ASSERT_THAT(matrix({scenario("{order: matrix, cycles: 1, block: 40ms, sets: [[light, heavy, "
                               "heavy], [heavy, light]]}"),
                      "--out", path("run")})
                  .exit,
              AnyOf(0, 5));
  const std::string before = text("run/results.md");
  EXPECT_THAT(before, HasSubstr("2 × heavy"));
  const Outcome report = Program::run({kKts, "report", path("run"), "--json"});
  EXPECT_EQ(report.out, text("run/matrix.json"));
  EXPECT_THAT(report.exit, AnyOf(0, 5)) << report.err;
  EXPECT_EQ(text("run/results.md"), before);
  EXPECT_EQ(Json::parse(report.out).at("schema"), "kts.matrix/1");

  ASSERT_TRUE(write_file(path("run/environment.json"), "{"));
  const Outcome damaged = Program::run({kKts, "report", path("run")});
  EXPECT_EQ(damaged.exit, 5);
  EXPECT_THAT(damaged.err, HasSubstr("restore the files, or remove their blocks' folders"));
  // More blocks are no cure, and are offered only where they are wanted for something else.
  EXPECT_EQ(damaged.err.find("--resume") != std::string::npos,
            damaged.err.find("has no verdict") != std::string::npos);
}

TEST_F(MatrixCli, AnInterruptedRunGoesOnAfterItsLastWholeBlock) {
  const Outcome stopped = Program::run({kKts, "matrix", scenario("{cycles: 3, block: 300ms}"),
                                        "--device", "cpu", "--out", path("run")},
                                       [](std::string_view line, pid_t pid) {
                                         if (line.find("block 4/") != std::string_view::npos)
                                           kill(pid, SIGINT);
                                       });
  EXPECT_EQ(stopped.exit, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("--resume"));
  const Outcome whole = matrix({"--resume", path("run")});
  ASSERT_THAT(whole.exit, AnyOf(0, 5)) << whole.err;
  EXPECT_EQ(blocks_of(json("run/matrix.json")), 3 * 3);
}

TEST_F(MatrixCli, AResumedRunKeepsItsWayAndItsDevice) {
  const std::string one =
      scenario("{order: matrix, cycles: 1, block: 40ms, sets: [[light, heavy]]}");
  ASSERT_THAT(matrix({one, "--absent", "--out", path("absent")}).exit, AnyOf(0, 5));
  EXPECT_THAT(text("absent/scenario.yaml"), HasSubstr("others: absent"));
  ASSERT_THAT(matrix({"--resume", path("absent"), "--minutes", "0.02"}).exit, AnyOf(0, 5));
  int blocks = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "absent/blocks")) {
    const auto block = Json::parse(read_file(entry.path() / "block.json").value());
    EXPECT_THAT(block.at("parked"), testing::IsEmpty()) << block.dump();
    ++blocks;
  }
  EXPECT_GT(blocks, 5);

  ASSERT_THAT(matrix({one, "--out", path("parked")}).exit, AnyOf(0, 5));
  const std::string before = text("parked/matrix.json");
  const auto refused = [](const Outcome& outcome, std::string_view words) {
    EXPECT_EQ(outcome.exit, 2) << outcome.err;
    EXPECT_TRUE(one_line(outcome.err)) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(std::string(words)));
  };
  refused(matrix({"--resume", path("parked"), "--absent"}), "others parked");
  refused(Program::run({kKts, "matrix", "--device", "cuda:1", "--resume", path("parked")}),
          "the run began on cpu");
  EXPECT_EQ(text("parked/matrix.json"), before);
}

TEST_F(MatrixCli, BadInputIsOneLine) {
  const auto refused = [](const Outcome& outcome, std::string_view words) {
    EXPECT_EQ(outcome.exit, 2) << outcome.err;
    EXPECT_TRUE(one_line(outcome.err)) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(std::string(words)));
  };
  refused(matrix({"--resume", path("nothing")}), "nothing");
  refused(matrix({scenario(), "--resume", path("run")}), "--resume don't go together");
  refused(matrix({scenario(), "--minutes", "-3"}), "--minutes");
  const std::string sets = scenario("{order: matrix, sets: [[light, heavvy]]}");
  refused(matrix({sets, "--out", path("run")}), "did you mean 'heavy'?");
  const Outcome run = Program::run(
      {kKts, "run", scenario("{order: matrix}"), "--device", "cpu", "--out", path("run2")});
  EXPECT_EQ(run.exit, 2) << run.err;
  EXPECT_THAT(run.err, HasSubstr("kts matrix"));
}

}  // namespace
}  // namespace kts::matrix_test
