// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "kts/base/clock.hpp"

namespace kts::telemetry {

enum class ColumnKind {
  kKey,      // which card, which process, when
  kGauge,    // has a mean
  kCounter,  // only ever grows, until it wraps or the driver is loaded anew
  kBits,     // NVML's clock event reasons
  kSpan,     // ns before the reading that its gauges are a mean of
  kEnd,      // when that ended which gauges with a reach speak of; else at the reading
};

// A column of a source's CSV; its unit is in its name.
struct Column {
  std::string_view name;
  ColumnKind kind = ColumnKind::kGauge;
  // How long before the reading what a gauge speaks of may have been.
  Nanoseconds reach{0};
  int bits = 64;  // of a counter
};

// A source of telemetry: telemetry/<name>.csv, first column epoch_ns.
struct Source {
  std::string_view name;
  std::string_view title;
  std::string_view scope;  // "card" | "process"
  std::span<const Column> columns;
  // Its values are renewed at a pace of its own, and are of the time since.
  bool renewed_elsewhere = false;
};

// Why what the driver says of one process is left out there.
inline constexpr std::string_view kFiguresOfMpsClients =
    "under MPS the driver's figures are the server's";

[[nodiscard]] std::span<const Source> sources();
// nullptr: kts knows no such source.
[[nodiscard]] const Source* find_source(std::string_view name);
// With its newline.
[[nodiscard]] std::string csv_header(const Source& source);

}  // namespace kts::telemetry
