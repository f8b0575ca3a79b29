// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/local_run.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "awake_cores.hpp"
#include "chain_wiring.hpp"
#include "environment.hpp"
#include "kts/analysis/load.hpp"
#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/mps/daemon.hpp"
#include "kts/runner/cores.hpp"
#include "kts/runner/foreign.hpp"
#include "kts/runner/memory.hpp"
#include "kts/runner/plan.hpp"
#include "kts/runner/traces.hpp"
#include "kts/telemetry/recorder.hpp"
#include "kts/telemetry/sources.hpp"
#include "sharing_host.hpp"
#include "worker_command.hpp"

namespace kts::runner {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kIterationsPerBlock = 30;
// A queue that outlives its block by the block's length, and by more than a hiccup, won't end. A
// hiccup is waited out for 2 s, or less where that is more than a thirtieth of the plan.
constexpr Nanoseconds kLongestHiccup = std::chrono::seconds(2);
constexpr Nanoseconds kShortestHiccup = std::chrono::milliseconds(400);
constexpr int kHiccupsPerPlan = 30;
// All such waiting together takes no more of the plan than this, so that a run ends when it said.
constexpr int kWaitsPerPlan = 10;
// An overload is known by then: 5 % of the block, and three iterations, of which a block has 30.
constexpr int kLeastWaitsPerBlock = 10;

// Keeps this thread, and those that it starts, on some cores while it lives.
class Affinity {
 public:
  explicit Affinity(const std::vector<int>& cores) {
    cpu_set_t wanted;
    CPU_ZERO(&wanted);
    for (const int core : cores) {
      if (core < CPU_SETSIZE) CPU_SET(static_cast<std::size_t>(core), &wanted);
    }
    changed_ = sched_getaffinity(0, sizeof old_, &old_) == 0 &&
               sched_setaffinity(0, sizeof wanted, &wanted) == 0;
  }
  Affinity(const Affinity&) = delete;
  Affinity& operator=(const Affinity&) = delete;
  ~Affinity() {
    if (changed_) sched_setaffinity(0, sizeof old_, &old_);
  }

 private:
  cpu_set_t old_{};
  bool changed_ = false;
};

std::string title_of(const Block& block, const scenario::Scenario& scenario) {
  return block.phase == Phase::kShared ? "shared"
                                       : fmt::format("solo {}", party_name(scenario, block.active));
}

}  // namespace

class RunInParts::Execution {
 public:
  Execution(LocalRun run, Progress& progress)
      : run_(std::move(run)),
        scenario_(run_.scenario),
        progress_(progress),
        on_gpu_(device_kind(run_.scenario.device) == "cuda"),
        cores_(assign_cores(run_.cpu.allowed_cores, !on_gpu_, scenario_.agents.size(),
                            scenario_.sync)),
        offset_(EpochOffset::measure()) {}

  Status begin() {
    if (scenario_.plan.order == scenario::Order::kMatrix && run_.blocks == nullptr) {
      return bad_input("the scenario is a matrix", "kts matrix runs it", scenario_.name);
    }
    if (run_.trace_buffer_bytes) KTS_CHECK_OK(check_tracing(scenario_));
    if (run_.first_block > 1) KTS_CHECK_OK(take_over());
    KTS_CHECK_OK(make_directories(run_.folder / "blocks"));
    KTS_CHECK_OK(make_directories(run_.folder / "workers"));
    KTS_CHECK_OK(bring_traces(run_.scenario, run_.folder));
    KTS_CHECK_OK(write_file(run_.folder / "scenario.yaml", to_yaml(scenario_)));
    KTS_CHECK_OK(describe_machine());
    for (const scenario::AgentSpec& agent : scenario_.agents) {
      KTS_TRY(OutputFile log, OutputFile::create(run_.folder / "workers" /
                                                 fmt::format("{}{}.log", agent.name, continued())));
      worker_logs_.push_back(std::move(log));
    }
    return {};
  }

  // The scenario's own blocks of these cycles.
  [[nodiscard]] std::vector<Block> planned(int first_cycle, int last_cycle) const {
    std::vector<Block> blocks = plan_local_blocks(scenario_);
    std::erase_if(blocks, [&](const Block& block) {
      return block.cycle < first_cycle || block.cycle > last_cycle;
    });
    return blocks;
  }

