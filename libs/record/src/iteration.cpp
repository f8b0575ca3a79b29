// SPDX-License-Identifier: Apache-2.0
#include "kts/record/iteration.hpp"

#include <algorithm>
#include <array>

namespace kts::record {
namespace {

constexpr std::array kCatalogue{
    MeasureInfo{Measure::kLatency, "latency", "done - due",
                "Everything the caller waits for, from the instant the iteration was due."},
    MeasureInfo{Measure::kBacklog, "backlog", "submit - due",
                "Waiting in the agent's own queue, before the agent turns to the iteration."},
    MeasureInfo{Measure::kGpuWait, "gpu_wait", "gpu_start - submit",
                "Launch cost and waiting for the device to begin the work."},
    MeasureInfo{Measure::kGpuTime, "gpu_time", "gpu_end - gpu_start",
                "From the work's first to its last instant on the device, switched-out time "
                "included."},
    MeasureInfo{Measure::kNotify, "notify", "done - gpu_end",
                "From the device's completion until the caller has the result."},
    MeasureInfo{Measure::kTtft, "ttft", "first_token - due",
                "Time to first token: what the caller of an LLM request waits for its first output "
                "token."},
    MeasureInfo{Measure::kItl, "itl", "token - previous token",
                "Inter-token latency: the gap between two consecutive output tokens of a request, "
                "over all requests."},
};

constexpr bool catalogue_follows_enum() {
  for (std::size_t i = 0; i < kCatalogue.size(); ++i) {
    if (kCatalogue[i].measure != kMeasures[i] || static_cast<std::size_t>(kMeasures[i]) != i) {
      return false;
    }
  }
  return kCatalogue.size() == kMeasures.size();
}
static_assert(catalogue_follows_enum());

}  // namespace

const MeasureInfo& info(Measure measure) { return kCatalogue[static_cast<std::size_t>(measure)]; }

std::optional<Measure> measure_from_name(std::string_view name) {
  const auto* found = std::find_if(kCatalogue.begin(), kCatalogue.end(),
                                   [&](const MeasureInfo& entry) { return entry.name == name; });
  if (found == kCatalogue.end()) return std::nullopt;
  return found->measure;
}

}  // namespace kts::record
