// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>

#include "kts/base/error.hpp"
#include "kts/workload/arrival.hpp"

namespace kts::worker_app {

// The arrivals' flags as they were given.
struct ArrivalTexts {
  std::string process = "closed";
  std::map<std::string, std::string> parameters;  // by name, as in a scenario
};
void add_arrival_flags(CLI::App& app, ArrivalTexts& texts);

// kBadInput names the flag, or the trace's file and line; a trace is read into `trace`.
[[nodiscard]] Result<workload::ArrivalSpec> read_arrival(const ArrivalTexts& texts,
                                                         std::optional<workload::Trace>& trace);

}  // namespace kts::worker_app
