// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "format.hpp"
#include "kts/base/text.hpp"
#include "kts/report/cluster.hpp"
#include "painter.hpp"

namespace kts::report {

std::string plan_text(const cluster::Plan& plan) {
  std::string out = printable(plan.title) + "\n";
  int number = 0;
  for (const cluster::Step& step : plan.steps) {
    const std::string mark = fmt::format("{:>2}. ", ++number);
    out += mark + wrapped(printable(step.what), "    ", 4);
    std::string_view rest = step.detail;
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      if (end > 0) out += "      " + printable(std::string(rest.substr(0, end)));
      out += '\n';
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  for (const std::string& note : plan.notes) {
    out += "note: " + wrapped(printable(note), "      ", 6);
  }
  return out;
}

}  // namespace kts::report
