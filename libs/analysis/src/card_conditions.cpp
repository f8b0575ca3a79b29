// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "covariates.hpp"
#include "kts/device/gpu.hpp"

namespace kts::analysis {
namespace {

constexpr double kLargestClockDifference = 0.02;
constexpr double kLargestPowerDrift = 0.1;
constexpr double kLargestTemperatureDrift = 5;  // K
constexpr std::size_t kBlocksForADrift = 3;

std::size_t column_of(const TelemetryTable& table, std::string_view name) {
  const auto columns = table.source->columns;
  return static_cast<std::size_t>(std::ranges::find(columns, name, &telemetry::Column::name) -
                                  columns.begin());
}

std::optional<double> median_of(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// What a card's readings said, block by block.
class Card {
 public:
  Card(const TelemetryTable& nvml, const std::vector<BlockWindow>& blocks, std::string card)
      : blocks_(blocks), title_(fmt::format("GPU {}", card)) {
    const std::size_t clock = column_of(nvml, "sm_clock_mhz");
    const std::size_t power = column_of(nvml, "power_watts");
    const std::size_t temperature = column_of(nvml, "temperature_celsius");
    const std::size_t bits = column_of(nvml, "clock_event_reasons");
    clock_.resize(blocks.size());
    power_.resize(blocks.size());
    temperature_.resize(blocks.size());
    for (const TelemetryRow& row : nvml.rows) {
      if (row.card != card) continue;
      const auto block = std::ranges::find_if(blocks, [&](const BlockWindow& one) {
        return row.epoch_ns >= one.start_ns && row.epoch_ns < one.stop_ns;
      });
      if (block == blocks.end()) continue;
      const auto at = static_cast<std::size_t>(block - blocks.begin());
      ++readings_[block->phase];
      if (row.values[clock]) clock_[at].push_back(*row.values[clock]);
      if (row.values[temperature]) temperature_[at].push_back(*row.values[temperature]);
      // It is a mean over up to the second before.
      if (row.values[power] &&
          row.epoch_ns - nvml.source->columns[power].reach.count() >= block->start_ns) {
        power_[at].push_back(*row.values[power]);
      }
      const auto reasons = static_cast<std::uint64_t>(row.values[bits].value_or(0));
      if (device::throttle_names(reasons).empty()) continue;
      ++throttled_[block->phase];
      reasons_ |= reasons;
    }
  }

  void tell(std::vector<std::string>& sentences) {
    if (!throttled_.empty()) {
      sentences.push_back(fmt::format(
          "{} throttled: its clocks were held down in {} of {} readings in solo and {} of {} in "
          "shared blocks ({})",
          title_, throttled_[Phase::kSolo], readings_[Phase::kSolo], throttled_[Phase::kShared],
          readings_[Phase::kShared], fmt::join(device::throttle_names(reasons_), ", ")));
    }
    const auto solo = median_of(all_of(clock_, Phase::kSolo));
    const auto shared = median_of(all_of(clock_, Phase::kShared));
    if (solo && shared && *solo > 0 && std::abs(*shared / *solo - 1) > kLargestClockDifference) {
      sentences.push_back(fmt::format(
          "{}: the median SM clock was {:.0f} MHz in solo and {:.0f} MHz in shared blocks; part of "
          "the difference between them may be the clock's",
          title_, *solo, *shared));
    }
    tell_drift("SM clock", "MHz", clock_, sentences, [](double from, double to) {
      return from > 0 && std::abs(to / from - 1) > kLargestClockDifference;
    });
    tell_drift("temperature", "°C", temperature_, sentences, [](double from, double to) {
      return std::abs(to - from) > kLargestTemperatureDrift;
    });
    tell_drift("power", "W", power_, sentences, [](double from, double to) {
      return from > 0 && std::abs(to / from - 1) > kLargestPowerDrift;
    });
  }

 private:
  using ByBlock = std::vector<std::vector<double>>;

  [[nodiscard]] std::vector<double> all_of(const ByBlock& values, Phase phase) const {
    std::vector<double> all;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (blocks_[i].phase == phase) all.insert(all.end(), values[i].begin(), values[i].end());
    }
    return all;
  }

  // The means of the first and the last third of a phase's blocks; the phase that moved most.
  template <typename Drifted>
  void tell_drift(std::string_view what, std::string_view unit, const ByBlock& values,
                  std::vector<std::string>& sentences, Drifted drifted) const {
    std::map<std::string, std::vector<double>> phases;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i].empty()) phases[blocks_[i].label].push_back(mean_of(values[i]));
    }
    std::string worst;
    double from = 0;
    double to = 0;
    for (const auto& [phase, means] : phases) {
      if (means.size() < kBlocksForADrift) continue;
      const auto third = static_cast<std::ptrdiff_t>(means.size() / 3);
      const double first = mean_of({means.begin(), means.begin() + third});
      const double last = mean_of({means.end() - third, means.end()});
      if (!drifted(first, last) || std::abs(last - first) <= std::abs(to - from)) continue;
      worst = phase;
      from = first;
      to = last;
    }
    if (worst.empty()) return;
    sentences.push_back(
        fmt::format("{}: its {} drifted from {:.0f} to {:.0f} {} between the first and the last "
                    "third of the {} blocks",
                    title_, what, from, to, unit, worst));
  }

  const std::vector<BlockWindow>& blocks_;
  std::string title_;
  ByBlock clock_, power_, temperature_;
  std::map<Phase, std::size_t> readings_, throttled_;
  std::uint64_t reasons_ = 0;
};

