// SPDX-License-Identifier: Apache-2.0
// What a user may hand to kts by mistake: one line that says what, where and what to do, and the
// exit code. What can be left out is left out, counted and named instead.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "load_fixtures.hpp"
#include "program.hpp"

namespace kts::bad_input_test {
namespace {

using analysis::fixtures::block_json;
using analysis::fixtures::Folder;
using analysis::fixtures::join;
using analysis::fixtures::kEpoch;
using analysis::fixtures::kMillisecond;
using analysis::fixtures::V2Log;
using analysis::fixtures::write_run;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using Lines = std::vector<std::string>;

constexpr auto kLog = "run/blocks/00-solo-router/router.log";

std::string v1_log(const std::string& kind, std::int64_t start_ns, int n = 100) {
  std::string text;
  for (int i = 0; i < n; ++i) {
    const std::int64_t start = start_ns + i * 10 * kMillisecond;
    text += "KTS_APP,v1," + kind + "," + std::to_string(i) + "," + std::to_string(start) + "," +
            std::to_string(start + 4 * kMillisecond) + ",3.900000,\n";
  }
  return text;
}

// A run's folder in "run", some of it changed by each test.
class BadInput : public testing::Test {
 protected:
  BadInput() { copy_of_a_run(); }

  void copy_of_a_run(int cycles = 5) {
    std::filesystem::remove_all(folder_.path() / "run");
    const Folder whole;
    write_run(whole, cycles);
    std::filesystem::copy(whole.path(), folder_.path() / "run",
                          std::filesystem::copy_options::recursive);
  }
  Outcome report(Lines more = {}) {
    more.insert(more.begin(), {kKts, "report", folder_.file("run")});
    return Program::run(more);
  }
  // Of the first log, with its lines changed.
  Outcome report_with(const std::function<void(Lines&)>& change) {
    Lines lines = V2Log{}.lines();
    change(lines);
    folder_.write(kLog, join(lines));
    return report();
  }
  static void expect_refusal(const Outcome& outcome, int exit, const std::string& words,
                             const std::string& command = "report") {
    EXPECT_EQ(outcome.exit, exit) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(one_line(outcome.err)) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("kts " + command + ": "), HasSubstr(words)));
  }
  // Left out and named; `exit` is what the rest deserves.
  static void expect_warning(const Outcome& outcome, const std::string& words) {
    EXPECT_THAT(outcome.exit, testing::AnyOf(0, 5)) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("warning: " + words));
  }
  // The rest is reported, without a conclusion.
  void expect_left_out(const Outcome& outcome, const std::string& words) const {
    EXPECT_EQ(outcome.exit, 5) << outcome.err;
    EXPECT_EQ(last_line(outcome.out), folder_.file("run"));
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("warning: blocks/00-solo-router left out: " + words),
                                   HasSubstr("exit 5: the run can't support its conclusion: 1 of "
                                             "15 blocks is damaged and left out")));
    EXPECT_THAT(read_file(folder_.file("run/results.md")).value(),
                HasSubstr("- blocks/00-solo-router left out: "));
  }

  Folder folder_;
};

TEST_F(BadInput, WholeRunIsReported) {
  const Outcome outcome = report();
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(last_line(outcome.out), folder_.file("run"));
}

