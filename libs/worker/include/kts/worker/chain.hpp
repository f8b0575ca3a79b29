// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/workload/arrival.hpp"

namespace kts::worker {

class StopFlag;

// A step that comes right after another.
struct ChainNext {
  int inbox = -1;  // its agent's
  std::uint16_t step = 0;
};

// One agent's part in a chain: what it does as one of its steps, and who comes next.
struct ChainRole {
  std::uint32_t chain = 0;           // place in the scenario
  std::string name;                  // the chain's
  std::uint16_t step = 0;            // from 0
  std::vector<ChainNext> next = {};  // each gets every request; none: the chain ends here
  std::uint32_t branches = 1;        // steps right before it, for all of which it waits
  // Of steps without one before: when the chain's requests become due.
  std::optional<workload::ArrivalSpec> arrival = std::nullopt;
  std::uint64_t seed = 1;
};

// What one agent hands to the next.
struct ChainMessage {
  enum class Kind : std::uint32_t { kRequest, kEnd };
  Kind kind = Kind::kRequest;  // kEnd: the sender's step hands nothing on any more in this block
  std::int32_t block = 0;
  std::uint32_t chain = 0;
  std::uint16_t step = 0;     // the receiver's
  std::uint16_t from = 0;     // the sender's
  std::uint64_t request = 0;  // of the chain, from 0 in each block
  std::int64_t due_ns = 0;    // CLOCK_MONOTONIC: when the sender's step was done
};
static_assert(sizeof(ChainMessage) == 32);

// An agent's inbox and the ways to others'. One thread uses it; nothing throws or waits unless it
// says so.
class ChainPort {
 public:
  virtual ~ChainPort() = default;
  // The oldest message that waits here, which stays; null when none does.
  [[nodiscard]] virtual const ChainMessage* front() noexcept = 0;
  virtual void pop() noexcept = 0;
  // Returns at `instant`, once a message waits, or as soon as a stop is requested.
  virtual void wait_until(MonotonicTime instant) noexcept = 0;
  // Waits for room, and takes in meanwhile what arrives here, so that agents that hand on to each
  // other in a ring can't stop each other. To an agent that is gone it is dropped.
  virtual void send(int to, const ChainMessage& message) noexcept = 0;
  // All that could hand something on here are gone.
  [[nodiscard]] virtual bool orphaned() const noexcept = 0;
};

// Over SOCK_SEQPACKET sockets that whoever started the process left open: `inbox` is the reading
// end of the agent's own, roles name the writing ends of others'.
class ChainSockets final : public ChainPort {
 public:
  // `stop` wakes a wait from here on, and outlives this.
  ChainSockets(int inbox, StopFlag& stop);
  ~ChainSockets() override;
  ChainSockets(const ChainSockets&) = delete;
  ChainSockets& operator=(const ChainSockets&) = delete;

  const ChainMessage* front() noexcept override;
  void pop() noexcept override;
  void wait_until(MonotonicTime instant) noexcept override;
  void send(int to, const ChainMessage& message) noexcept override;
  bool orphaned() const noexcept override { return orphaned_; }

 private:
  // Room that is there from the start; only a queue that is hopeless anyway outgrows it.
  static constexpr std::size_t kRoom = std::size_t{1} << 16;
  void collect() noexcept;
  void sleep(int writable, MonotonicTime deadline) noexcept;

  const int inbox_;
  StopFlag& stop_;
  const int wake_;  // an eventfd that `stop_` writes to
  bool orphaned_ = false;
  std::vector<ChainMessage> queue_;
  std::size_t head_ = 0;
};

}  // namespace kts::worker