// How much a counter grew from reading to reading. A counter that wraps goes on; one that begins
// anew, with a driver that was loaded anew, counts from there.
double growth_of(const TelemetryTable& table, std::size_t column, const std::string& card) {
  const int bits = table.source->columns[column].bits;
  std::optional<double> last;
  double growth = 0;
  for (const TelemetryRow& row : table.rows) {
    if (row.card != card || !row.values[column]) continue;
    const double now = *row.values[column];
    if (last && now >= *last) growth += now - *last;
    if (last && now < *last) {
      const double whole = std::ldexp(1.0, bits);
      const bool wrapped = *last > whole / 2 && now < whole / 2;
      growth += wrapped ? whole - *last + now : now;
    }
    last = now;
  }
  return growth;
}

std::set<std::string> cards_of(const TelemetryTable& table) {
  std::set<std::string> cards;
  for (const TelemetryRow& row : table.rows) cards.insert(row.card);
  return cards;
}

}  // namespace

std::vector<std::string> card_conditions(const TelemetryTable& nvml, const TelemetryTable& counters,
                                         const TelemetryTable& xid,
                                         const std::vector<BlockWindow>& blocks) {
  std::vector<std::string> sentences;
  for (const std::string& card : cards_of(nvml)) Card(nvml, blocks, card).tell(sentences);
  for (const std::string& card : cards_of(counters)) {
    for (const auto& [field, what] : {std::pair("ecc_uncorrected", "uncorrected ECC errors"),
                                      std::pair("ecc_corrected", "corrected ECC errors"),
                                      std::pair("pcie_replays", "replays on PCIe")}) {
      const double growth = growth_of(counters, column_of(counters, field), card);
      if (growth > 0)
        sentences.push_back(fmt::format("GPU {}: {:.0f} {} during the run", card, growth, what));
    }
  }
  for (const std::string& card : cards_of(xid)) {
    std::set<std::int64_t> errors;
    std::size_t count = 0;
    for (const TelemetryRow& row : xid.rows) {
      const auto& value = row.values[column_of(xid, "xid")];
      if (row.card != card || !value) continue;
      errors.insert(static_cast<std::int64_t>(*value));
      ++count;
    }
    if (count > 0) {
      sentences.push_back(fmt::format("GPU {}: {} Xid error{} during the run ({}); see dmesg", card,
                                      count, count == 1 ? "" : "s", fmt::join(errors, ", ")));
    }
  }
  return sentences;
}

}  // namespace kts::analysis
