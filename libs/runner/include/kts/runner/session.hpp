// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/base/files.hpp"
#include "kts/control/protocol.hpp"
#include "kts/process/fleet.hpp"
#include "kts/process/signals.hpp"
#include "kts/record/block_log.hpp"

namespace kts::runner {

// Every wait for a worker is bounded by one of these.
struct Timeouts {
  Nanoseconds ready = std::chrono::seconds(120);
  Nanoseconds answer = std::chrono::seconds(30);  // to PREPARE and FINISH
  Nanoseconds drain = std::chrono::seconds(30);   // to STOP and GIVE_UP, beside what is in progress
  Nanoseconds leave = std::chrono::seconds(10);   // after EXIT
  Nanoseconds grace = std::chrono::seconds(2);    // between ever less polite ways to end a worker
};

// An agent to be started. `log` takes what its process says outside of blocks.
struct AgentLaunch {
  std::string name;
  process::Command command;
  bool open = false;  // its arrivals don't wait for completions
  int in_flight = 1;
  OutputFile* log = nullptr;
};

// One block to be run; agents are given by their places in the session.
struct BlockTask {
  int index = 0;
  int cycle = 0;
  std::string phase;
  std::string neighbours;
  std::string title;  // for messages: "block 7 (shared)"
  std::vector<std::size_t> active;
  std::filesystem::path folder;  // exists; gets <agent>.log
  bool trace_kernels = false;    // and <agent>.kernels.csv
  Nanoseconds length{0};
  // How long after the block open agents may work off what was due in it; then they give it up.
  Nanoseconds drain{0};
  // Called between preparation and start, at each tick while the block runs, and after draining.
  std::function<void()> before_start = [] {};
  std::function<void(const std::vector<std::uint64_t>& completed, Nanoseconds since_start)> tick =
      [](const auto&, Nanoseconds) {};
  std::function<void()> after_drain = [] {};
};

// Where all active agents generated load, epoch ns: the intersection of their own intervals.
struct BlockWindow {
  std::int64_t start_ns = 0;
  std::int64_t stop_ns = 0;
};
[[nodiscard]] BlockWindow intersection(const std::vector<record::BlockEnd>& ends);

// Workers that live together, driven over their pipes by control/protocol.hpp. An error names the
// agent and hands on its own error line; where it left none, how its process ended or what it
// failed to answer, and its last words. Destruction leaves no process behind.
class Session final : process::Fleet::Listener {
 public:
  // `signals` may be null; when one arrives, the call in progress returns kInterrupted.
  Session(std::vector<AgentLaunch> agents, const Timeouts& timeouts, EpochOffset offset,
          process::SignalWatch* signals);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Starts all and returns when all are warmed up and parked.
  [[nodiscard]] Status start();
  [[nodiscard]] const control::Ready& ready(std::size_t agent) const;
  // Runs one block: the END of each active agent. The logs are on disk when it returns. A block
  // that fails keeps what it has.
  [[nodiscard]] Result<std::vector<record::BlockEnd>> run(const BlockTask& task);
  // Asks all to leave; an error if one didn't do so cleanly.
  [[nodiscard]] Status finish();

 private:
  struct Agent;
  enum class Awaited { kNothing, kReady, kPrepared, kDrained, kFinished, kExit };

  void on_stdout(std::size_t child, std::string_view line) override;
  void on_stderr(std::size_t child, std::string_view line) override;
  void on_exit(std::size_t child, const process::ExitStatus& status) override;
  void take_answer(std::size_t agent, std::string_view line);
  void take_block_line(std::size_t agent, std::string_view line);
  void write_aside(Agent& agent, std::string_view line);
  [[nodiscard]] bool is_too_chatty(Agent& agent, std::size_t bytes);
  void fail_with(Error error);
  [[nodiscard]] std::string place() const;

  [[nodiscard]] Status send(std::size_t agent, const control::Command& command, Awaited awaited);
  // Until no agent is awaited any more.
  [[nodiscard]] Status await_all(Nanoseconds timeout, const std::function<void()>& tick = {});
  [[nodiscard]] Status await(const std::function<bool()>& done, Nanoseconds timeout,
                             const std::function<void()>& tick);
  // Whether it was done at the deadline.
  [[nodiscard]] Result<bool> wait(const std::function<bool()>& done, MonotonicTime deadline,
                                  const std::function<void()>& tick);
  [[nodiscard]] Nanoseconds patience(const BlockTask& task) const;
  [[nodiscard]] Error lateness(Nanoseconds timeout) const;
  [[nodiscard]] Status generate(const BlockTask& task);
  [[nodiscard]] Status flush_logs();

  std::vector<std::unique_ptr<Agent>> agents_;
  Timeouts timeouts_;
  EpochOffset offset_;
  process::SignalWatch* signals_;
  std::string title_ = "its start-up";  // what is in progress, for messages
  int block_ = 0;
  std::optional<Error> failure_;
  process::Fleet fleet_;
};

}  // namespace kts::runner
