// SPDX-License-Identifier: Apache-2.0
#include "sharing_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "kts/base/units.hpp"
#include "kts/device/sharing.hpp"
#include "kts/mps/daemon.hpp"
#include "kts/mps/partitions.hpp"

namespace kts::runner {
namespace {

using std::chrono_literals::operator""s;

std::optional<std::filesystem::path> mps_program(const LocalRun& run) {
  if (!run.mps_program.empty()) return run.mps_program;
  return process::find_program(mps::kControlProgram);
}

// On a CPU there is nothing to do.
class NoHost final : public SharingHost {
 public:
  process::Command adapt(process::Command command, std::size_t /*agent*/) const override {
    return command;
  }
  Status verify(std::span<const mps::Member> /*workers*/) override { return {}; }
  Status stop() override { return {}; }
};

// Processes that take turns on a card: an MPS daemon that is in force must not catch them.
class WithoutMps final : public SharingHost {
 public:
  WithoutMps(TemporaryDirectory nowhere, std::unique_ptr<mps::Control> foreign)
      : nowhere_(std::move(nowhere)), foreign_(std::move(foreign)) {}

  process::Command adapt(process::Command command, std::size_t /*agent*/) const override {
    command.environment.push_back("CUDA_MPS_PIPE_DIRECTORY=" + nowhere_.path().string());
    return command;
  }
  Status verify(std::span<const mps::Member> workers) override {
    return foreign_ ? mps::require_no_client(*foreign_, workers) : Status{};
  }
  Status stop() override { return {}; }

 private:
  TemporaryDirectory nowhere_;
  std::unique_ptr<mps::Control> foreign_;  // of a daemon that kts didn't start
};

// Agents' static partitions, in the scenario's order, on a card.
struct Partitions {
  std::string card_uuid;
  std::vector<mps::Allotment> of_agents;
  std::filesystem::path told;  // file of how the card is parted
};

class OnMps final : public SharingHost {
 public:
  OnMps(const scenario::Scenario& scenario, std::unique_ptr<mps::Daemon> daemon,
        std::optional<Partitions> partitions)
      : scenario_(scenario), daemon_(std::move(daemon)), partitions_(std::move(partitions)) {}

  process::Command adapt(process::Command command, std::size_t agent) const override {
    const auto add = [&](std::string entry) { command.environment.push_back(std::move(entry)); };
    for (std::string& entry : daemon_->client_environment()) add(std::move(entry));
    const scenario::MpsSpec demands = scenario_.agents[agent].mps.value_or(scenario::MpsSpec{});
    if (demands.threads_percent) {
      add(fmt::format("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE={}", *demands.threads_percent));
    }
    add(fmt::format("CUDA_MPS_CLIENT_PRIORITY={}", demands.below_normal ? 1 : 0));
    if (demands.memory_bytes) {
      const auto colon = scenario_.device.find(':');
      add(fmt::format("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT={}={}M",
                      colon == std::string::npos ? "0" : scenario_.device.substr(colon + 1),
                      *demands.memory_bytes >> 20));
    }
    if (partitions_) {
      add(fmt::format("{}={}", mps::kPartitionVariable, partitions_->of_agents[agent].partition));
    }
    return command;
  }
  Status verify(std::span<const mps::Member> workers) override {
    KTS_CHECK_OK(mps::require_clients(daemon_->control(), workers));
    return partitions_ ? verify_partitions(workers) : Status{};
  }
  Status stop() override { return daemon_->stop(); }
  Error explain(Error error) override {
    if (error.code != ErrorCode::kInternal) return error;
    error.hint += fmt::format(
        "{}under MPS one client's fault ends the others' work as well: see "
        "mps/server.log in the run's folder",
        error.hint.empty() ? "" : "; ");
    return error;
  }

 private:
  Status verify_partitions(std::span<const mps::Member> workers) {
    KTS_TRY(const mps::Parting parting,
            mps::parting_of(daemon_->control(), partitions_->card_uuid));
    KTS_CHECK_OK(write_file(partitions_->told, parting.said));
    std::vector<mps::Allotment> theirs;
    for (const mps::Allotment& each : partitions_->of_agents) {
      if (std::ranges::find(workers, each.agent, &mps::Member::agent) != workers.end()) {
        theirs.push_back(each);
      }
    }
    return mps::require_partitions(parting, theirs);
  }

  const scenario::Scenario& scenario_;
  std::unique_ptr<mps::Daemon> daemon_;
  std::optional<Partitions> partitions_;
};

// The process whose threads the agents are; each agent's own process hands its streams over to it.
class CommonProcess final : public SharingHost, process::Fleet::Listener {
 public:
  explicit CommonProcess(TemporaryDirectory folder) : folder_(std::move(folder)), fleet_(*this) {}

