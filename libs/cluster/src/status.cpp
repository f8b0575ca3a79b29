// SPDX-License-Identifier: Apache-2.0
#include "kts/cluster/status.hpp"

namespace kts::cluster {

std::string_view name(InstallationKind kind) {
  switch (kind) {
    case InstallationKind::kGpuOperator:
      return "gpu-operator";
    case InstallationKind::kHelmConfig:
      return "helm-config";
    case InstallationKind::kHelm:
      return "helm";
    case InstallationKind::kGke:
      return "gke";
    case InstallationKind::kHost:
      return "host";
    case InstallationKind::kDra:
      return "dra";
    case InstallationKind::kStatic:
      break;
  }
  return "static";
}

}  // namespace kts::cluster
