// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/traces.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "kts/base/files.hpp"

namespace kts::runner {

Status bring_traces(scenario::Scenario& scenario, const std::filesystem::path& folder) {
  std::map<std::string, std::string> copies;  // by source
  std::set<std::string> taken;
  for (scenario::AgentSpec& agent : scenario.agents) {
    std::string& file = agent.arrival.trace.file;
    if (agent.arrival.process != workload::ArrivalProcess::kTrace) continue;
    const auto known = copies.find(file);
    if (known != copies.end()) {
      file = known->second;
      continue;
    }
    const std::string base = std::filesystem::path(file).filename().string();
    const std::string name =
        taken.insert(base).second ? base : fmt::format("{}-{}", agent.name, base);
    taken.insert(name);
    KTS_TRY(const std::string bytes, read_file(file));
    KTS_CHECK_OK(make_directories(folder / "traces"));
    KTS_CHECK_OK(write_file(folder / "traces" / name, bytes));
    file = copies[file] = fmt::format("traces/{}", name);
  }
  return {};
}

}  // namespace kts::runner
