// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"

namespace kts::kernel_trace {

inline constexpr std::uint64_t kDefaultBufferBytes = std::uint64_t{128} << 20;
inline constexpr std::uint64_t kLeastBufferBytes = std::uint64_t{1} << 20;
inline constexpr std::uint64_t kMostBufferBytes = std::uint64_t{1} << 30;

struct TracerSpec {
  std::uint64_t buffer_bytes = kDefaultBufferBytes;
  std::string library;  // libcupti.so; empty: looked for
};

// What became of a block's activities.
struct TraceCounts {
  std::uint64_t rows = 0;     // written
  std::uint64_t lost = 0;     // no room in the buffers, or without instants
  std::uint64_t outside = 0;  // not of the block by their instants; not written
};

// Collects what this process has the GPU do. One at a time in a process; one thread drives it.
class Tracer {
 public:
  virtual ~Tracer() = default;
  // "CUPTI 13.0.1".
  [[nodiscard]] virtual std::string name() const = 0;
  // One line on what isn't traced, for people.
  [[nodiscard]] virtual std::string limits() const = 0;
  // From here on activities belong to the block. The device's work is done.
  [[nodiscard]] virtual Status begin_block() = 0;
  // Writes the block's activities by their start. The device's work is done.
  [[nodiscard]] virtual Result<TraceCounts> end_block(const std::filesystem::path& csv,
                                                      const EpochOffset& epoch) = 0;
};

// By CUPTI, loaded here; before the process's first CUDA call. kEnvironment when it isn't there, is
// of another major version or refuses. In builds with a CUDA toolkit alone, in the CUDA backend.
[[nodiscard]] Result<std::unique_ptr<Tracer>> open_cupti(const TracerSpec& spec);

}  // namespace kts::kernel_trace
