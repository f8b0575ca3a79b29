// SPDX-License-Identifier: Apache-2.0
#include "job_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kts/base/units.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/runner/plan.hpp"
#include "kts/workload/cost.hpp"
#include "worker_arguments.hpp"

namespace kts::kubernetes {

namespace {

// Many agents must fit on a node however few its cores: all of them ask for half of it at most.
constexpr int kLeastMillicores = 10;
// An object's annotations may have 256 KiB in all; the plan and what has arrived want some of them.
constexpr std::size_t kMostTraceBytes = 192 * 1024;
int cpu_request(std::size_t cores, std::size_t agents, int usual) {
  if (cores == 0) return usual;
  const int share = static_cast<int>(500 * cores / agents);
  return std::clamp(share, kLeastMillicores, usual);
}

}  // namespace

Result<std::map<std::size_t, workload::Trace>> load_pod_traces(const scenario::Scenario& scenario) {
  std::map<std::size_t, workload::Trace> traces;
  for (std::size_t i = 0; i < scenario.agents.size(); ++i) {
    const workload::ArrivalSpec& arrival = scenario.agents[i].arrival;
    if (arrival.process != workload::ArrivalProcess::kTrace) continue;
    KTS_TRY(workload::Trace trace, workload::load_trace(arrival.trace));
    const std::size_t bytes = to_csv(trace).size();
    if (bytes > kMostTraceBytes) {
      return bad_input(
          fmt::format("its {} requests are {}, and a pod's annotations hold {} of them",
                      trace.rows.size(), format_bytes(bytes), format_bytes(kMostTraceBytes)),
          "replay a shorter stretch, with from: and length:",
          fmt::format("agent {}: {}", scenario.agents[i].name, arrival.trace.file));
    }
    traces.emplace(i, std::move(trace));
  }
  return traces;
}

JobSpec job_spec(const ClusterRun& run, std::size_t agent, std::size_t slot) {
  scenario::Scenario scenario = run.scenario;
  JobSpec job;
  job.agent = scenario.agents[agent].name;
  job.name = job_name(run.run, slot, job.agent);
  job.name_space = run.name_space;
  job.run = run.run;
  job.image = run.image;
  job.pull_policy = run.pull_policy;
  if (const auto replayed = run.traces.find(agent); replayed != run.traces.end()) {
    // What the pod finds is the stretch already.
    workload::TraceSpec& spec = scenario.agents[agent].arrival.trace;
    spec.file = kTraceFile;
    spec.from = Nanoseconds(0);
    spec.length = Nanoseconds(replayed->second.period_ns);
    job.trace = to_csv(replayed->second);
  }
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