  Status measure(BlockSource& blocks) {
    ++part_;
    Status measured = measure_part(blocks);
    if (!measured && sharing_) measured = tl::unexpected(sharing_->explain(measured.error()));
    const Status recorded = stop_recorder();
    const Status stopped = sharing_ ? sharing_->stop() : Status{};
    sharing_.reset();
    Status written = write_environment();
    KTS_CHECK_OK(measured);
    KTS_CHECK_OK(recorded);
    KTS_CHECK_OK(stopped);
    return written;
  }

  Status end() { return write_environment(); }

 private:
  // What a run that is continued said of itself stays. What can't be read is kept beside, which is
  // why the run can't conclude.
  Status take_over() {
    const std::filesystem::path path = run_.folder / "environment.json";
    std::error_code ec;
    if (!std::filesystem::exists(path, ec)) return {};
    const Json earlier =
        Json::parse(read_file(path).value_or(""), nullptr, /*allow_exceptions=*/false);
    if (!earlier.is_object()) {
      std::filesystem::rename(path, run_.folder / analysis::kDamagedEnvironmentFile, ec);
      if (ec) {
        return fail(ErrorCode::kEnvironment,
                    with_errno("is damaged and can't be renamed", ec.value()),
                    "let kts write in the run's folder", path.string());
      }
      warn(fmt::format("environment.json of the blocks so far is damaged; it is kept as {}",
                       analysis::kDamagedEnvironmentFile));
      return {};
    }
    for (const auto& [key, into] : {std::pair("warnings", &environment_.warnings),
                                    std::pair("inconclusive", &environment_.inconclusive)}) {
      if (!earlier.contains(key) || !earlier[key].is_array()) continue;
      for (const Json& line : earlier[key]) {
        if (line.is_string()) into->push_back(line.get<std::string>());
      }
    }
    return {};
  }
  // Files that an earlier part of the run has already get the first block in their names.
  [[nodiscard]] std::string continued() const {
    return run_.first_block > 1 ? fmt::format("-from-{}", run_.first_block) : std::string();
  }

  Status describe_machine() {
    const auto now = offset_.to_epoch(MonotonicTimeline::now());
    environment_.started = utc_iso8601(now);
    environment_.device_kind = device_kind(scenario_.device);
    environment_.sharing = scenario_.sharing;
    environment_.sync = cores_.sync;
    environment_.cpu = run_.cpu;
    environment_.memory = predict_memory(scenario_);
    for (AgentMemory& memory : environment_.memory) memory.missing = why_not_measured();
    environment_.shared_core = cores_.device_core;
    // Where a container's time is limited, waking would cost it.
    if (!run_.cpu.quota_cores) environment_.awake_cores = cores_.awake_cores;
    if (on_gpu_ && run_.gpus != nullptr) {
      if (const auto driver = run_.gpus->driver()) {
        environment_.driver = driver->driver;
        environment_.cuda = driver->cuda;
      }
    }
    for (const std::string& warning : cores_.warnings) warn(warning);
    if (on_gpu_) {
      for (const mps::Leftover& leftover : mps::find_leftovers()) warn(mps::describe(leftover));
    }
    if (run_.cpu.quota_cores &&
        *run_.cpu.quota_cores < static_cast<double>(run_.cpu.allowed_cores.size())) {
      warn(
          fmt::format("this container may use {} of its {} cores' time, so it can be halted at any "
                      "moment; lift the limit for a measurement",
                      *run_.cpu.quota_cores, run_.cpu.allowed_cores.size()));
    }
    return write_environment();
  }

  void warn(std::string text) {
    progress_.note(fmt::format("warning: {}", text));
    const bool known =
        std::ranges::find(environment_.warnings, text) != environment_.warnings.end();
    if (!known) environment_.warnings.push_back(std::move(text));
  }

  Status write_environment() {
    return write_file(run_.folder / "environment.json", to_json(environment_));
  }

