// SPDX-License-Identifier: Apache-2.0
// Marks: Argo CD's resource tracking, Flux's kustomize and helm controllers, Helm 3.
#include "owner.hpp"

#include <fmt/format.h>

#include "plugin_pod.hpp"

namespace kts::cluster {

std::vector<Owner> owners_of(const kube::Value& object, const std::string& kind) {
  std::vector<Owner> out;
  const kube::Value labels = object["metadata"]["labels"];
  const kube::Value annotations = object["metadata"]["annotations"];
  const std::string what = fmt::format("{} {}", kind, full_name(object));
  const auto add = [&](const char* tool, std::string name) {
    if (!name.empty()) out.push_back({tool, std::move(name), what});
  };
  // "application:group/kind:namespace/name".
  std::string tracked = annotations["argocd.argoproj.io/tracking-id"].text();
  tracked = tracked.substr(0, tracked.find(':'));
  add("Argo CD", tracked.empty() ? labels["argocd.argoproj.io/instance"].text() : tracked);
  for (const char* controller : {"kustomize", "helm"}) {
    const std::string prefix = fmt::format("{}.toolkit.fluxcd.io/", controller);
    const std::string name = labels[prefix + "name"].text();
    if (!name.empty()) {
      add("Flux", fmt::format("{}/{}", labels[prefix + "namespace"].text(), name));
      break;
    }
  }
  std::string release = annotations["meta.helm.sh/release-name"].text();
  if (release.empty() && labels["app.kubernetes.io/managed-by"].text() == "Helm") {
    release = labels["app.kubernetes.io/instance"].text();
  }
  add("Helm", std::move(release));
  return out;
}

}  // namespace kts::cluster
