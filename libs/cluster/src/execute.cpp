// SPDX-License-Identifier: Apache-2.0
#include "kts/cluster/execute.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "await_loaded.hpp"
#include "kts/base/units.hpp"
#include "operand.hpp"
#include "plugin_pod.hpp"

namespace kts::cluster {
namespace {

using std::chrono_literals::operator""s;

constexpr Nanoseconds kLookEvery = 1s;
constexpr Nanoseconds kTimeToGoBack = 120s;  // at least, however short the way forward was to be

Status to_status(const kube::Answer<kube::Value>& answer) {
  if (answer) return {};
  return tl::unexpected<Error>(answer.error());
}

class Executor {
 public:
  Executor(kube::Client& client, const Plan& plan, const ExecuteOptions& options)
      : client_(client), plan_(plan), options_(options) {}

  // False in `disturbed` as long as the plugin can't have noticed anything.
  Status run(const std::vector<Step>& steps, bool& disturbed, bool quiet_only = false) {
    KTS_CHECK_OK(remember_pods());
    for (const Step& step : steps) {
      if (quiet_only && step.disturbs) continue;
      ++done_;
      say(step.what);
      disturbed = disturbed || step.disturbs;
      KTS_CHECK_OK(run_step(step));
    }
    return {};
  }
  [[nodiscard]] std::size_t begun() const { return done_; }

 private:
  void say(const std::string& text) const {
    if (options_.say) options_.say(text);
  }

  Status run_step(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kWrite:
        for (const Write& write : step.writes) KTS_CHECK_OK(run_write(write));
        return {};
      case Step::Kind::kAwaitRollout:
        return await_rollout(step);
      case Step::Kind::kRestart:
        return restart(step);
      case Step::Kind::kAwaitLoaded:
        break;
    }
    return await_loaded(client_, plan_, step.offers, old_pods_, options_);
  }

  Status run_write(const Write& write) {
    const std::string path = kube::object(write.resource, write.name_space, write.name);
    switch (write.kind) {
      case Write::Kind::kCreate: {
        const auto made =
            client_.create(kube::collection(write.resource, write.name_space), write.body);
        if (made || made.error().http_status != 409) return to_status(made);
        if (write.name == kBackupName) {
          return environment_lacks(
              fmt::format("ConfigMap {}/{} has appeared: somebody else shares these cards",
                          write.name_space, write.name),
              "run this again when they are done");
        }
        // What an interrupted share made.
        return to_status(client_.patch(path, kube::PatchType::kMerge, write.body));
      }
      case Write::Kind::kMergePatch:
        return to_status(client_.patch(path, kube::PatchType::kMerge, write.body));
      case Write::Kind::kStrategicPatch:
        return to_status(client_.patch(path, kube::PatchType::kStrategicMerge, write.body));
      case Write::Kind::kDelete:
        break;
    }
    const auto removed = client_.remove(path);
    if (!removed && removed.error().not_found()) return {};
    return to_status(removed);
  }

  [[nodiscard]] kube::Answer<std::vector<kube::Value>> operands() {
    auto sets = client_.list(kube::collection(kube::kDaemonSets, plan_.name_space));
    if (!sets) return tl::unexpected(std::move(sets).error());
    auto& items = sets->items;
    items.erase(std::remove_if(items.begin(), items.end(),
                               [](const kube::Value& set) {
                                 return operand_of(set["spec"]["template"]["spec"]) ==
                                        Operand::kNone;
                               }),
                items.end());
    return std::move(items);
  }

  // Pods that were there before the first write have mounted what was there before.
  Status remember_pods() {
    old_pods_.clear();
    const auto pods = client_.list(kube::collection(kube::kPods, plan_.name_space));
    if (!pods) return tl::unexpected<Error>(pods.error());
    for (const kube::Value& pod : pods->items) old_pods_.insert(pod["metadata"]["uid"].text());
    return {};
  }

  Status await_rollout(const Step& step) {
    kube::Transport& transport = client_.transport();
    const MonotonicTime deadline = transport.now() + options_.timeout;
    while (true) {
      const auto sets = operands();
      if (!sets && (sets.error().code == ErrorCode::kInterrupted || sets.error().forbidden())) {
        return tl::unexpected<Error>(sets.error());
      }
      std::string late;
      for (const kube::Value& set : sets ? *sets : std::vector<kube::Value>{}) {
        if (mounts(set["spec"]["template"]["spec"], step.config_map) != step.mounted) {
          late = full_name(set);
        }
      }
      if (sets && late.empty()) return {};
      if (transport.now() >= deadline) {
        if (!sets) return tl::unexpected<Error>(sets.error());
        return environment_lacks(
            fmt::format("the GPU Operator hasn't changed DaemonSet {} within {}", late,
                        format_duration(options_.timeout)),
            "see the state of the ClusterPolicy and the operator's log");
      }
      const MonotonicTime next = std::min(deadline, transport.now() + kLookEvery);
      while (transport.now() < next) KTS_CHECK_OK(transport.wait(next));
    }
  }

  Status restart(const Step& step) {
    const auto sets = operands();
    if (!sets) return tl::unexpected<Error>(sets.error());
    std::set<std::string> owners;
    for (const kube::Value& set : *sets) owners.insert(set["metadata"]["name"].text());
    const auto pods = client_.list(kube::collection(kube::kPods, plan_.name_space));
    if (!pods) return tl::unexpected<Error>(pods.error());
    for (const kube::Value& pod : pods->items) {
      const std::string node = pod["spec"]["nodeName"].text();
      if (!owners.contains(owner_of(pod)) || !old_pods_.contains(pod["metadata"]["uid"].text()) ||
          std::find(step.nodes.begin(), step.nodes.end(), node) == step.nodes.end()) {
        continue;
      }
      const auto removed = client_.remove(
          kube::object(kube::kPods, plan_.name_space, pod["metadata"]["name"].text()));
      if (!removed && !removed.error().not_found()) return to_status(removed);
    }
    return {};
  }

