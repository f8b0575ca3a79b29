// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/sources.hpp"

#include <algorithm>
#include <array>

#include "kts/telemetry/dcgm.hpp"

namespace kts::telemetry {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using enum ColumnKind;

// NVML's reference: utilisation is over 1/6 s to 1 s by card, power over 1 s from Ampere on.
constexpr std::array kNvml{
    Column{"epoch_ns", kKey},
    Column{"gpu", kKey},
    Column{"sm_clock_mhz"},
    Column{"memory_clock_mhz"},
    Column{"power_watts", kGauge, 1s},
    Column{"temperature_celsius"},
    Column{"clock_event_reasons", kBits},
    Column{"utilisation_percent", kGauge, 1s},
    Column{"memory_used_bytes"},
};
// PCIe's rates are of 20 ms each, one after the other.
constexpr std::array kNvmlCounters{
    Column{"epoch_ns", kKey},
    Column{"gpu", kKey},
    Column{"pcie_sent_kb_per_s", kGauge, 100ms},
    Column{"pcie_received_kb_per_s", kGauge, 100ms},
    Column{"pcie_replays", kCounter, 0s, 32},
    Column{"ecc_corrected", kCounter},
    Column{"ecc_uncorrected", kCounter},
};
constexpr std::array kGpm{
    Column{"epoch_ns", kKey},   Column{"gpu", kKey},    Column{"interval_ns", kSpan},
    Column{"graphics_percent"}, Column{"sm_percent"},   Column{"occupancy_percent"},
    Column{"tensor_percent"},   Column{"dram_percent"},
};
// The driver's periods are up to 1 s long; those that ended in the last 0.5 s of a process' use are
// averaged.
constexpr std::array kProcesses{
    Column{"epoch_ns", kKey},
    Column{"gpu", kKey},
    Column{"pid", kKey},
    Column{"agent", kKey},
    Column{"name", kKey},
    Column{"memory_bytes"},
    Column{"sm_percent", kGauge, 1500ms},
    Column{"memory_percent", kGauge, 1500ms},
    Column{"use_epoch_ns", kEnd},
};
constexpr std::array kXid{Column{"epoch_ns", kKey}, Column{"gpu", kKey}, Column{"xid", kKey}};

constexpr auto kDcgm = [] {
  std::array<Column, kDcgmFields.size() + 2> columns;
  columns[0] = {"epoch_ns", kKey};
  columns[1] = {"uuid", kKey};
  for (std::size_t i = 0; i < kDcgmFields.size(); ++i) columns[i + 2] = {kDcgmFields[i].column};
  return columns;
}();

constexpr std::array kSources{
    Source{"nvml", "NVML", "card", kNvml},
    Source{"gpm", "GPM", "card", kGpm},
    Source{"nvml_counters", "NVML's PCIe and ECC counters", "card", kNvmlCounters},
    Source{"processes", "NVML's processes", "process", kProcesses},
    Source{"xid", "Xid errors", "card", kXid},
    Source{"dcgm", "DCGM exporter", "card", kDcgm, true},
};

}  // namespace

std::span<const Source> sources() { return kSources; }

const Source* find_source(std::string_view name) {
  const auto* const found = std::ranges::find(kSources, name, &Source::name);
  return found == kSources.end() ? nullptr : found;
}

std::string csv_header(const Source& source) {
  std::string line;
  for (const Column& column : source.columns) {
    if (!line.empty()) line += ',';
    line += column.name;
  }
  return line + "\n";
}

}  // namespace kts::telemetry
