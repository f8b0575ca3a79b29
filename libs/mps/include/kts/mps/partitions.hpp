// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/mps/control.hpp"

namespace kts::mps {

// Static partitions: SMs of a card, in whole chunks, that a client has for itself. A daemon started
// for them (DaemonSpec::static_partitions) takes no client without one.

// Sets which one a process's work runs in, before it initialises CUDA.
inline constexpr std::string_view kPartitionVariable = "CUDA_MPS_SM_PARTITION";

// How a card is parted, by the daemon's word.
struct Parting {
  struct Part {
    std::string name;  // unique on the card
    int chunks = 0, sms = 0;
    std::optional<bool> in_use;  // by a client; empty: not told
  };
  int free_chunks = 0, used_chunks = 0;
  std::vector<Part> parts;
  std::string said;  // all of it
};
// kEnvironment when the daemon doesn't tell it of this card.
[[nodiscard]] Result<Parting> parting_of(Control& control, std::string_view card_uuid);

// What kPartitionVariable takes: "<card's UUID>/<name>". kEnvironment, with the daemon's words,
// when it makes none.
[[nodiscard]] Result<std::string> add_partition(Control& control, std::string_view card_uuid,
                                                int chunks);

// Chunks for shares in per cent of a card that has `chunks`: rounded down, one at least.
// kEnvironment when that is more than there are.
[[nodiscard]] Result<std::vector<int>> share_out(std::span<const int> percents, int chunks);

// An agent's partition.
struct Allotment {
  std::string agent;
  std::string partition;
  int chunks = 0;
};
// kEnvironment, with what was seen, unless each is there as large as it should be, and none is
// without a client.
[[nodiscard]] Status require_partitions(const Parting& parting,
                                        std::span<const Allotment> allotments);

}  // namespace kts::mps
