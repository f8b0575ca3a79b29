// SPDX-License-Identifier: Apache-2.0
#include "ranked.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "draws.hpp"
#include "kts/stats/interval.hpp"
#include "kts/stats/quantile.hpp"

namespace kts::analysis {
namespace {

constexpr int kDraws = 400;
constexpr std::size_t kSampledLatencies = std::size_t{1} << 18;

// Narrow where windows end.
std::vector<double> bin_ranks() {
  struct Stretch {
    double to, step;
  };
  std::vector<double> ranks;
  double rank = 0;
  for (const Stretch& stretch :
       {Stretch{0.40, 0.02}, Stretch{0.47, 0.005}, Stretch{0.53, 0.0005}, Stretch{0.60, 0.005},
        Stretch{0.88, 0.02}, Stretch{0.98, 0.001}, Stretch{1.0, 0.00025}}) {
    while (rank + stretch.step / 2 < stretch.to) ranks.push_back(rank += stretch.step);
  }
  ranks.pop_back();  // the last bin is open
  return ranks;
}

// Mean and variance of what is drawn, in one pass (Welford).
class Moments {
 public:
  void add(double value) {
    ++n_;
    const double from = value - mean_;
    mean_ += from / n_;
    squares_ += from * (value - mean_);
  }
  [[nodiscard]] std::optional<double> variance() const {
    if (n_ < kDraws / 2) return std::nullopt;
    return squares_ / (n_ - 1);
  }

