// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace kts::telemetry {

// One sample of Prometheus' text format.
struct MetricSample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};
// `line` without its newline. nullopt for comments, empty lines, what isn't in the format, and
// values that are no number. A time stamp behind the value is left alone.
[[nodiscard]] std::optional<MetricSample> parse_metric(std::string_view line);

}  // namespace kts::telemetry
