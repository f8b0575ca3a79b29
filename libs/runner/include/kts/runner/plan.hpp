// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/scenario/scenario.hpp"

namespace kts::runner {

enum class Phase { kSolo, kShared };
enum class Neighbours { kNone, kParked, kAbsent };
[[nodiscard]] std::string_view name(Phase phase);            // "solo", "shared"
[[nodiscard]] std::string_view name(Neighbours neighbours);  // "", "parked", "absent"

// Agents are given by their places in the scenario, ascending.
struct Block {
  int index = 0;  // from 1, in time order
  int cycle = 0;  // from 1
  Phase phase = Phase::kSolo;
  Neighbours neighbours = Neighbours::kNone;  // kNone in shared blocks
  std::vector<std::size_t> active;
  std::vector<std::size_t> parked;

  // Whose processes are there.
  [[nodiscard]] std::vector<std::size_t> alive() const;
  friend bool operator==(const Block&, const Block&) = default;
};

// Cycles of one solo block for each distinct baseline (agents that chains tie together are one, and
// active together in it) and one shared block, mirrored in every other
// cycle (A B S, S B A, …), so that slow drift meets both phases alike. With `ends_absent` the first
// and the last solo block of each agent run with the others' processes absent; the last cycle then
// ends with them. A lone agent or chain has solo
// blocks only.
[[nodiscard]] std::vector<Block> plan_blocks(const scenario::Scenario& scenario, bool ends_absent);
// Those of a run on this machine: threads of one process, and those of a CPU, are never absent.
[[nodiscard]] std::vector<Block> plan_local_blocks(const scenario::Scenario& scenario);

// "03-solo-router", "12-shared"; zeros in front so that names sort in time order.
[[nodiscard]] std::string folder_name(const Block& block, const scenario::Scenario& scenario,
                                      std::size_t blocks);

// What a run does next, block by block.
class BlockSource {
 public:
  virtual ~BlockSource() = default;
  // Empty at the end. The blocks before it are on disk.
  [[nodiscard]] virtual Result<std::optional<Block>> next() = 0;
  // As far as it is decided: blocks in all, and those that come after the last next().
  [[nodiscard]] virtual std::size_t known() const = 0;
  [[nodiscard]] virtual std::span<const Block> ahead() const = 0;
  // No more blocks than this, for names of one length.
  [[nodiscard]] virtual std::size_t most() const = 0;
  // What is expected after ahead(): so many rounds of these blocks.
  struct Rounds {
    std::span<const Block> blocks;
    int times = 0;
  };
  [[nodiscard]] virtual Rounds to_come() const { return {}; }
  // No block begins after it; empty: they end by themselves.
  [[nodiscard]] virtual std::optional<MonotonicTime> deadline() const { return std::nullopt; }
};

// Some blocks of a plan, in order.
class PlannedBlocks final : public BlockSource {
 public:
  // `all` are the plan's.
  PlannedBlocks(std::vector<Block> blocks, std::size_t all)
      : blocks_(std::move(blocks)), all_(all) {}
  Result<std::optional<Block>> next() override {
    if (next_ == blocks_.size()) return std::nullopt;
    return blocks_[next_++];
  }
  std::size_t known() const override { return all_; }
  std::span<const Block> ahead() const override { return std::span(blocks_).subspan(next_); }
  std::size_t most() const override { return all_; }

 private:
  std::vector<Block> blocks_;
  std::size_t all_;
  std::size_t next_ = 0;
};

}  // namespace kts::runner