  Status start(const LocalRun& run) {
    process::Command command;
    command.argv.push_back(run.worker.string());
    command.argv.insert(command.argv.end(), run.worker_prefix.begin(), run.worker_prefix.end());
    program_words_ = static_cast<std::ptrdiff_t>(command.argv.size());
    command.argv.insert(command.argv.end(), {"host", socket().string()});
    if (device_kind(run.scenario.device) == "cuda") {
      command.environment.push_back("CUDA_MPS_PIPE_DIRECTORY=" + folder_.path().string());
    }
    KTS_CHECK_OK(fleet_.start(command));
    const MonotonicTime deadline = MonotonicTimeline::now() + 30s;
    while (!ready_ && fleet_.running(0) && MonotonicTimeline::now() < deadline) {
      KTS_CHECK_OK(fleet_.wait(deadline));
    }
    if (ready_) return {};
    return fail(ErrorCode::kInternal,
                fmt::format("the agents' common process doesn't start: {}", ending()));
  }

  process::Command adapt(process::Command command, std::size_t /*agent*/) const override {
    command.argv.insert(command.argv.begin() + program_words_, {"join", socket().string()});
    return command;
  }
  Status verify(std::span<const mps::Member> workers) override {
    for (const mps::Member& worker : workers) {
      if (worker.pid != fleet_.pid(0)) {
        return fail(ErrorCode::kInternal,
                    fmt::format("it runs in process {}, not in the common one ({})", worker.pid,
                                fleet_.pid(0)),
                    "do kts and kts-worker come from the same build?",
                    fmt::format("agent {}", worker.agent));
      }
    }
    return {};
  }
  Status stop() override {
    fleet_.shut_down(2s);
    if (status_.success()) return {};
    return fail(ErrorCode::kInternal, fmt::format("the agents' common process: {}", ending()));
  }
  Error explain(Error error) override {
    if (error.code != ErrorCode::kInternal) return error;
    // It may be about to end.
    (void)fleet_.wait(MonotonicTimeline::now() + 1s);
    if (fleet_.running(0)) return error;
    error.message += fmt::format("; the agents' common process: {}", ending());
    return error;
  }

 private:
  [[nodiscard]] std::filesystem::path socket() const { return folder_.path() / "host"; }
  [[nodiscard]] std::string ending() const {
    const std::string words = fleet_.last_words(0);
    return fmt::format("{}{}", fleet_.running(0) ? "no answer" : process::describe(status_),
                       words.empty() ? "" : fmt::format("; last words: {}", words));
  }
  void on_stdout(std::size_t /*child*/, std::string_view line) override {
    ready_ = ready_ || line.starts_with("KTS_HOST,");
  }
  void on_stderr(std::size_t /*child*/, std::string_view /*line*/) override {}
  void on_exit(std::size_t /*child*/, const process::ExitStatus& status) override {
    status_ = status;
  }

  TemporaryDirectory folder_;
  std::ptrdiff_t program_words_ = 1;  // and what tests put behind it
  bool ready_ = false;
  process::ExitStatus status_;
  process::Fleet fleet_;
};

// One instance of the card an agent, in the scenario's order.
class OnInstances final : public SharingHost {
 public:
  OnInstances(std::vector<std::string> instances, TemporaryDirectory nowhere)
      : instances_(std::move(instances)), nowhere_(std::move(nowhere)) {}

  process::Command adapt(process::Command command, std::size_t agent) const override {
    command.environment.push_back("CUDA_VISIBLE_DEVICES=" + instances_[agent]);
    // It is the only one that CUDA numbers there.
    const auto device = std::ranges::find(command.argv, "--device");
    if (device != command.argv.end()) *std::next(device) = "cuda";
    command.environment.push_back("CUDA_MPS_PIPE_DIRECTORY=" + nowhere_.path().string());
    return command;
  }
  Status verify(std::span<const mps::Member> /*workers*/) override { return {}; }
  Status stop() override { return {}; }

