// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <random>
#include <set>

#include "dcgm_watch.hpp"
#include "job_spec.hpp"
#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/kubernetes/access.hpp"
#include "kts/kubernetes/environment.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/runner/memory.hpp"
#include "kts/runner/plan.hpp"
#include "kts/runner/traces.hpp"
#include "measurement.hpp"
#include "pods.hpp"
#include "strangers.hpp"
#include "worker_arguments.hpp"

namespace kts::kubernetes {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Nanoseconds kTick = 100ms;
constexpr Nanoseconds kLeaveWithin = 10s;
constexpr Nanoseconds kGoneWithin = 30s;
constexpr Nanoseconds kEndsSoon = 2500ms;  // pods print again what isn't acknowledged for 5 s
constexpr Nanoseconds kRecordsUnderWay = 300ms;
constexpr std::size_t kWorthTelling = 1U << 20;  // of the 2 MiB that pods print unacknowledged
constexpr Nanoseconds kMoreForEachPod = 500ms;   // the kubelet takes them one after the other

// A run's course; what it is made of does the work.
class Execution {
 public:
  Execution(kube::Client& client, const ClusterRun& run, runner::Progress& progress)
      : client_(client),
        transport_(client.transport()),
        run_(run),
        scenario_(run.scenario),
        on_gpu_(runner::device_kind(run.scenario.device) == "cuda"),
        journal_(progress),
        clock_(transport_),
        pods_(client, run, journal_, clock_),
        strangers_(client, run, journal_),
        measurement_(run, runner::plan_blocks(run.scenario, on_gpu_), on_gpu_, pods_, strangers_,
                     clock_, journal_),
        dcgm_(transport_, clock_, journal_) {}

  Status execute() {
    KTS_TRY(permissions_, check_access(client_, run_.name_space));
    KTS_CHECK_OK(pods_.open_logs());
    scenario::Scenario kept = scenario_;
    KTS_CHECK_OK(runner::bring_traces(kept, run_.folder));
    KTS_CHECK_OK(write_file(run_.folder / "scenario.yaml", to_yaml(kept)));
    describe();
    const Status measured = measure();
    if (!measured) measurement_.keep_what_is_whole();
    environment_.dcgm = dcgm_.stop(scenario_.plan.block);
    const Status removed = clean_up();
    Status written = write_environment();
    KTS_CHECK_OK(measured);
    KTS_CHECK_OK(removed);
    return written;
  }

 private:
  void describe() {
    const auto now = std::chrono::time_point_cast<Nanoseconds>(std::chrono::system_clock::now());
    environment_.started = utc_iso8601(now);
    environment_.device_kind = runner::device_kind(scenario_.device);
    environment_.sharing = scenario_.sharing;
    environment_.sync = sync_of(scenario_, run_.place.cores);
    environment_.server_version = run_.server_version;
    environment_.name_space = run_.name_space;
    environment_.run = run_.run;
    environment_.image = run_.image;
    environment_.place = run_.place;
    environment_.allow_neighbours = run_.allow_neighbours;
    foresee_memory();
    for (const std::string& warning : run_.place.warnings) journal_.warn(warning);
    if (!permissions_.events) {
      journal_.warn(
          "events can't be seen, so some reasons for which a pod doesn't start come late; the Role "
          "of deploy/rbac/run.yaml permits to look");
    }
    if (!run_.place.neighbours.empty()) {
      journal_.warn(fmt::format("measured beside others: {} held GPUs of node {}",
                                fmt::join(run_.place.neighbours, ", "), run_.place.node));
    }
  }

  void foresee_memory() {
    environment_.memory = runner::predict_memory(scenario_);
    for (runner::AgentMemory& memory : environment_.memory) {
      memory.missing = "what a pod's process holds isn't seen from outside";
    }
    if (!on_gpu_) return;
    const Place& place = run_.place;
    const runner::MemoryOutlook outlook = runner::memory_outlook(
        environment_.memory,
        {place.product.empty() ? "the card" : place.product, place.card_bytes, {}});
    outlook.tight ? journal_.warn(outlook.text) : journal_.note(outlook.text);
  }