TEST_F(BadInput, TwoRunsAreComparedByWhatTheirReportsSay) {
  const std::string run = folder_.file("run");
  const auto compare = [&](Lines more) {
    more.insert(more.begin(), {kKts, "compare"});
    return Program::run(more);
  };
  expect_refusal(compare({run, run}), 2, "/summary.json: there is no such file; kts report ",
                 "compare");
  ASSERT_EQ(report({"--no-trace"}).exit, 0);
  const Outcome same = compare({run, run + "/summary.json"});
  EXPECT_EQ(same.exit, 0) << same.err;
  EXPECT_THAT(same.out, HasSubstr("router's p99 latency, shared, went from"));
  EXPECT_THAT(compare({run, run, "--json"}).out, HasSubstr("\"schema\": \"kts.comparison/1\""));
  EXPECT_THAT(compare({run, run, "--markdown"}).out, HasSubstr("| p99 shared, ms |"));
  EXPECT_EQ(compare({run, run, "--gate"}).exit, 0);
  for (const auto& [text, said] : std::vector<std::pair<std::string, std::string>>{
           {"{\"schema\": \"kts.sum", "is no kts.summary/1; "},
           {"{\"schema\": \"kts.summary/1\"}", "is not as kts writes it: 'run' is missing; "},
           {"{\"schema\": \"kts.summary/1\", \"run\": 5}",
            "is not as kts writes it: a value in it is of another kind; "},
       }) {
    folder_.write("other.json", text);
    expect_refusal(compare({run, folder_.file("other.json")}), 2, "/other.json: " + said,
                   "compare");
  }
  expect_refusal(compare({run, run, "--json", "--markdown"}), 2, "can't go with", "compare");
  expect_refusal(compare({run}), 2, "AFTER is missing", "compare");
}

TEST_F(BadInput, TraceIsDrawnUnlessItIsNotWanted) {
  EXPECT_EQ(report().exit, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "run/trace.json"));
  std::filesystem::remove(folder_.path() / "run/trace.json");
  EXPECT_EQ(report({"--no-trace"}).exit, 0);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "run/trace.json"));
  expect_refusal(report({"--trace-block", "99"}), 2, "the run has no finished block 99; ");
  expect_refusal(report({"--trace-limit", "5"}), 2, "'5' is no size of a trace; ");
  EXPECT_EQ(report({"--trace-limit", "5MiB", "--trace-all"}).exit, 2);
}

TEST_F(BadInput, KernelTracesThatCannotBeTakenAreRefused) {
  expect_refusal(Program::run({kKts, "run", "--trace-buffer", "5MiB"}), 2,
                 "--trace-buffer: it is about a trace of kernels that isn't taken; ", "run");
  expect_refusal(Program::run({kKts, "run", "--trace-kernels", "--trace-buffer", "5"}), 2,
                 "'5' is no size of a buffer; give 1MiB to 1GiB", "run");
  expect_refusal(Program::run({kKts, "run", "--trace-kernels", "--on", "kubernetes"}), 2,
                 "kernels of pods can't be traced yet; ", "run");
  const Outcome on_a_cpu = Program::run({kKts, "run", "study", "--device", "cpu", "--trace-kernels",
                                         "--out", folder_.file("traced")});
  EXPECT_EQ(on_a_cpu.exit, 4);
  EXPECT_THAT(on_a_cpu.err, HasSubstr("this run is on a CPU; take --device cuda"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "traced"));
}

TEST_F(BadInput, LinesThatAreCutShortOrHoldNoNumberAreCountedAndNamed) {
  expect_warning(report_with([](Lines& lines) {
                   lines[10] = "KTS_APP,v2,router,9,17636\n";
                   lines[20] = "KTS_APP,v2,router,19,17x,1,1,1,1\n";
                   lines[30] = "KTS_APP,v2,router,29,nan,1,1,1,1\n";
                 }),
                 "3 malformed lines left out: blocks/00-solo-router/router.log:11 (cut short), "
                 "blocks/00-solo-router/router.log:21 (a field that is not a whole number), "
                 "blocks/00-solo-router/router.log:31 (a field that is not a whole number)");
}

TEST_F(BadInput, MissingSeqIsALostRecord) {
  expect_warning(report_with([](Lines& lines) { lines.erase(lines.begin() + 50); }),
                 "router: 1 of 1000 records lost");
}

TEST_F(BadInput, DuplicatesAreDroppedWhenTheyAgreeAndTheBlockWhenNot) {
  expect_warning(report_with([](Lines& lines) { lines.insert(lines.begin() + 60, lines[40]); }),
                 "1 duplicate record, identical to the first of the same seq, left out");
  expect_left_out(report_with([](Lines& lines) {
                    record::Iteration other = V2Log{}.iteration(39);
                    ++other.done_ns;
                    lines.insert(lines.begin() + 60, V2Log{}.record_line(other));
                  }),
                  "router.log:61: seq 39 stands here and in line 41, with different instants; ");
}

