// SPDX-License-Identifier: Apache-2.0
// The course of a run as pods, against a cluster that does what the test says.
#include "kts/kubernetes/run.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "fake_kubernetes.hpp"
#include "kts/base/files.hpp"
#include "kts/kube/value.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/scenario/built_in.hpp"

namespace kts::kubernetes::run_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Json = nlohmann::json;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class Notes final : public runner::Progress {
 public:
  void note(std::string_view line) override { lines.emplace_back(line); }
  void update(const runner::ProgressState& /*state*/) override {}
  void block_done(const runner::ProgressState& state) override { blocks.push_back(state.block); }
  std::vector<std::string> lines;
  std::vector<int> blocks;
};

class RunAsPods : public testing::Test {
 protected:
  RunAsPods() {
    run_.scenario = scenario::load_built_in("study", "cpu").value();
    run_.scenario.device = "cpu";
    run_.scenario.plan.cycles = 5;
    run_.folder = folder_.path() / "run";
    run_.run = "20261121t000000z-0001";
    run_.image = "localhost/kts-worker:test";
    run_.pull_policy = "Never";
    run_.place.node = "node1";
    run_.place.resource = "nvidia.com/gpu";
    run_.place.sees_neighbours = true;
    run_.place.cards = 1;
    run_.place.free_slots = 4;
  }

  Status execute() {
    if (auto prepared = runner::prepare_folder(run_.folder); !prepared) return prepared;
    kube::Client client(cluster_, 10s);
    return run_on_cluster(client, run_, notes_);
  }
  // Of a run that fails.
  Error error() {
    const Status status = execute();
    if (status) {
      ADD_FAILURE() << "it succeeded";
      return {};
    }
    EXPECT_THAT(cluster_.jobs, IsEmpty()) << "something was left behind";
    return status.error();
  }
  [[nodiscard]] std::vector<std::string> block_folders() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(run_.folder / "blocks")) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }
  [[nodiscard]] Json json(const std::string& file) const {
    return Json::parse(read_file(run_.folder / file).value());
  }
  [[nodiscard]] std::string said() const {
    std::string all;
    for (const std::string& line : notes_.lines) all += line + "\n";
    return all;
  }
  static Json failed(const std::string& reason, int code) {
    return {
        {"phase", "Failed"},
        {"containerStatuses",
         Json::array({{{"state", {{"terminated", {{"exitCode", code}, {"reason", reason}}}}}}})}};
  }
  static Json waiting(const std::string& reason, const std::string& message) {
    return {
        {"phase", "Pending"},
        {"containerStatuses",
         Json::array({{{"state", {{"waiting", {{"reason", reason}, {"message", message}}}}}}})}};
  }

  TemporaryDirectory folder_ = TemporaryDirectory::create("kts-run").value();
  FakeKubernetes cluster_;
  ClusterRun run_;
  Notes notes_;
};

TEST_F(RunAsPods, WritesEveryBlockAndLeavesNothing) {
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error()) << "\n" << said();
  EXPECT_EQ(block_folders().size(), 15U);
  EXPECT_THAT(cluster_.jobs, IsEmpty());
  EXPECT_EQ(cluster_.pods.size(), 2U);
  const std::string log = read_file(run_.folder / "blocks/01-solo-fft/fft.log").value();
  EXPECT_EQ(std::ranges::count(log, '\n'), 42);
  const Json environment = json("environment.json");
  EXPECT_THAT(environment["kubernetes"]["repeated"], IsEmpty());
  EXPECT_THAT(environment["warnings"], IsEmpty());
  EXPECT_EQ(environment["kubernetes"]["pods"][0]["gpu_uuid"], "GPU-1");
  ASSERT_EQ(environment["memory"].size(), 2U);
  EXPECT_EQ(environment["memory"][0]["agent"], "fft");
  EXPECT_GT(environment["memory"][0]["predicted_bytes"], 0);
  EXPECT_THAT(environment["memory"][0]["missing"], HasSubstr("isn't seen from outside"));
}