  Status measure() {
    KTS_CHECK_OK(pods_.watch(permissions_.events));
    strangers_.watch();
    created_at_ = now();
    for (std::size_t i = 0; i < scenario_.agents.size(); ++i) KTS_CHECK_OK(pods_.create(i));
    KTS_CHECK_OK(gather());
    environment_.times.until_ready = since(created_at_);
    KTS_CHECK_OK(meet());
    KTS_CHECK_OK(measurement_.begin());
    KTS_CHECK_OK(pods_.tell_now(measurement_.plan()));
    KTS_CHECK_OK(watch_card());
    const std::int64_t lead = measurement_.first_start_ns() - clock_.now();
    environment_.times.until_begun = since(created_at_) + static_cast<double>(lead) * 1e-9;
    KTS_CHECK_OK(until([this] { return measurement_.over(); }, MonotonicTime::max(),
                       [] { return Error{}; }));
    const double after = static_cast<double>(clock_.now() - measurement_.last_end_ns());
    environment_.times.until_records = std::max(0.0, after * 1e-9);
    records_at_ = now();
    return dismiss();
  }

  // All agents' pods ready, and on one card.
  Status gather() {
    const std::size_t agents = scenario_.agents.size();
    for (;;) {
      KTS_CHECK_OK(until([this] { return pods_.all_ready(); }, now() + run_.start_timeout,
                         [this] { return pods_.why_not_ready(); }));
      const Gathering gathering = gather_on_one_card(pods_.seats(), agents, run_.place);
      using Next = Gathering::Next;
      switch (gathering.next) {
        case Next::kUnknown:
          if (agents > 1) {
            journal_.warn(
                "which card the pods were given is not known, so that they share one is not "
                "proven");
          }
          return {};
        case Next::kDone:
          return keep_those_on(gathering.card);
        case Next::kImpossible:
          return tl::unexpected(not_one_card(agents, gathering.cards, run_.place.node));
        case Next::kMore:
          journal_.note(fmt::format(
              "{} of {} agents are on one of the node's cards; {} more pod{} will find out where "
              "the device plugin puts the others",
              gathering.there, agents, gathering.again.size(),
              gathering.again.size() == 1 ? "" : "s"));
          for (const std::size_t agent : gathering.again) KTS_CHECK_OK(pods_.create(agent));
      }
    }
  }

  Status keep_those_on(const std::string& card) {
    KTS_TRY(const std::size_t removed, pods_.keep_those_on(card));
    if (removed == 0) return {};
    journal_.note(fmt::format("all agents are on {}; {} pod{} on other cards end{}", card, removed,
                              removed == 1 ? "" : "s", removed == 1 ? "s" : ""));
    return until([this] { return pods_.others_are_gone(); }, now() + kGoneWithin,
                 [] {
                   return Error{ErrorCode::kEnvironment, "pods on other cards don't end", {}, {}};
                 });
  }

  // What the READY lines told.
  Status meet() {
    pods_.line_up();
    std::set<std::string> nodes;
    for (const auto& slot : pods_.slots()) {
      const pod::Ready& ready = *slot->ready;
      if (!ready.node.empty()) nodes.insert(ready.node);
      if (ready.device != environment_.device_kind) {
        return environment_lacks(fmt::format("the worker uses device {}, not {}", ready.device,
                                             environment_.device_kind),
                                 "use an image with the CUDA backend, or choose --device",
                                 fmt::format("agent {}", pods_.name_of(*slot)));
      }
    }
    if (nodes.size() > 1) {
      return environment_lacks(fmt::format("the pods are on {} nodes", nodes.size()),
                               "choose one with --node");
    }
    const pod::Ready& first = *pods_.slots().front()->ready;
    if (environment_.place.node.empty()) environment_.place.node = first.node;
    environment_.device_name = first.device_name;
    if (on_gpu_) environment_.device_uuid = first.uuid;
    journal_.note(fmt::format("{} pod{} ready on node {}{}", pods_.slots().size(),
                              pods_.slots().size() == 1 ? " is" : "s are",
                              first.node.empty() ? "?" : first.node,
                              first.uuid.empty() ? "" : fmt::format(", card {}", first.uuid)));
    return {};
  }

