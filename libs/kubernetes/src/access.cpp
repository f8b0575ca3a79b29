// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/access.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

namespace kts::kubernetes {

Result<Permissions> check_access(kube::Client& client, const std::string& name_space) {
  const auto may = [&](const char* verb, const char* group, const char* resource,
                       const char* subresource = "") -> Result<bool> {
    auto answer = client.may({.verb = verb,
                              .group = group,
                              .resource = resource,
                              .subresource = subresource,
                              .name_space = name_space});
    if (!answer) return tl::unexpected<Error>(std::move(answer).error());
    return *answer;
  };
  std::vector<std::string> missing;
  for (const char* verb : {"create", "get", "delete"}) {
    KTS_TRY(const bool allowed, may(verb, "batch", "jobs"));
    if (!allowed) missing.push_back(fmt::format("{} jobs.batch", verb));
  }
  for (const char* verb : {"list", "watch", "patch"}) {
    KTS_TRY(const bool allowed, may(verb, "", "pods"));
    if (!allowed) missing.push_back(fmt::format("{} pods", verb));
  }
  KTS_TRY(const bool logs, may("get", "", "pods", "log"));
  if (!logs) missing.emplace_back("get pods/log");
  if (!missing.empty()) {
    return environment_lacks(
        fmt::format("not permitted in namespace {}: {}", name_space, fmt::join(missing, ", ")),
        "have the Role of deploy/rbac/run.yaml granted, or choose another namespace with "
        "--namespace");
  }
  Permissions out;
  KTS_TRY(const bool list, may("list", "", "events"));
  KTS_TRY(const bool watch, may("watch", "", "events"));
  out.events = list && watch;
  return out;
}

}  // namespace kts::kubernetes
