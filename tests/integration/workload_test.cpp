// SPDX-License-Identifier: Apache-2.0
// Workloads from the outside: what kts says of them, and what kts-worker makes of their names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kts/base/files.hpp"
#include "kts/workload/spec.hpp"
#include "places.hpp"
#include "program.hpp"

namespace kts::workload_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kWorker = in_build("bin/kts-worker");

Outcome workload(std::vector<std::string> words) {
  words.insert(words.begin(), {kKts, "workload"});
  return Program::run(std::move(words));
}

TEST(WorkloadCli, ListNamesAllWithTheirFlags) {
  const Outcome text = workload({"list"});
  EXPECT_EQ(text.exit, 0);
  const json list = json::parse(workload({"list", "--json"}).out);
  EXPECT_EQ(list["schema"], "kts.workload/1");
  ASSERT_EQ(list["workloads"].size(), workload::workloads().size());
  for (const auto& info : workload::workloads()) {
    EXPECT_THAT(text.out, HasSubstr(std::string(info.meaning)));
  }
  EXPECT_EQ(list["workloads"][0]["kind"], "fft");
  EXPECT_EQ(list["workloads"][0]["parameters"][0]["default"], 4096);
}

TEST(WorkloadCli, ShowGivesShapesWorkMemoryAndFloor) {
  const std::vector<std::string> words{"show",       "decode", "--model",       "llama-3.1-8b",
                                       "--context",  "2048",   "--device",      "cuda",
                                       "--peak-gbs", "4800",   "--peak-tflops", "989"};
  const Outcome text = workload(words);
  EXPECT_EQ(text.exit, 0) << text.err;
  EXPECT_THAT(text.out, StartsWith("decode llama-3.1-8b, batch 1, context 2048"));
  EXPECT_THAT(text.out, HasSubstr("28672 x 4096, 32 layers"));
  std::vector<std::string> as_json = words;
  as_json.emplace_back("--json");
  const json shown = json::parse(workload(as_json).out);
  EXPECT_EQ(shown["parameters"]["context"], 2048);
  EXPECT_EQ(shown["matrices"].size(), 5U);
  EXPECT_NEAR(shown["floor_ms"]["floor"].get<double>(), 3.2, 0.05);
  EXPECT_EQ(shown["memory_bytes"]["kv_cache"], 128 * 1024 * (2048 + 64));
  EXPECT_TRUE(shown["iteration"]["launches"].is_null());
}

TEST(WorkloadCli, ShowRemarksWhatWouldNotRunOnAGpu) {
  std::vector<std::string> words{"show",       "decode", "--model", "custom", "--layers", "1",
                                 "--hidden",   "256",    "--ffn",   "64",     "--heads",  "8",
                                 "--kv-heads", "8",      "--vocab", "64",     "--device", "cuda"};
  const Outcome cuda = workload(words);
  EXPECT_EQ(cuda.exit, 0) << cuda.err;
  EXPECT_THAT(cuda.out, HasSubstr("\nnot on a GPU: a head_dim of 32 (hidden / heads) isn't one "));
  words.back() = "cpu";
  EXPECT_THAT(workload(words).out, testing::Not(HasSubstr("not on a GPU")));
}

TEST(WorkloadCli, BadUsageIsOneLineThatNamesTheFlag) {
  for (const auto& [words, expected] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"show", "decod"}, "KIND: there is no workload 'decod'; did you mean 'decode'?"},
           {{"show", "fft", "--model", "tiny"}, "--model: fft has no parameter 'model'"},
           {{"show", "fft", "--size", "-1"}, "--size: -1 is out of range"},
           {{"show", "fft", "--peak-tflops", "9"}, "--peak-gbs: a floor needs both peaks"},
           {{"show", "fft", "--peak-tflops", "0", "--peak-gbs", "1"}, "--peak-tflops: '0'"},
       }) {
    const Outcome outcome = workload(words);
    EXPECT_EQ(outcome.exit, 2);
    EXPECT_TRUE(one_line(outcome.err)) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(expected));
  }
}

TEST(WorkloadCli, WorkerRunsEveryKindThatItLists) {
  for (const auto& info : workload::workloads()) {
    std::vector<std::string> words{
        kWorker, std::string(info.kind), "--device", "cpu",       "--arrival", "closed", "--think",
        "1ms",   "--iterations",         "2",        "--warm-up", "1"};
    if (info.kind == "fft" || info.kind == "gemm") {
      words.insert(words.end(), {"--size", "32"});
    }
    const Outcome outcome = Program::run(words);
    EXPECT_EQ(outcome.exit, 0) << info.kind << ": " << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("\"workload\":\"" + std::string(info.kind) + "\""));
    EXPECT_THAT(outcome.out,
                HasSubstr("\"parameters\":{\"" + std::string(info.parameters[0].name) + "\":"));
    EXPECT_THAT(outcome.out, HasSubstr("\"iterations\":2,"));
  }
}

