// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::pod {

// A block as all pods of a run know it. Instants are the node's CLOCK_MONOTONIC in ns, the same in
// all of its pods. With n active agents, the one in place k of `active`:
//
//   calibrate + k·slot          PREPARE, while all others are quiet
//   start … stop                generates load
//   … stop + tail               open agents work off what was due; closed ones keep running
//   stop + tail + limit         an open agent that isn't done by now gives its queue up
//   stop + tail + limit + (1 + k)·slot    FINISH, once it has drained
//   end = stop + tail + limit + (1 + n)·slot
//
// From calibrate to end every pod is quiet: no file is read, no record printed.
struct Block {
  int index = 0;
  std::string phase;       // "solo" | "shared"
  std::string neighbours;  // "parked" | "absent" | ""
  std::vector<std::string> active;
  std::int64_t calibrate_ns = 0;
  std::int64_t start_ns = 0;
  std::int64_t stop_ns = 0;
  std::int64_t tail_ns = 0;
  std::int64_t limit_ns = 0;
  std::int64_t slot_ns = 0;
  std::optional<int> cycle = std::nullopt;  // an agent's blocks of one cycle see equal arrivals

  friend bool operator==(const Block&, const Block&) = default;
};
// In `active`.
[[nodiscard]] std::optional<std::size_t> place_of(const Block& block, std::string_view agent);
[[nodiscard]] std::int64_t prepare_ns(const Block& block, std::size_t place);
[[nodiscard]] std::int64_t give_up_ns(const Block& block);
[[nodiscard]] std::int64_t finish_ns(const Block& block, std::size_t place);
[[nodiscard]] std::int64_t end_ns(const Block& block);

// What a run's driver hands to its pods in a file that it replaces, never edits.
struct Plan {
  std::int64_t epoch_offset_ns = 0;  // from CLOCK_MONOTONIC to the run's time line
  std::vector<Block> blocks;         // in the order of time, none before the end of the last
  bool end = false;                  // no more blocks will come

  friend bool operator==(const Plan&, const Plan&) = default;
};
inline constexpr std::size_t kMaxPlanBytes = 1 << 20;
// {"schema":"kts.plan/1","epoch_offset_ns":…,"blocks":[{…}],"end":false}; a block's limit_ns may be
// left out. kBadInput names the block and field.
[[nodiscard]] Result<Plan> parse_plan(std::string_view json);
[[nodiscard]] std::string to_json(const Plan& plan);

// What a run's driver has received: every chunk below `next` but those of `again`, which it wants
// to have once more. `prints` tells a printing that was lost from one that is under way: of all
// printings below that number it has seen what there was to see.
struct Ack {
  std::uint64_t next = 0;
  std::vector<std::uint64_t> again = {};  // rising
  std::uint64_t prints = 0;

  friend bool operator==(const Ack&, const Ack&) = default;
};
// {"next":17,"again":[12,15],"prints":19}; without `prints`, whatever is asked for is printed.
[[nodiscard]] Result<Ack> parse_ack(std::string_view json);
[[nodiscard]] std::string to_json(const Ack& ack);

// The plan as it grows, and how far it has come.
class Schedule {
 public:
  // A first or later version. kBadInput when one changes or leaves out what is over, or the offset;
  // the schedule stays as it was then.
  [[nodiscard]] Status update(Plan plan);
  // The first block that isn't over.
  [[nodiscard]] const Block* next() const;
  void pass() { ++over_; }
  [[nodiscard]] bool ended() const { return plan_ && plan_->end && next() == nullptr; }
  // Whether no block begins before that instant; to be asked between blocks.
  [[nodiscard]] bool quiet_until(std::int64_t instant_ns) const;

  [[nodiscard]] bool known() const { return plan_.has_value(); }
  [[nodiscard]] std::size_t blocks() const { return plan_ ? plan_->blocks.size() : 0; }
  [[nodiscard]] std::int64_t epoch_offset_ns() const { return plan_ ? plan_->epoch_offset_ns : 0; }

 private:
  std::optional<Plan> plan_;
  std::size_t over_ = 0;
};

}  // namespace kts::pod
