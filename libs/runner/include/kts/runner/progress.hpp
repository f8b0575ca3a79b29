// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/clock.hpp"

namespace kts::runner {

struct AgentRate {
  std::string agent;
  double per_second = 0;  // completed since the block's start
};

struct ProgressState {
  int block = 0, blocks = 0;
  int cycle = 0, cycles = 0;
  std::string what;  // "solo router", "shared"
  std::vector<AgentRate> rates;
  Nanoseconds remaining{0};  // of all that was asked for, as far as can be told
};
// "cycle 2/10, block 5/30 (shared): router 199.6/s, thinker 358.1/s; 52 s left"
[[nodiscard]] std::string describe(const ProgressState& state);

// What a person who waits wants to know.
class Progress {
 public:
  virtual ~Progress() = default;
  // A line that stays.
  virtual void note(std::string_view line) = 0;
  // A line that the next one makes old.
  virtual void passing(std::string_view line) { note(line); }
  // Several times a second.
  virtual void update(const ProgressState& state) = 0;
  virtual void block_done(const ProgressState& state) = 0;
};
// On a terminal one line that is written over, else a line a block.
[[nodiscard]] std::unique_ptr<Progress> make_progress(std::FILE* stream, bool terminal);

}  // namespace kts::runner