  Status watch_card() {
    if (!run_.place.dcgm_exporter) return {};
    const pod::Ready& first = *pods_.slots().front()->ready;
    return dcgm_.start(*run_.place.dcgm_exporter, first.uuid, measurement_.epoch_offset_ns(),
                       run_.folder / "telemetry" / "dcgm.csv");
  }

  // Pods that have delivered everything leave by themselves.
  Status dismiss() {
    environment_.times.blocks =
        static_cast<double>(measurement_.last_end_ns() - measurement_.first_start_ns()) * 1e-9;
    for (const auto& slot : pods_.slots()) {
      if (!slot->told_at) continue;
      const std::chrono::duration<double> told = *slot->told_at - created_at_;
      environment_.times.until_told = std::max(environment_.times.until_told, told.count());
    }
    pods_.let_leave();
    dismissed_ = true;
    KTS_CHECK_OK(measurement_.end());
    KTS_CHECK_OK(pods_.tell_now(measurement_.plan()));
    Status done =
        until([this] { return pods_.have_left(); }, now() + kLeaveWithin + for_each_pod(),
              [] {
                return Error{ErrorCode::kEnvironment, "the pods don't leave by themselves", {}, {}};
              });
    if (!done) {
      if (done.error().code == ErrorCode::kInterrupted) return done;
      // Nothing is missing.
      journal_.warn(fmt::format("after the last block: {}", to_line(done.error())));
    }
    return {};
  }

  Status clean_up() {
    const MonotonicTime began = now();
    const std::string selector = fmt::format("{}={}", kRunLabel, run_.run);
    if (run_.keep) {
      journal_.note(
          fmt::format("kept: kubectl -n {} get jobs,pods -l {}", run_.name_space, selector));
      return {};
    }
    Status removed = pods_.remove_all();
    const MonotonicTime deadline = now() + kGoneWithin + for_each_pod();
    bool gone = false;
    while (removed && now() < deadline) {
      const Result<bool> have_gone = pods_.have_gone();
      gone = have_gone.value_or(false);
      if (gone) break;
      removed = have_gone ? transport_.wait(std::min(deadline, now() + kTick), wake_fd())
                          : tl::unexpected(have_gone.error());
      if (run_.signals != nullptr && run_.signals->take()) {
        removed = fail(ErrorCode::kInterrupted, "interrupted while removing the pods");
      }
    }
    environment_.times.until_removed = since(records_at_.value_or(began));
    if (!removed) {
      Error error = std::move(removed).error();
      error.hint =
          fmt::format("what is left: kubectl -n {} delete jobs -l {}", run_.name_space, selector);
      journal_.note(fmt::format("warning: {}", to_line(error)));
      return tl::unexpected(std::move(error));
    }
    if (!gone) {
      journal_.note(fmt::format("warning: not all is gone yet: kubectl -n {} get jobs,pods -l {}",
                                run_.name_space, selector));
    }
    return {};
  }

  Status write_environment() {
    environment_.pods = pods_.facts();
    for (const PodFacts& pod : environment_.pods) {
      const auto memory =
          std::ranges::find(environment_.memory, pod.agent, &runner::AgentMemory::agent);
      if (memory != environment_.memory.end() && pod.operand_bytes > 0) {
        memory->allocated_bytes = pod.operand_bytes;
      }
      if (pod.throttled_usec <= 0) continue;
      journal_.warn(
          fmt::format("{} was halted for {:.1f} ms of the blocks by its container's CPU limit; "
                      "lift the limit for a measurement",
                      pod.agent, static_cast<double>(pod.throttled_usec) * 1e-3));
    }
    environment_.repeated = measurement_.repeated();
    environment_.warnings = journal_.warnings();
    return write_file(run_.folder / "environment.json", to_json(environment_));
  }