  Status measure_part(BlockSource& blocks) {
    if (on_gpu_ && run_.gpus != nullptr) use_before_ = use_of_cards(*run_.gpus);
    KTS_TRY(sharing_, make_sharing_host(run_));
    const AwakeCores awake(environment_.awake_cores);
    blocks_ = &blocks;
    KTS_TRY(std::optional<Block> block, blocks.next());
    while (block) KTS_CHECK_OK(measure_session(block));
    return {};
  }

  // Blocks that follow each other with the same processes share a session; leaves the first that
  // doesn't.
  Status measure_session(std::optional<Block>& block) {
    alive_ = block->alive();
    std::vector<AgentLaunch> launches;
    KTS_TRY(std::optional<ChainWiring> wiring, ChainWiring::make(scenario_, alive_));
    for (const std::size_t place : alive_) {
      const scenario::AgentSpec& agent = scenario_.agents[place];
      process::Command command = worker_command(run_, place, cores_, offset_);
      wiring->connect(place, command);
      launches.push_back({agent.name, sharing_->adapt(std::move(command), place),
                          is_open(agent.arrival.process), agent.in_flight, &worker_logs_[place]});
    }
    Session session(std::move(launches), run_.timeouts, offset_, run_.signals);
    KTS_CHECK_OK(session.start());
    wiring.reset();  // the workers have them now
    // Only now: what it starts would inherit it.
    const Affinity affinity(cores_.runner_cores);
    KTS_CHECK_OK(meet(session));
    while (block && block->alive() == alive_) {
      KTS_CHECK_OK(run_block(session, *block));
      KTS_TRY(block, blocks_->next());
    }
    // A PID that is free again may become somebody else's.
    if (recorder_) recorder_->know({});
    return session.finish();
  }

  // After all are ready: what they run on, and the telemetry of that.
  Status meet(const Session& session) {
    pids_.clear();
    std::vector<mps::Member> members;
    std::vector<std::size_t> strangers;
    for (std::size_t i = 0; i < alive_.size(); ++i) {
      const control::Ready& ready = session.ready(i);
      pids_.push_back(ready.pid);
      members.push_back({ready.agent, ready.pid});
      if (!medians_.contains(alive_[i])) strangers.push_back(alive_[i]);
      medians_[alive_[i]] = Nanoseconds(ready.median_iteration_ns);
      environment_.memory[alive_[i]].allocated_bytes = ready.operand_bytes;
      if (environment_.device_uuid.empty()) {
        environment_.device_name = ready.device_name;
        environment_.device_uuid = ready.device_uuid;
      }
    }
    if (!strangers.empty()) note_lengthened(strangers);
    KTS_CHECK_OK(sharing_->verify(members));
    if (on_gpu_ && run_.gpus != nullptr && !environment_.gpu) KTS_CHECK_OK(find_gpu());
    measure_memory();
    KTS_CHECK_OK(write_environment());
    return record_telemetry();
  }

  // Of the card, once it is known, and of a DCGM exporter if one is named.
  Status record_telemetry() {
    if (!run_.telemetry || (!environment_.gpu && run_.dcgm_url.empty())) return {};
    if (!recorder_) {
      telemetry::RecorderOptions options;
      if (environment_.gpu) {
        options.gpus = run_.gpus;
        options.gpu = environment_.gpu->index;
        options.card = environment_.gpu->uuid;
      }
      options.dcgm_url = run_.dcgm_url;
      if (scenario_.sharing == "mps") {
        options.no_figures_of_processes = telemetry::kFiguresOfMpsClients;
      }
      options.offset = offset_;
      options.folder = run_.folder / "telemetry";
      options.suffix = part_ == 1 ? continued() : fmt::format("-{}", part_);
      KTS_CHECK_OK(make_directories(options.folder));
      KTS_TRY(recorder_, telemetry::Recorder::start(std::move(options)));
    }
    std::map<std::int64_t, std::string> agents;
    for (std::size_t i = 0; i < alive_.size(); ++i) {
      std::string& name = agents[pids_[i]];
      name += (name.empty() ? "" : "+") + scenario_.agents[alive_[i]].name;
    }
    recorder_->know(std::move(agents));
    return {};
  }

