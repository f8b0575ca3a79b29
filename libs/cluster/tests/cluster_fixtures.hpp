// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "fake_transport.hpp"
#include "kts/cluster/status.hpp"

namespace kts::cluster::fixtures {

// The clusters of tests/data, by file name.
[[nodiscard]] const std::vector<std::string>& names();
// An API server that has the objects of `name` and refuses what the file says is forbidden.
void serve(const std::string& name, kube::FakeTransport& api);
// What kts sees there.
[[nodiscard]] Snapshot snapshot(const std::string& name);
[[nodiscard]] ClusterStatus status(const std::string& name);

}  // namespace kts::cluster::fixtures
