// SPDX-License-Identifier: Apache-2.0
// The roles of deploy/rbac on a real API server: kts runs as service accounts that have exactly
// them, and without each verb in turn says which one it lacks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kts/base/files.hpp"
#include "kts/kube/value.hpp"
#include "places.hpp"
#include "program.hpp"

namespace kts::permissions_test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Words = std::vector<std::string>;

constexpr const char* kImage = "localhost/kts-worker:test";
constexpr const char* kPlugin = "nvidia-device-plugin";

Outcome shell(const std::string& line) { return Program::run({"/bin/sh", "-c", line}); }

void must(const std::string& line) {
  const Outcome outcome = shell(line);
  ASSERT_EQ(outcome.exit, 0) << line << '\n' << outcome.err;
}

// One verb that a role permits.
struct Right {
  std::string group, resource, verb;
  [[nodiscard]] std::string name() const {
    return group.empty() ? resource : resource + "." + group;
  }
};

// A role on the server, which can be made to lack a verb.
class Role {
 public:
  // `kind` is role or clusterrole; `name_space` that of the role.
  Role(const std::string& kind, const std::string& name, std::string name_space)
      : object_(kind + " " + name), name_space_(std::move(name_space)) {
    whole_ =
        kube::Value::parse(shell("kubectl -n " + name_space_ + " get " + object_ + " -o json").out)
            .value();
    for (const auto& rule : whole_["rules"].items()) {
      for (const auto& group : rule["apiGroups"].items()) {
        for (const auto& resource : rule["resources"].items()) {
          for (const auto& verb : rule["verbs"].items()) {
            rights_.push_back({group.text(), resource.text(), verb.text()});
          }
        }
      }
    }
  }
  [[nodiscard]] const std::vector<Right>& rights() const { return rights_; }

  // Returns when the server decides by it: its authoriser learns of a change a moment later.
  void set(const std::vector<Right>& rights, const Right& changed, const std::string& account) {
    std::string rules;
    for (const Right& right : rights) {
      rules += (rules.empty() ? "" : ",") +
               (R"({"apiGroups":[")" + right.group + R"("],"resources":[")" + right.resource +
                R"("],"verbs":[")" + right.verb + R"("]})");
    }
    must("kubectl -n " + name_space_ + " patch " + object_ + " --type=merge -p '{\"rules\":[" +
         rules + "]}'");
    const bool wanted = rights.size() == rights_.size();
    const auto slash = changed.resource.find('/');
    const std::string subresource =
        slash == std::string::npos ? "" : " --subresource=" + changed.resource.substr(slash + 1);
    const std::string resource =
        changed.resource.substr(0, slash) + (changed.group.empty() ? "" : "." + changed.group);
    must("for i in $(seq 50); do kubectl -n " + name_space_ + " auth can-i -q " + changed.verb +
         " " + resource + subresource + " --as=system:serviceaccount:agents:" + account +
         "; [ $? = " + (wanted ? "0" : "1") + " ] && exit 0; sleep 0.1; done; exit 1");
  }
  void take(const Right& right, const std::string& account) {
    std::vector<Right> left;
    for (const Right& one : rights_) {
      if (&one != &right) left.push_back(one);
    }
    set(left, right, account);
  }
  void restore(const Right& right, const std::string& account) { set(rights_, right, account); }

 private:
  std::string object_, name_space_;
  kube::Value whole_;
  std::vector<Right> rights_;
};