TEST_F(BadInput, ClockRunningBackwardsIsLeftOut) {
  expect_left_out(report_with([](Lines& lines) {
                    record::Iteration back = V2Log{}.iteration(40);
                    back.done_ns = back.submit_ns - 1;
                    lines[41] = V2Log{}.record_line(back);
                  }),
                  "router.log:42: the clock runs backwards: done comes before submit at seq 40; ");
}

TEST_F(BadInput, EndThatCountsOtherwiseIsLeftOut) {
  expect_left_out(report_with([](Lines& lines) {
                    record::BlockEnd end = V2Log{}.end();
                    end.iterations = end.emitted = 99;
                    lines.back() = record::to_line(end);
                  }),
                  "router.log: END counts 99 iterations");
}

TEST_F(BadInput, EmptyLogIsLeftOut) {
  expect_left_out(report_with([](Lines& lines) { lines.clear(); }),
                  "router.log: holds no records; ");
}

TEST_F(BadInput, DamagedBlockJsonIsLeftOut) {
  folder_.write("run/blocks/00-solo-router/block.json", "{");
  expect_left_out(report(),
                  "block.json: is not a JSON object; restore the file as kts run wrote it");
}

TEST_F(BadInput, MixedVersionsAreLeftOut) {
  expect_left_out(report_with([](Lines& lines) { lines[10] = "KTS_APP,v1,FFT,9,1,2,3.5,solo\n"; }),
                  "router.log:11: a v1 record among the v2 records of a run; ");
  folder_.write("run/solo-fft.log", v1_log("FFT", kEpoch) + V2Log{}.record_line(0));
  std::filesystem::remove_all(folder_.path() / "run/blocks");
  expect_refusal(report(), 2, "run/solo-fft.log:101: ");
}

TEST_F(BadInput, FoldersWithNothingToReadAreRefused) {
  std::filesystem::remove_all(folder_.path() / "run");
  expect_refusal(report(), 2, folder_.file("run") + ": there is no such folder; ");
  folder_.write("run/readme", "nothing");
  expect_refusal(report(), 2, folder_.file("run") + ": ");
  folder_.write("run/blocks/readme", "nothing");
  expect_refusal(report(), 2, folder_.file("run/blocks") + ": holds no finished block; ");
  std::filesystem::remove_all(folder_.path() / "run");
  folder_.write("run", "a file");
  expect_refusal(report(), 2, folder_.file("run") + ": is not a folder; ");
}

TEST_F(BadInput, EmptyOrDamagedV1LogIsRefusedOrNamed) {
  std::filesystem::remove_all(folder_.path() / "run");
  folder_.write("run/solo-fft.log", "");
  expect_refusal(report(), 2, folder_.file("run/solo-fft.log") + ": ");
  folder_.write("run/solo-fft.log", v1_log("FFT", kEpoch) + "KTS_APP,v1,FFT,7x,1,2,3.5,\n" +
                                        "KTS_APP,v1,FFT,101,1,2,nan,\n" + "KTS_APP,v1,FF");
  expect_warning(report(), "3 malformed lines left out: ");
}

TEST_F(BadInput, PhasesThatNeverOverlappedCannotConclude) {
  for (const char* block : {"02", "05", "08", "11", "14"}) {
    const std::int64_t start = kEpoch + std::stoi(block) * 2000 * kMillisecond;
    folder_.write(std::string("run/blocks/") + block + "-shared/block.json",
                  block_json("shared", {"router", "thinker"}, start, start - 5));
  }
  const Outcome outcome = report();
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_EQ(last_line(outcome.err),
            "exit 5: the run can't support its conclusion: blocks/02-shared was not shared: its "
            "agents never ran at the same time");
}

TEST_F(BadInput, FewerThanFiveBlocksCannotConclude) {
  copy_of_a_run(4);
  const Outcome outcome = report();
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_EQ(last_line(outcome.err),
            "exit 5: the run can't support its conclusion: router has 4 solo blocks with samples, "
            "and an interval takes 5: more cycles");
}

