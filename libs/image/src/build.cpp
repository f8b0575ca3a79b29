// SPDX-License-Identifier: Apache-2.0
#include "kts/image/build.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "kts/base/version.hpp"
#include "kts/process/run.hpp"

namespace kts::image {
namespace {

constexpr std::array<std::string_view, 3> kEngines{"podman", "buildah", "docker"};
constexpr const char* kContainerfile = "deploy/Containerfile";
// What the CPU backend needs of a base; its C library is the same in both stages.
constexpr const char* kCpuBase = "debian:12-slim";

}  // namespace

Result<Tool> find_engine(std::string_view wish) {
  if (!wish.empty() && std::ranges::find(kEngines, wish) == kEngines.end()) {
    return bad_input(fmt::format("'{}' is no engine that kts knows", wish),
                     fmt::format("there are {}", fmt::join(kEngines, ", ")), "--engine");
  }
  for (const std::string_view name : kEngines) {
    if (!wish.empty() && name != wish) continue;
    if (const auto path = process::find_program(name)) {
      return Tool{std::string(name), path->string()};
    }
  }
  return environment_lacks(wish.empty() ? "none of podman, buildah and docker is on the PATH"
                                        : fmt::format("{} is not on the PATH", wish),
                           "install one (Debian: podman or buildah)");
}

std::string default_name() {
  return fmt::format("localhost/kts-worker:{}-{}", version(), commit());
}

Result<std::filesystem::path> find_source(const std::filesystem::path& folder) {
  std::error_code ec;
  const auto whole = std::filesystem::weakly_canonical(folder, ec);
  for (auto place = whole; !ec; place = place.parent_path()) {
    if (std::filesystem::exists(place / kContainerfile, ec)) return place;
    if (place == place.parent_path()) break;
  }
  return bad_input(fmt::format("there is no {} in it or above it, so this is no source tree of kts",
                               kContainerfile),
                   "go there, or name it with --context", whole.string());
}

Result<std::string> commit_of(const std::filesystem::path& source) {
  const auto git = process::find_program("git");
  if (!git) return "unknown";
  // As cmake/write_version.cmake asks.
  KTS_TRY(process::Ran ran, process::run({{git->string(), "-C", source.string(), "describe",
                                           "--always", "--dirty", "--abbrev=12", "--exclude=*"},
                                          {}}));
  while (ran.output.ends_with('\n')) ran.output.pop_back();
  return ran.status.success() ? ran.output : "unknown";
}

Step build_step(const Tool& engine, const BuildOptions& options) {
  Step step;
  step.argv = {engine.path,   "build",
               "--file",      (options.source / kContainerfile).string(),
               "--tag",       options.image,
               "--build-arg", "COMMIT=" + options.commit,
               "--build-arg", fmt::format("VERSION={}", version())};
  std::vector<std::string> arguments;
  if (options.cpu_only) {
    arguments = {"CUDA=OFF", fmt::format("BUILD_BASE={}", kCpuBase),
                 fmt::format("RUN_BASE={}", kCpuBase)};
  }
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  for (const std::string& argument : arguments) {
    step.argv.insert(step.argv.end(), {"--build-arg", argument});
  }
  step.argv.push_back(options.source.string());
  step.hint =
      "see what it printed; where the base images can't be pulled, name others with --build-arg "
      "BUILD_BASE=… and "
      "RUN_BASE=…";
  return step;
}

}  // namespace kts::image
