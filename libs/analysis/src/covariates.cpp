// SPDX-License-Identifier: Apache-2.0
#include "covariates.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "kts/telemetry/dcgm.hpp"
#include "kts/telemetry/sources.hpp"

namespace kts::analysis {
namespace {

using telemetry::ColumnKind;

struct Sums {
  std::uint64_t readings = 0;
  double total = 0, min = 0, max = 0;

  void add(double value) {
    min = readings == 0 ? value : std::min(min, value);
    max = readings == 0 ? value : std::max(max, value);
    total += value;
    ++readings;
  }
  void add(const Sums& other) {
    min = readings == 0 ? other.min : std::min(min, other.min);
    max = readings == 0 ? other.max : std::max(max, other.max);
    total += other.total;
    readings += other.readings;
  }
};

struct PhaseSums {
  Phase phase = Phase::kSolo;
  std::string agent;
  // By process and column; the blocks in which there were any readings.
  std::map<std::pair<std::string, std::size_t>, std::pair<Sums, int>> sums;
};

double in_s(std::int64_t ns) { return static_cast<double>(ns) * 1e-9; }

std::int64_t shortest_of(const std::vector<BlockWindow>& blocks) {
  std::int64_t shortest = blocks.front().stop_ns - blocks.front().start_ns;
  for (const BlockWindow& block : blocks) {
    shortest = std::min(shortest, block.stop_ns - block.start_ns);
  }
  return shortest;
}

// Joins one source.
class Joiner {
 public:
  Joiner(const TelemetryTable& table, const std::vector<BlockWindow>& blocks, Summary& header)
      : table_(table), blocks_(blocks), header_(header) {}

  void join() {
    if (table_.malformed > 0) {
      header_.warnings.push_back(fmt::format("telemetry/{}.csv: {} malformed line{} left out",
                                             table_.source->name, table_.malformed,
                                             table_.malformed == 1 ? "" : "s"));
    }
    if (table_.rows.empty()) {
      if (table_.of_other_cards > 0) {
        lacks(fmt::format("the {} said nothing of the agents' card, only of others",
                          table_.source->title));
      }
      return;
    }
    // Runs of an older kts have them.
    if (table_.source->scope == "process" && header_.sharing == "mps") {
      return lacks(fmt::format("{}: {}", table_.source->title, telemetry::kFiguresOfMpsClients));
    }
    if (table_.source->renewed_elsewhere) {
      const auto renewal = table_.renewal_ns;
      if (!renewal || *renewal > shortest_of(blocks_)) {
        return lacks(fmt::format(
            "the {} renewed its values {}, blocks are {:.1f} s long; its environment variable "
            "DCGM_EXPORTER_INTERVAL (ms, 30000 by default) sets how often",
            table_.source->title,
            renewal ? fmt::format("every {:.1f} s", in_s(*renewal))
                    : std::string("less than twice"),
            in_s(shortest_of(blocks_))));
      }
    }
    for (const BlockWindow& block : blocks_) add(block);
    for (const PhaseSums& phase : phases_) append(phase);
    name_what_is_missing();
  }

 private:
  void lacks(const std::string& why) {
    if (!header_.covariates_missing.empty()) header_.covariates_missing += "; ";
    header_.covariates_missing += why;
  }
  [[nodiscard]] bool is_gauge(std::size_t column) const {
    return table_.source->columns[column].kind == ColumnKind::kGauge;
  }
  void add(const BlockWindow& block) {
    auto phase = std::ranges::find_if(phases_, [&](const PhaseSums& one) {
      return one.phase == block.phase && one.agent == block.agent;
    });
    if (phase == phases_.end()) {
      phases_.push_back({block.phase, block.agent, {}});
      phase = phases_.end() - 1;
    }
    std::map<std::pair<std::string, std::size_t>, Sums> sums;
    const auto first =
        std::ranges::lower_bound(table_.rows, block.start_ns, {}, &TelemetryRow::epoch_ns);
    for (auto row = first; row != table_.rows.end() && row->epoch_ns <= block.stop_ns; ++row) {
      // Whose use of the card it is must be known.
      if (table_.source->scope == "process" && row->agent.empty()) continue;
      for (std::size_t i = 0; i < row->values.size(); ++i) {
        if (!is_gauge(i) || !row->values[i]) continue;
        if (row->epoch_ns - table_.reach_ns(*row, i) < block.start_ns) continue;
        sums[{row->agent, i}].add(*row->values[i]);
      }
    }
    for (const auto& [key, one] : sums) {
      auto& [total, with_readings] = phase->sums[key];
      total.add(one);
      ++with_readings;
      header_.block_covariates.push_back({block.name, covariate(*phase, key, one, 1)});
    }
  }

  [[nodiscard]] Covariate covariate(const PhaseSums& phase,
                                    const std::pair<std::string, std::size_t>& key,
                                    const Sums& sums, int with_readings) const {
    Covariate out;
    out.source = table_.source->name;
    out.field = table_.source->columns[key.second].name;
    out.process = key.first;
    out.phase = phase.phase;
    out.agent = phase.agent;
    out.readings = sums.readings;
    out.blocks = with_readings;
    out.mean = sums.total / static_cast<double>(sums.readings);
    out.min = sums.min;
    out.max = sums.max;
    return out;
  }

  void append(const PhaseSums& phase) {
    for (const auto& [key, one] : phase.sums) {
      header_.covariates.push_back(covariate(phase, key, one.first, one.second));
    }
  }

  // Fields that were read, but never of a block alone.
  void name_what_is_missing() {
    std::vector<std::string_view> fields;
    for (std::size_t i = 0; i < table_.source->columns.size(); ++i) {
      const std::string_view field = table_.source->columns[i].name;
      const bool joined = std::ranges::any_of(header_.covariates, [&](const Covariate& one) {
        return one.source == table_.source->name && one.field == field;
      });
      const bool read = std::ranges::any_of(
          table_.rows, [&](const TelemetryRow& row) { return row.values[i].has_value(); });
      if (is_gauge(i) && read && !joined) fields.push_back(field);
    }
    if (fields.empty()) return;
    lacks(fmt::format("{}: no reading of {} is of a block alone; blocks are {:.1f} s long",
                      table_.source->title, fmt::join(fields, ", "), in_s(shortest_of(blocks_))));
  }

  const TelemetryTable& table_;
  const std::vector<BlockWindow>& blocks_;
  Summary& header_;
  std::vector<PhaseSums> phases_;
};

}  // namespace

Status read_covariates(const std::filesystem::path& run, const std::vector<BlockWindow>& blocks,
                       const std::string& card_uuid, Summary& header) {
  if (blocks.empty()) return {};
  std::map<std::string_view, TelemetryTable> tables;
  for (const telemetry::Source& source : telemetry::sources()) {
    Result<TelemetryTable> table = read_telemetry(run, source, card_uuid);
    if (!table && table.error().code == ErrorCode::kBadInput) {
      // The results don't rest on it.
      header.warnings.push_back(fmt::format("telemetry of {} left out: {}; {}", source.name,
                                            table.error().message, table.error().hint));
      tables[source.name].source = &source;
      continue;
    }
    if (!table) return tl::unexpected(std::move(table).error());
    Joiner(*table, blocks, header).join();
    tables.emplace(source.name, *std::move(table));
  }
  header.conditions =
      card_conditions(tables["nvml"], tables["nvml_counters"], tables["xid"], blocks);
  return {};
}

}  // namespace kts::analysis
