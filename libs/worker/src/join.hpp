// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "kts/worker/chain.hpp"

namespace kts::worker {

// Where a step waits for several before it: what has come of its requests in one block. One request
// takes about as many messages as another, so few wait here at a time; only a queue that is
// hopeless anyway makes it allocate.
class Join {
 public:
  explicit Join(std::uint32_t branches) : branches_(branches), open_(branches) {
    if (branches > 1) waiting_.reserve(kRoom);
  }
  void begin_block() {
    waiting_.clear();
    open_ = branches_;
  }
  // Takes in what one step before hands on. The request once all have: due when the last was done.
  std::optional<ChainMessage> add(const ChainMessage& message) {
    if (branches_ <= 1) return message;
    auto place =
        std::ranges::lower_bound(waiting_, message.request, {},
                                 [](const Waiting& waiting) { return waiting.latest.request; });
    if (place == waiting_.end() || place->latest.request != message.request) {
      place = waiting_.insert(place, {message, branches_});
    } else if (message.due_ns > place->latest.due_ns) {
      place->latest = message;
    }
    if (--place->missing > 0) return std::nullopt;
    const ChainMessage whole = place->latest;
    waiting_.erase(place);
    return whole;
  }
  // One step before hands nothing on any more; true of the last one.
  bool end_branch() { return open_ > 0 && --open_ == 0; }

 private:
  static constexpr std::size_t kRoom = 4096;
  struct Waiting {
    ChainMessage latest;  // of those that have come, by when it was done
    std::uint32_t missing;
  };
  std::uint32_t branches_;
  std::uint32_t open_;
  std::vector<Waiting> waiting_;  // by request
};

}  // namespace kts::worker
