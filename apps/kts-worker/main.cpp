// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cores.hpp"
#include "kts/base/units.hpp"
#include "kts/worker/agent.hpp"
#include "kts/workload/registry.hpp"
#include "options.hpp"
#include "pod.hpp"

namespace kts::worker_app {
namespace {

template <typename... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  const std::string line =
      fmt::format("kts-worker: {}\n", fmt::format(format, std::forward<Args>(args)...));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void announce(const Options& options, const workload::DeviceChoice& choice,
              const workload::Engine& engine) {
  if (!choice.reason.empty()) say("--device auto took {}: {}", choice.kind, choice.reason);
  if (options.controlled) return;
  const workload::DeviceIdentity device = engine.device();
  const auto& agent = options.agent;
  say("{}, {}, on {} ({}){}", describe(agent.engine.workload), describe(agent.arrival), device.name,
      device.kind,
      options.size_is_default && device.kind == "cpu"
          ? "; the study's size is made for a GPU, --size 512 suits a CPU"
          : "");
}

std::string quantiles(std::string_view what, const worker::Histogram& histogram) {
  if (histogram.count() == 0) return fmt::format("{} not available", what);
  return fmt::format("{} p50 {:.4g}, p95 {:.4g}, p99 {:.4g} ms", what,
                     to_ms(*histogram.quantile(0.50)), to_ms(*histogram.quantile(0.95)),
                     to_ms(*histogram.quantile(0.99)));
}

void summarise(const worker::BlockOutcome& outcome, const worker::RecordWriter& writer) {
  if (outcome.iterations == 0) return say("no iteration was done");
  const double seconds = static_cast<double>(outcome.last_done_ns - outcome.first_due_ns) * 1e-9;
  say("n {}, {:.4g}/s; {}; {}{}", outcome.iterations,
      static_cast<double>(outcome.iterations) / seconds, quantiles("latency", writer.latency()),
      quantiles("gpu_time", writer.gpu_time()),
      outcome.lost > 0 ? fmt::format("; {} records lost, the reader is too slow", outcome.lost)
                       : "");
}

Status run_alone(const Options& options, worker::Agent& agent, const worker::RecordWriter& writer,
                 const worker::Attention& attention) {
  KTS_TRY(const std::int64_t bound, agent.prepare({0, options.phase, {}}));
  worker::BlockPlan plan = options.plan;
  plan.clock_bound_ns = bound;
  plan.start = MonotonicTimeline::now();
  if (options.duration) plan.stop = plan.start + *options.duration;
  KTS_CHECK_OK(agent.run(plan));
  const worker::BlockOutcome outcome = agent.outcome();
  const auto end = agent.finish();
  summarise(outcome, writer);
  if (!end) return tl::unexpected(end.error());
  return attention.interruption();
}

Status run(const Options& options) {
  std::signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1UL);
  KTS_CHECK_OK(stay_on(options.host_cores));
  worker::StopFlag stop;
  // First, so that the signals are blocked in the threads of all others.
  KTS_TRY(const auto attention,
          worker::Attention::start(options.controlled ? STDIN_FILENO : -1, stop));

  KTS_TRY(const workload::DeviceChoice device, workload::choose_device(options.device));
  KTS_TRY(const auto engine, workload::make_engine(options.agent.engine, device));
  announce(options, device, *engine);

  const worker::AgentSpec& spec = options.agent;
  worker::SystemPacing pacing(stop, options.own_core);
  worker::RecordWriter writer(
      STDOUT_FILENO,
      {spec.record, spec.name,
       std::string(workload::find_workload(spec.engine.workload.kind())->v1_kind), options.phase,
       spec.epoch},
      stop);
  worker::Agent agent(spec, *engine, pacing, writer);
  KTS_CHECK_OK(agent.warm_up(options.warm_up));
  KTS_CHECK_OK(attention->interruption());
  return options.controlled ? serve(agent, spec.epoch, *attention, stop, writer)
                            : run_alone(options, agent, writer, *attention);
}

int leave(const Status& status) {
  if (status) return 0;
  say("{}", to_line(status.error()));
  return exit_code(status.error());
}

int main(int argc, const char* const* argv) {
  if (argc > 1 && std::string_view(argv[1]) == "pod") return leave(run_as_pod(argc - 1, argv + 1));
  Status status;
  const auto options = parse_options(argc, argv);
  if (!options) {
    status = tl::unexpected(options.error());
  } else if (*options) {
    status = run(**options);
  }
  return leave(status);
}

}  // namespace
}  // namespace kts::worker_app

int main(int argc, char** argv) { return kts::worker_app::main(argc, argv); }
