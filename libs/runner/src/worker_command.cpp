// SPDX-License-Identifier: Apache-2.0
#include "worker_command.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

namespace kts::runner {

process::Command worker_command(const LocalRun& run, std::size_t place, const CorePlan& cores,
                                EpochOffset offset) {
  const scenario::Scenario& scenario = run.scenario;
  const scenario::AgentSpec& agent = scenario.agents[place];
  process::Command command;
  std::vector<std::string>& argv = command.argv;
  argv.push_back(run.worker.string());
  argv.insert(argv.end(), run.worker_prefix.begin(), run.worker_prefix.end());
  const auto flag = [&argv](const char* name, const auto& value) {
    argv.emplace_back(name);
    argv.push_back(fmt::format("{}", value));
  };
  const auto workload = arguments_of(agent.workload);
  argv.insert(argv.end(), workload.begin(), workload.end());
  argv.emplace_back("--controlled");
  flag("--agent", agent.name);
  workload::ArrivalSpec arrival = agent.arrival;
  // Of the copy in the folder; the worker may be started elsewhere.
  if (!arrival.trace.file.empty()) {
    arrival.trace.file = std::filesystem::absolute(run.folder / arrival.trace.file).string();
  }
  for (std::string& word : workload::arguments_of(arrival)) argv.push_back(std::move(word));
  flag("--in-flight", agent.in_flight);
  flag("--seed", agent.seed);
  flag("--sync", cores.sync);
  flag("--device", scenario.device);
  flag("--threads", agent.threads);
  if (cores.device_core) flag("--device-core", *cores.device_core);
  flag("--host-cores", device::format_cores(cores.host_cores[place]));
  if (cores.own_cores) argv.emplace_back("--own-core");
  flag("--epoch-offset-ns", offset.value.count());
  flag("--sharing", scenario.sharing);
  if (agent.stream && agent.stream->high_priority) flag("--stream-priority", "high");
  flag("--record", "v2");
  if (run.trace_buffer_bytes) {
    argv.emplace_back("--trace-kernels");
    flag("--trace-buffer", *run.trace_buffer_bytes);
  }
  return command;
}

}  // namespace kts::runner
