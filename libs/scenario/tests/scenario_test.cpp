// SPDX-License-Identifier: Apache-2.0
#include "kts/scenario/scenario.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kts/base/files.hpp"

namespace kts::scenario::scenario_test {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::string_view kFull = R"(schema: kts.scenario/1
name: pair
device: cuda:1
sharing: mps
sync: block
seed: 7
plan: {cycles: 12, block: 400ms, order: interleaved}
agents:
  - name: router
    workload: {kind: fft, size: 4096, threads: 2}
    arrival: {process: poisson, rate: 200.5}
    slo: {quantile: 0.99, latency: 5ms}
  - name: thinker
    workload: {kind: gemm, size: 4096}
    arrival: {process: closed, think: 1500us}
    in_flight: 4
    seed: 99
)";

// A valid scenario with one agent, some of whose lines are replaced.
std::string with(std::string_view plan, std::string_view agent) {
  return "schema: kts.scenario/1\nname: s\n" + std::string(plan) + "\nagents:\n  - " +
         std::string(agent) + "\n";
}
std::string with_arrival(std::string_view arrival) {
  return "{name: a, workload: {kind: fft, size: 64}, arrival: " + std::string(arrival) + "}";
}
constexpr std::string_view kAgent =
    "{name: a, workload: {kind: fft, size: 64}, arrival: {process: saturate}}";

std::string error_of(std::string_view yaml) {
  const auto scenario = parse(yaml, "s.yaml");
  if (scenario) return "no error";
  EXPECT_EQ(scenario.error().code, ErrorCode::kBadInput);
  return to_line(scenario.error());
}

TEST(Scenario, EveryFieldIsRead) {
  const auto scenario = parse(kFull, "s.yaml");
  ASSERT_TRUE(scenario) << to_line(scenario.error());
  EXPECT_EQ(scenario->name, "pair");
  EXPECT_EQ(scenario->device, "cuda:1");
  EXPECT_EQ(scenario->sharing, "mps");
  EXPECT_EQ(scenario->sync, "block");
  EXPECT_EQ(scenario->plan, (Plan{12, 400ms, Order::kInterleaved}));
  ASSERT_EQ(scenario->agents.size(), 2U);
  const AgentSpec& router = scenario->agents[0];
  EXPECT_EQ(router.workload, workload::complete("fft", {{"size", "4096"}}).value());
  EXPECT_EQ(router.threads, 2);
  EXPECT_EQ(router.arrival.rate_per_s, 200.5);
  EXPECT_EQ(router.seed, 7001U);
  EXPECT_EQ(router.slo, (Slo{0.99, 5ms}));
  const AgentSpec& thinker = scenario->agents[1];
  EXPECT_EQ(thinker.arrival.think, 1500us);
  EXPECT_EQ(thinker.in_flight, 4);
  EXPECT_EQ(thinker.seed, 99U);
}

TEST(Scenario, PrintedFormIsReadBackUnchanged) {
  for (const std::string& yaml :
       {std::string(kFull), with("plan: {order: study, block: 1h}", kAgent)}) {
    const Scenario scenario = parse(yaml, "s.yaml").value();
    EXPECT_EQ(parse(to_yaml(scenario), "printed").value(), scenario);
  }
}

TEST(Scenario, OneIsLeftOutOfThreeOrMore) {
  std::string three(kFull);
  three.replace(three.find("order: interleaved"), 18, "leave_one_out: true");
  const auto two = parse(three, "s.yaml");
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(to_line(two.error()), HasSubstr("s.yaml:7"));
  three +=
      "  - name: third\n    workload: {kind: fft, size: 64}\n    arrival: {process: saturate}\n";
  const auto scenario = parse(three, "s.yaml");
  ASSERT_TRUE(scenario) << to_line(scenario.error());
  EXPECT_TRUE(scenario->plan.leave_one_out);
  EXPECT_EQ(*parse(to_yaml(*scenario), "printed"), *scenario);
}

TEST(Scenario, DefaultsAreTheContracts) {
  const Scenario scenario = parse(with("", kAgent), "s.yaml").value();
  EXPECT_EQ(scenario.device, "auto");
  EXPECT_EQ(scenario.sharing, "time-slicing");
  EXPECT_EQ(scenario.plan, (Plan{10, 2s, Order::kInterleaved}));
  EXPECT_EQ(scenario.agents[0].in_flight, 1);
  EXPECT_EQ(scenario.agents[0].threads, 1);
}

