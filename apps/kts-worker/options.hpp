// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/worker/agent.hpp"

namespace kts::worker_app {

// What the command line and the study's environment variables ask for.
struct Options {
  worker::AgentSpec agent;
  worker::BlockPlan plan;  // standing alone; start not yet set
  std::optional<Nanoseconds> duration;
  std::string phase;
  std::string device;
  bool size_is_default = false;
  int warm_up = 0;
  std::vector<int> host_cores;
  bool own_core = false;
  bool controlled = false;
  std::optional<kernel_trace::TracerSpec> tracer;
  std::string kernels;   // standing alone: their file
  int chain_inbox = -1;  // of arrivals from chains: a descriptor
};

// Empty when help or the version was asked for and has been printed. kBadInput names the flag.
[[nodiscard]] Result<std::optional<Options>> parse_options(int argc, const char* const* argv);
// The same of a command line without the program's name.
[[nodiscard]] Result<std::optional<Options>> parse_options(
    const std::vector<std::string>& arguments);

// An environment variable; empty when it isn't set.
[[nodiscard]] std::string environment(const char* variable);

}  // namespace kts::worker_app
