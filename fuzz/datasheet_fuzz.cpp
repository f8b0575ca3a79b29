// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/datasheet.hpp"
#include "kts/analysis/turns.hpp"
#include "kts/workload/probe.hpp"
#include "property.hpp"

// A data sheet, or the raw trace that one rests on.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto sheet = kts::analysis::parse_datasheet(text, "fuzz")) {
    const std::string again = kts::analysis::to_json(*sheet);
    const auto second = kts::analysis::parse_datasheet(again, "again");
    KTS_PROPERTY(second && kts::analysis::to_json(*second) == again);
  }
  if (const auto trace = kts::workload::parse_probe_trace(text, "fuzz")) {
    const std::string again = kts::workload::to_text(*trace);
    const auto second = kts::workload::parse_probe_trace(again, "again");
    KTS_PROPERTY(second && kts::workload::to_text(*second) == again);
    if (const auto spin = kts::analysis::spin_of(*trace)) {
      (void)kts::analysis::study_turns(std::vector{*spin, *spin}, 1.0);
    }
    (void)kts::analysis::event_view_of(*trace);
  }
  return 0;
}
