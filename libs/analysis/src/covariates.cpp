// SPDX-License-Identifier: Apache-2.0
#include "covariates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/telemetry/dcgm.hpp"

namespace kts::analysis {
namespace {

constexpr std::size_t kFields = telemetry::kDcgmFields.size();

struct Reading {
  std::int64_t epoch_ns = 0;
  telemetry::DcgmReading values;
};

struct Readings {
  std::vector<Reading> of_card;
  std::size_t malformed = 0, of_other_cards = 0;
};

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const auto comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

std::optional<std::pair<std::string_view, Reading>> parse_row(std::string_view line) {
  const auto cells = split(line);
  if (cells.size() != kFields + 2) return std::nullopt;
  const auto instant = parse_int64(cells[0]);
  if (!instant) return std::nullopt;
  Reading reading{*instant, {}};
  for (std::size_t i = 0; i < kFields; ++i) {
    if (cells[i + 2].empty()) continue;
    const auto value = parse_double(cells[i + 2]);
    if (!value) return std::nullopt;
    reading.values.values[i] = *value;
  }
  return std::pair(cells[1], reading);
}

Result<Readings> read_csv(const std::filesystem::path& path, const std::string& card) {
  KTS_TRY(const std::string text, read_file(path));
  std::string_view rest = text;
  Readings out;
  bool first = true;
  while (!rest.empty()) {
    const auto newline = rest.find('\n');
    const std::string_view line = rest.substr(0, newline);
    rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
    if (std::exchange(first, false)) {
      const std::string head = telemetry::dcgm_csv_header();
      if (line == std::string_view(head).substr(0, head.size() - 1)) continue;
      return bad_input("its columns are not those that kts run writes",
                       "restore the file, or remove it", path.string());
    }
    auto row = parse_row(line);
    if (!row) {
      ++out.malformed;
    } else if (!card.empty() && row->first != card) {
      ++out.of_other_cards;
    } else {
      out.of_card.push_back(row->second);
    }
  }
  return out;
}

std::optional<Nanoseconds> renewal_of(const std::vector<Reading>& readings) {
  telemetry::RenewalRate rate;
  for (const Reading& reading : readings) {
    rate.see(MonotonicTime(Nanoseconds(reading.epoch_ns)), reading.values);
  }
  return rate.interval();
}

class PhaseMeans {
 public:
  PhaseMeans(Phase phase, std::string agent) : phase_(phase), agent_(std::move(agent)) {}

  [[nodiscard]] bool is_of(const BlockWindow& block) const {
    return block.phase == phase_ && block.agent == agent_;
  }
  void add(const std::vector<const Reading*>& of_block) {
    for (std::size_t i = 0; i < kFields; ++i) {
      Sums& sums = sums_[i];
      bool any = false;
      for (const Reading* reading : of_block) {
        const auto& value = reading->values.values[i];
        if (!value) continue;
        sums.min = sums.readings == 0 ? *value : std::min(sums.min, *value);
        sums.max = sums.readings == 0 ? *value : std::max(sums.max, *value);
        sums.total += *value;
        ++sums.readings;
        any = true;
      }
      if (any) ++sums.blocks;
    }
  }
  void append_to(std::vector<Covariate>& out) const {
    for (std::size_t i = 0; i < kFields; ++i) {
      const Sums& sums = sums_[i];
      if (sums.readings == 0) continue;
      out.push_back({"dcgm", std::string(telemetry::kDcgmFields[i].column), phase_, agent_,
                     sums.readings, sums.blocks, sums.total / static_cast<double>(sums.readings),
                     sums.min, sums.max});
    }
  }

 private:
  struct Sums {
    std::uint64_t readings = 0;
    int blocks = 0;
    double total = 0, min = 0, max = 0;
  };
  Phase phase_;
  std::string agent_;
  std::array<Sums, kFields> sums_;
};

}  // namespace

Status read_covariates(const std::filesystem::path& run, const std::vector<BlockWindow>& blocks,
                       const std::string& card_uuid, Summary& header) {
  const std::filesystem::path path = run / "telemetry" / "dcgm.csv";
  std::error_code ec;
  if (!std::filesystem::exists(path, ec) || blocks.empty()) return {};
  KTS_TRY(const Readings readings, read_csv(path, card_uuid));
  if (readings.malformed > 0) {
    header.warnings.push_back(fmt::format("telemetry/dcgm.csv: {} malformed line{} left out",
                                          readings.malformed, readings.malformed == 1 ? "" : "s"));
  }
  if (readings.of_card.empty()) {
    header.covariates_missing = fmt::format("the DCGM exporter said nothing of the agents' card{}",
                                            readings.of_other_cards > 0 ? ", only of others" : "");
    return {};
  }
  std::int64_t shortest = blocks.front().stop_ns - blocks.front().start_ns;
  for (const BlockWindow& block : blocks) {
    shortest = std::min(shortest, block.stop_ns - block.start_ns);
  }
  const auto renewal = renewal_of(readings.of_card);
  if (!renewal || renewal->count() > shortest) {
    header.covariates_missing = fmt::format(
        "the DCGM exporter renewed its values {}, blocks are {:.1f} s long; its environment "
        "variable DCGM_EXPORTER_INTERVAL (ms, 30000 by default) sets how often",
        renewal ? fmt::format("every {:.1f} s", static_cast<double>(renewal->count()) * 1e-9)
                : std::string("less than twice"),
        static_cast<double>(shortest) * 1e-9);
    return {};
  }
  std::vector<PhaseMeans> phases;
  for (const BlockWindow& block : blocks) {
    std::vector<const Reading*> inside;
    // What was read earlier may be of the time before the block.
    for (const Reading& reading : readings.of_card) {
      if (reading.epoch_ns >= block.start_ns + renewal->count() &&
          reading.epoch_ns <= block.stop_ns) {
        inside.push_back(&reading);
      }
    }
    auto found = std::ranges::find_if(phases, [&](const auto& one) { return one.is_of(block); });
    if (found == phases.end()) {
      phases.emplace_back(block.phase, block.agent);
      found = phases.end() - 1;
    }
    found->add(inside);
  }
  for (const PhaseMeans& phase : phases) phase.append_to(header.covariates);
  if (header.covariates.empty()) {
    header.covariates_missing = "no reading of the DCGM exporter fell into a block";
  }
  return {};
}

}  // namespace kts::analysis