// Ten requests a second from its 2nd second on.
TEST_F(RunAsPods, ATraceGoesToItsPodAndIntoTheFolder) {
  const std::string file = folder_.path() / "code.csv";
  std::string csv = "timestamp_s,input_tokens,output_tokens\n";
  for (int i = 0; i < 60; ++i) csv += fmt::format("{}.{},100,{}\n", i / 10, i % 10, i);
  ASSERT_TRUE(write_file(file, csv));
  workload::ArrivalSpec& arrival = run_.scenario.agents[0].arrival;
  arrival = {};
  arrival.process = workload::ArrivalProcess::kTrace;
  arrival.trace = {file, 2, true, std::chrono::seconds(2), std::chrono::seconds(3)};
  run_.traces = load_pod_traces(run_.scenario).value();
  const JobSpec job = manifests(run_).front();
  EXPECT_THAT(job.trace, testing::StartsWith("timestamp_s,input_tokens,output_tokens\n0,100,20\n"));
  EXPECT_THAT(job.worker, testing::IsSupersetOf({std::string(kTraceFile), std::string("3s")}));
  EXPECT_THAT(manifests(run_).back().trace, IsEmpty());

  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error()) << "\n" << said();
  EXPECT_EQ(read_file(run_.folder / "traces/code.csv").value(), csv);
  EXPECT_THAT(read_file(run_.folder / "scenario.yaml").value(),
              HasSubstr("file: 'traces/code.csv'"));
}

TEST_F(RunAsPods, ATraceOfMoreThanAnnotationsHoldIsRefused) {
  const std::string file = folder_.path() / "long.csv";
  std::string csv = "timestamp_s,input_tokens,output_tokens\n";
  for (int i = 0; i < 20'000; ++i) csv += fmt::format("{},1000,1000\n", i);
  ASSERT_TRUE(write_file(file, csv));
  workload::ArrivalSpec& arrival = run_.scenario.agents[0].arrival;
  arrival = {};
  arrival.process = workload::ArrivalProcess::kTrace;
  arrival.trace.file = file;
  const auto refused = load_pod_traces(run_.scenario);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(refused.error().hint, HasSubstr("length"));
}

TEST_F(RunAsPods, ALateBlockIsMeasuredAgain) {
  cluster_.late.insert({"gemm", 3});
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_EQ(block_folders().size(), 15U);
  EXPECT_THAT(block_folders(), Not(Contains("03-shared")));
  EXPECT_EQ(json("blocks/16-shared/block.json")["attempt"], 2);
  EXPECT_THAT(json("environment.json")["kubernetes"]["repeated"],
              testing::ElementsAre("block 3 (shared): gemm: late"));
}

TEST_F(RunAsPods, ABlockThatIsAlwaysLateEndsIt) {
  for (int block = 1; block < 200; ++block) cluster_.late.insert({"gemm", block});
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kInconclusive);
  EXPECT_THAT(failure.message, HasSubstr("could not be measured"));
}

TEST_F(RunAsPods, AStrangerVoidsTheBlock) {
  cluster_.on_block = [this](FakeKubernetes::Pod&, int block) {
    if (block == 2) cluster_.add_stranger("notebook");
  };
  const Error failure = error();  // it never leaves
  EXPECT_EQ(failure.code, ErrorCode::kInconclusive);
  EXPECT_THAT(failure.message, HasSubstr("pod theirs/notebook came to the node's GPUs"));
  EXPECT_THAT(failure.hint, HasSubstr("--allow-neighbours"));
  EXPECT_THAT(block_folders(), Contains("01-solo-fft")) << "what was measured before is kept";
}

