// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/device/gpu.hpp"
#include "kts/process/signals.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/runner/progress.hpp"
#include "kts/scenario/scenario.hpp"

namespace kts::app {

// What commands that measure on this machine are told.
struct LocalOptions {
  std::string scenario = "study";
  std::string device;
  std::string sharing;
  std::string out;
  std::string worker;
  std::string dcgm;
  bool no_telemetry = false;
  bool quick = false;
  bool leave_one_out = false;  // of kts run
};
void add_local_options(CLI::App& parser, LocalOptions& options,
                       const std::string& default_folder = "runs/<UTC stamp>-<scenario>");
void add_sharing_option(CLI::App& parser, LocalOptions& options);

// This machine, for runs. While it lives, signals end a run in good order.
class LocalMachine {
 public:
  [[nodiscard]] static Result<std::unique_ptr<LocalMachine>> open(const std::string& worker);

  // A file, else a built-in scenario, which comes sized for the device it will run on; what the
  // options say goes over it. Traces are read. What else the options say is for run().
  [[nodiscard]] Result<scenario::Scenario> load(const LocalOptions& options);
  // kBadInput or kEnvironment when the agents can't share the device as the scenario says, or don't
  // fit into its memory.
  [[nodiscard]] Status check(const scenario::Scenario& scenario) const;
  [[nodiscard]] Status check_sharing(const scenario::Scenario& scenario) const;
  [[nodiscard]] Status check_memory(const scenario::Scenario& scenario) const;
  [[nodiscard]] runner::LocalRun run(scenario::Scenario scenario, std::filesystem::path folder);

  [[nodiscard]] runner::Progress& progress() { return *progress_; }
  [[nodiscard]] const Result<std::vector<device::Gpu>>& gpus() const { return gpus_; }

 private:
  explicit LocalMachine(process::SignalWatch signals);

  process::SignalWatch signals_;
  std::unique_ptr<runner::Progress> progress_;
  device::CpuInfo cpu_;
  std::filesystem::path worker_;
  std::string dcgm_;
  bool telemetry_ = true;
  std::unique_ptr<device::GpuSource> nvml_;
  Result<std::vector<device::Gpu>> gpus_;
};

[[nodiscard]] bool is_terminal(std::FILE* stream);
[[nodiscard]] std::unique_ptr<runner::Progress> make_progress();  // on stderr
// `--out`, or "runs/<UTC stamp>-<scenario>".
[[nodiscard]] std::filesystem::path folder_for(const LocalOptions& options,
                                               const scenario::Scenario& scenario);
// Whether a run's folder has a block to report on.
[[nodiscard]] bool any_block_is_over(const std::filesystem::path& folder);
// With a word on where to find what there is.
[[nodiscard]] Error with_folder(Error error, const std::filesystem::path& folder);

}  // namespace kts::app
