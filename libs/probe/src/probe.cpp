// SPDX-License-Identifier: Apache-2.0
#include "kts/probe/probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "crew.hpp"
#include "draft.hpp"
#include "kts/base/files.hpp"
#include "parts.hpp"

namespace kts::probe {
namespace {

using analysis::Spin;
using workload::ProbeTask;
using workload::ProbeTrace;

// Of hand-overs; more turns of others than that are worth a warning.
constexpr double kForeignShare = 0.05;

void note_progress(TurnRounds& out, const ProbeTrace& trace, const Spin& spin, double gap_ns) {
  const double ran = static_cast<double>(spin.end_ns - spin.begin_ns) - gap_ns;
  if (ran > 0) out.steps_per_ns.back().push_back(trace.value("steps") / ran);
  const double switches = trace.value("involuntary_switches");
  if (switches > 0) {
    out.slice_by_counts.back().push_back(trace.value("cpu_ns") / switches);
  }
  out.shared_ratio = std::max(out.shared_ratio, trace.value("shared_ratio"));
  out.register_ratio = std::max(out.register_ratio, trace.value("register_ratio"));
}

}  // namespace

Result<TurnRounds> spin_rounds(Crew& crew, std::string_view name, const SpinWish& wish,
                               int rounds) {
  TurnRounds out;
  out.contexts = wish.contexts;
  double cycles = 0;
  double spun_ns = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Crew::Job> jobs;
    for (int i = 0; i < wish.contexts; ++i) {
      ProbeTask task{"spin"};
      task.set("length_ns", Nanoseconds(wish.length).count())
          .set("context", i)
          .set("contexts", wish.contexts);
      if (wish.full) task.set("full", 1);
      jobs.push_back({static_cast<std::size_t>(i), std::move(task)});
    }
    KTS_TRY(const auto traces, crew.perform(name, std::move(jobs), kPatience));
    for (analysis::Blocks* blocks :
         {&out.run, &out.gap, &out.handover, &out.cycle_share, &out.gap_share, &out.short_gap_share,
          &out.same_order, &out.steps_per_ns, &out.slice_by_counts}) {
      blocks->emplace_back();
    }
    std::vector<Spin> spins;
    for (const ProbeTrace& trace : traces) {
      auto spin = analysis::spin_of(trace);
      if (!spin) return fail(ErrorCode::kInternal, "a prober's gaps make no sense");
      double in_gaps = 0;
      for (const Spin::Gap& gap : spin->gaps) in_gaps += static_cast<double>(gap.length_ns);
      note_progress(out, trace, *spin, in_gaps);
      cycles += trace.value("cycles");
      spun_ns += static_cast<double>(spin->end_ns - spin->begin_ns);
      spins.push_back(*std::move(spin));
    }
    analysis::TurnStudy study = analysis::study_turns(spins, wish.cycles_per_ns);
    out.step_ns = std::max(out.step_ns, study.clock_step_ns);
    out.foreign_turns += study.foreign_turns;
    out.run.back() = std::move(study.run_ns);
    out.gap.back() = std::move(study.gap_ns);
    out.handover.back() = std::move(study.handover_ns);
    out.cycle_share.back() = std::move(study.cycle_share);
    out.gap_share.back() = {study.gap_share};
    out.short_gap_share.back() = {study.short_gap_share};
    if (study.same_order_share) out.same_order.back() = {*study.same_order_share};
  }
  if (spun_ns > 0) out.cycles_per_ns = cycles / spun_ns;
  return out;
}

void describe_turns(Draft& draft, const TurnRounds& rounds, std::string_view suffix,
                    std::string_view note) {
  const auto key = [&](std::string_view stem) { return fmt::format("{}{}_ms", stem, suffix); };
  const std::string busy = note.empty()
                               ? fmt::format("{} contexts busy", rounds.contexts)
                               : fmt::format("{} contexts busy, {}", rounds.contexts, note);
  draft.add_quantile(key("time_slice"), "ms", rounds.run,
                     "from gap to gap of a spinning context, median", busy, 0.5, rounds.step_ns);
  if (suffix.empty()) {
    draft.add_quantile("time_slice_p10_ms", "ms", rounds.run, "as time_slice_ms, p10", busy, 0.1,
                       rounds.step_ns);
    draft.add_quantile("time_slice_p90_ms", "ms", rounds.run, "as time_slice_ms, p90", busy, 0.9,
                       rounds.step_ns);
  }
  draft.add_quantile(key("context_switch"), "ms", rounds.handover,
                     "last instruction of a context to the first of the next, median", busy, 0.5,
                     rounds.step_ns);
  const std::uint64_t own = analysis::count(rounds.handover);
  if (static_cast<double>(rounds.foreign_turns) > kForeignShare * static_cast<double>(own)) {
    draft.sheet.warnings.push_back(fmt::format(
        "others used the device: in {} of {} changes between {} contexts somebody else had a turn",
        rounds.foreign_turns, own + rounds.foreign_turns, rounds.contexts));
  }
  draft.add_quantile(key("turn_gap"), "ms", rounds.gap,
                     "gap in a spinning context between two of its turns, median", busy, 0.5,
                     rounds.step_ns);
  if (analysis::count(rounds.same_order) > 0) {
    draft.add(fmt::format("turn_order{}_ratio", suffix), "ratio",
              analysis::mean_of(rounds.same_order), analysis::count(rounds.same_order),
              "turns after which the same context as usual came", busy);
  }
}

Result<Probed> probe(const ProbeSpec& spec) {
  if (!spec.traces.empty()) KTS_CHECK_OK(make_directories(spec.traces));
  process::Command worker;
  worker.argv = {spec.worker.string(), "probe",  "--device",
                 spec.device,          "--core", fmt::format("{}", spec.core)};
  // An MPS daemon that is in force must not catch contexts that are to take turns.
  KTS_TRY(const TemporaryDirectory nowhere, TemporaryDirectory::create("kts-probe"));
  CrewSpec crew_spec{worker, spec.interrupt_fd, spec.traces};
  crew_spec.command.environment.push_back("CUDA_MPS_PIPE_DIRECTORY=" + nowhere.path().string());
  const process::Command apart = crew_spec.command;
  Crew crew(std::move(crew_spec));
  KTS_CHECK_OK(crew.hire(1));

  Draft draft(spec.progress);
  draft.sheet.quick = spec.quick;
  draft.sheet.sharing = "time-slicing";
  draft.sheet.device = {crew.identity().kind, crew.identity().name, crew.identity().uuid, {}};
  if (crew.identity().kind == "cuda") {
    probe_cuda(spec, crew, worker, apart, draft);
  } else {
    probe_cpu(spec, crew, draft);
  }
  crew.dismiss();
  return Probed{std::move(draft.sheet), draft.interrupted()};
}

}  // namespace kts::probe