TEST_F(RunAsPods, ADamagedChunkIsAskedForAgain) {
  bool spoiled = false;
  cluster_.on_block = [&](FakeKubernetes::Pod& pod, int block) {
    if (block != 4 || pod.spoil) return;
    pod.spoil = [&spoiled](std::string text) {
      if (!std::exchange(spoiled, true)) text.replace(text.size() / 2, 3, "???");
      return text;
    };
  };
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  ASSERT_TRUE(spoiled);
  EXPECT_EQ(block_folders().size(), 15U);
  const auto pods = json("environment.json")["kubernetes"]["pods"];
  EXPECT_GE(pods[0]["chunks_damaged"].get<int>() + pods[1]["chunks_damaged"].get<int>(), 1);
  for (const std::string& block : block_folders()) {
    for (const auto& entry : std::filesystem::directory_iterator(run_.folder / "blocks" / block)) {
      if (entry.path().extension() != ".log") continue;
      const std::string log = read_file(entry.path()).value();
      EXPECT_EQ(std::ranges::count(log, '\n'), 42) << entry.path();
      EXPECT_THAT(log, Not(HasSubstr("?")));
    }
  }
}

TEST_F(RunAsPods, AnAbsenceOfTheApiServerCostsNothingThatWasMeasured) {
  cluster_.on_block = [this](FakeKubernetes::Pod& pod, int block) {
    if (block != 2 || pod.agent != "gemm") return;
    cluster_.away = true;
    cluster_.after(20s, [this] { cluster_.away = false; });
  };
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error()) << "\n" << said();
  EXPECT_EQ(block_folders().size(), 15U);
  EXPECT_THAT(cluster_.jobs, IsEmpty());
}

TEST_F(RunAsPods, AnApiServerThatDoesNotComeBackEndsIt) {
  cluster_.on_block = [this](FakeKubernetes::Pod&, int block) {
    if (block == 3) cluster_.away = true;
  };
  const MonotonicTime before = cluster_.now();
  const Status status = execute();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInconclusive);
  EXPECT_LT(cluster_.now() - before, 120s);
  EXPECT_THAT(said(), HasSubstr("what is left: kubectl -n default delete jobs -l"));
  EXPECT_THAT(block_folders(), Contains("01-solo-fft"));
}

// --- telemetry

TEST_F(RunAsPods, ReadsTheDcgmExporterOfTheNode) {
  run_.place.dcgm_exporter = cluster::DcgmExporter{"gpu-operator", "dcgm-x", "9400"};
  int asked = 0;
  cluster_.exporter = [&asked] {
    ++asked;
    return kube::Response{200,
                          "# TYPE DCGM_FI_DEV_POWER_USAGE gauge\n"
                          "DCGM_FI_DEV_POWER_USAGE{UUID=\"GPU-1\",pod=\"a\"} " +
                              std::to_string(300 + asked) +
                              "\nDCGM_FI_DEV_POWER_USAGE{UUID=\"GPU-2\"} 1\n"};
  };
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  const std::string csv = read_file(run_.folder / "telemetry/dcgm.csv").value();
  EXPECT_THAT(csv, HasSubstr(",GPU-1,,,,,301,"));
  EXPECT_THAT(csv, Not(HasSubstr("GPU-2")));
  const Json dcgm = json("environment.json")["kubernetes"]["dcgm"];
  EXPECT_EQ(dcgm["exporter"], "gpu-operator/dcgm-x");
  EXPECT_EQ(dcgm["readings"], std::ranges::count(csv, '\n') - 1);
  EXPECT_GT(asked, 20) << "a value that is always new is worth asking for more often";
  // Records and readings are of one clock.
  const std::string log = read_file(run_.folder / "blocks/01-solo-fft/fft.log").value();
  const auto due = log.find("KTS_APP,v2,fft,0,") + std::string("KTS_APP,v2,fft,0,").size();
  const double first = std::stod(log.substr(due));
  const double reading = std::stod(csv.substr(csv.find('\n') + 1));
  EXPECT_NEAR(first, reading, 5e9);
  EXPECT_THAT(json("environment.json")["warnings"], IsEmpty());
}