  Status find_gpu() {
    if (const auto gpus = run_.gpus->gpus()) {
      const auto used = std::ranges::find_if(*gpus, [&](const device::Gpu& gpu) {
        return gpu.uuid == environment_.device_uuid ||
               std::ranges::find(gpu.mig_instances, environment_.device_uuid) !=
                   gpu.mig_instances.end();
      });
      if (used != gpus->end()) environment_.gpu = *used;
    }
    KTS_CHECK_OK(write_environment());
    if (!environment_.gpu && !gpu_unknown_) {
      gpu_unknown_ = true;
      warn(fmt::format("the driver doesn't know a GPU {}, so its clocks are not recorded",
                       environment_.device_uuid));
    }
    return {};
  }

  // The words that stay where an agent's memory can't be measured.
  [[nodiscard]] std::string why_not_measured() const {
    if (scenario_.sharing == "streams" && scenario_.agents.size() > 1) {
      return "the agents are threads of one process";
    }
    if (!on_gpu_) return "its process could not be looked at";
    if (scenario_.sharing == "mps") return std::string(telemetry::kFiguresOfMpsClients);
    if (run_.gpus == nullptr) return "the driver can't be asked";
    return "the driver lists no process of its ID, as in a container";
  }
  // By what each process holds now: of a card by the driver's word, in whose PID namespace ours
  // needn't be. The most of all looks counts.
  void measure_memory() {
    std::map<std::int64_t, std::uint64_t> held;
    if (!on_gpu_) {
      for (const std::int64_t pid : pids_) {
        if (const auto bytes = resident_bytes(pid)) held[pid] = *bytes;
      }
    } else if (environment_.gpu && scenario_.sharing != "mps") {
      const auto processes = run_.gpus->compute_processes(environment_.gpu->index);
      for (const auto& process : processes ? *processes : std::vector<device::GpuProcess>{}) {
        const bool ours = std::ranges::find(pids_, process.pid) != pids_.end();
        if (ours && process.memory_bytes) held[process.pid] = *process.memory_bytes;
      }
    }
    for (std::size_t i = 0; i < alive_.size(); ++i) {
      const auto own = held.find(pids_[i]);
      if (own == held.end() || std::ranges::count(pids_, pids_[i]) > 1) continue;
      AgentMemory& memory = environment_.memory[alive_[i]];
      memory.measured_bytes = std::max(memory.measured_bytes.value_or(0), own->second);
      memory.measured_by = on_gpu_ ? "nvml" : "resident set";
    }
    if (alive_.size() == scenario_.agents.size()) measure_all(held);
  }
  // What all hold at once: the sum, or where a process' part isn't known what the card holds more.
  void measure_all(const std::map<std::int64_t, std::uint64_t>& held) {
    const std::set<std::int64_t> processes(pids_.begin(), pids_.end());
    std::optional<std::uint64_t> all;
    const bool by_process = held.size() == processes.size();
    if (by_process) {
      all = 0;
      for (const auto& [pid, bytes] : held) *all += bytes;
    } else if (on_gpu_ && environment_.gpu && environment_.memory_in_use_by != "processes") {
      all = taken_of_card(*run_.gpus, *environment_.gpu, use_before_, pids_);
    }
    const std::string by = by_process ? "processes" : "card";
    const bool more = all > environment_.memory_in_use_bytes;
    if (!all || (by == environment_.memory_in_use_by && !more)) return;
    environment_.memory_in_use_bytes = all;
    environment_.memory_in_use_by = by;
  }

  Nanoseconds length_of(const Block& block) const {
    Nanoseconds length = scenario_.plan.block;
    for (const std::size_t place : block.active) length = std::max(length, least_length(place));
    return length;
  }
  // Zero before the agent was met.
  Nanoseconds least_length(std::size_t place) const {
    const auto median = medians_.find(place);
    return median == medians_.end() ? Nanoseconds(0) : kIterationsPerBlock * median->second;
  }