class Permissions : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    must(in_source("tests/cluster/lab") + " image " + kImage + " " + in_build("bin/kts-worker"));
    must("kubectl create namespace agents");
    must("kubectl label --overwrite node node1 nvidia.com/device-plugin.config=any");
    must(
        "for i in $(seq 120); do [ \"$(kubectl get node node1 -o "
        "'jsonpath={.status.allocatable.nvidia\\.com/gpu}')\" = 4 ] && exit 0; sleep 0.5; done; "
        "exit 1");
    const std::string rbac = in_source("deploy/rbac/");
    must("kubectl -n agents apply -f " + rbac + "run.yaml");
    must("kubectl apply -f " + rbac + "look.yaml");
    must(std::string("kubectl -n ") + kPlugin + " apply -f " + rbac + "status.yaml -f " + rbac +
         "share.yaml");
  }

  // A service account, and a kubeconfig whose context is it and namespace agents.
  std::string account(const std::string& name) {
    const std::string config = folder_.path() / name;
    must("kubectl -n agents create serviceaccount " + name);
    must("for i in $(seq 100); do secret=$(kubectl -n agents get serviceaccount " + name +
         " -o 'jsonpath={.secrets[0].name}') && [ -n \"$secret\" ] && break; sleep 0.1; done; "
         "token=$(kubectl -n agents get secret $secret -o 'jsonpath={.data.token}' | base64 -d); "
         "kubectl config view --raw --flatten --minify >" +
         config + " && kubectl --kubeconfig " + config + " config set-credentials account " +
         "--token=$token && kubectl --kubeconfig " + config +
         " config set-context --current --user=account --namespace=agents");
    return config;
  }
  static void bind(const std::string& role, const std::string& account,
                   const std::string& name_space) {
    must("kubectl -n " + name_space + " create rolebinding " + role + " --role=" + role +
         " --serviceaccount=agents:" + account);
  }
  static void bind_everywhere(const std::string& role, const std::string& account) {
    must("kubectl create clusterrolebinding " + role + " --clusterrole=" + role +
         " --serviceaccount=agents:" + account);
  }

  // Of two agents, short. No namespace is given: it is the context's.
  Outcome run(const std::string& config, const std::string& image = kImage) {
    const std::string scenario = folder_.path() / "pair.yaml";
    EXPECT_TRUE(write_file(
        scenario,
        "schema: kts.scenario/1\nname: pair\nsharing: time-slicing\n"
        "plan: {cycles: 1, block: 200ms}\nagents:\n"
        "  - {name: a, workload: {kind: fft, size: 64}, arrival: {process: poisson, rate: 400}}\n"
        "  - {name: b, workload: {kind: fft, size: 64}, arrival: {process: saturate}}\n"));
    std::filesystem::remove_all(out());
    return Program::run({kKts, "run", scenario, "--on", "kubernetes", "--kubeconfig", config,
                         "--device", "cpu", "--image", image, "--out", out()});
  }
  [[nodiscard]] std::string out() const { return folder_.path() / "run"; }
  static Outcome cluster(const std::string& config, const std::string& words) {
    return shell(kKts + " cluster " + words + " --kubeconfig " + config);
  }
  static std::string left() {
    return shell("kubectl get jobs,pods --all-namespaces -l app.kubernetes.io/name=kts -o name")
        .out;
  }
  // What share writes.
  static std::string intent() {
    return shell(
               "kubectl get nodes -o 'jsonpath={.items[*].metadata.labels.nvidia\\.com/"
               "device-plugin\\.config}'; kubectl -n " +
               std::string(kPlugin) + " get configmaps -o 'jsonpath={.items[*].data}'")
        .out;
  }

  TemporaryDirectory folder_ = TemporaryDirectory::create("kts-permissions").value();
};