TEST_F(RunAsPods, ADcgmExporterThatRenewsTooSeldomIsSaid) {
  run_.place.dcgm_exporter = cluster::DcgmExporter{"gpu-operator", "dcgm-x", "9400"};
  cluster_.exporter = [] {
    return kube::Response{200, "DCGM_FI_DEV_POWER_USAGE{UUID=\"GPU-1\"} 300\n"};
  };
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_THAT(json("environment.json")["warnings"].dump(), HasSubstr("DCGM_EXPORTER_INTERVAL"));
}

TEST_F(RunAsPods, ADcgmExporterThatMayNotBeReadIsAWarning) {
  run_.place.dcgm_exporter = cluster::DcgmExporter{"gpu-operator", "dcgm-x", "9400"};
  cluster_.exporter = [] {
    return kube::Response{403, R"({"kind":"Status","reason":"Forbidden","message":"cannot get"})"};
  };
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_EQ(json("environment.json")["warnings"].size(), 1U);
  EXPECT_THAT(json("environment.json")["warnings"].dump(), HasSubstr("can't be read"));
}

// --- one card

TEST_F(RunAsPods, AgentsOfSeveralCardsAreBroughtOntoOne) {
  cluster_.cards = {"GPU-1", "GPU-2"};
  run_.place.cards = 2;
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error()) << "\n" << said();
  const auto pods = json("environment.json")["kubernetes"]["pods"];
  ASSERT_EQ(pods.size(), 2U);
  EXPECT_EQ(pods[0]["gpu_uuid"], pods[1]["gpu_uuid"]);
  EXPECT_EQ(cluster_.pods.size(), 3U);
}

TEST_F(RunAsPods, TooFewSlotsForThatAreNotEnough) {
  cluster_.cards = {"GPU-1", "GPU-2"};
  run_.place.cards = 2;
  run_.place.free_slots = 2;
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kInconclusive);
  EXPECT_THAT(failure.hint, HasSubstr("packed"));
}

TEST_F(RunAsPods, ACardThatIsNotKnownIsSaid) {
  cluster_.cards = {""};
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_THAT(json("environment.json")["warnings"].dump(), HasSubstr("is not proven"));
}

// --- before the first block

TEST_F(RunAsPods, AFullQuotaIsSaidAtOnce) {
  cluster_.on_created = [this](FakeKubernetes::Pod& pod) {
    cluster_.warn_of(pod.job, "FailedCreate",
                     "pods \"x\" is forbidden: exceeded quota: gpus, requested: 1, used: 4");
  };
  const MonotonicTime before = cluster_.now();
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kEnvironment);
  EXPECT_THAT(failure.message, HasSubstr("exceeded quota"));
  EXPECT_LT(cluster_.now() - before, 40s);
}

TEST_F(RunAsPods, APodThatNoWatchHasToldOfIsWaitedForToo) {
  cluster_.until_told = 5s;
  cluster_.after(500ms, [this] {
    cluster_.warn_of(cluster_.pod("gemm").job, "FailedCreate",
                     "pods \"x\" is forbidden: exceeded quota: gpus, requested: 1, used: 4");
  });
  EXPECT_THAT(error().message, HasSubstr("exceeded quota"));
  EXPECT_LT(cluster_.now(), MonotonicTime(1000s) + cluster_.until_told);
  for (const auto& pod : cluster_.pods) EXPECT_TRUE(pod->over) << pod->name;
  EXPECT_THAT(cluster_.jobs, IsEmpty());
}

TEST_F(RunAsPods, WhatIsNotPermittedIsNamedBeforeAnythingIsWritten) {
  cluster_.denied.insert("patch pods");
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kEnvironment);
  EXPECT_THAT(failure.message, HasSubstr("patch pods"));
  EXPECT_THAT(cluster_.pods, IsEmpty());
}

