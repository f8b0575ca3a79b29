// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kts::scenario {

// What an agent asks of MPS. These limits are fixed when its process starts.
struct MpsSpec {
  std::optional<int> threads_percent;         // of the card's threads that its kernels may fill
  bool below_normal = false;                  // client priority
  std::optional<std::int64_t> memory_bytes;   // whole MiB
  std::optional<int> partition_percent = {};  // of the card's SMs, for it alone
  friend bool operator==(const MpsSpec&, const MpsSpec&) = default;
};

// What an agent asks of the stream that it has in the common process.
struct StreamSpec {
  bool high_priority = false;
  friend bool operator==(const StreamSpec&, const StreamSpec&) = default;
};

// A sharing mode with other demands of some agents, for kts modes.
struct Variant {
  struct Agent {
    std::string name;
    std::optional<MpsSpec> mps;
    std::optional<StreamSpec> stream;
    friend bool operator==(const Agent&, const Agent&) = default;
  };
  std::string name;
  std::string sharing;  // mps | streams
  std::vector<Agent> agents;
  friend bool operator==(const Variant&, const Variant&) = default;
};

}  // namespace kts::scenario
