// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/record/iteration.hpp"
#include "kts/worker/chain.hpp"
#include "kts/worker/histogram.hpp"
#include "kts/worker/pacing.hpp"
#include "kts/workload/arrival.hpp"
#include "kts/workload/engine.hpp"

namespace kts::worker {

class Join;

// Where the loop leaves its records, instants in CLOCK_MONOTONIC ns. Neither waits nor allocates.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  // False: no room, the record is lost.
  [[nodiscard]] virtual bool push(const record::Iteration& iteration) noexcept = 0;
  // The tokens of a request follow its record.
  [[nodiscard]] virtual bool push(const record::Token& token) noexcept = 0;
  // That the iteration whose record came last was a step of a chain.
  [[nodiscard]] virtual bool push(const record::Step& step) noexcept = 0;
};

struct LoopSpec {
  workload::ArrivalSpec arrival;
  int in_flight = 1;  // 1 unless closed or saturating
  std::uint64_t seed = 1;
  std::shared_ptr<const workload::Trace> trace = {};  // of arrivals from a trace
  workload::RequestShape shape = {};  // of LLM requests whose arrival doesn't say it
  // Of arrivals from chains: at least one role, and the port, which outlives the loop.
  std::vector<ChainRole> roles = {};
  ChainPort* port = nullptr;
};

struct BlockPlan {
  int block = 0;
  std::optional<int> cycle = std::nullopt;  // of the run's plan: blocks of one see equal arrivals
  MonotonicTime start;
  MonotonicTime stop = MonotonicTime::max();
  std::uint64_t iterations = UINT64_MAX;
  std::int64_t clock_bound_ns = 0;  // of the device clock's mapping
};

struct BlockOutcome {
  std::uint64_t iterations = 0;
  std::uint64_t lost = 0;                     // no room in the sink
  std::uint64_t tokens = 0;                   // of LLM requests: those after the first of each
  std::uint64_t tokens_lost = 0;              // no room in the sink
  bool in_chains = false;                     // its iterations were steps of chains
  std::uint64_t steps = 0;                    // of chains
  std::uint64_t steps_lost = 0;               // no room in the sink
  std::vector<std::uint64_t> chain_requests;  // by role: due in chains that begin with it
  bool has_requests = false;                  // some iterations were LLM requests
  std::uint64_t abandoned = 0;       // due before the stop, never begun: the queue was given up
  std::uint64_t out_of_bracket = 0;  // device instants outside submit..done by more than the bound
  std::int64_t first_due_ns = record::kUnavailable;
  std::int64_t last_due_ns = record::kUnavailable;
  std::int64_t last_done_ns = record::kUnavailable;
  MonotonicTime generation_start;
  MonotonicTime generation_stop;
  bool interrupted = false;
  Status device;  // the device's failure, if it failed
};

// Makes requests due by an arrival process, has the engine do them one after the other (closed:
// in_flight at once; in chains: as messages come), and stamps their five instants. Between due and
// done it allocates, locks and writes nothing.
class Loop {
 public:
  Loop(workload::Engine& engine, Pacing& pacing, RecordSink& sink, const LoopSpec& spec);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until the plan's stop, a stop request, its number of iterations or the device's failure; what
  // was due before the stop gets done, unless it is given up.
  [[nodiscard]] BlockOutcome run(const BlockPlan& plan);
  // Of the last block: submit - max(due, previous done), in closed loops due as planned.
  [[nodiscard]] const Histogram& lateness() const { return lateness_; }

 private:
  struct Request {
    MonotonicTime due;
    MonotonicTime submit;
    MonotonicTime done;
    workload::RequestShape shape;
  };
  void run_open();
  void run_closed();
  struct ChainSource;
  void run_chained();
  void note_sources(const std::vector<ChainSource>& sources);
  // Its place among the roles; none for what is not of this block.
  [[nodiscard]] std::optional<std::size_t> role_of(const ChainMessage& message) const;
  // False: device failure.
  bool serve(const ChainRole& role, const ChainMessage& message, MonotonicTime& free);
  void hand_on(const ChainRole& role, ChainMessage::Kind kind, std::uint64_t request,
               std::int64_t due_ns);
  void end_role(const ChainRole& role);
  // How many requests are due from `due` to before `stop`.
  static std::uint64_t count_due(workload::ArrivalSchedule& schedule, MonotonicTime due,
                                 MonotonicTime stop);
  // Whether a request that becomes due at `due` belongs to the block.
  bool generates(MonotonicTime due);
  // Once a trace has ended: stays until the stop, as its neighbours do.
  void idle();
  // Waits for the first `count` requests in order.
  void await(std::size_t count);
  // Leaves their records. False: device failure.
  bool settle(std::size_t count);
  bool complete(std::size_t count) {
    await(count);
    return settle(count);
  }
  void leave_record(int slot);

  workload::Engine& engine_;
  Pacing& pacing_;
  RecordSink& sink_;
  LoopSpec spec_;
  Histogram lateness_;
  std::vector<Request> requests_;  // one a slot
  std::vector<Join> joins_;        // one a role
  BlockPlan plan_;
  BlockOutcome outcome_;
};

}  // namespace kts::worker
