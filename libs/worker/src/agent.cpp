// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/agent.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "kts/base/version.hpp"
#include "kts/record/block_log.hpp"
#include "nanoseconds.hpp"

namespace kts::worker {
namespace {

// As the workload's parameters have it; zeros for other kinds than `request`.
workload::RequestShape shape_of(const workload::WorkloadSpec& work) {
  return work.kind() == "request" ? fitted({}, work) : workload::RequestShape{};
}

}  // namespace

Agent::Agent(AgentSpec spec, workload::Engine& engine, Pacing& pacing, RecordWriter& writer,
             kernel_trace::Tracer* tracer, ChainPort* port)
    : spec_(std::move(spec)),
      engine_(engine),
      writer_(writer),
      pacing_(pacing),
      tracer_(tracer),
      loop_(engine, pacing, writer,
            {spec_.arrival, spec_.engine.in_flight, spec_.engine.seed, spec_.trace,
             shape_of(spec_.engine.workload), spec_.roles, port}),
      device_(engine.device()) {
  const std::string& visible = spec_.placement.visible_devices;
  if (device_.kind == "cuda") {
    gpu_uuid_ = device_.uuid;
    uuid_source_ = "driver";
  } else if (!visible.empty() && visible != "void" && visible != "none") {
    gpu_uuid_ = visible;
    uuid_source_ = "visible-devices";
  }
}

Status Agent::warm_up(int iterations) {
  KTS_CHECK_OK(engine_.warm_up(iterations));
  std::array<std::int64_t, 5> times{};
  for (std::int64_t& time : times) {
    const MonotonicTime submit = pacing_.now();
    engine_.submit(0, shape_of(spec_.engine.workload));
    engine_.wait(0);
    time = (pacing_.now() - submit).count();
  }
  std::ranges::nth_element(times, times.begin() + times.size() / 2);
  median_iteration_ns_ = times[times.size() / 2];
  KTS_TRY(verification_, engine_.verify());
  return engine_.status();
}

control::Ready Agent::ready() const {
  return {spec_.name,
          static_cast<std::int64_t>(getpid()),
          device_.kind,
          device_.name,
          device_.uuid,
          median_iteration_ns_,
          engine_.operand_bytes(),
          gpu_uuid_,
          uuid_source_};
}

void Agent::set_epoch(const EpochOffset& epoch) {
  spec_.epoch = epoch;
  writer_.set_epoch(epoch);
}

Result<std::int64_t> Agent::prepare(const BlockName& name) {
  name_ = name;
  outcome_ = {};
  if (!name.kernels.empty() && tracer_ == nullptr) {
    return bad_input("PREPARE asks for kernels, which this worker doesn't trace",
                     "start it with --trace-kernels", "stdin");
  }
  KTS_TRY(const workload::ClockCalibration calibration, engine_.calibrate());
  clock_bound_ns_ = calibration.bound_ns;

  record::BlockMeta meta;
  meta.agent = spec_.name;
  meta.block = name.block;
  meta.phase = name.phase;
  meta.neighbours = name.neighbours;
  meta.cycle = name.cycle;
  const workload::WorkloadSpec& work = spec_.engine.workload;
  meta.workload = work.kind();
  if (work.has("size")) meta.size = work.number("size");
  for (const auto& parameter : work.parameters()) {
    meta.parameters.emplace_back(parameter.name, parameter.value);
  }
  meta.algorithms = engine_.algorithms();
  describe_arrivals(meta);
  meta.in_flight = spec_.engine.in_flight;
  meta.sync = spec_.engine.sync == workload::SyncMode::kSpin ? "spin" : "block";
  meta.seed = spec_.engine.seed;
  meta.device = device_.kind;
  meta.device_name = device_.name;
  meta.device_uuid = device_.uuid;
  meta.gpu_uuid = gpu_uuid_;
  meta.uuid_source = uuid_source_;
  meta.pod_uid = spec_.placement.pod_uid;
  meta.node = spec_.placement.node;
  meta.sharing = spec_.sharing;
  meta.pid = getpid();
  meta.epoch_offset_ns = spec_.epoch.value.count();
  meta.checksum = verification_.checksum;
  meta.checksum_reference = verification_.reference;
  meta.checksum_tolerance = verification_.tolerance;
  meta.clock_bound_ns = clock_bound_ns_;
  if (tracer_ != nullptr) meta.kernel_tracer = tracer_->name();
  meta.kts_version = version();
  meta.kts_commit = commit();
  KTS_CHECK_OK(print(to_line(meta)));
  if (traces()) KTS_CHECK_OK(tracer_->begin_block());
  return clock_bound_ns_;
}

Status Agent::run(BlockPlan plan) {
  plan.block = name_.block;
  plan.cycle = name_.cycle;
  plan.clock_bound_ns = clock_bound_ns_;
  const std::int64_t before = engine_.device_cpu_ns();
  outcome_ = loop_.run(plan);
  const std::int64_t after = engine_.device_cpu_ns();
  const bool known = before != record::kUnavailable && after != record::kUnavailable;
  device_cpu_ns_ = known ? after - before : record::kUnavailable;
  return writer_.drain();
}

Result<std::int64_t> Agent::finish() {
  record::BlockEnd end;
  end.agent = spec_.name;
  end.block = name_.block;
  end.iterations = outcome_.iterations;
  end.emitted = outcome_.iterations - outcome_.lost;
  end.abandoned = outcome_.abandoned;
  if (outcome_.has_requests) {
    end.tokens = outcome_.tokens;
    end.tokens_emitted = outcome_.tokens - outcome_.tokens_lost;
  }
  if (outcome_.in_chains) {
    end.steps = outcome_.steps;
    end.steps_emitted = outcome_.steps - outcome_.steps_lost;
    for (std::size_t i = 0; i < spec_.roles.size() && i < outcome_.chain_requests.size(); ++i) {
      if (!spec_.roles[i].arrival) continue;
      end.chain_requests.emplace_back(spec_.roles[i].name,
                                      static_cast<std::int64_t>(outcome_.chain_requests[i]));
    }
  }
  if (outcome_.iterations > 0) {
    end.first_due_ns = epoch_ns(outcome_.first_due_ns);
    end.last_done_ns = epoch_ns(outcome_.last_done_ns);
    // In a chain the last request may come after the stop: then it counts from there.
    end.drain_ns = std::max<std::int64_t>(
        0, outcome_.last_done_ns - std::max(outcome_.last_due_ns, ns(outcome_.generation_stop)));
  }
  end.generation_start_ns = epoch_ns(ns(outcome_.generation_start));
  end.generation_stop_ns = epoch_ns(ns(outcome_.generation_stop));
  end.pacing_late_p50_ns = loop_.lateness().quantile(0.50);
  end.pacing_late_p99_ns = loop_.lateness().quantile(0.99);
  end.pacing_late_max_ns = loop_.lateness().max();
  if (device_cpu_ns_ != record::kUnavailable) end.device_cpu_ns = device_cpu_ns_;
  end.out_of_bracket = outcome_.out_of_bracket;
  end.interrupted = outcome_.interrupted;
  if (const auto growth = engine_.growth()) {
    end.held_bytes = static_cast<std::int64_t>(growth->held_bytes);
    if (growth->refused_bytes)
      end.refused_bytes = static_cast<std::int64_t>(*growth->refused_bytes);
  }

  Status trouble = std::move(outcome_.device);
  // Before the calibration, whose work is not the block's.
  if (trouble && traces()) {
    const auto traced = tracer_->end_block(name_.kernels, spec_.epoch);
    if (traced) {
      end.kernels = traced->rows;
      end.kernels_lost = traced->lost;
      end.kernels_outside = traced->outside;
    } else {
      trouble = tl::unexpected(traced.error());
    }
  }
  if (trouble) {
    const auto calibration = engine_.calibrate();
    if (calibration) {
      // Holds for the whole block: what is proven now, and what the mapping was off by until now.
      end.clock_bound_ns = calibration->bound_ns + std::abs(calibration->error_ns);
      end.clock_error_ns = calibration->error_ns;
      end.clock_drift_ppm = calibration->drift_ppm;
    } else {
      trouble = tl::unexpected(calibration.error());
    }
  }
  if (trouble) {
    const auto finite = engine_.results_finite();
    end.finite = finite.value_or(true);
    if (!finite) trouble = tl::unexpected(finite.error());
    if (!end.finite) {
      trouble = fail(ErrorCode::kInternal, "the results are not finite",
                     "the device or its libraries compute wrongly; measure nothing on it");
    }
  }
  KTS_CHECK_OK(print(to_line(end)));
  KTS_CHECK_OK(std::move(trouble));
  return end.clock_bound_ns.value_or(clock_bound_ns_);
}

void Agent::describe_arrivals(record::BlockMeta& meta) const {
  const workload::ArrivalSpec& arrival = spec_.arrival;
  meta.arrival = workload::name(arrival.process);
  const auto takes = [&](std::string_view parameter) {
    return workload::takes(arrival.process, parameter);
  };
  if (takes("rate")) meta.rate_per_s = arrival.rate_per_s;
  if (takes("think")) meta.think_ns = arrival.think.count();
  if (takes("cv")) meta.cv = arrival.cv;
  if (takes("on")) {
    meta.on_ns = arrival.on.count();
    meta.off_ns = arrival.off.count();
    meta.phases = workload::name(arrival.phases);
  }
  if (!takes("file")) return;
  meta.trace = arrival.trace.file;
  meta.trace_scale = arrival.trace.scale;
  meta.trace_wrap = arrival.trace.wrap;
  meta.trace_from_ns = arrival.trace.from.count();
  if (arrival.trace.length.count() > 0) meta.trace_length_ns = arrival.trace.length.count();
  if (!spec_.trace) return;
  meta.trace_requests = spec_.trace->rows.size();
  meta.trace_failed = spec_.trace->failed;
  meta.trace_clamped = spec_.trace->clamped;
}

std::int64_t Agent::epoch_ns(std::int64_t monotonic_ns) const {
  return monotonic_ns + spec_.epoch.value.count();
}

Status Agent::print(std::string_view line) {
  return spec_.record == RecordVersion::kV2 ? writer_.write_line(line) : Status{};
}

}  // namespace kts::worker
