// SPDX-License-Identifier: Apache-2.0
// Where the growth went, told by the real binary: causes that were planted in a run's folder come
// back as those, and of a live run on the CPU hold what must hold of every run.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kts/base/files.hpp"
#include "load_fixtures.hpp"
#include "program.hpp"
#include "synthetic.hpp"

namespace kts::attribution_test {
namespace {

using analysis::Random;
using analysis::fixtures::block_json;
using analysis::fixtures::Folder;
using analysis::fixtures::kEpoch;
using analysis::fixtures::kMillisecond;
using analysis::fixtures::V2Log;
using testing::AnyOf;
using Json = nlohmann::json;

Json summary_of(const Folder& folder) {
  return Json::parse(read_file(folder.path() / "run/summary.json").value_or("{}"));
}

const Json* growth_of(const Json& summary, std::string_view agent, std::string_view at) {
  for (const Json& entry : summary["attribution"]) {
    if (entry["agent"] == agent && entry["at"] == at) return &entry;
  }
  return nullptr;
}

double growth_of_part(const Json& attribution, std::string_view part) {
  for (const Json& entry : attribution["parts"]) {
    if (entry["part"] == part && entry["growth_ms"].is_number()) return entry["growth_ms"];
  }
  return std::nan("");
}

// Of all causes of the part; what is missing counts as nothing.
double explained_as(const Json& attribution, const std::set<std::string>& causes) {
  double sum = 0;
  for (const Json& entry : attribution["explained"]) {
    if (causes.contains(entry["cause"].get<std::string>()) && entry["ms"].is_number()) {
      sum += entry["ms"].get<double>();
    }
  }
  return sum;
}

// --- planted ---

enum class Planted { kWaiting, kSlowdown, kBacklog };

constexpr double kBlockMs = 2000;
constexpr double kServiceMs = 0.4;
constexpr double kHeavyMs = 5;
constexpr int kCycles = 10;

// A run of `light` beside `heavy`, which always works, in which every shared request of light pays
// for one cause alone.
class PlantedRun : public testing::TestWithParam<Planted> {
 protected:
  // In ms since the block's start.
  struct Instants {
    double due, submit, start, end;
  };

  void write() {
    folder_.write("run/environment.json", R"({"sharing":"time-slicing"})");
    int number = 0;
    for (int cycle = 0; cycle < kCycles; ++cycle) {
      std::vector<double> dues;
      for (double t = 1; t < kBlockMs - 10; t += random_.uniform(0.8, 1)) dues.push_back(t);
      write_block(number++, "solo", {"light"}, {alone(dues)});
      write_block(number++, "solo", {"heavy"}, {always_at_work()});
      auto both = together(dues);
      write_block(number++, "shared", {"light", "heavy"}, {both.first, both.second});
    }
  }

  [[nodiscard]] static std::vector<Instants> alone(const std::vector<double>& dues) {
    std::vector<Instants> requests;
    for (const double due : dues) requests.push_back({due, due, due, due + kServiceMs});
    return requests;
  }
  [[nodiscard]] static std::vector<Instants> always_at_work() {
    std::vector<Instants> work;
    for (double t = 0; t + kHeavyMs < kBlockMs; t += kHeavyMs) {
      work.push_back({t, t, t, t + kHeavyMs});
    }
    return work;
  }

  std::pair<std::vector<Instants>, std::vector<Instants>> together(
      const std::vector<double>& dues) {
    std::vector<Instants> light;
    if (GetParam() == Planted::kWaiting) {
      // Heavy has the device but for the moments in which light does; who comes while light's own
      // request before it still waits would queue, so light asks when that is done.
      std::vector<Instants> heavy;
      double t = 0;
      std::size_t next = 0;
      double asked = dues.front();
      while (t + 10 < kBlockMs && next < dues.size()) {
        const double wait = random_.uniform(0.1, 0.3);
        heavy.push_back({t, t, t, asked + wait});
        light.push_back({asked, asked, asked + wait, asked + wait + kServiceMs});
        t = asked + wait + kServiceMs;
        ++next;
        if (next < dues.size()) asked = std::max(dues[next], t);
      }
      return {light, heavy};
    }
    for (const double due : dues) {
      const bool queues = GetParam() == Planted::kBacklog;
      const double submit = due + (queues ? random_.uniform(0.1, 0.4) : 0);
      const double service = kServiceMs * (queues ? 1 : random_.uniform(1.25, 1.75));
      light.push_back({due, submit, submit, submit + service});
    }
    return {light, always_at_work()};
  }

