// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "kts/base/error.hpp"

namespace kts::workload {

// Host memory that this process could still take: what the kernel calls available, or less when its
// control group, or one above it, allows less. Empty when the system doesn't say. `root` stands for
// "/", so that tests can supply a machine.
[[nodiscard]] std::optional<std::uint64_t> available_memory(
    const std::filesystem::path& root = "/");

// kEnvironment, with bytes wanted and free, when `wanted` doesn't fit.
[[nodiscard]] Status require_memory(std::uint64_t wanted, std::optional<std::uint64_t> available);

}  // namespace kts::workload