  // --- waiting

  [[nodiscard]] MonotonicTime now() const { return transport_.now(); }
  [[nodiscard]] double since(MonotonicTime instant) const {
    return std::chrono::duration<double>(now() - instant).count();
  }
  [[nodiscard]] Nanoseconds for_each_pod() const {
    return static_cast<int>(pods_.slots().size()) * kMoreForEachPod;
  }
  [[nodiscard]] int wake_fd() const { return run_.signals != nullptr ? run_.signals->fd() : -1; }

  // An error's code says whether anything was measured.
  [[nodiscard]] tl::unexpected<Error> failed(Error error) const {
    if (error.code == ErrorCode::kEnvironment && measurement_.began()) {
      error.code = ErrorCode::kInconclusive;
    }
    return tl::unexpected(std::move(error));
  }

  Status until(const std::function<bool()>& done, MonotonicTime deadline,
               const std::function<Error()>& late) {
    for (;;) {
      if (auto status = tick(); !status) return failed(std::move(status).error());
      if (done()) return {};
      if (now() >= deadline) return failed(late());
      if (auto status = transport_.wait(std::min(deadline, now() + kTick), wake_fd()); !status) {
        return failed(std::move(status).error());
      }
    }
  }

  // A kubelet that has just seen a change comes late to the next: what needn't be acknowledged
  // before the plan's end goes with it.
  [[nodiscard]] bool may_acknowledge() const {
    if (measurement_.over() || !measurement_.between_blocks()) return false;
    const Nanoseconds left(measurement_.last_end_ns() - clock_.now());
    return left > kEndsSoon || left < -kRecordsUnderWay ||
           pods_.unacknowledged_bytes() > kWorthTelling;
  }

  Status tick() {
    if (run_.signals != nullptr) {
      if (const auto number = run_.signals->take()) {
        return fail(ErrorCode::kInterrupted,
                    fmt::format("interrupted by {}", *number == SIGINT    ? "SIGINT"
                                                     : *number == SIGTERM ? "SIGTERM"
                                                                          : "SIGHUP"));
      }
    }
    KTS_CHECK_OK(pods_.check());
    if (!measurement_.began()) return {};
    KTS_CHECK_OK(measurement_.settle());
    dcgm_.tick();
    return pods_.tell(measurement_.plan(), dismissed_ || may_acknowledge());
  }

  kube::Client& client_;
  kube::Transport& transport_;
  const ClusterRun& run_;
  const scenario::Scenario& scenario_;
  bool on_gpu_;
  Permissions permissions_;
  Environment environment_;
  MonotonicTime created_at_{};
  std::optional<MonotonicTime> records_at_;
  bool dismissed_ = false;

  Journal journal_;
  NodeClock clock_;
  Pods pods_;
  Strangers strangers_;
  Measurement measurement_;
  DcgmWatch dcgm_;
};

}  // namespace

std::string new_run_id(EpochTime now) {
  std::string stamp = utc_stamp(now);
  std::ranges::transform(stamp, stamp.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::random_device random;
  return fmt::format("{}-{:04x}", stamp, random() & 0xffffU);
}

std::vector<JobSpec> manifests(const ClusterRun& run) {
  std::vector<JobSpec> jobs;
  for (std::size_t i = 0; i < run.scenario.agents.size(); ++i) jobs.push_back(job_spec(run, i, i));
  return jobs;
}

Status run_on_cluster(kube::Client& client, const ClusterRun& run, runner::Progress& progress) {
  return Execution(client, run, progress).execute();
}

}  // namespace kts::kubernetes