TEST(Scenario, UnknownKeyIsNamedWithItsLineAndTheNearestKey) {
  EXPECT_EQ(error_of(with("plan:\n  cycels: 3", kAgent)),
            "s.yaml:4: plan.cycels: unknown key; did you mean 'cycles'?");
  EXPECT_THAT(error_of(with("zzzzzzzzzzzzzz: 1", kAgent)), HasSubstr("known here: schema, name"));
}

TEST(Scenario, DuplicateKeysAndNamesAreRefused) {
  EXPECT_EQ(error_of(with("seed: 1\nseed: 2", kAgent)),
            "s.yaml:4: seed: the key stands here twice; keep one");
  EXPECT_THAT(error_of(with("", std::string(kAgent) + "\n  - " + std::string(kAgent))),
              HasSubstr("s.yaml:6: agents[1].name: two agents are called 'a'"));
}

TEST(Scenario, ValuesOutOfTypeUnitOrRangeAreRefusedAtTheirPlace) {
  struct Case {
    std::string_view plan, agent, expected;
  };
  const Case cases[] = {
      {"plan: {cycles: many}", kAgent, "plan.cycles: 'many' is not a whole number"},
      {"plan: {cycles: 0}", kAgent, "plan.cycles: 0 is out of range; give 1 to 1000"},
      {"plan: {cycles: 1001}", kAgent, "plan.cycles"},
      {"plan: {cycles: 99999999999999999999}", kAgent, "is not a whole number"},
      {"plan: {cycles: [1]}", kAgent, "plan.cycles: needs a single value"},
      {"plan: {block: 2}", kAgent, "plan.block: '2' is not a duration; write a number and a unit"},
      {"plan: {block: 9ms}", kAgent, "plan.block: 9ms is out of range; give 10ms to 3600s"},
      {"plan: {block: 61min}", kAgent, "plan.block"},
      {"plan: {order: studdy}", kAgent, "did you mean 'study'?"},
      {"plan: {order: study, cycles: 3}", kAgent, "the study's order runs once"},
      {"plan: 3", kAgent, "plan: needs a map"},
      {"plan:", kAgent, "plan: needs a value"},
      {"device: gpu", kAgent, "device: 'gpu' is not a device; give auto, cpu, cuda or cuda:N"},
      {"device: cuda:-1", kAgent, "device: 'cuda:-1' is not a device"},
      {"device: cuda:x", kAgent, "device: 'cuda:x' is not a device"},
      {"sharing: mpss", kAgent, "did you mean 'mps'?"},
      {"seed: -1", kAgent, "seed: -1 is out of range"},
      {"", "{name: A, workload: {kind: fft, size: 64}}", "agents[0].name: 'A' is not a name"},
      {"", "{name: a-, workload: {kind: fft, size: 64}}", "agents[0].name: 'a-' is not a name"},
      {"", "{workload: {kind: fft, size: 64}}", "agents[0]: 'name' is missing"},
      {"", "{name: a, workload: {kind: ftt, size: 64}}", "did you mean 'fft'?"},
      {"", "{name: a, workload: {kind: fft, size: 0}}",
       "size: 0 is out of range; give 1 to 1048576"},
      {"", "{name: a, workload: {kind: fft, size: 1048577}}", "size: 1048577 is out of range"},
      {"", "{name: a, workload: {kind: fft, size: [1]}}", "workload.size: needs a single value"},
      {"", "{name: a, workload: {kind: fft, modle: tiny}}",
       "s.yaml:5: agents[0].workload.modle: unknown key; known here: kind, threads, size"},
      {"", "{name: a, workload: {kind: decode, modle: tiny}}",
       "workload.modle: unknown key; did you mean 'model'?"},
      {"", "{name: a, workload: {kind: decode, model: llama-3.1-9b}}",
       "s.yaml:5: agents[0].workload.model: 'llama-3.1-9b' is not one of tiny, "},
      {"", "{name: a, workload: {kind: decode, model: tiny, layers: 2}}",
       "workload.layers: model tiny has a 'layers' of its own"},
      {"", "{name: a, workload: {kind: decode, model: custom}}",
       "workload.model: model custom needs 'layers'; add it"},
      {"", "{name: a, workload: {kindd: fft}}", "kindd: unknown key; did you mean 'kind'?"},
      {"", "{name: a, workload: fft}", "workload: needs a map"},
      {"", "{name: a, workload: {kind: fft, size: 64}}", "agents[0]: 'arrival' is missing"},
      {"", "{name: a, workload: {kind: fft, size: 64}, arrival: {process: poisson}}",
       "agents[0].arrival: 'rate' is missing"},
      {"", "{name: a, workload: {kind: fft, size: 64}, arrival: {process: poisson, rate: 0}}",
       "arrival.rate: 0 is out of range; give requests per second"},
      {"", "{name: a, workload: {kind: fft, size: 64}, arrival: {process: poisson, rate: 1000001}}",
       "arrival.rate: 1000001 is out of range"},
      {"", "{name: a, workload: {kind: fft, size: 64}, arrival: {process: poisson, rate: .nan}}",
       "arrival.rate: '.nan' is not a number"},
      {"", "{name: a, workload: {kind: fft, size: 64}, arrival: {process: poisson, rate: 1e999}}",
       "is not a number"},
      {"", "{name: a, workload: {kind: fft, size: 64}, arrival: {process: saturate, rate: 1}}",
       "arrival.rate: has no meaning for 'saturate'"},
      {"", "{name: a, workload: {kind: fft, size: 64}, arrival: {process: closed}}",
       "'think' is missing"},
      {"",
       "{name: a, workload: {kind: fft, size: 64}, arrival: {process: uniform, rate: 1}, "
       "in_flight: 2}",
       "in_flight: has no meaning for an open arrival process"},
      {"",
       "{name: a, workload: {kind: fft, size: 64}, arrival: {process: saturate}, in_flight: 257}",
       "in_flight: 257 is out of range; give 1 to 256"},
      {"",
       "{name: a, workload: {kind: fft, size: 64}, arrival: {process: saturate}, slo: {quantile: "
       "99, latency: 5ms}}",
       "slo.quantile: 99 is out of range"},
  };
  for (const Case& c : cases) {
    const std::string line = error_of(with(c.plan, c.agent));
    EXPECT_THAT(line, HasSubstr(c.expected)) << c.plan << c.agent;
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

TEST(Scenario, ArrivalsAreCheckedWholly) {
  struct Case {
    std::string_view arrival, expected;
  };
  const Case cases[] = {
      {"{process: poison, rate: 1}", "did you mean 'poisson'?"},
      {"{process: gamma, rate: 1}", "agents[0].arrival: 'cv' is missing"},
      {"{process: gamma, rate: 1, cv: 0}",
       "arrival.cv: 0 is out of range; give 0.01 to 20; 1 is poisson"},
      {"{process: gamma, rate: 1, cv: big}", "arrival.cv: 'big' is not a number"},
      {"{process: gamma, rate: 0, cv: 2}", "arrival.rate: 0 is out of range"},
      {"{process: poisson, rate: 1, cv: 2}",
       "arrival.cv: has no meaning for 'poisson'; remove it, or take gamma"},
      {"{process: gamma, rat: 1, cv: 2}", "did you mean 'rate'?"},
      {"{process: on-off, rate: 9, on: 1s}", "'off' is missing"},
      {"{process: on-off, rate: 9, on: 1s, off: 0}",
       "arrival.off: 0s is out of range; give 100us to 3600s"},
      {"{process: on-off, rate: 9, on: 1s, off: 1s, phases: fixd}", "did you mean 'fixed'?"},
      {"{process: on-off, rate: 0.001, on: 1s, off: 1s}",
       "arrival.rate: 0.001 is out of range; at this rate hardly a phase has a request"},
      {"{process: trace}", "'file' is missing"},
      {"{process: trace, file: ''}", "arrival.file: names no file"},
      {"{process: trace, file: t.csv, scale: 0}", "arrival.scale: 0 is out of range"},
      {"{process: trace, file: t.csv, wrap: maybe}",
       "arrival.wrap: 'maybe' is not one of true, false"},
      {"{process: trace, file: t.csv, from: 5}", "arrival.from: '5' is not a duration"},
      {"{process: trace, file: t.csv, rate: 5}",
       "arrival.rate: has no meaning for 'trace'; remove it, or take poisson, uniform, gamma, "
       "on-off"},
  };
  for (const Case& c : cases) {
    const std::string line = error_of(with("", with_arrival(c.arrival)));
    EXPECT_THAT(line, HasSubstr(c.expected)) << c.arrival;
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

TEST(Scenario, WhatDoesNoWorkIsNotSaturated) {
  const auto holding = [](std::string_view arrival) {
    return error_of(
        with("", "{name: x, workload: {kind: idle-hold}, arrival: " + std::string(arrival) + "}"));
  };
  EXPECT_THAT(holding("{process: saturate}"),
              HasSubstr("arrival.process: idle-hold does no work that could be saturated; take"));
  EXPECT_THAT(holding("{process: closed, think: 10us}"),
              HasSubstr("arrival.think: idle-hold does no work, so it needs 1 ms or more"));
  EXPECT_THAT(holding("{process: closed, think: 1ms}"), "no error");
  EXPECT_THAT(holding("{process: uniform, rate: 10}"), "no error");
  EXPECT_THAT(holding("{process: poisson, rate: 100000}"), HasSubstr("arrival.rate: idle-hold"));
}

TEST(Scenario, WhatIsNoScenarioIsRefused) {
  EXPECT_THAT(error_of(""), HasSubstr("needs a map of keys and values; kts scenario show study"));
  EXPECT_THAT(error_of("- 1"), HasSubstr("needs a map"));
  EXPECT_THAT(error_of("a: [1"),
              HasSubstr("s.yaml:1: a '[' that began by here is never closed; add its ']'"));
  EXPECT_THAT(error_of("name: s\n"), HasSubstr("'schema' is missing"));
  EXPECT_THAT(error_of("schema: kts.scenario/2\n"), HasSubstr("did you mean 'kts.scenario/1'?"));
  EXPECT_THAT(error_of("? [a, b]\n: 1\n"), HasSubstr("a key must be a plain word"));
  EXPECT_THAT(error_of(std::string(kFull) + "---\n" + std::string(kFull)),
              HasSubstr("a second document"));
}

TEST(Scenario, AgentCountIsBounded) {
  std::string yaml = "schema: kts.scenario/1\nname: s\nagents:\n";
  EXPECT_THAT(error_of(yaml + "  []\n"), HasSubstr("0 agents; give 1 to 64"));
  for (int i = 0; i < 64; ++i) {
    yaml += "  - {name: a" + std::to_string(i) +
            ", workload: {kind: fft, size: 64}, arrival: {process: saturate}}\n";
  }
  EXPECT_EQ(parse(yaml, "s.yaml").value().agents.size(), 64U);
  EXPECT_THAT(error_of(yaml + "  - " + std::string(kAgent) + "\n"), HasSubstr("65 agents"));
}

TEST(Scenario, AliasesThatCouldGrowWithoutBoundAreRefused) {
  EXPECT_THAT(error_of("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"),
              HasSubstr("s.yaml:1: an anchor is not allowed in a scenario"));
}

TEST(Scenario, HugeFilesAreRefusedUnread) {
  const auto folder = TemporaryDirectory::create().value();
  const auto path = folder.path() / "big.yaml";
  ASSERT_TRUE(write_file(path, std::string(1 << 20, '#')));
  const auto scenario = load(path);
  ASSERT_FALSE(scenario);
  EXPECT_THAT(to_line(scenario.error()), HasSubstr("big.yaml: larger than 256.0 KiB"));
}

TEST(Scenario, MissingFileIsBadInputThatNamesIt) {
  const auto scenario = load("/nowhere/s.yaml");
  ASSERT_FALSE(scenario);
  EXPECT_EQ(scenario.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(scenario.error().where, "/nowhere/s.yaml");
}

TEST(Scenario, ArrivalsOfEveryProcessAreReadBack) {
  for (const char* arrival :
       {"{process: closed, think: 5ms}", "{process: saturate}", "{process: poisson, rate: 2.5}",
        "{process: uniform, rate: 100}", "{process: gamma, rate: 100, cv: 2.5}",
        "{process: on-off, rate: 400, on: 200ms, off: 1s}",
        "{process: on-off, rate: 400, on: 200ms, off: 1s, phases: fixed}",
        "{process: trace, file: t.csv}",
        "{process: trace, file: 'it''s #1: a.csv', scale: 2.5, wrap: false, from: 10min, length: "
        "90s}"}) {
    const auto scenario = parse(with("", with_arrival(arrival)), "s.yaml");
    ASSERT_TRUE(scenario) << to_line(scenario.error());
    const auto again = parse(to_yaml(*scenario), "again.yaml");
    ASSERT_TRUE(again) << to_line(again.error()) << to_yaml(*scenario);
    EXPECT_EQ(*again, *scenario) << arrival;
  }
}

TEST(Scenario, TracesAreLookedForBesideTheScenario) {
  const auto folder = TemporaryDirectory::create().value();
  ASSERT_TRUE(make_directories(folder.path() / "traces"));
  ASSERT_TRUE(write_file(folder.path() / "traces" / "t.csv",
                         "timestamp_s,input_tokens,output_tokens\n0,1,1\n1,1,0\n2,1,1\n"));
  const std::string yaml = with("", with_arrival("{process: trace, file: traces/t.csv, scale: 2}"));
  ASSERT_TRUE(write_file(folder.path() / "s.yaml", yaml));
  const auto scenario = load(folder.path() / "s.yaml");
  ASSERT_TRUE(scenario) << to_line(scenario.error());
  EXPECT_EQ(scenario->agents[0].arrival.trace.file, (folder.path() / "traces/t.csv").string());
  const auto notes = read_traces(*scenario);
  ASSERT_TRUE(notes) << to_line(notes.error());
  ASSERT_EQ(notes->size(), 1U);
  EXPECT_EQ(notes->front().agent, "a");
  EXPECT_EQ(notes->front().text,
            "2 requests in 3s (0.667/s, 1.33/s at scale 2), kts; 1 that failed (no output tokens) "
            "are left out");

  std::filesystem::remove(folder.path() / "traces" / "t.csv");
  const auto missing = read_traces(*load(folder.path() / "s.yaml"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(to_line(missing.error()), HasSubstr("traces/t.csv"));
}

TEST(Scenario, BaselineIsSharedByEqualWorkArrivalAndDepthOnly) {
  const Scenario scenario = parse(kFull, "s.yaml").value();
  AgentSpec a = scenario.agents[1];
  AgentSpec b = a;
  b.name = "other";
  b.seed = 5;
  EXPECT_TRUE(same_baseline(a, b));
  b.in_flight = 5;
  EXPECT_FALSE(same_baseline(a, b));
  b = a;
  b.arrival.think = 1ms;
  EXPECT_FALSE(same_baseline(a, b));
  b = a;
  b.workload = workload::complete("gemm", {{"size", "8"}}).value();
  EXPECT_FALSE(same_baseline(a, b));
  b = a;
  b.threads = 2;
  EXPECT_FALSE(same_baseline(a, b));
  b = a;
  b.arrival.cv = 2;
  EXPECT_FALSE(same_baseline(a, b));
  b = a;
  b.arrival.trace.scale = 2;
  EXPECT_FALSE(same_baseline(a, b));
}

// Of a scenario in a mode, whose only agent asks for something.
std::string demanding(std::string_view sharing, std::string_view demand) {
  std::string agent(kAgent);
  agent.pop_back();
  return with("sharing: " + std::string(sharing), agent + ", " + std::string(demand) + "}");
}

TEST(Demands, AreReadAndWritten) {
  const auto scenario =
      parse(demanding("mps", "mps: {threads: 75, priority: below-normal, memory: 8GiB}"), "s.yaml");
  ASSERT_TRUE(scenario) << to_line(scenario.error());
  const MpsSpec expected{75, true, std::int64_t{8} << 30};
  EXPECT_EQ(scenario->agents[0].mps, expected);
  EXPECT_EQ(parse(to_yaml(*scenario), "again").value(), *scenario);
  const auto streams = parse(demanding("streams", "stream: {priority: high}"), "s.yaml");
  ASSERT_TRUE(streams) << to_line(streams.error());
  EXPECT_TRUE(streams->agents[0].stream->high_priority);
  EXPECT_EQ(parse(to_yaml(*streams), "again").value(), *streams);
}

TEST(Demands, HaveNoMeaningInOtherModes) {
  EXPECT_THAT(error_of(demanding("time-slicing", "mps: {threads: 75}")),
              HasSubstr("agents[0].mps: has no meaning in mode time-slicing"));
  EXPECT_THAT(error_of(demanding("mps", "stream: {priority: high}")),
              HasSubstr("agents[0].stream: has no meaning in mode mps"));
  auto scenario = parse(demanding("mps", "mps: {threads: 75}"), "s.yaml").value();
  EXPECT_TRUE(check_demands(scenario));
  scenario.sharing = "time-slicing";
  EXPECT_FALSE(check_demands(scenario));
  EXPECT_TRUE(check_demands(in_mode(scenario, "time-slicing")));
}

TEST(Demands, OutOfRangeAreRefused) {
  for (const char* demand : {"threads: 0", "threads: 101", "priority: high", "memory: 8",
                             "memory: 1KiB", "memory: lots", "cores: 3"}) {
    EXPECT_THAT(error_of(demanding("mps", "mps: {" + std::string(demand) + "}")),
                HasSubstr("agents[0].mps."))
        << demand;
  }
  EXPECT_THAT(error_of(demanding("streams", "stream: {priority: low}")),
              HasSubstr("not one of high, normal"));
}

TEST(Syntax, IsToldInOurWordsWithTheLine) {
  const auto said = [](std::string_view text, std::string_view expected) {
    const std::string error = error_of(text);
    EXPECT_THAT(error, testing::StartsWith(expected)) << text;
    for (const char* words : {"illegal", "not found", "token", "unknown escape", "bad file"}) {
      EXPECT_THAT(error, testing::Not(HasSubstr(words)));
    }
  };
  const std::string head = "schema: kts.scenario/1\n";
  said(head + "plan:\n\tcycles: 3\n", "s.yaml:3: a tab indents this line, which YAML doesn't ");
  said(head + "\t\nname: x\n", "s.yaml:2: a tab indents this line, which YAML doesn't ");
  said(head + "plan: {\n\tcycles: 3}\nname: x\ndevice: a: b\n",
       "s.yaml:5: a ':' where no key can be; ");
  said(head + "agents: !!seq []\n", "s.yaml:2: a tag is not allowed in a scenario; ");
  said(head + "plan: {cycles: 3\n", "s.yaml:3: a '{' that began by here is never closed; add ");
  said(head + "plan: {cycles: 3}}\n", "s.yaml:2: a '}' or ']' that nothing opened; remove it");
  said(head + "plan:\n   cycles: 3\n  block: 2s\n", "s.yaml:4: its indentation fits no line ");
  said(head + "device: cpu: yes\n", "s.yaml:2: a ':' where no key can be; write 'key: value'");
  said(head + "device cpu\nname: s\n", "s.yaml:3: a ':' where no key can be; write 'key: value'");
  said(head + "device: @cpu\n", "s.yaml:2: a character that no value begins with; ");
  said(head + "device: \"\\q\"\n", "s.yaml:2: a '\\' that begins nothing known; ");
  said(head + "device: *p\n", "s.yaml:2: an alias is not allowed in a scenario; ");
  said(head + "device: !!str cpu\n", "s.yaml:2: a tag is not allowed in a scenario; ");
  said(head + "device: |x\n", "s.yaml:2: can't be read as YAML; kts scenario show study ");
  said(std::string(5000, '['), "s.yaml:1: can't be read as YAML; ");
}

TEST(Syntax, FileThatIsNoTextInUtf8IsRefusedByItsLine) {
  const std::string head = "schema: kts.scenario/1\n";
  for (const std::string& bytes :
       std::vector<std::string>{"device: caf\xe9\n", std::string("device: c\0", 10),
                                "device: \x1b[31mred\n", "\xff\xfe", "device: \xed\xa0\x80\n"}) {
    EXPECT_EQ(error_of(head + bytes),
              "s.yaml:2: this is no text in UTF-8; name a scenario, saved as UTF-8");
  }
  EXPECT_TRUE(parse("\xef\xbb\xbf" + with("", kAgent), "s"));
}

TEST(Engines, WhatTheDevicesEngineCanNotDoNamesTheAgentAndTheKey) {
  const auto refused = [](std::string_view agent, std::string_view kind) {
    const auto scenario = parse(with("", agent), "s");
    EXPECT_TRUE(scenario) << to_line(scenario.error());
    const Status can = check_engines(*scenario, kind);
    return can ? "" : to_line(can.error());
  };
  constexpr std::string_view kNarrow =
      "{name: a, workload: {kind: encoder, model: custom, layers: 1, hidden: 256, ffn: 64, "
      "heads: 8, kv_heads: 8, vocab: 64}, arrival: {process: saturate}}";
  EXPECT_THAT(refused(kNarrow, "cuda"),
              testing::StartsWith("agent a: workload.hidden: a head_dim of 32 "));
  EXPECT_EQ(refused(kNarrow, "cpu"), "");
  constexpr std::string_view kRequests =
      "{name: a, workload: {kind: request}, arrival: {process: saturate}, in_flight: 2}";
  EXPECT_THAT(refused(kRequests, "cuda"), testing::StartsWith("agent a: in_flight: 2 requests "));
  EXPECT_EQ(refused(kRequests, "cpu"), "");
}

std::string varied(std::string_view variants) {
  return with("", kAgent) + "variants:\n" + std::string(variants);
}

TEST(Partitions, AreForAllAgentsAndAtMostTheCard) {
  const auto pair = [](std::string_view a, std::string_view b) {
    const std::string agent = "workload: {kind: fft, size: 64}, arrival: {process: saturate}";
    return parse("schema: kts.scenario/1\nname: s\nsharing: mps\nagents:\n  - {name: a, " + agent +
                     std::string(a) + "}\n  - {name: b, " + agent + std::string(b) + "}\n",
                 "s.yaml");
  };
  const auto both =
      pair(", mps: {partition: 75}", ", mps: {priority: below-normal, partition: 25}");
  ASSERT_TRUE(both) << to_line(both.error());
  EXPECT_TRUE(check_demands(*both));
  EXPECT_EQ(both->agents[0].mps->partition_percent, 75);
  EXPECT_EQ(parse(to_yaml(*both), "again")->agents, both->agents);
  EXPECT_THAT(to_line(pair(", mps: {threads: 75, partition: 25}", "").error()),
              HasSubstr("'threads' has no effect on an agent that has SMs of its own"));
  EXPECT_THAT(to_line(pair(", mps: {partition: 0}", "").error()), HasSubstr("mps.partition"));
  EXPECT_THAT(to_line(check_demands(*pair(", mps: {partition: 75}", "")).error()),
              HasSubstr("agent b: it has no static partition"));
  EXPECT_THAT(
      to_line(check_demands(*pair(", mps: {partition: 75}", ", mps: {partition: 26}")).error()),
      HasSubstr("the static partitions take 101 % of the card"));

  const Scenario rest = in_partitions(*pair(", mps: {partition: 70}", ", mps: {threads: 10}"));
  EXPECT_EQ(rest.agents[1].mps->partition_percent, 30);
  EXPECT_FALSE(rest.agents[1].mps->threads_percent);
  EXPECT_TRUE(wants_partitions(rest));
  EXPECT_FALSE(wants_partitions(in_mode(rest, "streams")));
}

TEST(Variants, ChangeTheDemandsOfTheAgentsTheyName) {
  const auto scenario = parse(
      varied("  - {name: capped, sharing: mps, agents: [{name: a, mps: {threads: 50}}]}\n"), "s");
  ASSERT_TRUE(scenario) << to_line(scenario.error());
  EXPECT_EQ(parse(to_yaml(*scenario), "again").value(), *scenario);
  const Scenario capped = in_variant(*scenario, scenario->variants.at(0));
  EXPECT_EQ(capped.sharing, "mps");
  EXPECT_EQ(capped.agents[0].mps->threads_percent, 50);
  EXPECT_TRUE(capped.variants.empty());
  EXPECT_FALSE(same_baseline(capped.agents[0], scenario->agents[0]));
}

TEST(Variants, OfUnknownAgentsOrWithOneNameAreRefused) {
  EXPECT_THAT(error_of(varied("  - {name: v, sharing: mps, agents: [{name: b}]}\n")),
              HasSubstr("variants[0].agents[0].name: 'b' is not one of a"));
  EXPECT_THAT(error_of(varied("  - {name: v, sharing: mps, agents: []}\n")), HasSubstr("no agent"));
  EXPECT_THAT(error_of(varied("  - {name: v, sharing: time-slicing, agents: [{name: a}]}\n")),
              HasSubstr("not one of mps, streams"));
  EXPECT_THAT(error_of(varied("  - {name: v, sharing: mps, agents: [{name: a}]}\n"
                              "  - {name: v, sharing: streams, agents: [{name: a}]}\n")),
              HasSubstr("two variants are called 'v'"));
}

}  // namespace
}  // namespace kts::scenario::scenario_test