TEST_F(Permissions, OfTheRoleOfRunEachVerbIsNeededAndTheyAreEnough) {
  const std::string config = account("runner");
  bind("kts-run", "runner", "agents");
  Role role("role", "kts-run", "agents");
  ASSERT_EQ(role.rights().size(), 9U);
  for (const Right& right : role.rights()) {
    role.take(right, "runner");
    const bool optional = right.resource == "events";
    const Outcome outcome = run(config, "localhost/none:1");
    EXPECT_EQ(outcome.exit, 4) << outcome.err;
    if (optional) {
      EXPECT_THAT(outcome.err, HasSubstr("warning: events can't be seen"));
      EXPECT_THAT(last_line(outcome.err), HasSubstr("ErrImageNeverPull"));
    } else {
      EXPECT_THAT(last_line(outcome.err),
                  StartsWith("kts run: not permitted in namespace agents: " + right.verb + " " +
                             right.name() + "; have the Role of deploy/rbac/run.yaml granted"));
    }
    EXPECT_EQ(left(), "") << right.verb << ' ' << right.name();
    role.restore(right, "runner");
  }

  const Outcome whole = run(config);
  EXPECT_THAT(whole.exit, AnyOf(0, 5)) << whole.err;
  EXPECT_THAT(whole.err, AllOf(Not(HasSubstr("events can't be seen")),
                               HasSubstr("warning: nodes can't be seen"),
                               HasSubstr("warning: other namespaces' pods can't be seen")));
  EXPECT_TRUE(std::filesystem::exists(out() + "/summary.json"));
  EXPECT_EQ(left(), "");

  bind_everywhere("kts-look", "runner");
  const Outcome looked = run(config);
  EXPECT_THAT(looked.exit, AnyOf(0, 5)) << looked.err;
  EXPECT_THAT(looked.err, Not(HasSubstr("can't be seen")));
  EXPECT_EQ(left(), "");
}

TEST_F(Permissions, OfTheRolesOfStatusEachVerbIsMissedAndTheyAreEnough) {
  const std::string config = account("viewer");
  bind("kts-status", "viewer", kPlugin);
  bind_everywhere("kts-status", "viewer");
  const std::string all = shell(kKts + " cluster status --json").out;
  EXPECT_EQ(cluster(config, "status --json").out, all);
  for (const bool everywhere : {true, false}) {
    Role role(everywhere ? "clusterrole" : "role", "kts-status", kPlugin);
    for (const Right& right : role.rights()) {
      // Of other installations; this server doesn't know them.
      if (right.group == "nvidia.com" || right.group == "resource.k8s.io") continue;
      role.take(right, "viewer");
      const Outcome outcome = cluster(config, "status --json");
      EXPECT_EQ(outcome.exit, 0) << outcome.err;
      EXPECT_THAT(outcome.out, HasSubstr(right.verb + " " + right.name()));
      role.restore(right, "viewer");
    }
  }
}

TEST_F(Permissions, OfTheRolesOfShareEachVerbIsNeededAndTheyAreEnough) {
  const std::string config = account("sharer");
  must(std::string("kubectl -n ") + kPlugin +
       " create rolebinding sharer-status --role=kts-status --serviceaccount=agents:sharer");
  must(
      "kubectl create clusterrolebinding sharer-status --clusterrole=kts-status "
      "--serviceaccount=agents:sharer");
  bind("kts-share", "sharer", kPlugin);
  bind_everywhere("kts-share", "sharer");
  const std::string before = intent();
  for (const bool everywhere : {true, false}) {
    Role role(everywhere ? "clusterrole" : "role", "kts-share", kPlugin);
    for (const Right& right : role.rights()) {
      // Of other installations than Helm's with a configuration.
      if (right.group == "nvidia.com" || right.group == "apps") continue;
      role.take(right, "sharer");
      const Outcome outcome = cluster(config, "share --replicas 3");
      EXPECT_EQ(outcome.exit, 4) << outcome.err;
      EXPECT_TRUE(one_line(outcome.err)) << outcome.err;
      EXPECT_THAT(outcome.err, HasSubstr("not permitted to " + right.verb + " " + right.name()));
      EXPECT_EQ(intent(), before);
      role.restore(right, "sharer");
    }
  }
  EXPECT_EQ(cluster(config, "share --replicas 3").exit, 0);
  EXPECT_NE(intent(), before);
  EXPECT_EQ(cluster(config, "unshare").exit, 0);
  EXPECT_EQ(intent(), before);
}

}  // namespace
}  // namespace kts::permissions_test
