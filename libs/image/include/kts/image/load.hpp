// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kts/image/build.hpp"

namespace kts::image {

// What runs a cluster's containers here: k3s, kind, minikube, or a containerd of one's own (whose
// program is ctr, and which is last because Docker brings it along). `wish` names one. kEnvironment
// when there is none, kBadInput when several are and none was named.
[[nodiscard]] Result<Tool> find_cluster(std::string_view wish = {});

struct LoadOptions {
  std::string image;
  std::filesystem::path archive;  // to be written, then read
  std::string cluster;            // kind's or minikube's name of it; empty: theirs
};
[[nodiscard]] std::vector<Step> load_steps(const Tool& engine, const Tool& cluster,
                                           const LoadOptions& options);
// kEnvironment when only root may load into that.
[[nodiscard]] Status check_root(const Tool& cluster, bool root);

// To a registry, under the name there.
[[nodiscard]] std::vector<Step> push_steps(const Tool& engine, const std::string& image,
                                           const std::string& name);

}  // namespace kts::image