TEST_F(BadInput, OutputPathThatIsAFileIsRefused) {
  folder_.write("file", "precious");
  expect_refusal(report({"--out", folder_.file("file")}), 2,
                 folder_.file("file") + ": a file stands where a folder is needed; ");
  EXPECT_EQ(read_file(folder_.file("file")).value(), "precious");
}

TEST_F(BadInput, ScenarioThatIsWrongIsRefusedAtItsPlace) {
  const std::string agent = "  - {name: a, workload: {kind: fft, size: 64}, arrival: {process: ";
  struct Case {
    std::string text, expected;
  };
  for (const Case& c : {Case{"plann: {}\n", ":3: plann: unknown key; did you mean 'plan'?"},
                        Case{"plan: {cycles: many}\n", ":3: plan.cycles: 'many' is not a whole"},
                        Case{"plan: {block: 2}\n", ":3: plan.block: '2' is not a duration"},
                        Case{"plan: {block: 9ms}\n", ":3: plan.block: 9ms is out of range"},
                        Case{"agents:\n" + agent + "saturate}}\n" + agent + "saturate}}\n",
                             ":5: agents[1].name: two agents are called 'a'"},
                        Case{"agents:\n" + agent + "poisson, rate: .nan}}\n",
                             ":4: agents[0].arrival.rate: '.nan' is not a number"},
                        Case{"device: gpu\n", ":3: device: 'gpu' is not a device"}}) {
    folder_.write("s.yaml", "schema: kts.scenario/1\nname: s\n" + c.text);
    const std::string file = folder_.file("s.yaml");
    expect_refusal(Program::run({kKts, "run", file, "--out", folder_.file("out")}), 2,
                   file + c.expected, "run");
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out"));
  }
}

TEST_F(BadInput, FullStandardOutputIsAnEnvironmentError) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  for (const char* flags : {"", " --json"}) {
    const Outcome outcome = Program::run(
        {"/bin/sh", "-c", kKts + " report " + folder_.file("run") + flags + " >/dev/full"});
    EXPECT_EQ(outcome.exit, 4) << outcome.err;
    EXPECT_THAT(last_line(outcome.err),
                AllOf(StartsWith("kts report: "), HasSubstr("No space left on device")));
  }
}

