// SPDX-License-Identifier: Apache-2.0
#include "kubectl.hpp"

#include <fmt/format.h>

#include "kts/process/fleet.hpp"

namespace kts::kube {

Result<std::vector<std::string>> find_kubectl() {
  if (const auto kubectl = process::find_program("kubectl")) {
    return std::vector<std::string>{kubectl->string()};
  }
  if (const auto k3s = process::find_program("k3s")) {
    return std::vector<std::string>{k3s->string(), "kubectl"};
  }
  return environment_lacks("neither kubectl nor k3s is on the PATH",
                           "install kubectl (Debian: kubernetes-client), the cluster's own version "
                           "if you can");
}

Error explain_kubectl(std::string_view ending, std::string_view last_words) {
  const auto says = [&](std::string_view part) {
    return last_words.find(part) != std::string_view::npos;
  };
  Error error{ErrorCode::kEnvironment, {}, {}, {}};
  if (says("context") && (says("does not exist") || says("no context exists"))) {
    error.message = fmt::format("the kubeconfig has no such context ({})", last_words);
    error.hint = "kubectl config get-contexts lists them";
  } else if (says("no such file or directory") || says("permission denied") ||
             says("error loading config file") || says("invalid configuration")) {
    error.message = fmt::format("the kubeconfig can't be read ({})", last_words);
    error.hint = "name a good one with --kubeconfig or KUBECONFIG";
  } else {
    error.message = last_words.empty()
                        ? fmt::format("kubectl proxy ended ({})", ending)
                        : fmt::format("kubectl proxy ended ({}): {}", ending, last_words);
    error.hint = "kubectl get nodes must work";
  }
  return error;
}

}  // namespace kts::kube