  // One line for those that are met now: of the slowest.
  void note_lengthened(const std::vector<std::size_t>& places) {
    std::size_t slowest = places.front();
    std::size_t lengthened = 0;
    for (const std::size_t place : places) {
      if (least_length(place) > least_length(slowest)) slowest = place;
      lengthened += least_length(place) > scenario_.plan.block;
    }
    if (lengthened == 0) return;
    std::string text = fmt::format(
        "blocks with {} last {}, not {}: {} of its iterations take that long",
        scenario_.agents[slowest].name,
        format_duration(std::chrono::ceil<std::chrono::milliseconds>(least_length(slowest))),
        format_duration(scenario_.plan.block), kIterationsPerBlock);
    if (lengthened > 1) text += fmt::format("; {} more likewise", lengthened - 1);
    progress_.note(text);
  }

  // After a block whose queue was given up, the next with its agents is judged sooner, and so is
  // each once much of the plan went by with waiting.
  Nanoseconds drain_limit(const Block& block, Nanoseconds length) const {
    const bool expected = std::ranges::any_of(gave_up_, [&](const auto& last) {
      return last.second && std::ranges::includes(block.active, last.first);
    });
    const Nanoseconds least = length / kLeastWaitsPerBlock;
    if (expected) return least;
    const Nanoseconds planned = scenario_.plan.block * static_cast<std::int64_t>(blocks_->known());
    const Nanoseconds hiccup =
        std::clamp(planned / kHiccupsPerPlan, kShortestHiccup, kLongestHiccup);
    const Nanoseconds left = std::max(planned / kWaitsPerPlan, kShortestHiccup) - waited_;
    return std::clamp(left, least, std::max(length, hiccup));
  }

  // What came on top of the least that every block may take.
  void count_waiting(const std::vector<record::BlockEnd>& ends, Nanoseconds length) {
    Nanoseconds longest{0};
    for (const record::BlockEnd& end : ends) longest = std::max(longest, Nanoseconds(end.drain_ns));
    waited_ += std::max(longest - length / kLeastWaitsPerBlock, Nanoseconds(0));
  }

  void note_given_up(const Block& block, const BlockTask& task,
                     const std::vector<record::BlockEnd>& ends) {
    std::string who;
    std::size_t others = 0;
    std::uint64_t abandoned = 0;
    std::uint64_t due = 0;
    for (const record::BlockEnd& end : ends) {
      if (end.abandoned == 0) continue;
      if (who.empty()) {
        who = end.agent;
      } else {
        ++others;
      }
      abandoned += end.abandoned;
      due += end.iterations + end.abandoned;
    }
    const auto last = gave_up_.find(block.active);
    if (last != gave_up_.end()) last->second = !who.empty();
    if (who.empty() || last != gave_up_.end()) return;
    gave_up_.emplace(block.active, true);
    if (others > 0) who += fmt::format(" and {} more", others);
    progress_.note(
        fmt::format("warning: {} can't keep up: {} after {}, {} of {} requests were not begun; "
                    "they were given up",
                    who, format_duration(std::chrono::ceil<std::chrono::milliseconds>(task.drain)),
                    task.title, abandoned, due));
  }

  Status run_block(Session& session, const Block& block) {
    BlockTask task;
    task.index = block.index;
    task.cycle = block.cycle;
    task.phase = name(block.phase);
    task.neighbours = name(block.neighbours);
    task.title = fmt::format("block {} ({})", block.index, title_of(block, scenario_));
    for (const std::size_t place : block.active) {
      task.active.push_back(
          static_cast<std::size_t>(std::ranges::find(alive_, place) - alive_.begin()));
    }
    task.folder = run_.folder / "blocks" / folder_name(block, scenario_, blocks_->most());
    task.trace_kernels = run_.trace_buffer_bytes.has_value();
    task.length = length_of(block);
    task.drain = drain_limit(block, task.length);
    KTS_CHECK_OK(make_directories(task.folder));

    std::vector<device::GpuProcess> foreign;
    task.before_start = [&] { look_for_foreign(foreign); };
    task.after_drain = [&] {
      look_for_foreign(foreign);
      if (block.phase == Phase::kShared) measure_memory();
    };
    ProgressState state;
    const MonotonicTime began = MonotonicTimeline::now();
    task.tick = [&](const std::vector<std::uint64_t>& completed, Nanoseconds since_start) {
      state = progress_state(block, completed, since_start, task.length);
      progress_.update(state);
    };
    KTS_TRY(const std::vector<record::BlockEnd> ends, session.run(task));
    const BlockWindow window = intersection(ends);
    overhead_ = overheads_[block.active] = MonotonicTimeline::now() - began - task.length;

    note_given_up(block, task, ends);
    count_waiting(ends, task.length);
    if (!foreign.empty()) note_foreign(block, task.title, foreign);
    KTS_CHECK_OK(write_block(block, task.folder, window, foreign));
    progress_.block_done(state);
    return {};
  }

