// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kts/image/steps.hpp"

namespace kts::image {

// A program that was found on the PATH.
struct Tool {
  std::string name, path;
};
// podman, buildah or docker, in this order; `wish` names one. kEnvironment when there is none.
[[nodiscard]] Result<Tool> find_engine(std::string_view wish = {});

// "localhost/kts-worker:0.1.0-1f2e3d4c5b6a": what `kts image build` makes of the sources that this
// program was made of, and `kts run --on kubernetes` takes.
[[nodiscard]] std::string default_name();

// The source tree that holds `folder`; kBadInput when that is in none.
[[nodiscard]] Result<std::filesystem::path> find_source(const std::filesystem::path& folder);
// Its commit, as kts --version writes it; "unknown" without its history.
[[nodiscard]] Result<std::string> commit_of(const std::filesystem::path& source);

struct BuildOptions {
  std::filesystem::path source;
  std::string image;
  std::string commit;                  // of the sources
  bool cpu_only = false;               // no CUDA backend, and no base that could build one
  std::vector<std::string> arguments;  // NAME=VALUE of the Containerfile, over ours
};
[[nodiscard]] Step build_step(const Tool& engine, const BuildOptions& options);

}  // namespace kts::image
