// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kts/kernel_trace/activity.hpp"
#include "property.hpp"

using namespace kts::kernel_trace;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto activity = parse_csv({reinterpret_cast<const char*>(data), size});
  if (!activity) return 0;
  KTS_PROPERTY(activity->start_ns >= 0 && activity->end_ns >= activity->start_ns);
  std::string row;
  append_csv(row, *activity);
  KTS_PROPERTY(row.find('\n') == row.size() - 1);
  const auto back = parse_csv(std::string_view(row).substr(0, row.size() - 1));
  KTS_PROPERTY(back);
  std::string again;
  append_csv(again, *back);
  KTS_PROPERTY(again == row);
  (void)readable_name(activity->name);
  return 0;
}