 private:
  int n_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

}  // namespace

RankedSums::RankedSums(const Group& group, std::vector<Distribution::Bounds> windows,
                       std::size_t columns)
    : windows_(std::move(windows)), columns_(columns) {
  std::size_t all = 0;
  for (const AgentBlock* block : group.blocks) all += block->latency.size();
  const std::size_t step = all / kSampledLatencies + 1;
  std::vector<std::int64_t> latencies;
  latencies.reserve(all / step + group.blocks.size());
  for (const AgentBlock* block : group.blocks) {
    for (std::size_t i = 0; i < block->latency.size(); i += step) {
      if (block->latency[i] != record::kUnavailable) {
        latencies.push_back(block->latency[i]);
      }
    }
  }
  if (!latencies.empty()) {
    stats::QuantileSelector<std::int64_t> selector(latencies);
    for (const double rank : bin_ranks()) {
      const auto place = static_cast<std::size_t>(rank * static_cast<double>(latencies.size()));
      edges_ns_.push_back(selector.order_statistic(std::min(place, latencies.size() - 1)));
    }
    edges_ns_.erase(std::unique(edges_ns_.begin(), edges_ns_.end()), edges_ns_.end());
    first_edge_.assign(Cells::kBins + 1, 0);
    for (const std::int64_t edge : edges_ns_) ++first_edge_[cell_of(edge) + 1];
    std::partial_sum(first_edge_.begin(), first_edge_.end(), first_edge_.begin());
  }
  const std::size_t bins = edges_ns_.size() + 1;
  blocks_.resize(group.blocks.size());
  const auto make_room = [&](Sums& sums, std::size_t stretches) {
    sums.ns.assign(stretches * columns_, 0);
    sums.missing.assign(stretches * columns_, 0);
  };
  for (Block& block : blocks_) {
    block.counts.assign(bins, 0);
    make_room(block.sums, bins);
    block.in_window.assign(1 + windows_.size(), 0);
    make_room(block.exact, 1 + windows_.size());
  }
}

std::size_t RankedSums::cell_of(std::int64_t latency_ns) const {
  return Cells::bin_of(static_cast<std::uint64_t>(latency_ns) -
                       static_cast<std::uint64_t>(edges_ns_.front()));
}

std::size_t RankedSums::bin_of(std::int64_t latency_ns) const {
  if (edges_ns_.empty() || latency_ns < edges_ns_.front()) return 0;
  const std::uint32_t* first = &first_edge_[cell_of(latency_ns)];
  const std::int64_t* edges = edges_ns_.data();
  return static_cast<std::size_t>(std::upper_bound(edges + first[0], edges + first[1], latency_ns) -
                                  edges);
}

void RankedSums::add(std::size_t block_index, std::int64_t latency, std::span<const double> ns) {
  Block& block = blocks_[block_index];
  const auto latency_ns = static_cast<double>(latency);
  const std::size_t bin = bin_of(latency);
  ++block.counts[bin];
  block.latency += latency_ns;
  const auto add_to = [&](Sums& sums, std::size_t stretch) {
    double* sum = &sums.ns[stretch * columns_];
    std::uint32_t* missing = &sums.missing[stretch * columns_];
    for (std::size_t c = 0; c < columns_; ++c) {
      if (std::isnan(ns[c])) {
        ++missing[c];
      } else {
        sum[c] += ns[c];
      }
    }
  };
  add_to(block.sums, bin);
  for (std::size_t w = 0; w <= windows_.size(); ++w) {
    if (w > 0 && !(latency_ns >= windows_[w - 1].low_ns && latency_ns <= windows_[w - 1].high_ns)) {
      continue;
    }
    ++block.in_window[w];
    add_to(block.exact, w);
  }
}

std::vector<RankedWindow> RankedSums::windows(std::uint64_t least) const {
  std::vector<RankedWindow> result(1 + windows_.size());
  for (std::size_t w = 0; w < result.size(); ++w) {
    result[w].columns.resize(columns_);
    for (const Block& block : blocks_) result[w].n += block.in_window[w];
    for (std::size_t c = 0; c < columns_; ++c) {
      double ns = 0;
      std::uint64_t n = 0;
      for (const Block& block : blocks_) {
        ns += block.exact.ns[w * columns_ + c];
        n += block.in_window[w] - block.exact.missing[w * columns_ + c];
      }
      if (n >= (w == 0 ? 1 : least)) result[w].columns[c].ms = ns / static_cast<double>(n) / 1e6;
    }
  }
  draw(result);
  return result;
}

void RankedSums::draw(std::vector<RankedWindow>& result) const {
  std::vector<const Block*> blocks;
  for (const Block& block : blocks_) {
    if (block.in_window[0] > 0) blocks.push_back(&block);
  }
  const std::size_t count = blocks.size();
  if (count < static_cast<std::size_t>(stats::kMinBlocks)) return;
  const std::size_t bins = edges_ns_.size() + 1;
  std::vector<std::vector<Moments>> spreads(result.size(), std::vector<Moments>(columns_ + 2));
  std::vector<std::size_t> filled;  // columns in which there is anything
  for (std::size_t c = 0; c < columns_; ++c) {
    if (result.front().columns[c].ms) filled.push_back(c);
  }
  Draws draws(0x6b7473);  // "kts"
  std::vector<double> times(count);
  std::vector<double> weight(bins);
  std::vector<double> ns(columns_);
  std::vector<double> n(columns_);
  const auto gather = [&](std::size_t bin, double share) {
    for (std::size_t b = 0; b < count; ++b) {
      if (times[b] == 0) continue;
      const double* sum = &blocks[b]->sums.ns[bin * columns_];
      const std::uint32_t* missing = &blocks[b]->sums.missing[bin * columns_];
      for (const std::size_t c : filled) {
        ns[c] += share * times[b] * sum[c];
        n[c] += share * times[b] * (blocks[b]->counts[bin] - missing[c]);
      }
    }
  };
  // What the gathered sums say of one window; `latency` is the quantile, or the mean.
  const auto keep = [&](std::size_t w, std::optional<double> latency_ns) {
    double parts = 0;
    bool has_part = false;
    for (std::size_t c = 0; c < columns_; ++c) {
      if (!(n[c] > 0)) continue;
      const double mean = ns[c] / n[c];
      spreads[w][c].add(mean / 1e6);
      if (c < kParts) {
        parts += mean;
        has_part = true;
      }
    }
    if (latency_ns) spreads[w][columns_ + 1].add(*latency_ns / 1e6);
    if (latency_ns && has_part) spreads[w][columns_].add((*latency_ns - parts) / 1e6);
  };
  for (int drawn = 0; drawn < kDraws; ++drawn) {
    std::ranges::fill(times, 0);
    for (std::size_t b = 0; b < count; ++b) times[draws.below(count)] += 1;
    double all = 0;
    double latency = 0;
    std::ranges::fill(weight, 0);
    for (std::size_t b = 0; b < count; ++b) {
      if (times[b] == 0) continue;
      for (std::size_t bin = 0; bin < bins; ++bin) weight[bin] += times[b] * blocks[b]->counts[bin];
      all += times[b] * static_cast<double>(blocks[b]->in_window[0]);
      latency += times[b] * blocks[b]->latency;
    }
    std::ranges::fill(ns, 0);
    std::ranges::fill(n, 0);
    for (std::size_t b = 0; b < count; ++b) {
      for (std::size_t c = 0; c < columns_; ++c) {
        ns[c] += times[b] * blocks[b]->exact.ns[c];
        n[c] +=
            times[b] * static_cast<double>(blocks[b]->in_window[0] - blocks[b]->exact.missing[c]);
      }
    }
    keep(0, latency / all);
    for (std::size_t w = 1; w < result.size(); ++w) {
      const RankWindow& window = kRankWindows[w - 1];
      const double low = (window.quantile - window.reach) * all;
      const double high = (window.quantile + window.reach) * all;
      const double middle = window.quantile * all;
      std::optional<double> quantile;
      std::ranges::fill(ns, 0);
      std::ranges::fill(n, 0);
      double below = 0;
      for (std::size_t bin = 0; bin < bins && below < high; ++bin) {
        const double above = below + weight[bin];
        const double inside = std::min(above, high) - std::max(below, low);
        if (inside > 0) gather(bin, inside / weight[bin]);
        if (!quantile && weight[bin] > 0 && middle < above) {
          const bool bounded = bin > 0 && bin < edges_ns_.size();
          const double share = (middle - below) / weight[bin];
          if (bounded) {
            const auto low_ns = static_cast<double>(edges_ns_[bin - 1]);
            quantile = low_ns + share * (static_cast<double>(edges_ns_[bin]) - low_ns);
          }
        }
        below = above;
      }
      keep(w, quantile);
    }
  }
  // A bootstrap's variance is that of B blocks divided by B, not by B - 1.
  const double correction = static_cast<double>(count) / static_cast<double>(count - 1);
  for (std::size_t w = 0; w < result.size(); ++w) {
    for (std::size_t c = 0; c < columns_; ++c) {
      if (!result[w].columns[c].ms) continue;
      if (const auto variance = spreads[w][c].variance()) {
        result[w].columns[c].variance = *variance * correction;
      }
    }
    if (const auto variance = spreads[w][columns_].variance()) {
      result[w].residue_variance = *variance * correction;
    }
    if (const auto variance = spreads[w][columns_ + 1].variance()) {
      result[w].latency_variance = *variance * correction;
    }
  }
}

}  // namespace kts::analysis
