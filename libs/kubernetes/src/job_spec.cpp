// SPDX-License-Identifier: Apache-2.0
#include "job_spec.hpp"

#include <algorithm>

#include "kts/runner/local_run.hpp"
#include "kts/runner/plan.hpp"
#include "kts/workload/cost.hpp"
#include "worker_arguments.hpp"

namespace kts::kubernetes {

namespace {

// Many agents must fit on a node however few its cores: all of them ask for half of it at most.
constexpr int kLeastMillicores = 10;
int cpu_request(std::size_t cores, std::size_t agents, int usual) {
  if (cores == 0) return usual;
  const int share = static_cast<int>(500 * cores / agents);
  return std::clamp(share, kLeastMillicores, usual);
}

}  // namespace

JobSpec job_spec(const ClusterRun& run, std::size_t agent, std::size_t slot) {
  const scenario::Scenario& scenario = run.scenario;
  JobSpec job;
  job.agent = scenario.agents[agent].name;
  job.name = job_name(run.run, slot, job.agent);
  job.name_space = run.name_space;
  job.run = run.run;
  job.image = run.image;
  job.pull_policy = run.pull_policy;
  job.worker = worker_arguments(scenario, agent, run.place.cores);
  job.cpu_request_millicores =
      cpu_request(run.place.cores.size(), scenario.agents.size(), job.cpu_request_millicores);
  job.resource = run.place.resource;
  job.claim = run.place.claim;
  job.node_selector = run.place.node_selector;
  job.together = run.place.node.empty();
  job.tolerations = run.tolerations;
  job.runtime_class = run.place.runtime_class;
  if (runner::device_kind(scenario.device) == "cuda") {
    job.gpu_memory_bytes = workload::memory_of(scenario.agents[agent].workload, "cuda").total();
  }
  // A net for what is left without kts: never shorter than a run can take.
  const auto blocks = static_cast<double>(
      runner::plan_blocks(scenario, runner::device_kind(scenario.device) == "cuda").size());
  const double block = std::chrono::duration<double>(scenario.plan.block).count();
  const double start = std::chrono::duration<double>(run.start_timeout).count();
  job.deadline =
      std::chrono::seconds(static_cast<std::int64_t>(1800 + 3 * start + blocks * (4 * block + 10)));
  return job;
}

}  // namespace kts::kubernetes