// A file system of its own at "disk".
class Disk : public BadInput {
 protected:
  ~Disk() override { umount2(disk().c_str(), MNT_DETACH); }
  std::string disk() const { return folder_.file("disk"); }
  // False: not permitted here.
  bool mount_it(const char* options) {
    std::filesystem::create_directory(disk());
    return mount("none", disk().c_str(), "tmpfs", 0, options) == 0;
  }
  bool make_read_only() {
    return mount("none", disk().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }
  static Outcome run(const std::string& out) {
    return Program::run({kKts, "run", "--device", "cpu", "--quick", "--out", out});
  }
};

TEST_F(Disk, ReadOnlyOutputFolderIsAnEnvironmentError) {
  if (geteuid() != 0) {
    std::filesystem::create_directory(disk());
    std::filesystem::permissions(disk(), std::filesystem::perms(0555));
  } else if (!mount_it("size=1m") || !make_read_only()) {
    GTEST_SKIP() << "cannot mount a read-only file system here: " << with_errno("mount", errno);
  }
  const std::string words = geteuid() == 0 ? "Read-only file system" : "Permission denied";
  expect_refusal(report({"--out", disk()}), 4, words);
  expect_refusal(report({"--out", disk() + "/below"}), 4, words);
  EXPECT_THAT(report({"--out", disk()}).err, HasSubstr("/summary.json: cannot write"));
  for (const std::string& out : {disk(), disk() + "/below"}) {
    const Outcome outcome = run(out);
    EXPECT_EQ(outcome.exit, 4) << outcome.err;
    EXPECT_THAT(last_line(outcome.err), AllOf(StartsWith("kts run: " + disk()), HasSubstr(words),
                                              testing::Not(HasSubstr("what was measured"))));
  }
}

TEST_F(Disk, FullOutputFolderIsAnEnvironmentError) {
  if (!mount_it("size=16k")) {
    GTEST_SKIP() << "cannot mount a small file system here: " << with_errno("mount", errno);
  }
  expect_refusal(report({"--out", disk()}), 4, "No space left on device");
  EXPECT_FALSE(std::filesystem::exists(disk() + "/summary.json.part"));
  const Outcome outcome = run(disk() + "/run");
  EXPECT_EQ(outcome.exit, 4) << outcome.err;
  EXPECT_THAT(last_line(outcome.err),
              AllOf(StartsWith("kts run: "), HasSubstr("No space left on device")));
}

TEST(Usage, WhatIsMistypedIsOneLineThatSaysWhatToDo) {
  struct Case {
    std::vector<std::string> words;
    std::string said;
  };
  for (const Case& c : std::vector<Case>{
           {{"--verison"}, "kts: no option is called '--verison'; did you mean '--version'?"},
           {{"rnu"}, "kts: no command is called 'rnu'; did you mean 'run'?"},
           {{"scenario"}, "kts scenario: a command is missing; there are: list, show, check"},
           {{"scenario", "check"},
            "kts scenario check: FILE is missing; see kts scenario check --help"},
           {{"scenario", "check", "none.yaml"},
            "kts scenario: none.yaml: there is no such file; kts scenario show study > FILE starts "
            "one"},
           {{"scenario", "check", "study"},
            "kts scenario: study: there is no such file; the scenario of that name is built in, "
            "and valid"},
           {{"run", "--quik"}, "kts run: no option is called '--quik'; did you mean '--quick'?"},
           {{"run", "--onn", "kubernetes"},
            "kts run: no option is called '--onn'; did you mean '--on'?"},
           {{"run", "study", "twice"}, "kts run: 'twice' is a word too many; see kts run --help"},
           {{"run", "--sharing", "timeslicing"},
            "kts run: --sharing: 'timeslicing' is none of exclusive, time-slicing, mps, mig, "
            "streams; did you mean 'time-slicing'?"},
           {{"run", "./none.yaml"},
            "kts run: ./none.yaml: there is no such file; name another, or a built-in scenario: "},
           {{"run", "--at-once", "3"},
            "kts run: --at-once has a meaning with --nodes only; add --nodes"},
           {{"run", "--nodes", "a=b", "--node", "c"},
            "kts run: --nodes can't go with --node; leave one of them out"},
           {{"run", "--device", "cpu", "--device", "cpu"},
            "kts run: --device: it is given twice; keep one"},
           {{"run", "--sharing"},
            "kts run: --sharing: MODE is missing after it; see kts run --help"},
           {{"run", "--sharing", "MPS"},
            "kts run: --sharing: 'MPS' is none of exclusive, time-slicing, mps, mig, streams; did "
            "you mean 'mps'?"},
           {{"run", "--quick=maybe"}, "kts run: --quick: it takes no value; leave 'maybe' out"},
           {{"run", "--device", "cpu", "--out", "/dev/null"},
            "kts run: /dev/null: a file stands where a folder is needed; name another folder"},
           {{"run", "--device", "cpu", "--out", "/dev/null/below"},
            "kts run: /dev/null/below: a file stands where a folder is needed; "},
           {{"run", "--device", "cpu", "--out", "/proc/self"},
            "kts run: /proc/self: the folder holds something already; name a new one"},
           {{"run", "--device", "cpu", "--leave-one-out"},
            "kts run: study: 2 agents, of which none "},
           {{"workload", "show", "fft", "--size", "4", "--size", "5"},
            "kts workload show: a flag is given twice; keep one"},
           {{"workload", "show", "fft", "--size"},
            "kts workload show: a value is missing after a flag; "},
           {{"workload", "show", "fft", "--size", "big"},
            "kts workload: --size: 'big' is not a whole number; give 1 to 1048576"},
           {{"matrix", "--slots", ""}, "kts matrix: --slots: '' is out of range; give 2 to 64"},
           {{"matrix", "--resume", ""},
            "kts matrix: --resume: there is no run in it; name the folder of a kts matrix"},
           {{"scenario", "check", "/dev/zero"},
            "kts scenario: /dev/zero: larger than 256.0 KiB; a scenario is a short file; "},
           {{"scenario", "check", "/bin/true"}, "kts scenario: /bin/true:1: this is no text in "},
           {{"report", "--jsn"}, "kts report: no option is called '--jsn'; did you mean '--json'?"},
           {{"report"}, "kts report: RUN is missing; see kts report --help"},
           {{"matrix", "--slots", "0"}, "kts matrix: --slots: 0 is out of range; give 2 to 64"},
           {{"matrix", "--minutes", "ten"},
            "kts matrix: --minutes: 'ten' is no number; see kts matrix --help"},
           {{"matrix", "--minutes", "0"},
            "kts matrix: --minutes: 0 is no length of time; give minutes, more than 0"},
           {{"matrix", "--resume"},
            "kts matrix: --resume: RUN is missing after it; see kts matrix --help"},
           {{"matrix", "--resume", "none"},
            "kts matrix: none: there is no run in it; name the folder of a kts matrix"},
           {{"cluster", "share"},
            "kts cluster share: --replicas is missing; see kts cluster share --help"},
       }) {
    std::vector<std::string> argv{kKts};
    argv.insert(argv.end(), c.words.begin(), c.words.end());
    const Outcome outcome = Program::run(argv);
    EXPECT_EQ(outcome.exit, 2) << c.said;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(one_line(outcome.err)) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith(c.said));
  }
}

