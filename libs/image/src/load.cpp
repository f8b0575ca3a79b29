// SPDX-License-Identifier: Apache-2.0
#include "kts/image/load.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>

#include "kts/process/fleet.hpp"

namespace kts::image {
namespace {

struct Known {
  std::string_view name, program;
};
constexpr Known kContainerd{"containerd", "ctr"};
constexpr std::array<Known, 4> kClusters{
    {{"k3s", "k3s"}, {"kind", "kind"}, {"minikube", "minikube"}, kContainerd}};

std::optional<Tool> find(const Known& known) {
  const auto path = process::find_program(known.program);
  if (!path) return std::nullopt;
  return Tool{std::string(known.name), path->string()};
}

Step save_step(const Tool& engine, const std::string& image, const std::string& archive) {
  Step step;
  step.hint = "kts image build makes the image; --engine names who has it";
  if (engine.name == "buildah") {
    step.argv = {engine.path, "push", image, fmt::format("docker-archive:{}:{}", archive, image)};
  } else {
    step.argv = {engine.path, "save", "--output", archive, image};
    if (engine.name == "podman") step.argv.insert(step.argv.begin() + 2, "--format=docker-archive");
  }
  return step;
}

Step import_step(const Tool& cluster, const std::string& archive, const std::string& name) {
  Step step;
  if (cluster.name == "k3s") {
    step.argv = {cluster.path, "ctr", "images", "import", archive};
    step.hint = "is K3s running here? systemctl status k3s";
  } else if (cluster.name == "kind") {
    step.argv = {cluster.path, "load", "image-archive", archive};
    if (!name.empty()) step.argv.insert(step.argv.end(), {"--name", name});
    step.hint = "kind get clusters lists the names for --cluster";
  } else if (cluster.name == "minikube") {
    step.argv = {cluster.path, "image", "load", archive};
    if (!name.empty()) step.argv.insert(step.argv.end(), {"--profile", name});
    step.hint = "minikube profile list lists the names for --cluster";
  } else {
    step.argv = {cluster.path, "--namespace", "k8s.io", "images", "import", archive};
    step.hint = "CONTAINERD_ADDRESS names another socket than /run/containerd/containerd.sock";
  }
  return step;
}

}  // namespace

Result<Tool> find_cluster(std::string_view wish) {
  std::vector<std::string_view> names;
  for (const Known& known : kClusters) names.push_back(known.name);
  const auto wished = std::ranges::find(kClusters, wish, &Known::name);
  if (!wish.empty()) {
    if (wished == kClusters.end()) {
      return bad_input(
          fmt::format("kts can't load into '{}'", wish),
          fmt::format("there are {}; --push sends it to a registry", fmt::join(names, ", ")),
          "--to");
    }
    if (auto found = find(*wished)) return *std::move(found);
    return environment_lacks(fmt::format("{} is not on the PATH", wished->program),
                             "run this where that cluster's node is");
  }
  std::vector<Tool> found;
  for (const Known& known : kClusters) {
    if (known.name == kContainerd.name && !found.empty()) break;
    if (auto tool = find(known)) found.push_back(*std::move(tool));
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.empty()) {
    return environment_lacks("none of k3s, kind, minikube and ctr is on the PATH",
                             "run this on the cluster's node, or send the image to a registry with "
                             "--push NAME");
  }
  names.clear();
  for (const Tool& tool : found) names.push_back(tool.name);
  return bad_input(fmt::format("several are here: {}", fmt::join(names, ", ")),
                   fmt::format("choose with --to {}", names.front()));
}

std::vector<Step> load_steps(const Tool& engine, const Tool& cluster, const LoadOptions& options) {
  return {save_step(engine, options.image, options.archive.string()),
          import_step(cluster, options.archive.string(), options.cluster)};
}

Status check_root(const Tool& cluster, bool root) {
  if (root || (cluster.name != "k3s" && cluster.name != "containerd")) return {};
  return environment_lacks(
      fmt::format("only root may load images into {}", cluster.name),
      "sudo kts image load; the engine's images must be root's too: build with "
      "sudo");
}

std::vector<Step> push_steps(const Tool& engine, const std::string& image,
                             const std::string& name) {
  const std::string hint =
      fmt::format("{} login may be missing, or the image: kts image build", engine.name);
  if (engine.name == "docker") {
    return {{{engine.path, "tag", image, name}, hint}, {{engine.path, "push", name}, hint}};
  }
  return {{{engine.path, "push", image, "docker://" + name}, hint}};
}

}  // namespace kts::image