TEST_F(RunAsPods, ANamespaceThatEndsTakesNoJobs) {
  cluster_.refused["create jobs"] =
      "jobs.batch \"x\" is forbidden: unable to create new content in namespace default because it "
      "is being terminated";
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kEnvironment);
  EXPECT_THAT(failure.message, HasSubstr("being terminated"));
  EXPECT_THAT(failure.hint, HasSubstr("--namespace"));
}

TEST_F(RunAsPods, AnImageThatIsNotThereEndsItAtOnce) {
  cluster_.on_created = [this](FakeKubernetes::Pod& pod) {
    cluster_.set_status(pod, waiting("ErrImageNeverPull", "Container image is not present"));
  };
  const MonotonicTime before = cluster_.now();
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kEnvironment);
  EXPECT_THAT(failure.message, HasSubstr("ErrImageNeverPull"));
  EXPECT_LT(cluster_.now() - before, 40s);
}

TEST_F(RunAsPods, AnImageThatIsBeingPulledHasTimeUntilTheStartTimeout) {
  run_.start_timeout = 30s;
  cluster_.on_created = [this](FakeKubernetes::Pod& pod) {
    cluster_.set_status(pod, waiting("ImagePullBackOff", "Back-off pulling image"));
  };
  const MonotonicTime before = cluster_.now();
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kEnvironment);
  EXPECT_THAT(failure.message, HasSubstr("not ready after 30s: ImagePullBackOff"));
  EXPECT_GE(cluster_.now() - before, 30s);
}

TEST_F(RunAsPods, APodThatFitsNowhereIsPendingWithKubernetesReason) {
  run_.start_timeout = 20s;
  cluster_.slots = 1;
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kEnvironment);
  EXPECT_THAT(failure.message, HasSubstr("Insufficient nvidia.com/gpu"));
  EXPECT_THAT(failure.hint, HasSubstr("kts cluster status"));
}

TEST_F(RunAsPods, ARuntimeClassWithoutARuntimeEndsItAtOnce) {
  cluster_.on_created = [this](FakeKubernetes::Pod& pod) {
    cluster_.warn_of(pod.name, "FailedCreatePodSandBox", "no runtime for \"nvidia\" is configured");
  };
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kEnvironment);
  EXPECT_THAT(failure.message, HasSubstr("no runtime for"));
}

TEST_F(RunAsPods, AnAdmissionThatFailsIsKubernetesReason) {
  cluster_.on_created = [this](FakeKubernetes::Pod& pod) {
    cluster_.set_status(pod, {{"phase", "Failed"},
                              {"reason", "UnexpectedAdmissionError"},
                              {"message", "Allocate failed due to no healthy devices"}});
  };
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kEnvironment);
  EXPECT_THAT(failure.message, HasSubstr("UnexpectedAdmissionError"));
  EXPECT_THAT(failure.message, HasSubstr("no healthy devices"));
}

TEST_F(RunAsPods, AnEvictionBeforeTheFirstBlockIsTheEnvironments) {
  cluster_.on_created = [this](FakeKubernetes::Pod& pod) {
    cluster_.set_status(pod, {{"phase", "Failed"},
                              {"reason", "Evicted"},
                              {"message", "The node was low on resource: memory."}});
  };
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kEnvironment);
  EXPECT_THAT(failure.message, HasSubstr("Evicted: The node was low on resource: memory."));
  EXPECT_THAT(failure.hint, HasSubstr("ran out of memory or disk"));
}

// --- after it

struct Blow {
  const char* name;
  std::function<void(FakeKubernetes&, FakeKubernetes::Pod&)> strike;
  const char* words;
  friend void PrintTo(const Blow& blow, std::ostream* out) { *out << blow.name; }
};

class RunThatIsStruck : public RunAsPods, public testing::WithParamInterface<Blow> {};

