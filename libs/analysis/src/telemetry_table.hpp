// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/telemetry/sources.hpp"

namespace kts::analysis {

struct TelemetryRow {
  std::int64_t epoch_ns = 0;
  std::string card;                           // the driver's index, or a UUID
  std::string agent;                          // of sources that tell of processes
  std::vector<std::optional<double>> values;  // by the source's columns; keys have none
};

// All that a source said in a run, in the order of time.
struct TelemetryTable {
  const telemetry::Source* source = nullptr;
  std::vector<TelemetryRow> rows;
  std::size_t malformed = 0;
  std::size_t of_other_cards = 0;
  // The median time between two changes of what it says, if there were two.
  std::optional<std::int64_t> renewal_ns;

  // How long before the row what a column says may have been.
  [[nodiscard]] std::int64_t reach_ns(const TelemetryRow& row, std::size_t column) const;
};

// telemetry/<source>.csv and the files of later parts of the run; no rows where there are none.
// Columns are known by their names: an older kts wrote fewer. Rows that name the UUID of another
// card than `card_uuid` are counted and left out.
[[nodiscard]] Result<TelemetryTable> read_telemetry(const std::filesystem::path& run,
                                                    const telemetry::Source& source,
                                                    const std::string& card_uuid);

}  // namespace kts::analysis
