// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/kube/connection.hpp"
#include "kts/kubernetes/run.hpp"
#include "kts/process/signals.hpp"
#include "kts/runner/progress.hpp"

namespace kts::app {

// The flags of `kts run --on kubernetes`.
struct KubernetesOptions {
  std::string context, kubeconfig, name_space;
  std::string image, pull_policy, resource, claim, node;
  std::vector<std::string> node_selector, tolerations;
  std::optional<std::string> runtime_class;
  std::string start_timeout = "2min";
  bool keep = false, print_manifests = false, allow_neighbours = false;
  std::string nodes;  // a fleet's selector; empty: one node
  std::size_t at_once = 8;
};
void add_kubernetes_options(CLI::App& parser, KubernetesOptions& options);
// kBadInput names a flag of these that was given though the run is local.
[[nodiscard]] Status check_unused(const CLI::App& parser);

// What a local run takes as well.
struct RunChoice {
  std::string scenario, device, sharing, out;
  bool quick = false;
};
// The run's folder; empty when only the manifests were wanted, which it has printed.
[[nodiscard]] Result<std::filesystem::path> measure_on_kubernetes(const RunChoice& choice,
                                                                  const KubernetesOptions& options,
                                                                  process::SignalWatch& signals,
                                                                  runner::Progress& progress);

// The scenario on every node that --nodes selects, each a run of its own by this program with the
// same arguments as `parser` was given. The fleet's folder.
[[nodiscard]] Result<std::filesystem::path> measure_fleet(const RunChoice& choice,
                                                          const KubernetesOptions& options,
                                                          const CLI::App& parser,
                                                          process::SignalWatch& signals,
                                                          runner::Progress& progress);

// What both begin with.
[[nodiscard]] Result<scenario::Scenario> load_cluster_scenario(const RunChoice& choice,
                                                               runner::Progress& progress);
// Image, tolerations, time-out and the like.
[[nodiscard]] Status fill_in(const KubernetesOptions& options, kubernetes::ClusterRun& run);
struct Reached {
  std::unique_ptr<kube::Connection> connection;
  std::string name_space;
};
[[nodiscard]] Result<Reached> reach_cluster(const KubernetesOptions& options,
                                            process::SignalWatch& signals);

}  // namespace kts::app