TEST_P(RunThatIsStruck, EndsSoonWithTheReasonAndKeepsWhatItHas) {
  MonotonicTime struck = MonotonicTime::max();
  cluster_.on_block = [&](FakeKubernetes::Pod& pod, int block) {
    if (block != 5 || pod.agent != "gemm") return;
    struck = cluster_.now();
    GetParam().strike(cluster_, pod);
  };
  const Error failure = error();
  EXPECT_EQ(failure.code, ErrorCode::kInconclusive);
  EXPECT_THAT(to_line(failure), HasSubstr(GetParam().words));
  ASSERT_NE(struck, MonotonicTime::max());
  EXPECT_THAT(block_folders(), Contains("01-solo-fft"));
  EXPECT_GE(block_folders().size(), 4U);
  EXPECT_LT(cluster_.now() - struck, 110s);
  EXPECT_THAT(json("environment.json")["schema"], "kts.environment/1");
}

INSTANTIATE_TEST_SUITE_P(
    Blows, RunThatIsStruck,
    testing::Values(
        Blow{"OutOfMemory",
             [](FakeKubernetes& cluster, FakeKubernetes::Pod& pod) {
               cluster.set_status(pod, Json::parse(R"({"phase":"Failed","containerStatuses":[
                   {"state":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]})"));
             },
             "OOMKilled"},
        Blow{"Evicted",
             [](FakeKubernetes& cluster, FakeKubernetes::Pod& pod) {
               cluster.set_status(pod, Json::parse(R"({"phase":"Failed","reason":"Evicted",
                   "message":"The node was low on resource: memory."})"));
             },
             "low on resource"},
        Blow{"Preempted",
             [](FakeKubernetes& cluster, FakeKubernetes::Pod& pod) {
               cluster.warn_of(pod.name, "Preempted", "by kube-system/important on node1");
               cluster.remove_pod(pod);
             },
             "Preempted"},
        Blow{"Deleted",
             [](FakeKubernetes& cluster, FakeKubernetes::Pod& pod) { cluster.remove_pod(pod); },
             "somebody deleted pod"},
        Blow{"Drained",
             [](FakeKubernetes& cluster, FakeKubernetes::Pod& pod) {
               cluster.cordoned = true;
               cluster.remove_pod(pod);
             },
             "being drained"},
        Blow{
            "DeadlineExceeded",
            [](FakeKubernetes& cluster, FakeKubernetes::Pod& pod) {
              cluster.jobs[pod.job]["status"]["conditions"] = Json::parse(
                  R"([{"type":"Failed","status":"True","reason":"DeadlineExceeded","message":"Job was active longer than specified deadline"}])");
              cluster.remove_pod(pod);
            },
            "DeadlineExceeded"},
        Blow{"Failed",
             [](FakeKubernetes& cluster, FakeKubernetes::Pod& pod) {
               cluster.say(pod, to_line(pod::Frame(pod::Fail{
                                    6, "worker: killed by signal 9 (SIGKILL)", "", false, "", 1})));
             },
             "SIGKILL"},
        Blow{"WorkerOutOfMemory",
             [](FakeKubernetes& cluster, FakeKubernetes::Pod& pod) {
               cluster.say(pod, to_line(pod::Frame(pod::Fail{6, "the kernel killed the worker", "",
                                                             true, "", 4})));
             },
             "OOMKilled: the kernel killed the worker"},
        Blow{"NodeLost",
             [](FakeKubernetes& cluster, FakeKubernetes::Pod& pod) {
               pod.silent = true;
               cluster.node_ready = false;
             },
             "node node1 is lost"},
        Blow{"Silent", [](FakeKubernetes&, FakeKubernetes::Pod& pod) { pod.silent = true; },
             "has said nothing for"}),
    [](const auto& blow) { return blow.param.name; });

}  // namespace
}  // namespace kts::kubernetes::run_test
