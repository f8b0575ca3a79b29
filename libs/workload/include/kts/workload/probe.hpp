// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"
#include "kts/workload/registry.hpp"

namespace kts::workload {

// One thing for a prober to do: "spin start_ns=12 length_ns=400". docs/probe.md lists tasks.
struct ProbeTask {
  std::string name;
  std::map<std::string, std::string, std::less<>> arguments = {};

  ProbeTask& set(std::string_view argument, std::int64_t value);
  // Of an argument that isn't there: `otherwise`.
  [[nodiscard]] std::int64_t number(std::string_view argument, std::int64_t otherwise = 0) const;
  [[nodiscard]] std::string word(std::string_view argument) const;
};
[[nodiscard]] std::string to_line(const ProbeTask& task);  // without a newline
[[nodiscard]] Result<ProbeTask> parse_probe_task(std::string_view line);

// What it came to, raw: numbers and series by name, times in ns.
struct ProbeTrace {
  std::string task;
  std::map<std::string, double, std::less<>> values = {};
  std::map<std::string, std::vector<std::int64_t>, std::less<>> series = {};

  // Of a value that isn't there: `otherwise`.
  [[nodiscard]] double value(std::string_view name, double otherwise = 0) const;
  // Of a series that isn't there: none.
  [[nodiscard]] const std::vector<std::int64_t>& all(std::string_view name) const;
};
inline constexpr std::string_view kProbeBegin = "KTS_PROBE,v1,begin,";
inline constexpr std::string_view kProbeEnd = "KTS_PROBE,v1,end";
inline constexpr std::string_view kProbeReady = "KTS_PROBE,v1,ready,";  // kind, name, uuid by tabs
inline constexpr std::string_view kProbeError = "KTS_PROBE,v1,error,";
// Lines: kProbeBegin and the task, "name number", "name: number number …", kProbeEnd.
[[nodiscard]] std::string to_text(const ProbeTrace& trace);
// One trace. kBadInput names the line.
[[nodiscard]] Result<ProbeTrace> parse_probe_trace(std::string_view text, std::string_view where);

// Looks at how a device shares itself, from one process, which is one context. Single-threaded.
class Prober {
 public:
  virtual ~Prober() = default;
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  [[nodiscard]] virtual DeviceIdentity device() const = 0;
  // Begins at the task's start_ns (CLOCK_MONOTONIC) and takes little longer than its length_ns.
  [[nodiscard]] virtual Result<ProbeTrace> perform(const ProbeTask& task) = 0;

 protected:
  Prober() = default;
};

// `core`: of the CPU device. kEnvironment when the device isn't there.
[[nodiscard]] Result<std::unique_ptr<Prober>> make_prober(const DeviceChoice& device, int core);

// Iterates `engine`, whose process this is, for a task's length_ns from its start_ns: values
// iterations and elapsed_ns.
[[nodiscard]] Result<ProbeTrace> load_device(Engine& engine, const ProbeTask& task);

}  // namespace kts::workload
