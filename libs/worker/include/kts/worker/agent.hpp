// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/control/protocol.hpp"
#include "kts/kernel_trace/tracer.hpp"
#include "kts/record/block_log.hpp"
#include "kts/worker/attention.hpp"
#include "kts/worker/chain.hpp"
#include "kts/worker/loop.hpp"
#include "kts/worker/record_writer.hpp"
#include "kts/workload/engine.hpp"

namespace kts::worker {

// Where it runs, as its surroundings say; empty where they don't.
struct Placement {
  std::string pod_uid;
  std::string node;
  std::string visible_devices;  // NVIDIA_VISIBLE_DEVICES
};

// Who the agent is; together with its engine's spec all that META says.
struct AgentSpec {
  std::string name;
  std::string sharing;
  workload::EngineSpec engine;
  workload::ArrivalSpec arrival;
  std::shared_ptr<const workload::Trace> trace = {};  // of arrivals from a trace
  EpochOffset epoch;
  RecordVersion record = RecordVersion::kV2;
  Placement placement;
  std::vector<ChainRole> roles = {};  // of arrivals from chains
};

struct BlockName {
  int block = 0;
  std::string phase;
  std::string neighbours;
  std::optional<int> cycle = std::nullopt;
  std::string kernels = {};  // where to write those of the block; empty: nowhere
};

// One agent's blocks on one engine: META, the loop's records, END. One thread drives it.
class Agent {
 public:
  // `tracer` may be null: kernels are not traced. `port` for arrivals from chains. Both outlive the
  // agent.
  Agent(AgentSpec spec, workload::Engine& engine, Pacing& pacing, RecordWriter& writer,
        kernel_trace::Tracer* tracer = nullptr, ChainPort* port = nullptr);

  // Throw-away iterations, the check of the result, and the usual time of an iteration.
  [[nodiscard]] Status warm_up(int iterations);
  [[nodiscard]] control::Ready ready() const;
  // Between blocks: the time line of those to come.
  void set_epoch(const EpochOffset& epoch);

  // Calibrates the device's clock, prints META. The bound of the clock's mapping.
  [[nodiscard]] Result<std::int64_t> prepare(const BlockName& name);
  // Generates and drains; returns when every record is written. The block's and the bound of the
  // clock are the prepared ones.
  [[nodiscard]] Status run(BlockPlan plan);
  // Calibrates again, prints END. The device's failure, if it failed; kInternal when its results
  // are not finite.
  [[nodiscard]] Result<std::int64_t> finish();

  [[nodiscard]] const BlockOutcome& outcome() const { return outcome_; }

 private:
  void describe_arrivals(record::BlockMeta& meta) const;
  [[nodiscard]] bool traces() const { return tracer_ != nullptr && !name_.kernels.empty(); }
  [[nodiscard]] std::int64_t epoch_ns(std::int64_t monotonic_ns) const;
  [[nodiscard]] Status print(std::string_view line);

  AgentSpec spec_;
  workload::Engine& engine_;
  RecordWriter& writer_;
  Pacing& pacing_;
  kernel_trace::Tracer* tracer_;
  Loop loop_;
  workload::DeviceIdentity device_;
  std::string gpu_uuid_;
  std::string uuid_source_;
  workload::Verification verification_;
  std::int64_t median_iteration_ns_ = 0;
  BlockName name_;
  std::int64_t clock_bound_ns_ = 0;
  std::int64_t device_cpu_ns_ = record::kUnavailable;  // in the block
  BlockOutcome outcome_;
};

// Says READY and obeys the control channel until it ends: Status is how the process should exit.
[[nodiscard]] Status serve(Agent& agent, const EpochOffset& epoch, Attention& attention,
                           StopFlag& stop, RecordWriter& writer);

}  // namespace kts::worker
