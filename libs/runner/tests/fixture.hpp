// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <string>
#include <vector>

#include "kts/base/files.hpp"
#include "kts/runner/local_run.hpp"
#include "places.hpp"

namespace kts::runner {

// Keeps what a run said.
class RecordingProgress final : public Progress {
 public:
  void note(std::string_view line) override { notes.emplace_back(line); }
  void update(const ProgressState& state) override { last = state; }
  void block_done(const ProgressState& state) override { done.push_back(state); }
  std::vector<std::string> notes;
  ProgressState last;
  std::vector<ProgressState> done;
};

// A run of two made-up agents, "light" (open) and "heavy", by the fake worker.
class FakeRun : public testing::Test {
 protected:
  FakeRun() {
    run_.scenario = scenario::parse(
                        "schema: kts.scenario/1\n"
                        "name: fake\n"
                        "device: cpu\n"
                        "plan: {cycles: 2, block: 20ms}\n"
                        "agents:\n"
                        "  - name: light\n"
                        "    workload: {kind: fft, size: 64}\n"
                        "    arrival: {process: uniform, rate: 1000}\n"
                        "  - name: heavy\n"
                        "    workload: {kind: gemm, size: 64}\n"
                        "    arrival: {process: saturate}\n",
                        "test")
                        .value();
    run_.folder = folder_.path() / "run";
    run_.worker = in_build("tests/kts_fake_worker");
    run_.cpu.allowed_cores = {0, 1};
    run_.cpu.kernel = "Linux test";
    run_.timeouts.grace = std::chrono::milliseconds(20);
  }

  void misbehave(std::string mode, std::string agent = {}) {
    run_.worker_prefix = {"--fake", std::move(mode)};
    if (!agent.empty()) {
      run_.worker_prefix.insert(run_.worker_prefix.end(), {"--fake-agent", std::move(agent)});
    }
  }
  Status execute() {
    if (auto status = prepare_folder(run_.folder); !status) return status;
    return run_locally(run_, progress_);
  }
  std::string failure() {
    const Status status = execute();
    return status ? "no error" : to_line(status.error());
  }
  std::string text(const std::string& path) {
    return read_file(run_.folder / path).value_or("no such file");
  }
  bool exists(const std::string& path) const { return std::filesystem::exists(run_.folder / path); }

  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
  LocalRun run_;
  RecordingProgress progress_;
};

}  // namespace kts::runner
