// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::record {

// Names and values.
using Parameters = std::vector<std::pair<std::string, std::variant<std::int64_t, std::string>>>;

// What a worker says of itself and of the block before its first record:
// one line "KTS_META,v2,<json>". Fields that don't apply stay empty and are left out of the JSON.
struct BlockMeta {
  std::string agent;
  int block = 0;
  std::string phase;                 // "solo" | "shared"
  std::string neighbours;            // "parked" | "absent"; empty in shared blocks
  std::optional<int> cycle;          // of the run's plan; with the seed it fixes the arrivals
  std::string workload;              // "fft"
  std::optional<std::int64_t> size;  // matrix edge, of workloads that have one
  Parameters parameters;             // all of the workload's, in its order
  std::string algorithms;            // which of a library's the warm-up chose, in its own numbers
  std::string arrival;               // "poisson"
  std::optional<double> rate_per_s;
  std::optional<std::int64_t> think_ns;
  std::optional<double> cv;           // gamma
  std::optional<std::int64_t> on_ns;  // on-off
  std::optional<std::int64_t> off_ns;
  std::string phases;  // "exponential" | "fixed"
  std::string trace;   // the trace's file
  std::optional<double> trace_scale;
  std::optional<bool> trace_wrap;
  std::optional<std::int64_t> trace_from_ns;
  std::optional<std::int64_t> trace_length_ns;
  std::optional<std::uint64_t> trace_requests;  // in the stretch
  std::optional<std::uint64_t> trace_failed;    // left out: no output tokens
  std::optional<std::uint64_t> trace_clamped;   // cut down to the model's context
  int in_flight = 1;
  std::string sync;  // "spin" | "block"
  std::uint64_t seed = 0;
  std::string device;       // "cpu" | "cuda"
  std::string device_name;  // "NVIDIA H200", or the CPU's model name
  std::string device_uuid;  // GPU UUID, or "cpu:<core>" for the shared core
  std::string gpu_uuid;     // the card that this agent takes turns on, where it is known
  std::string uuid_source;  // "driver" | "visible-devices", the device plugin's word
  std::string pod_uid;      // on Kubernetes
  std::string node;
  std::string sharing;
  std::int64_t pid = 0;
  std::int64_t epoch_offset_ns = 0;
  std::optional<double> checksum;
  std::optional<double> checksum_reference;
  std::optional<double> checksum_tolerance;    // relative
  std::optional<std::int64_t> clock_bound_ns;  // proven bound of the device clock's mapping
  std::string kernel_tracer;                   // "CUPTI 13.0.1"; empty: kernels are not traced
  std::string kts_version;
  std::string kts_commit;
};

// What a worker says after a block's last record: one line "KTS_END,v2,<json>".
struct BlockEnd {
  std::string agent;
  int block = 0;
  std::uint64_t iterations = 0;  // done in the block, measured or not
  std::uint64_t emitted = 0;     // record lines written; iterations - emitted were lost in the ring
  std::uint64_t abandoned = 0;   // due before generation_stop, never begun: the queue was given up
  std::optional<std::uint64_t> tokens;  // of LLM requests: output tokens after the first of each
  std::optional<std::uint64_t> tokens_emitted;  // their lines written
  std::optional<std::uint64_t> steps;           // of chains: iterations that were one
  std::optional<std::uint64_t> steps_emitted;   // their lines written
  Parameters chain_requests;  // chains that begin with this agent: requests due in the block
  std::int64_t first_due_ns = 0;
  std::int64_t last_done_ns = 0;
  std::int64_t generation_start_ns = 0;
  std::int64_t generation_stop_ns = 0;
  std::int64_t drain_ns = 0;  // from generation_stop to the last iteration's completion
  std::optional<std::int64_t> pacing_late_p50_ns;
  std::optional<std::int64_t> pacing_late_p99_ns;
  std::optional<std::int64_t> pacing_late_max_ns;
  std::optional<std::int64_t> device_cpu_ns;  // CPU device: CPU time of the device thread
  std::optional<std::int64_t> clock_bound_ns;
  std::optional<std::int64_t> clock_error_ns;  // mapping as used, minus calibration after the block
  std::optional<double> clock_drift_ppm;
  std::uint64_t out_of_bracket = 0;  // device instants outside submit..done by more than the bound
  std::optional<std::int64_t> held_bytes;     // of an agent that takes ever more memory
  std::optional<std::int64_t> refused_bytes;  // the step that it didn't get
  // Of a block whose kernels are traced: rows written, records lost, records of other times.
  std::optional<std::uint64_t> kernels;
  std::optional<std::uint64_t> kernels_lost;
  std::optional<std::uint64_t> kernels_outside;
  bool finite = true;  // results were finite at the end
  bool interrupted = false;
};

[[nodiscard]] std::string to_line(const BlockMeta& meta);
[[nodiscard]] std::string to_line(const BlockEnd& end);
// `json` is the third field of the line. kBadInput names the field that is missing or of the wrong
// type; unknown fields are left alone.
[[nodiscard]] Result<BlockMeta> parse_meta(std::string_view json);
[[nodiscard]] Result<BlockEnd> parse_end(std::string_view json);

}  // namespace kts::record
