// SPDX-License-Identifier: Apache-2.0
// What kts cluster share would do to each kind of installation, as a person reads it and as it is
// written, and the way back; tests/golden/share. KTS_UPDATE_GOLDEN=1 rewrites it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cluster_fixtures.hpp"
#include "expect_golden.hpp"
#include "kts/report/cluster.hpp"
#include "places.hpp"

namespace kts::report::share_plan_test {
namespace {

struct Case {
  const char* name;
  const char* fixture;
  cluster::ShareRequest request;
};

cluster::ShareRequest request(std::int64_t replicas) {
  cluster::ShareRequest out;
  out.replicas = replicas;
  return out;
}

std::vector<Case> cases() {
  std::vector<Case> out{{"helm", "helm-unshared", request(4)},
                        {"helm-selected", "helm-unshared", request(4)},
                        {"helm-forced", "helm-plain", request(4)},
                        {"operator", "operator-unshared", request(4)},
                        {"operator-selected", "operator-unshared", request(4)},
                        {"operator-with-config", "gpu-operator-time-slicing", request(2)},
                        {"static", "static-unshared", request(4)}};
  out[1].request.nodes = {"gpu-b"};
  out[1].request.rename = true;
  out[2].request.force = true;
  out[4].request.nodes = {"gpu-a"};
  out[5].request.yes = true;
  return out;
}

std::string writes(const std::vector<cluster::Step>& steps) {
  static const char* const kVerbs[] = {"create", "merge", "strategic merge", "delete"};
  std::string out;
  for (const cluster::Step& step : steps) {
    out += "- " + step.what + "\n";
    for (const cluster::Write& write : step.writes) {
      out += fmt::format("  {} {}\n", kVerbs[static_cast<int>(write.kind)],
                         kube::object(write.resource, write.name_space, write.name));
      if (!write.body.empty()) out += "    " + write.body + "\n";
    }
  }
  return out;
}

class SharePlan : public testing::TestWithParam<Case> {};

TEST_P(SharePlan, IsUnchanged) {
  const cluster::Snapshot snapshot = cluster::fixtures::snapshot(GetParam().fixture);
  const auto plan =
      cluster::plan_share(snapshot, cluster::judge(snapshot), std::nullopt, GetParam().request);
  ASSERT_TRUE(plan) << to_line(plan.error());
  expect_golden(
      in_source("tests/golden/share/") + GetParam().name + ".txt",
      plan_text(*plan) + "\nwrites\n" + writes(plan->steps) + "\nway back\n" + writes(plan->undo));
}

INSTANTIATE_TEST_SUITE_P(Each, SharePlan, testing::ValuesIn(cases()), [](const auto& case_) {
  std::string name = case_.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace kts::report::share_plan_test