  kube::Client& client_;
  const Plan& plan_;
  const ExecuteOptions& options_;
  std::set<std::string> old_pods_;
  std::size_t done_ = 0;
};

std::string verb(Write::Kind kind) {
  switch (kind) {
    case Write::Kind::kCreate:
      return "create";
    case Write::Kind::kDelete:
      return "delete";
    case Write::Kind::kMergePatch:
    case Write::Kind::kStrategicPatch:
      break;
  }
  return "patch";
}

std::vector<kube::Access> accesses(const Plan& plan) {
  std::vector<kube::Access> out;
  const auto need = [&](const std::string& v, const kube::Resource& resource,
                        const std::string& space, const std::string& sub = {}) {
    const auto same = [&](const kube::Access& a) {
      return std::tie(a.verb, a.group, a.resource, a.subresource, a.name_space) ==
             std::tie(v, resource.group, resource.plural, sub, space);
    };
    if (std::none_of(out.begin(), out.end(), same)) {
      out.push_back({v, resource.group, resource.plural, sub, space, {}});
    }
  };
  for (const auto* steps : {&plan.steps, &plan.undo}) {
    for (const Step& step : *steps) {
      for (const Write& write : step.writes) {
        need(verb(write.kind), write.resource, write.name_space);
      }
      if (step.kind == Step::Kind::kAwaitRollout || step.kind == Step::Kind::kRestart) {
        need("list", kube::kDaemonSets, plan.name_space);
      }
      if (step.kind == Step::Kind::kRestart) need("delete", kube::kPods, plan.name_space);
      if (step.kind == Step::Kind::kAwaitLoaded) {
        need("list", kube::kPods, plan.name_space);
        need("get", kube::kPods, plan.name_space, "log");
        need("get", kube::kNodes, {});
      }
    }
  }
  return out;
}

}  // namespace

Result<std::optional<Backup>> read_backup(kube::Client& client, const std::string& name_space,
                                          Snapshot& snapshot) {
  const auto object = client.get(kube::object(kube::kConfigMaps, name_space, kBackupName));
  if (!object) {
    if (object.error().not_found()) return std::optional<Backup>();
    return tl::unexpected<Error>(object.error());
  }
  auto backup = parse_backup((*object)["data"][kBackupKey].text());
  if (!backup) {
    Error error = std::move(backup).error();
    error.where = fmt::format("ConfigMap {}/{}", name_space, kBackupName);
    error.hint = "use the kts that wrote it; or, when all is as it should be, delete it";
    return tl::unexpected<Error>(std::move(error));
  }
  const std::string map = backup->name_space + "/" + backup->config_map;
  if (!snapshot.config_maps.contains(map)) {
    auto found =
        client.get(kube::object(kube::kConfigMaps, backup->name_space, backup->config_map));
    if (!found && !found.error().not_found()) return tl::unexpected<Error>(found.error());
    if (found) snapshot.config_maps.emplace(map, std::move(found));
  }
  return std::optional<Backup>(*std::move(backup));
}

Status check_permissions(kube::Client& client, const Plan& plan) {
  for (const kube::Access& access : accesses(plan)) {
    const auto allowed = client.may(access);
    if (!allowed) return tl::unexpected<Error>(allowed.error());
    if (*allowed) continue;
    const std::string resource = kube::resource_of(
        {access.group, access.resource, access.subresource, access.name_space, {}});
    return environment_lacks(
        fmt::format("not permitted to {} {}{}; nothing was changed", access.verb, resource,
                    access.name_space.empty() ? std::string()
                                              : fmt::format(" in namespace {}", access.name_space)),
        fmt::format("have the verb {} on {} granted, see docs/kubernetes.md", access.verb,
                    resource));
  }
  return {};
}

Status execute(kube::Client& client, const Plan& plan, const ExecuteOptions& options) {
  bool disturbed = false;
  Executor forward(client, plan, options);
  Status done = forward.run(plan.steps, disturbed);
  if (done || forward.begun() == 0) return done;
  Error error = done.error();
  if (error.code == ErrorCode::kInterrupted || plan.undo.empty()) {
    if (error.code == ErrorCode::kInterrupted) error.message = "interrupted half-way";
    error.hint = plan.undo.empty()
                     ? (error.hint.empty() ? "" : error.hint + "; ") +
                           "kts cluster unshare goes on from here"
                     : "kts cluster unshare puts back what was, the same share again goes on";
    return tl::unexpected<Error>(std::move(error));
  }
  if (options.say) options.say("failed: " + error.message);
  if (options.say) options.say("putting back what was");
  bool ignored = false;
  ExecuteOptions patient = options;
  patient.timeout = std::max<Nanoseconds>(options.timeout, kTimeToGoBack);
  Executor back(client, plan, patient);
  const Status undone = back.run(plan.undo, ignored, !disturbed);
  if (undone) {
    error.message += "; what was before has been put back";
  } else {
    error.message +=
        fmt::format("; what was before could not be put back ({})", undone.error().message);
    error.hint = "kts cluster unshare tries that again";
  }
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace kts::cluster
