// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/engine.hpp"

#include <algorithm>

namespace kts::workload {

RequestShape fitted(const RequestShape& shape, const WorkloadSpec& request) {
  const std::int64_t room = request.number("max_context");
  const auto given_or = [](std::int64_t given, std::int64_t usual) {
    return given > 0 ? given : usual;
  };
  const std::int64_t input =
      std::min(given_or(shape.input_tokens, request.number("input")), room - 1);
  const std::int64_t output = given_or(shape.output_tokens, request.number("output"));
  return {input, std::min(output, room - input)};
}

}  // namespace kts::workload