  // A shared block's block.json tells the rest; a solo block's baseline is spoilt for all.
  void note_foreign(const Block& block, std::string_view title,
                    const std::vector<device::GpuProcess>& foreign) {
    std::string text =
        fmt::format("another process was on the card in {}: {}", title, describe(foreign.front()));
    progress_.note(fmt::format("warning: {}", text));
    if (block.phase == Phase::kSolo) environment_.inconclusive.push_back(std::move(text));
  }

  void look_for_foreign(std::vector<device::GpuProcess>& found) {
    if (!environment_.gpu) return;
    const auto listed = run_.gpus->compute_processes(environment_.gpu->index);
    if (!listed) return;
    for (device::GpuProcess& process : foreign_processes(*listed, pids_)) {
      const bool known = std::ranges::any_of(
          found, [&](const device::GpuProcess& other) { return other.pid == process.pid; });
      if (!known) found.push_back(std::move(process));
    }
  }

  ProgressState progress_state(const Block& block, const std::vector<std::uint64_t>& completed,
                               Nanoseconds since_start, Nanoseconds length) {
    ProgressState state;
    state.block = block.index;
    state.blocks = static_cast<int>(blocks_->known());
    state.cycle = block.cycle;
    state.cycles = std::max(block.cycle, scenario_.plan.cycles);
    state.what = title_of(block, scenario_);
    const double seconds = std::max(1e-3, std::chrono::duration<double>(since_start).count());
    for (std::size_t i = 0; i < completed.size(); ++i) {
      state.rates.push_back(
          {scenario_.agents[block.active[i]].name, static_cast<double>(completed[i]) / seconds});
    }
    const Nanoseconds of_block = std::max(Nanoseconds(0), length - since_start);
    state.remaining = of_block + expected(blocks_->ahead());
    if (const BlockSource::Rounds later = blocks_->to_come(); later.times > 0) {
      state.remaining += later.times * expected(later.blocks);
    }
    if (const auto deadline = blocks_->deadline()) {
      state.remaining = std::max<Nanoseconds>(of_block, *deadline - MonotonicTimeline::now());
    }
    return state;
  }

  Nanoseconds expected(std::span<const Block> blocks) const {
    Nanoseconds sum{0};
    for (const Block& block : blocks) {
      const auto known = overheads_.find(block.active);
      sum += length_of(block) + (known == overheads_.end() ? overhead_ : known->second);
    }
    return sum;
  }

