// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/pod/outbox.hpp"
#include "kts/process/fleet.hpp"

namespace kts::pod {

// Every wait is bounded by one of these.
struct PodTimeouts {
  Nanoseconds ready = std::chrono::seconds(120);
  Nanoseconds answer = std::chrono::seconds(30);  // to PREPARE and FINISH
  Nanoseconds drain = std::chrono::seconds(30);   // after the block's give-up, beside iterations
  Nanoseconds leave = std::chrono::seconds(10);   // after EXIT
  Nanoseconds grace = std::chrono::seconds(2);    // between SIGTERM and SIGKILL, beside iterations
  Nanoseconds interrupted = std::chrono::seconds(10);  // all of it, after our SIGTERM
  // Without any acknowledgement while nothing but acknowledgements is missing.
  Nanoseconds linger = std::chrono::seconds(60);
};

struct PodOptions {
  std::string agent;  // as the plan names it
  bool open = false;  // its arrivals don't wait for completions
  int in_flight = 1;
  process::Command worker;  // drives by control/protocol.hpp
  std::filesystem::path plan_file;
  std::filesystem::path ack_file;
  OutboxLimits outbox;
  PodTimeouts timeouts;
  std::string pod_uid, pod, node;
};

// Drives one worker by the plan and prints frames.hpp on standard output until the plan has ended
// and all is acknowledged, SIGTERM or SIGINT arrive (kInterrupted, with all that was measured
// printed), or something fails (said in KTS_FAIL, and returned): kBadInput for a plan that can't
// be, the worker's own kBadInput or kEnvironment, kEnvironment when memory ran out, the log's
// reader has gone or acknowledges nothing, else kInternal. Leaves no process behind; reaps orphans,
// as process 1 has to.
[[nodiscard]] Status run_pod(const PodOptions& options);

}  // namespace kts::pod
