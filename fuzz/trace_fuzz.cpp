// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>

#include "kts/workload/arrival.hpp"
#include "property.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kts::workload;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto whole = parse_trace(text, "fuzz.csv");
  if (!whole) {
    KTS_PROPERTY(kts::to_line(whole.error()).find('\n') == std::string::npos);
    return 0;
  }
  for (std::size_t i = 1; i < whole->rows.size(); ++i) {
    KTS_PROPERTY(whole->rows[i - 1].at_ns <= whole->rows[i].at_ns);
  }
  ArrivalSpec spec;
  spec.process = ArrivalProcess::kTrace;
  spec.trace.file = "fuzz.csv";
  spec.trace.scale = 3;
  auto trace = select_stretch(*std::move(whole), spec.trace);
  if (!trace) return 0;
  limit_context(*trace, 2048);
  ArrivalSchedule schedule(spec, size, &*trace);
  for (int i = 0; i < 100; ++i) {
    const auto arrival = schedule.next();
    KTS_PROPERTY(arrival && arrival->gap.count() >= 0);
    KTS_PROPERTY(arrival->shape.input_tokens > 0 && arrival->shape.output_tokens > 0);
    KTS_PROPERTY(arrival->shape.input_tokens + arrival->shape.output_tokens <= 2048);
  }
  return 0;
}
