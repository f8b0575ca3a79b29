// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "kts/base/clock.hpp"
#include "kts/cluster/share.hpp"
#include "kts/kube/client.hpp"

namespace kts::cluster {

// What an earlier share kept in `name_space`; its ConfigMap is added to `snapshot` if nobody mounts
// it. kBadInput naming the ConfigMap when it isn't a backup that this kts can read.
[[nodiscard]] Result<std::optional<Backup>> read_backup(kube::Client& client,
                                                        const std::string& name_space,
                                                        Snapshot& snapshot);

// Asks for every verb that the plan and its way back need; kEnvironment names the first one
// missing. Nothing is written.
[[nodiscard]] Status check_permissions(kube::Client& client, const Plan& plan);

struct ExecuteOptions {
  Nanoseconds timeout = std::chrono::minutes(3);  // of each wait
  std::function<void(const std::string&)> say;    // a line of progress
};

// Does the plan's steps. When one fails, those of its undo, and the error says which way that went;
// when the user ends it (kInterrupted) it stops where it is, for a second share or an unshare.
[[nodiscard]] Status execute(kube::Client& client, const Plan& plan, const ExecuteOptions& options);

struct Leftovers {
  std::vector<Write> deletions;     // objects that kts made and nothing needs
  std::vector<std::string> what;    // one for each
  std::vector<std::string> in_use;  // what stays, and why
};
// What earlier runs and shares of kts left, by its label; in `name_space`, or everywhere.
[[nodiscard]] Result<Leftovers> find_leftovers(kube::Client& client, const std::string& name_space);
// Deletes them; one that has gone meanwhile is no error.
[[nodiscard]] Status remove_leftovers(kube::Client& client, const Leftovers& leftovers);

}  // namespace kts::cluster
