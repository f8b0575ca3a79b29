// SPDX-License-Identifier: Apache-2.0
#include "run_agent.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "chain_options.hpp"
#include "cores.hpp"
#include "kts/base/units.hpp"
#include "kts/worker/agent.hpp"
#include "kts/workload/registry.hpp"

namespace kts::worker_app {
namespace {

void announce(int err, const Options& options, const workload::DeviceChoice& choice,
              const workload::Engine& engine) {
  if (!choice.reason.empty()) say(err, "--device auto took {}: {}", choice.kind, choice.reason);
  if (options.controlled) return;
  const workload::DeviceIdentity device = engine.device();
  const auto& agent = options.agent;
  say(err, "{}, {}, on {} ({}){}", describe(agent.engine.workload), describe(agent.arrival),
      device.name, device.kind,
      options.size_is_default && device.kind == "cpu"
          ? "; the study's size is made for a GPU, --size 512 suits a CPU"
          : "");
  if (agent.trace) say(err, "{}", describe(*agent.trace, agent.arrival.trace));
}

// Four digits, never with an exponent.
std::string short_number(double value) {
  return value < 1e4 ? fmt::format("{:.4g}", value) : fmt::format("{:.0f}", value);
}

std::string quantiles(std::string_view what, const worker::Histogram& histogram) {
  if (histogram.count() == 0) return fmt::format("{} not available", what);
  const auto at = [&](double p) { return short_number(to_ms(*histogram.quantile(p))); };
  return fmt::format("{} p50 {}, p95 {}, p99 {} ms", what, at(0.50), at(0.95), at(0.99));
}

void summarise(int err, const worker::BlockOutcome& outcome, const worker::RecordWriter& writer) {
  if (outcome.iterations == 0) return say(err, "no iteration was done");
  const double seconds = static_cast<double>(outcome.last_done_ns - outcome.first_due_ns) * 1e-9;
  std::string tokens;
  for (const auto& [what, histogram] :
       {std::pair("ttft", &writer.ttft()), std::pair("itl", &writer.itl())}) {
    if (histogram->count() > 0) tokens += "; " + quantiles(what, *histogram);
  }
  say(err, "n {}, {}/s; {}; {}{}{}", outcome.iterations,
      short_number(static_cast<double>(outcome.iterations) / seconds),
      quantiles("latency", writer.latency()), quantiles("gpu_time", writer.gpu_time()), tokens,
      outcome.lost > 0 ? fmt::format("; {} records lost, the reader is too slow", outcome.lost)
                       : "");
}

void summarise(int err, const workload::Growth& growth) {
  say(err, "memory: {} held{}", format_bytes(growth.held_bytes),
      growth.refused_bytes ? fmt::format("; {} more were refused, by the limit or the device",
                                         format_bytes(*growth.refused_bytes))
                           : "");
}

Status run_alone(int err, const Options& options, worker::Agent& agent,
                 const workload::Engine& engine, const worker::RecordWriter& writer,
                 const worker::Attention& attention) {
  KTS_TRY(const std::int64_t bound,
          agent.prepare({0, options.phase, {}, std::nullopt, options.kernels}));
  worker::BlockPlan plan = options.plan;
  plan.clock_bound_ns = bound;
  plan.start = MonotonicTimeline::now();
  if (options.duration) plan.stop = plan.start + *options.duration;
  KTS_CHECK_OK(agent.run(plan));
  const worker::BlockOutcome outcome = agent.outcome();
  const auto end = agent.finish();
  summarise(err, outcome, writer);
  if (const auto growth = engine.growth()) summarise(err, *growth);
  if (!end) return tl::unexpected(end.error());
  return attention.interruption();
}

}  // namespace

void write_line(int fd, std::string_view line) {
  while (!line.empty()) {
    const ssize_t n = write(fd, line.data(), line.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nobody reads any more
    line.remove_prefix(static_cast<std::size_t>(n));
  }
}

Status run_agent(const Options& options, const Streams& streams) {
  std::signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1UL);
  KTS_CHECK_OK(stay_on(options.host_cores));
  worker::StopFlag stop;
  // First, so that the signals are blocked in the threads of all others.
  const int commands = options.controlled ? streams.in : -1;
  KTS_TRY(const auto attention, streams.hosted ? worker::Attention::start_hosted(commands, stop)
                                               : worker::Attention::start(commands, stop));

  KTS_TRY(const workload::DeviceChoice device, workload::choose_device(options.device));
  std::unique_ptr<kernel_trace::Tracer> tracer;
  if (options.tracer) {
    if (streams.hosted) {
      return bad_input("agents that are threads of one process can't be told apart in its kernels",
                       "take another sharing mode, or leave --trace-kernels out",
                       "--trace-kernels");
    }
    KTS_TRY(tracer, workload::make_tracer(*options.tracer, device));
    say(streams.err, "kernels are traced by {}, in {}; {}", tracer->name(),
        format_bytes(options.tracer->buffer_bytes), tracer->limits());
  }
  KTS_TRY(const auto engine, workload::make_engine(options.agent.engine, device));
  announce(streams.err, options, device, *engine);

  const worker::AgentSpec& spec = options.agent;
  worker::SystemPacing pacing(stop, options.own_core);
  std::unique_ptr<worker::ChainSockets> port;
  if (!spec.roles.empty()) {
    port = std::make_unique<worker::ChainSockets>(options.chain_inbox, stop);
  }
  worker::RecordWriter writer(
      streams.out,
      {spec.record, spec.name,
       std::string(workload::find_workload(spec.engine.workload.kind())->v1_kind), options.phase,
       spec.epoch, names_of(spec.roles)},
      stop);
  worker::Agent agent(spec, *engine, pacing, writer, tracer.get(), port.get());
  KTS_CHECK_OK(agent.warm_up(options.warm_up));
  KTS_CHECK_OK(attention->interruption());
  return options.controlled ? serve(agent, spec.epoch, *attention, stop, writer)
                            : run_alone(streams.err, options, agent, *engine, writer, *attention);
}

}  // namespace kts::worker_app
