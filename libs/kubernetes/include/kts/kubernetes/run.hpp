// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/kube/client.hpp"
#include "kts/kubernetes/manifest.hpp"
#include "kts/kubernetes/place.hpp"
#include "kts/process/signals.hpp"
#include "kts/runner/progress.hpp"
#include "kts/scenario/scenario.hpp"
#include "kts/workload/trace.hpp"

namespace kts::kubernetes {

// The experiment as pods of one node; nothing here is looked up elsewhere.
struct ClusterRun {
  scenario::Scenario scenario;   // its device is decided: cpu or cuda
  std::filesystem::path folder;  // made by runner::prepare_folder
  std::map<std::size_t, workload::Trace>
      traces;  // of agents that replay one, by place: load_pod_traces
  Place place;
  std::string run;  // new_run_id
  std::string name_space = "default";
  std::string image, pull_policy;
  std::vector<Toleration> tolerations;
  std::string server_version;
  Nanoseconds start_timeout = std::chrono::minutes(2);
  bool keep = false;
  bool allow_neighbours = false;
  process::SignalWatch* signals = nullptr;  // null: signals end the process as usual
};

// "20261121t013000z-4f2a": a label's value, and unlike any other run's.
[[nodiscard]] std::string new_run_id(EpochTime now);
// The traces that agents of the scenario replay. kBadInput also where one is more than a pod's
// annotations hold.
[[nodiscard]] Result<std::map<std::size_t, workload::Trace>> load_pod_traces(
    const scenario::Scenario& scenario);
// What will be created first; on nodes of several cards more of the like may follow.
[[nodiscard]] std::vector<JobSpec> manifests(const ClusterRun& run);

// Makes the pods, drives them through every block and writes all of the run's folder that is
// measured. Whatever happens, the Jobs and their pods are removed unless `keep`, and what was
// measured until then is in the folder. kEnvironment for what fails before the first block,
// kInconclusive after, kInterrupted.
[[nodiscard]] Status run_on_cluster(kube::Client& client, const ClusterRun& run,
                                    runner::Progress& progress);

}  // namespace kts::kubernetes
