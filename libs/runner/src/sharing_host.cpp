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

class OnMps final : public SharingHost {
 public:
  OnMps(const scenario::Scenario& scenario, std::unique_ptr<mps::Daemon> daemon)
      : scenario_(scenario), daemon_(std::move(daemon)) {}

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
    return command;
  }
  Status verify(std::span<const mps::Member> workers) override {
    return mps::require_clients(daemon_->control(), workers);
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
  const scenario::Scenario& scenario_;
  std::unique_ptr<mps::Daemon> daemon_;
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
  KTS_TRY(auto daemon, mps::Daemon::start({*program, run.folder / "mps"}));
  return std::make_unique<OnMps>(run.scenario, std::move(daemon));
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