// Without a card, and without what makes use of one: nothing is asked of either.
TEST(Usage, WhatNoCudaEngineCanDoIsRefusedBeforeADeviceIsTouched) {
  const Folder folder;
  const auto scenario = [&](const std::string& device) {
    folder.write("s.yaml", "schema: kts.scenario/1\nname: s\ndevice: " + device +
                               "\nagents:\n  - name: a\n    workload: {kind: decode, model: "
                               "custom, layers: 1, hidden: 256, ffn: 64, heads: 8, kv_heads: 8, "
                               "vocab: 64}\n    arrival: {process: saturate}\n");
    return folder.file("s.yaml");
  };
  const std::string said = "agent a: workload.hidden: a head_dim of 32 (hidden / heads) isn't one";
  const auto refuse = [&](std::vector<std::string> words, const std::string& start) {
    words.insert(words.begin(), kKts);
    const Outcome outcome = Program::run(words);
    EXPECT_EQ(outcome.exit, 2) << outcome.err;
    EXPECT_TRUE(one_line(outcome.err)) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith(start + said));
  };
  const std::string file = scenario("cuda:1");
  refuse({"scenario", "check", file}, "kts scenario: " + file + ": ");
  for (const char* command : {"run", "matrix", "modes"}) {
    refuse({command, file}, "kts " + std::string(command) + ": ");
  }
  refuse({"run", "--on", "kubernetes", file, "--device", "cuda"}, "kts run: ");
  const Outcome either = Program::run({kKts, "scenario", "check", scenario("auto")});
  EXPECT_EQ(either.exit, 0) << either.err;
  EXPECT_THAT(either.out, HasSubstr("\nnot on a GPU: " + file + ": " + said));
}

TEST_F(BadInput, CheckRefusesPartitionsOfMoreThanTheCard) {
  const std::string file = (folder_.path() / "parts.yaml").string();
  const auto checked = [&](const std::string& percent) {
    std::string yaml = "schema: kts.scenario/1\nname: parts\nsharing: mps\nagents:\n";
    for (const char* name : {"a", "b"}) {
      yaml += std::string("  - {name: ") + name +
              ", workload: {kind: fft, size: 64}, arrival: {process: saturate}, "
              "mps: {partition: " +
              percent + "}}\n";
    }
    EXPECT_TRUE(write_file(file, yaml));
    return Program::run({kKts, "scenario", "check", file});
  };
  EXPECT_EQ(checked("50").exit, 0);
  const Outcome refused = checked("60");
  EXPECT_EQ(refused.exit, 2);
  EXPECT_TRUE(one_line(refused.err)) << refused.err;
  EXPECT_THAT(refused.err, StartsWith("kts scenario: " + file +
                                      ": scenario parts: the static partitions take 120 % of"));
}