  void write_block(int number, const std::string& phase, const std::vector<std::string>& active,
                   const std::vector<std::vector<Instants>>& requests) {
    const std::int64_t start = kEpoch + number * 4000 * kMillisecond;
    const std::int64_t stop = start + analysis::to_ns(kBlockMs);
    const bool solo = phase == "solo";
    const std::string name = (number < 10 ? "0" : "") + std::to_string(number) + "-" + phase +
                             (solo ? "-" + active.front() : "");
    const std::string block = "run/blocks/" + name + "/";
    folder_.write(block + "block.json",
                  block_json(phase, active, start, stop, solo ? R"(,"neighbours":"parked")" : ""));
    for (std::size_t a = 0; a < active.size(); ++a) {
      V2Log log{.agent = active[a],
                .block = number,
                .phase = phase,
                .start_ns = start,
                .n = static_cast<int>(requests[a].size()),
                .workload = active[a] == "light" ? "fft" : "gemm"};
      record::BlockMeta meta = log.meta();
      if (active[a] == "light") {
        meta.arrival = "poisson";
        meta.rate_per_s = 1100;
      }
      record::BlockEnd end = log.end();
      end.generation_stop_ns = stop;
      std::string text = record::to_line(meta);
      for (std::size_t i = 0; i < requests[a].size(); ++i) {
        const Instants& r = requests[a][i];
        const auto at = [&](double ms) { return start + analysis::to_ns(ms); };
        text +=
            log.record_line({i, at(r.due), at(r.submit), at(r.start), at(r.end), at(r.end + 0.01)});
      }
      folder_.write(block + active[a] + ".log", text + record::to_line(end));
    }
  }

