// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/matrix_blocks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "kts/stats/interval.hpp"
#include "kts/workload/operands.hpp"

namespace kts::runner {
namespace {

// Of an interval that the samples don't give yet.
constexpr double kUnknownWidth = 3;
// Every DF of an agent rests on its solo blocks.
constexpr int kSolosARound = 2;
// Blocks in a row of which none counts: more would hardly.
constexpr int kMostFruitless = 3;
// Narrower than the band of a verdict's indifference: more blocks would tell nobody anything.
constexpr double kSettledWidth = 0.025;

double log_half_width(const analysis::Estimate& e) {
  if (!e.ci_low || !e.ci_high || !(*e.ci_low > 0)) return kUnknownWidth;
  return std::log(*e.ci_high / *e.ci_low) / 2;
}

double width_of(const analysis::AloneResult& alone) {
  if (alone.overloaded) return 0;
  for (const analysis::Estimate* e : {&alone.p99, &alone.p95, &alone.p50}) {
    if (e->ci_low && e->ci_high) return log_half_width(*e);
  }
  return kUnknownWidth;
}

double width_of(const analysis::SetResult& set) {
  double widest = 0;
  for (const analysis::MatrixCell& cell : set.cells) {
    if (!cell.overloaded) widest = std::max(widest, log_half_width(cell.df));
  }
  return widest;
}

std::size_t baseline_of(const scenario::Scenario& scenario, std::size_t agent) {
  for (std::size_t i = 0; i < agent; ++i) {
    if (same_baseline(scenario.agents[i], scenario.agents[agent])) return i;
  }
  return agent;
}

}  // namespace

MatrixBlocks::MatrixBlocks(const scenario::Scenario& scenario, Options options,
                           std::function<Result<analysis::Matrix>()> measured)
    : scenario_(scenario), options_(std::move(options)), measured_(std::move(measured)) {
  issued_ = static_cast<std::size_t>(options_.first_block - 1);
  for (std::size_t i = 0; i < scenario_.agents.size(); ++i) {
    if (baseline_of(scenario_, i) == i) items_.push_back({{i}, {scenario_.agents[i].name}});
  }
  for (const std::vector<std::string>& set : scenario_.plan.sets) {
    Item item;
    for (const std::string& member : set) {
      const auto agent = static_cast<std::size_t>(
          std::ranges::find(scenario_.agents, member, &scenario::AgentSpec::name) -
          scenario_.agents.begin());
      item.active.push_back(agent);
      item.baselines.push_back(scenario_.agents[baseline_of(scenario_, agent)].name);
    }
    std::ranges::sort(item.active);
    items_.push_back(std::move(item));
  }
}

Result<std::optional<Block>> MatrixBlocks::next() {
  if (options_.deadline && options_.now() >= *options_.deadline) {
    ending_ = "the time is up";
    return std::nullopt;
  }
  if (round_.empty()) {
    if (issued_ > 0) KTS_CHECK_OK(look());
    const std::vector<std::size_t> chosen = choose();
    if (chosen.empty()) return std::nullopt;
    plan_round(chosen);
  }
  Block block = std::move(round_.front());
  round_.erase(round_.begin());
  ++issued_;
  return block;
}

BlockSource::Rounds MatrixBlocks::to_come() const {
  if (options_.deadline) return {};
  return {whole_round_, std::max(0, scenario_.plan.cycles - cycle_)};
}

Status MatrixBlocks::look() {
  KTS_TRY(const analysis::Matrix matrix, measured_());
  for (Item& item : items_) {
    int counted = 0;
    item.blocks = 0;
    item.width = kUnknownWidth;
    if (item.is_solo()) {
      const auto alone =
          std::ranges::find(matrix.alone, item.baselines.front(), &analysis::AloneResult::agent);
      if (alone != matrix.alone.end()) {
        const int absent = options_.first_solo_absent && !options_.others_absent ? 1 : 0;
        counted = alone->blocks;
        item.blocks = (counted - absent + 1) / kSolosARound;
        item.width = width_of(*alone);
      }
    } else if (const analysis::SetResult* set = find_set(matrix, item.baselines)) {
      counted = item.blocks = set->blocks;
      item.width = width_of(*set);
    }
    item.fruitless = counted > item.counted ? 0 : item.fruitless + item.issued;
    item.counted = counted;
    item.issued = 0;
  }
  give_up_the_fruitless(matrix);
  return {};
}

void MatrixBlocks::give_up_the_fruitless(const analysis::Matrix& matrix) {
  for (Item& item : items_) {
    if (item.given_up || item.fruitless < kMostFruitless) continue;
    item.given_up = true;
    std::string why = "it has no samples";
    if (const analysis::SetResult* set = find_set(matrix, item.baselines); set && !item.is_solo()) {
      if (!set->why_not_shared.empty()) why = set->why_not_shared;
    }
    options_.warn(fmt::format("{}{} is given up, since {} blocks in a row don't count: {}",
                              fmt::join(item.baselines, " + "), item.is_solo() ? " alone" : "",
                              item.fruitless, why));
  }
}

bool MatrixBlocks::rests_on(const Item& set, const Item& solo) {
  return !set.is_solo() && solo.is_solo() &&
         std::ranges::find(set.baselines, solo.baselines.front()) != set.baselines.end();
}

// The items of the next round; none at the end.
std::vector<std::size_t> MatrixBlocks::choose() {
  const int enough = options_.deadline ? stats::kMinBlocks : scenario_.plan.cycles;
  std::vector<std::size_t> chosen;
  std::optional<int> least;
  for (const Item& item : items_) {
    if (!item.given_up) least = std::min(least.value_or(item.blocks), item.blocks);
  }
  if (!least) {
    ending_ = "nothing is left that has blocks which count";
    return chosen;
  }
  if (*least < enough) {
    cycle_ = *least + 1;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (!items_[i].given_up && items_[i].blocks == *least) chosen.push_back(i);
    }
    return chosen;
  }
  ++cycle_;
  if (!options_.deadline) {
    const bool all = std::ranges::none_of(items_, &Item::given_up);
    ending_ = fmt::format("all {}have {} blocks", all ? "" : "others ", enough);
    return chosen;
  }
  for (std::size_t i = 0; i < items_.size(); ++i) {
    // Nothing can be said of a set without its agents alone.
    const bool hopeless = std::ranges::any_of(
        items_, [&](const Item& solo) { return solo.given_up && rests_on(items_[i], solo); });
    if (items_[i].given_up || hopeless) continue;
    if (items_[i].width > kSettledWidth) chosen.push_back(i);
  }
  if (chosen.empty()) {
    ending_ = "nothing is left to settle";
    return chosen;
  }
  std::ranges::stable_sort(chosen, std::greater{},
                           [this](std::size_t i) { return items_[i].width; });
  chosen.resize(std::min(chosen.size(), (items_.size() + 1) / 2));
  // A set is only ever compared with what was measured beside it: what drifts then meets both.
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const auto needs_it = [&](std::size_t set) { return rests_on(items_[set], items_[i]); };
    const bool missing = std::ranges::find(chosen, i) == chosen.end();
    if (missing && std::ranges::any_of(chosen, needs_it)) chosen.push_back(i);
  }
  return chosen;
}

