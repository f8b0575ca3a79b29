// SPDX-License-Identifier: Apache-2.0
// Fields: docs of NVIDIA/k8s-device-plugin, "Shared Access to GPUs".
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "kts/cluster/share.hpp"

namespace kts::cluster {
namespace {

// As it was written: a quoted "4" must not become a number, which yaml-cpp's own way out would do.
void emit(YAML::Emitter& out, const YAML::Node& node, int depth = 0) {
  if (depth > 100) return;
  switch (node.Type()) {
    case YAML::NodeType::Map:
      out << YAML::BeginMap;
      for (const auto& entry : node) {
        out << YAML::Key;
        emit(out, entry.first, depth + 1);
        out << YAML::Value;
        emit(out, entry.second, depth + 1);
      }
      out << YAML::EndMap;
      break;
    case YAML::NodeType::Sequence:
      out << YAML::BeginSeq;
      for (const YAML::Node& item : node) emit(out, item, depth + 1);
      out << YAML::EndSeq;
      break;
    case YAML::NodeType::Scalar:
      if (node.Tag() == "!") out << YAML::DoubleQuoted;
      out << node.Scalar();
      break;
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      out << YAML::Null;
      break;
  }
}

YAML::Node sharing(const ShareRequest& request) {
  YAML::Node resource;
  resource["name"] = "nvidia.com/gpu";
  resource["replicas"] = request.replicas;
  YAML::Node replicated;
  // The plugin refuses this of MPS when it isn't true, and takes no other value.
  replicated["failRequestsGreaterThanOne"] = true;
  replicated["renameByDefault"] = request.rename;
  replicated["resources"].push_back(resource);
  YAML::Node out;
  out[request.mode == SharingMode::kMps ? "mps" : "timeSlicing"] = replicated;
  return out;
}

}  // namespace

Result<std::string> with_sharing(std::string_view active, const ShareRequest& request) {
  try {
    YAML::Node config = YAML::Load(std::string(active));
    if (config.IsNull()) config["version"] = "v1";
    if (!config.IsMap()) return bad_input("the active configuration is not a YAML map");
    config.remove("sharing");
    config["sharing"] = sharing(request);
    YAML::Emitter out;
    emit(out, config);
    return std::string(out.c_str()) + "\n";
  } catch (const YAML::Exception& error) {
    return bad_input("the active configuration is not YAML", "correct it first",
                     fmt::format("line {}", error.mark.line + 1));
  }
}

std::string key_for(const ShareRequest& request, std::string_view config) {
  return fmt::format("kts-{}{}-{}", name(request.mode), request.replicas,
                     content_hash(config).substr(0, 8));
}

}  // namespace kts::cluster