  Random random_{17};
  Folder folder_;
};

TEST_P(PlantedRun, ComesBackAsItsCause) {
  struct Expected {
    std::string part;
    std::set<std::string> causes;
  };
  const Expected expected =
      GetParam() == Planted::kWaiting    ? Expected{"gpu_wait", {"turns", "switches"}}
      : GetParam() == Planted::kSlowdown ? Expected{"gpu_time", {"execution"}}
                                         : Expected{"backlog", {"earlier_work"}};
  write();
  const Outcome outcome = Program::run({kKts, "report", folder_.file("run"), "--no-trace"});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  const Json summary = summary_of(folder_);
  for (const auto& [at, tolerance] : {std::pair("mean", 0.1), std::pair("p99", 0.2)}) {
    const Json* attribution = growth_of(summary, "light", at);
    ASSERT_NE(attribution, nullptr) << at;
    const double growth = (*attribution)["latency_growth_ms"];
    ASSERT_GT(growth, 0.15) << at;
    for (const char* part : {"backlog", "gpu_wait", "gpu_time", "notify"}) {
      EXPECT_NEAR(growth_of_part(*attribution, part), part == expected.part ? growth : 0,
                  tolerance * growth)
          << at << " " << part;
    }
    EXPECT_NEAR((*attribution)["residue_ms"].get<double>(), 0, tolerance * growth) << at;
    EXPECT_NEAR(explained_as(*attribution, expected.causes), growth, tolerance * growth)
        << at << " " << attribution->at("explained").dump(1);
  }
  // Who waits is told to wait for heavy, and for nobody where there is nothing to wait for.
  for (const Json& wait : summary["waits"]) {
    if (wait["agent"] != "light") continue;
    EXPECT_EQ(wait["on"], "heavy");
    if (wait["at"] != "mean") continue;
    const double growth = (*growth_of(summary, "light", "mean"))["latency_growth_ms"];
    EXPECT_NEAR(wait["ms"]["value"].get<double>(), GetParam() == Planted::kWaiting ? growth : 0,
                0.1 * growth);
  }
}

std::string name_of(const testing::TestParamInfo<Planted>& info) {
  switch (info.param) {
    case Planted::kWaiting:
      return "Waiting";
    case Planted::kSlowdown:
      return "Slowdown";
    case Planted::kBacklog:
      break;
  }
  return "Backlog";
}
INSTANTIATE_TEST_SUITE_P(Attribution, PlantedRun,
                         testing::Values(Planted::kWaiting, Planted::kSlowdown, Planted::kBacklog),
                         name_of);

// --- live ---

bool is_interval(const Json& low, const Json& high, const Json& value) {
  if (low.is_null() || high.is_null()) return true;
  return low.get<double>() <= value.get<double>() && value.get<double>() <= high.get<double>();
}

// Three agents, of which one hardly ever asks. Nothing of what is measured is known beforehand.
TEST(LiveAttribution, HoldsWhatMustHoldOfEveryRun) {
  const Folder folder;
  folder.write("three.yaml",
               "schema: kts.scenario/1\nname: three\n"
               "plan: {cycles: 5, block: 40ms, leave_one_out: true}\nagents:\n"
               "  - name: light\n    workload: {kind: fft, size: 64}\n"
               "    arrival: {process: poisson, rate: 400}\n"
               "  - name: heavy\n    workload: {kind: gemm, size: 64}\n"
               "    arrival: {process: saturate}\n"
               "  - name: rare\n    workload: {kind: fft, size: 32}\n"
               "    arrival: {process: poisson, rate: 0.5}\n");
  const Outcome outcome = Program::run(
      {kKts, "run", folder.file("three.yaml"), "--device", "cpu", "--out", folder.file("run")});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  const Json summary = summary_of(folder);

  std::set<std::string> ran;
  for (const Json& result : summary["results"]) {
    if (result["measure"] == "latency" && result["phase"] == "shared" && result["n"] > 0) {
      ran.insert(result["agent"].get<std::string>());
    }
  }
  EXPECT_TRUE(ran.contains("heavy"));
  for (const Json& a : summary["attribution"]) {
    SCOPED_TRACE(a.dump());
    EXPECT_TRUE(is_interval(a["latency_growth_ci_low"], a["latency_growth_ci_high"],
                            a["latency_growth_ms"]));
    double parts = 0;
    bool all = true;
    for (const Json& part : a["parts"]) {
      EXPECT_TRUE(is_interval(part["growth_ci_low"], part["growth_ci_high"], part["growth_ms"]));
      all &= part["growth_ms"].is_number();
      if (part["growth_ms"].is_number()) parts += part["growth_ms"].get<double>();
    }
    if (all && a["latency_growth_ms"].is_number()) {
      ASSERT_TRUE(a["residue_ms"].is_number());
      EXPECT_NEAR(parts + a["residue_ms"].get<double>(), a["latency_growth_ms"].get<double>(),
                  1e-6);
    }
    for (const Json& e : a["explained"]) {
      EXPECT_TRUE(is_interval(e["ci_low"], e["ci_high"], e["ms"]));
      EXPECT_NE(e["ms"].is_null(), e["missing"].is_null()) << "a value or the reason why not";
    }
  }
  for (const Json& wait : summary["waits"]) {
    SCOPED_TRACE(wait.dump());
    EXPECT_NE(wait["agent"], wait["on"]);
    EXPECT_TRUE(ran.contains(wait["agent"].get<std::string>()));
    EXPECT_TRUE(wait["ms"]["value"].is_null() || wait["ms"]["value"] == 0 ||
                ran.contains(wait["on"].get<std::string>()));
    EXPECT_TRUE(is_interval(wait["ms"]["ci_low"], wait["ms"]["ci_high"], wait["ms"]["value"]));
  }
  for (const Json& left : summary["left_out"]) {
    SCOPED_TRACE(left.dump());
    EXPECT_NE(left["agent"], left["left_out"]);
    EXPECT_LE(left["blocks"], 5);
    EXPECT_EQ(left["agreement"] == "cannot tell", left["missing"].is_string());
    EXPECT_TRUE(left["agreement"] == "cannot tell" || left["cycles_needed"].is_null());
    EXPECT_TRUE(left["agreement"] == "cannot tell" || left["drop"]["value"].is_number());
  }
  EXPECT_FALSE(summary["left_out"].empty());
}

}  // namespace
}  // namespace kts::attribution_test