TEST(ScenarioCli, ListIsThereForProgramsToo) {
  const Outcome outcome = Program::run({kKts, "scenario", "list", "--json"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  const json list = json::parse(outcome.out);
  EXPECT_EQ(list["schema"], "kts.scenarios/1");
  const std::string text = Program::run({kKts, "scenario", "list"}).out;
  for (const json& scenario : list["scenarios"]) {
    const auto name = scenario["name"].get<std::string>();
    EXPECT_THAT(text, HasSubstr(name + " "));
    ASSERT_EQ(scenario["devices"].size(), 2U);
    for (const json& device : scenario["devices"]) {
      const Outcome shown = Program::run(
          {kKts, "scenario", "show", name, "--device", device["kind"].get<std::string>()});
      EXPECT_THAT(shown.out, HasSubstr("order: " + device["order"].get<std::string>()));
      for (const json& agent : device["agents"]) {
        EXPECT_THAT(shown.out, HasSubstr("- name: " + agent["name"].get<std::string>() + "\n"));
      }
    }
  }
}

TEST(WorkerUsage, CommandsToldWrongAreOneLineInOurWords) {
  for (const auto& [words, said] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"probe", "x"}, "kts-worker: 'x' is a word too many; see kts-worker probe --help"},
           {{"probe", "--core", "x"}, "kts-worker: --core: x is out of range; give 0 to 65536"},
           {{"pod", "--pln", "x", "--", "fft"},
            "kts-worker: no option is called '--pln'; did you mean '--plan'?"},
       }) {
    std::vector<std::string> argv{kWorker};
    argv.insert(argv.end(), words.begin(), words.end());
    const Outcome outcome = Program::run(argv);
    EXPECT_EQ(outcome.exit, 2);
    EXPECT_EQ(outcome.err, said + "\n");
  }
}

TEST(WorkloadCli, GrowingAgentSaysHowFarItCame) {
  const Outcome outcome =
      Program::run({kWorker, "grow", "--step", "64KiB", "--limit", "128KiB", "--device", "cpu",
                    "--arrival", "saturate", "--iterations", "3", "--warm-up", "1"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("\"held_bytes\":131072,\"refused_bytes\":65536,"));
  EXPECT_THAT(outcome.err, HasSubstr("memory: 128.0 KiB held; 64.0 KiB more were refused"));
}

TEST(WorkloadCli, SetThatCanNotFitIsRefusedBeforeAnythingStarts) {
  const auto folder = TemporaryDirectory::create().value();
  const std::string file = (folder.path() / "large.yaml").string();
  const std::string run = (folder.path() / "run").string();
  ASSERT_TRUE(write_file(file,
                         "schema: kts.scenario/1\nname: large\nagents:\n"
                         "  - name: a\n"
                         "    workload: {kind: idle-hold, bytes: 1024GiB}\n"
                         "    arrival: {process: uniform, rate: 10}\n"
                         "  - name: b\n"
                         "    workload: {kind: idle-hold, bytes: 262144GiB}\n"
                         "    arrival: {process: uniform, rate: 10}\n"));
  const Outcome outcome = Program::run({kKts, "run", file, "--device", "cpu", "--out", run});
  EXPECT_EQ(outcome.exit, 4);
  EXPECT_THAT(outcome.err, HasSubstr("memory: the agents need 257.0 TiB together (a 1.0 TiB, b "
                                     "256.0 TiB), this machine has "));
  // Of a matrix all processes count, copies among them, or the largest set's.
  const Outcome matrix = Program::run({kKts, "matrix", file, "--device", "cpu", "--out", run});
  EXPECT_EQ(matrix.exit, 4);
  EXPECT_THAT(matrix.err, HasSubstr("need 514.0 TiB together"));
  EXPECT_THAT(matrix.err, HasSubstr("; --absent keeps only a set's own processes"));
  const Outcome absent =
      Program::run({kKts, "matrix", file, "--device", "cpu", "--absent", "--out", run});
  EXPECT_EQ(absent.exit, 4);
  EXPECT_THAT(absent.err, HasSubstr("need 512.0 TiB together (b 256.0 TiB, b-2 256.0 TiB)"));
  EXPECT_FALSE(std::filesystem::exists(run));
}

}  // namespace
}  // namespace kts::workload_test