  Status write_block(const Block& block, const std::filesystem::path& folder,
                     const BlockWindow& window,
                     const std::vector<device::GpuProcess>& foreign) const {
    const auto names = [this](const std::vector<std::size_t>& places) {
      Json list = Json::array();
      for (const std::size_t place : places) list.push_back(scenario_.agents[place].name);
      return list;
    };
    Json out{{"schema", "kts.block/1"},
             {"index", block.index},
             {"cycle", block.cycle},
             {"phase", name(block.phase)},
             {"neighbours", name(block.neighbours)},
             {"active", names(block.active)},
             {"parked", names(block.parked)},
             {"window_start_ns", window.start_ns},
             {"window_stop_ns", window.stop_ns}};
    if (environment_.gpu) {
      out["foreign"] = Json::array();
      for (const device::GpuProcess& process : foreign) {
        out["foreign"].push_back({{"pid", process.pid}, {"name", process.name}});
      }
    }
    return write_file(folder / "block.json",
                      out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  }

  Status stop_recorder() {
    if (!recorder_) return {};
    const auto facts = recorder_->stop();
    recorder_.reset();
    if (!facts) return tl::unexpected(facts.error());
    for (const telemetry::SourceFacts& source : *facts) {
      if (!source.missing.empty()) {
        note_once(fmt::format("no telemetry from {}: {}", source.name, source.missing));
      }
      environment_.telemetry.push_back(source);
    }
    return {};
  }

  void note_once(const std::string& text) {
    if (noted_.insert(text).second) progress_.note(text);
  }

  LocalRun run_;
  const scenario::Scenario& scenario_;
  Progress& progress_;
  bool on_gpu_;
  CorePlan cores_;
  BlockSource* blocks_ = nullptr;  // of the part in progress
  EpochOffset offset_;
  Environment environment_;
  CardsUse use_before_;
  std::vector<OutputFile> worker_logs_;
  int part_ = 0;
  std::unique_ptr<SharingHost> sharing_;  // of the part in progress
  std::unique_ptr<telemetry::Recorder> recorder_;
  std::set<std::string> noted_;
  bool gpu_unknown_ = false;
  std::map<std::size_t, Nanoseconds> medians_;  // by place in the scenario, once known
  // By who was active, once a queue was given up: whether one was in the last such block.
  std::map<std::vector<std::size_t>, bool> gave_up_;
  Nanoseconds waited_{0};  // for queues to drain, in all blocks
  // Of a block beside its length: the last one, and the last one with these agents active.
  Nanoseconds overhead_{0};
  std::map<std::vector<std::size_t>, Nanoseconds> overheads_;

  // Of the session in progress.
  std::vector<std::size_t> alive_;
  std::vector<std::int64_t> pids_;
};

Status check_tracing(const scenario::Scenario& scenario) {
  if (device_kind(scenario.device) != "cuda") {
    return environment_lacks("kernels are traced on a CUDA device, and this run is on a CPU",
                             "take --device cuda, or leave --trace-kernels out", "--trace-kernels");
  }
  if (scenario.sharing == "streams") {
    return bad_input(
        "in mode streams the agents are one process, whose kernels can't be told apart",
        "take another sharing mode, or leave --trace-kernels out", "--trace-kernels");
  }
  return {};
}

Status check_folder(const std::filesystem::path& folder) {
  std::error_code ec;
  std::filesystem::path there = folder;  // the part of it that is there already
  while (!there.empty() && !std::filesystem::exists(there, ec) && there.has_relative_path()) {
    there = there.parent_path();
  }
  if (!there.empty() && !std::filesystem::is_directory(there, ec)) {
    return bad_input("a file stands where a folder is needed", "name another folder",
                     folder.string());
  }
  if (there != folder) return {};
  const bool empty = std::filesystem::is_empty(folder, ec);
  if (ec) {
    return environment_lacks(with_errno("cannot look into the folder", ec.value()),
                             "choose a folder that you may read and write", folder.string());
  }
  if (!empty)
    return bad_input("the folder holds something already", "name a new one", folder.string());
  return {};
}

Status prepare_folder(const std::filesystem::path& folder) {
  KTS_CHECK_OK(make_directories(folder));
  return check_folder(folder);
}

std::filesystem::path default_folder(EpochTime now, std::string_view scenario) {
  return std::filesystem::path("runs") / fmt::format("{}-{}", utc_stamp(now), scenario);
}

Status run_locally(const LocalRun& run, Progress& progress) {
  RunInParts parts(run, progress);
  KTS_CHECK_OK(parts.begin());
  const Status measured = run.blocks != nullptr ? parts.measure(*run.blocks)
                                                : parts.measure(1, run.scenario.plan.cycles);
  Status ended = parts.end();
  KTS_CHECK_OK(measured);
  return ended;
}

RunInParts::RunInParts(LocalRun run, Progress& progress)
    : execution_(std::make_unique<Execution>(std::move(run), progress)) {}
RunInParts::~RunInParts() = default;
Status RunInParts::begin() { return execution_->begin(); }
Status RunInParts::measure(int first_cycle, int last_cycle) {
  const std::size_t all = execution_->planned(1, std::numeric_limits<int>::max()).size();
  PlannedBlocks blocks(execution_->planned(first_cycle, last_cycle), all);
  return execution_->measure(blocks);
}
Status RunInParts::measure(BlockSource& blocks) { return execution_->measure(blocks); }
Status RunInParts::end() { return execution_->end(); }

}  // namespace kts::runner
