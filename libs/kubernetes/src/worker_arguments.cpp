// SPDX-License-Identifier: Apache-2.0
#include "worker_arguments.hpp"

#include <fmt/format.h>

#include "kts/device/cpu.hpp"
#include "kts/runner/cores.hpp"
#include "kts/runner/local_run.hpp"

namespace kts::kubernetes {

std::string sync_of(const scenario::Scenario& scenario, const std::vector<int>& cores) {
  const bool on_gpu = runner::device_kind(scenario.device) == "cuda";
  if (scenario.sync != "auto") return scenario.sync;
  if (!on_gpu || cores.empty()) return "block";
  return runner::assign_cores(cores, /*cpu_device=*/false, scenario.agents.size(), "auto").sync;
}

std::vector<std::string> worker_arguments(const scenario::Scenario& scenario, std::size_t place,
                                          const std::vector<int>& cores) {
  const scenario::AgentSpec& agent = scenario.agents[place];
  std::vector<std::string> words = arguments_of(agent.workload);
  const auto flag = [&words](const char* name, const auto& value) {
    words.emplace_back(name);
    words.push_back(fmt::format("{}", value));
  };
  flag("--agent", agent.name);
  for (std::string& word : workload::arguments_of(agent.arrival)) words.push_back(std::move(word));
  flag("--in-flight", agent.in_flight);
  flag("--seed", agent.seed);
  flag("--sync", sync_of(scenario, cores));
  flag("--device", scenario.device);
  flag("--threads", agent.threads);
  if (runner::device_kind(scenario.device) == "cpu") {
    if (cores.empty()) {
      flag("--device-core", 0);
    } else {
      const auto plan =
          runner::assign_cores(cores, /*cpu_device=*/true, scenario.agents.size(), "block");
      flag("--device-core", *plan.device_core);
      flag("--host-cores", device::format_cores(plan.host_cores[place]));
    }
  }
  flag("--sharing", scenario.sharing);
  return words;
}

}  // namespace kts::kubernetes
