// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <variant>

#include "kts/worker/agent.hpp"

namespace kts::worker {
namespace {

enum class Stage { kParked, kPrepared, kDrained };

class Service {
 public:
  Service(Agent& agent, const EpochOffset& epoch, Attention& attention, StopFlag& stop,
          RecordWriter& writer)
      : agent_(agent), epoch_(epoch), attention_(attention), stop_(stop), writer_(writer) {}

  Status run() {
    KTS_CHECK_OK(writer_.write_line(to_line(control::Answer(agent_.ready()))));
    for (;;) {
      KTS_TRY(const control::Command command, attention_.next());
      if (std::holds_alternative<control::Exit>(command)) return {};
      KTS_CHECK_OK(std::visit([this](const auto& c) { return this->obey(c); }, command));
      if (agent_.outcome().interrupted) {
        KTS_CHECK_OK(close_block());
        return attention_.interruption();
      }
    }
  }

 private:
  Status obey(const control::Prepare& command) {
    KTS_CHECK_OK(expect(Stage::kParked, "PREPARE"));
    // What crossed the last block's end in the channel is not meant for this one.
    stop_.clear_stop();
    block_ = command.block;
    if (command.epoch_offset_ns) {
      epoch_.value = Nanoseconds(*command.epoch_offset_ns);
      agent_.set_epoch(epoch_);
    }
    KTS_TRY(const std::int64_t bound,
            agent_.prepare({command.block, command.phase, command.neighbours, command.cycle,
                            command.kernels}));
    stage_ = Stage::kPrepared;
    return answer(control::Step::kPrepared, bound);
  }

  Status obey(const control::Start& command) {
    KTS_CHECK_OK(expect(Stage::kPrepared, "START"));
    BlockPlan plan;
    plan.start = epoch_.to_monotonic(EpochTime(Nanoseconds(command.start_ns)));
    plan.stop = epoch_.to_monotonic(EpochTime(Nanoseconds(command.stop_ns)));
    KTS_CHECK_OK(agent_.run(plan));
    stage_ = Stage::kDrained;
    if (!agent_.outcome().device) return close_block();
    return agent_.outcome().interrupted ? Status{} : answer(control::Step::kDrained, {});
  }

  Status obey(const control::Finish&) {
    KTS_CHECK_OK(expect(Stage::kDrained, "FINISH"));
    stage_ = Stage::kParked;
    KTS_TRY(const std::int64_t bound, agent_.finish());
    return answer(control::Step::kFinished, bound);
  }

  // Attention keeps these to itself.
  static Status obey(const control::Stop&) { return {}; }
  static Status obey(const control::GiveUp&) { return {}; }
  static Status obey(const control::Exit&) { return {}; }

  // END for a block that nobody will finish.
  Status close_block() {
    if (std::exchange(stage_, Stage::kParked) != Stage::kDrained) return {};
    const auto end = agent_.finish();
    return end ? Status{} : tl::unexpected(end.error());
  }

  Status expect(Stage stage, std::string_view command) const {
    if (stage_ == stage) return {};
    return bad_input(std::string(command) + " out of order",
                     "the order is PREPARE, START, FINISH, each after the answer to the last",
                     "stdin");
  }

  Status answer(control::Step step, std::optional<std::int64_t> clock_bound_ns) {
    return writer_.write_line(to_line(control::Answer(control::Ack{step, block_, clock_bound_ns})));
  }

  Agent& agent_;
  EpochOffset epoch_;
  Attention& attention_;
  StopFlag& stop_;
  RecordWriter& writer_;
  Stage stage_ = Stage::kParked;
  int block_ = 0;
};

}  // namespace

Status serve(Agent& agent, const EpochOffset& epoch, Attention& attention, StopFlag& stop,
             RecordWriter& writer) {
  return Service(agent, epoch, attention, stop, writer).run();
}

}  // namespace kts::worker
