// SPDX-License-Identifier: Apache-2.0
#include "kts/device/gpu.hpp"

#include <array>

namespace kts::device {
namespace {

tl::unexpected<Error> not_offered(std::string_view what) {
  return environment_lacks(std::string(what) + ": not offered by this source");
}

}  // namespace

Result<GpuCounters> GpuSource::counters(int /*index*/) { return not_offered("PCIe and ECC"); }
Result<std::optional<GpmSample>> GpuSource::gpm(int /*index*/) { return not_offered("GPM"); }
Result<std::vector<ProcessUse>> GpuSource::process_use(int /*index*/, std::int64_t /*since_us*/) {
  return not_offered("processes' utilisation");
}
Result<std::vector<std::uint64_t>> GpuSource::xid_errors(int /*index*/) {
  return not_offered("Xid errors");
}
std::map<std::string, std::string> GpuSource::refusals(int /*index*/) { return {}; }

// Bits as in the NVML API reference, "NvmlClocksEventReasons".
std::vector<std::string_view> throttle_names(std::uint64_t clock_event_reasons) {
  struct Reason {
    std::uint64_t bit;
    std::string_view name;
  };
  constexpr std::array kThrottling{
      Reason{0x04, "power cap"},
      Reason{0x08, "hardware slowdown"},
      Reason{0x20, "software thermal"},
      Reason{0x40, "hardware thermal"},
      Reason{0x80, "hardware power brake"},
  };
  std::vector<std::string_view> names;
  for (const Reason& reason : kThrottling) {
    if ((clock_event_reasons & reason.bit) != 0) names.push_back(reason.name);
  }
  return names;
}

}  // namespace kts::device
