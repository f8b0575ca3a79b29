// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/error.hpp"
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

}  // namespace kts::app