 private:
  std::vector<std::string> instances_;
  TemporaryDirectory nowhere_;
};

// `parent` of folders whose paths are CUDA's and sockets' business must be short.
Result<TemporaryDirectory> short_folder(std::string_view prefix) {
  return TemporaryDirectory::create(prefix, "/tmp");
}

// The card that CUDA takes, as a process there tells; before a daemon is there, whose context might
// be all that the card's compute mode lets in.
Result<std::string> card_in_use(const LocalRun& run) {
  KTS_TRY(const TemporaryDirectory nowhere, short_folder("kts-no-mps"));
  KTS_TRY(const ProbeAnswer card,
          probe_device(run.worker, run.scenario.device, run.signals,
                       {"CUDA_MPS_PIPE_DIRECTORY=" + nowhere.path().string()}));
  return card.uuid;
}

Result<Partitions> part_card(const LocalRun& run, std::string card_uuid, mps::Control& control) {
  KTS_TRY(const mps::Parting whole, mps::parting_of(control, card_uuid));
  std::vector<int> percents;
  for (const scenario::AgentSpec& agent : run.scenario.agents) {
    percents.push_back(*agent.mps->partition_percent);
  }
  KTS_TRY(const std::vector<int> chunks,
          mps::share_out(percents, whole.free_chunks + whole.used_chunks));
  Partitions partitions{std::move(card_uuid), {}, run.folder / "mps" / "partitions.txt"};
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    KTS_TRY(std::string partition, mps::add_partition(control, partitions.card_uuid, chunks[i]));
    partitions.of_agents.push_back({run.scenario.agents[i].name, std::move(partition), chunks[i]});
  }
  return partitions;
}

Result<std::unique_ptr<SharingHost>> start_mps(const LocalRun& run) {
  if (const std::size_t alive = scenario::most_alive(run.scenario); alive > mps::kMaxClients) {
    return environment_lacks(
        fmt::format("{} agents, but an MPS server takes {} clients", alive, mps::kMaxClients),
        "take fewer agents, or --sharing time-slicing",
        fmt::format("scenario {}", run.scenario.name));
  }
  const auto program = mps_program(run);
  if (!program) {
    return environment_lacks("nvidia-cuda-mps-control is not on the PATH",
                             "it comes with the NVIDIA driver's utilities");
  }
  mps::DaemonSpec spec{*program, run.folder / "mps"};
  spec.static_partitions = wants_partitions(run.scenario);
  std::string card_uuid;
  if (spec.static_partitions) {
    KTS_TRY(card_uuid, card_in_use(run));
  }
  KTS_TRY(auto daemon, mps::Daemon::start(spec));
  std::optional<Partitions> partitions;
  if (spec.static_partitions) {
    KTS_TRY(partitions, part_card(run, std::move(card_uuid), daemon->control()));
  }
  return std::make_unique<OnMps>(run.scenario, std::move(daemon), std::move(partitions));
}

Result<std::unique_ptr<SharingHost>> keep_off_mps(const LocalRun& run) {
  KTS_TRY(TemporaryDirectory nowhere, short_folder("kts-no-mps"));
  const auto program = mps_program(run);
  const device::SharingFacts facts =
      device::inspect_sharing(device::mps_pipe_folder(), program.has_value(), std::nullopt);
  std::unique_ptr<mps::Control> foreign;
  if (facts.mps_daemon && program && !facts.mps_is_another_users) {
    foreign = mps::open_control(*program, facts.mps_pipe_folder);
  }
  return std::make_unique<WithoutMps>(std::move(nowhere), std::move(foreign));
}

Result<std::unique_ptr<SharingHost>> take_instances(const LocalRun& run) {
  KTS_TRY(TemporaryDirectory nowhere, short_folder("kts-no-mps"));
  if (run.gpus == nullptr) return environment_lacks("no driver tells the card's MIG instances");
  KTS_TRY(const std::vector<device::Gpu> gpus, run.gpus->gpus());
  const device::Gpu* card = card_of_instances(gpus, run.scenario.device);
  const std::size_t there = card == nullptr ? 0 : card->mig_instances.size();
  if (there < run.scenario.agents.size()) {
    return environment_lacks(
        fmt::format("{} agents, but the card has {} MIG instances, and kts never changes them",
                    run.scenario.agents.size(), there),
        "have an administrator make as many instances as there are agents",
        fmt::format("--device {}", run.scenario.device));
  }
  return std::make_unique<OnInstances>(card->mig_instances, std::move(nowhere));
}

}  // namespace

const device::Gpu* card_of_instances(std::span<const device::Gpu> gpus, std::string_view device) {
  const auto wanted = parse_int64(device.substr(device.find(':') + 1));
  const auto card = std::ranges::find_if(gpus, [&](const device::Gpu& gpu) {
    return wanted ? gpu.index == *wanted : !gpu.mig_instances.empty();
  });
  return card != gpus.end() && card->mig_enabled.value_or(false) ? &*card : nullptr;
}

Result<std::unique_ptr<SharingHost>> make_sharing_host(const LocalRun& run) {
  const std::string& mode = run.scenario.sharing;
  if (mode == "streams") {
    KTS_TRY(TemporaryDirectory folder, short_folder("kts-streams"));
    auto host = std::make_unique<CommonProcess>(std::move(folder));
    KTS_CHECK_OK(host->start(run));
    return host;
  }
  if (device_kind(run.scenario.device) == "cpu") return std::make_unique<NoHost>();
  if (mode == "mps") return start_mps(run);
  if (mode == "mig") return take_instances(run);
  return keep_off_mps(run);
}

}  // namespace kts::runner