void MatrixBlocks::plan_round(const std::vector<std::size_t>& chosen) {
  struct Place {
    std::size_t item;
    int copy;  // of an item that comes more than once
  };
  std::vector<Place> places;
  for (const std::size_t i : chosen) {
    // Once all have enough, solo blocks are there for the sets' sake.
    const bool enough = options_.deadline && items_[i].blocks >= stats::kMinBlocks;
    const int copies = items_[i].is_solo() && !enough ? kSolosARound : 1;
    for (int copy = 0; copy < copies; ++copy) places.push_back({i, copy});
  }
  // A pair of rounds has one order, forwards and back.
  const auto pair = static_cast<std::uint64_t>((cycle_ - 1) / 2);
  std::ranges::sort(places, {}, [&](const Place& place) {
    return workload::scatter(workload::scatter(scenario_.seed + pair) + place.item * kSolosARound +
                             static_cast<std::uint64_t>(place.copy) + 1);
  });
  if (cycle_ % 2 == 0) std::ranges::reverse(places);
  const auto runs_absent = [&](const Place& place) {
    if (options_.others_absent) return true;
    return options_.first_solo_absent && cycle_ == 1 && place.copy == 0 &&
           items_[place.item].is_solo();
  };
  // Each of these is a start of its own, so they don't come between the others.
  if (!options_.others_absent) {
    std::stable_partition(places.begin(), places.end(), runs_absent);
  }
  int index = static_cast<int>(issued_);
  for (const Place& place : places) {
    ++items_[place.item].issued;
    round_.push_back(block_of(items_[place.item], runs_absent(place)));
    round_.back().index = ++index;
  }
  whole_round_ = round_;
}

Block MatrixBlocks::block_of(const Item& item, bool absent) const {
  Block block;
  block.cycle = cycle_;
  block.active = item.active;
  if (item.is_solo()) {
    block.phase = Phase::kSolo;
    block.neighbours = absent ? Neighbours::kAbsent : Neighbours::kParked;
  } else {
    block.phase = Phase::kShared;
  }
  if (!absent) {
    for (std::size_t i = 0; i < scenario_.agents.size(); ++i) {
      if (!std::ranges::binary_search(item.active, i)) block.parked.push_back(i);
    }
  }
  return block;
}

}  // namespace kts::runner
