// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kts/analysis/matrix.hpp"
#include "kts/base/clock.hpp"
#include "kts/runner/plan.hpp"
#include "kts/scenario/scenario.hpp"

namespace kts::runner {

// The blocks of a contention matrix, in rounds: two solo blocks of each agent and one of each set,
// as far as they have the fewest yet, in a scattered order that every other round reverses, so that
// drift meets all alike. Without a deadline as many rounds as the plan has cycles. With one, once
// all have what an interval takes, each round goes to the half whose intervals are widest, until
// the time is up or nothing is left to settle. What goes on without a block that counts is given
// up, and the others go on.
class MatrixBlocks final : public BlockSource {
 public:
  struct Options {
    int first_block = 1;
    // The others' processes are not there, rather than parked: for sets that don't fit together.
    bool others_absent = false;
    // Each agent's first solo block runs with the others' processes absent.
    bool first_solo_absent = false;
    std::optional<MonotonicTime> deadline = std::nullopt;
    std::function<MonotonicTime()> now = [] { return MonotonicTimeline::now(); };
    std::function<void(const std::string&)> warn = [](const std::string&) {};
  };
  // `scenario` as as_matrix makes it. `measured` tells what there is so far; asked before each
  // round but that of block 1.
  MatrixBlocks(const scenario::Scenario& scenario, Options options,
               std::function<Result<analysis::Matrix>()> measured);

  Result<std::optional<Block>> next() override;
  std::size_t known() const override { return issued_ + round_.size(); }
  std::span<const Block> ahead() const override { return round_; }
  std::size_t most() const override { return 99'999; }
  Rounds to_come() const override;
  std::optional<MonotonicTime> deadline() const override { return options_.deadline; }

  // Why it ended, for whoever waits; empty until then.
  [[nodiscard]] const std::string& ending() const { return ending_; }

 private:
  // A solo block of one agent, or a block of a set.
  struct Item {
    std::vector<std::size_t> active;
    std::vector<std::string> baselines;  // names in the results
    int blocks = 0;                      // whole rounds of it
    double width = 0;                    // half the widest interval's, on logarithms
    int counted = 0;                     // blocks that count
    int issued = 0;                      // since that was last looked at
    int fruitless = 0;                   // issued since one more counted
    bool given_up = false;
    [[nodiscard]] bool is_solo() const { return active.size() == 1; }
  };
  [[nodiscard]] Status look();
  void give_up_the_fruitless(const analysis::Matrix& matrix);
  [[nodiscard]] static bool rests_on(const Item& set, const Item& solo);
  [[nodiscard]] std::vector<std::size_t> choose();
  void plan_round(const std::vector<std::size_t>& chosen);
  [[nodiscard]] Block block_of(const Item& item, bool absent) const;

  const scenario::Scenario& scenario_;
  Options options_;
  std::function<Result<analysis::Matrix>()> measured_;
  std::vector<Item> items_;
  std::size_t issued_ = 0;
  int cycle_ = 0;
  std::vector<Block> round_;        // what is left of it
  std::vector<Block> whole_round_;  // all of it
  std::string ending_;
};

}  // namespace kts::runner