TEST(Usage, HelpOfACommandIsThereInBothOrders) {
  const Outcome outcome = Program::run({kKts, "help", "cluster", "share"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.out, Program::run({kKts, "cluster", "share", "--help"}).out);
  EXPECT_THAT(outcome.out, HasSubstr("Usage: kts cluster share"));
  EXPECT_THAT(outcome.out, HasSubstr("Examples:\n  kts cluster share --replicas 4 --dry-run"));
  EXPECT_EQ(Program::run({kKts, "help"}).out, Program::run({kKts, "--help"}).out);
  EXPECT_EQ(Program::run({kKts, "help", "rnu"}).exit, 2);
}

// Here or anywhere without a driver, or without the CUDA backend.
TEST(Usage, ADeviceThatIsNotThereIsTheWorkersOwnLine) {
  for (const char* command : {"probe", "run", "matrix", "modes"}) {
    const Outcome outcome = Program::run({kKts, command, "--device", "cuda:77"});
    EXPECT_EQ(outcome.exit, 4) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(one_line(outcome.err)) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith("kts " + std::string(command) + ": "));
    EXPECT_THAT(outcome.err,
                testing::Not(testing::AnyOf(HasSubstr("exit status"), HasSubstr("last words"),
                                            HasSubstr("kts-worker:"), HasSubstr("agent probe"))));
  }
}

// What bash offers for the word at the cursor, the last of `words`.
std::string completed(const std::string& words) {
  const Outcome outcome =
      Program::run({"/bin/bash", "-c",
                    "source <(\"$0\" completion bash); COMP_WORDS=(" + words +
                        "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _kts; echo \"${COMPREPLY[*]}\"",
                    kKts});
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

TEST(Usage, AFolderIsNoWorker) {
  const Folder folder;
  const Outcome outcome = Program::run({kKts, "run", "--device", "cpu", "--worker",
                                        folder.path().string(), "--out", folder.file("run")});
  EXPECT_EQ(outcome.exit, 4);
  EXPECT_TRUE(one_line(outcome.err)) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("kts-worker is not there; build it, or say where it is"));
  EXPECT_FALSE(std::filesystem::exists(folder.file("run")));
}

TEST(Completion, BashOffersWhatTheParserKnows) {
  EXPECT_EQ(completed("kts clus"), "cluster\n");
  EXPECT_EQ(completed("kts cluster sh"), "share\n");
  EXPECT_EQ(completed("kts cluster share --re"), "--replicas --rename\n");
  EXPECT_EQ(completed("kts run --sharing str"), "streams\n");
  EXPECT_EQ(completed("kts run --quick --sharing t"), "time-slicing\n");
  EXPECT_THAT(completed("kts run stud"), StartsWith("study study-closed"));
  EXPECT_EQ(completed("kts workload show gem"), "gemm\n");
  EXPECT_THAT(completed("kts schema m"), StartsWith("modes matrix"));
  EXPECT_EQ(completed("kts report /et"), "/etc\n");
  EXPECT_EQ(completed("kts compare /etc /et"), "/etc\n");
  EXPECT_EQ(completed("kts run --out /et"), "/etc\n");
}

TEST(Completion, OtherShellsGetTheSameTree) {
  const std::string zsh = Program::run({kKts, "completion", "zsh"}).out;
  EXPECT_THAT(zsh, StartsWith("#compdef kts\n"));
  EXPECT_THAT(zsh, HasSubstr("\"kts cluster share --mode\""));
  const std::string fish = Program::run({kKts, "completion", "fish"}).out;
  EXPECT_THAT(fish, HasSubstr("complete -c kts -n '__fish_use_subcommand' -f -a run -d 'Measure"));
  EXPECT_THAT(fish, HasSubstr("-l sharing -r -f -a 'exclusive time-slicing mps mig streams'"));
  const Outcome csh = Program::run({kKts, "completion", "csh"});
  EXPECT_EQ(csh.exit, 2);
  EXPECT_EQ(csh.err,
            "kts completion: SHELL: 'csh' is none of bash, zsh, fish; did you mean 'zsh'?\n");
}

}  // namespace
}  // namespace kts::bad_input_test
