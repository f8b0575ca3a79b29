// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/session.hpp"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>

#include "kts/base/units.hpp"
#include "kts/kernel_trace/activity.hpp"
#include "kts/record/codec.hpp"

namespace kts::runner {
namespace {

using std::chrono_literals::operator""ms;

constexpr auto kTick = 200ms;
constexpr std::size_t kFlushAt = 64 * 1024;
// Output that is no record: libraries may chat, but must not fill the disk.
constexpr std::size_t kMaxChatter = 16 << 20;

std::string_view without_newline(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

// All should have read their START before the instant that it names; who has not begins later, and
// the block's window with it.
Nanoseconds start_lead(std::size_t agents) { return 5ms + 1ms * agents; }

}  // namespace

struct Session::Agent {
  AgentLaunch launch;
  Awaited awaited = Awaited::kNothing;
  control::Ready ready;
  std::size_t chatter = 0;
  // Of the block in progress.
  std::optional<OutputFile> block_log;
  std::string unwritten;
  std::uint64_t completed = 0;
  std::optional<record::BlockEnd> end;
};

BlockWindow intersection(const std::vector<record::BlockEnd>& ends) {
  BlockWindow window{ends.front().generation_start_ns, ends.front().generation_stop_ns};
  for (const record::BlockEnd& end : ends) {
    window.start_ns = std::max(window.start_ns, end.generation_start_ns);
    window.stop_ns = std::min(window.stop_ns, end.generation_stop_ns);
  }
  return window;
}

Session::Session(std::vector<AgentLaunch> agents, const Timeouts& timeouts, EpochOffset offset,
                 process::SignalWatch* signals)
    : timeouts_(timeouts), offset_(offset), signals_(signals), fleet_(*this) {
  for (AgentLaunch& launch : agents) {
    agents_.push_back(std::make_unique<Agent>());
    agents_.back()->launch = std::move(launch);
  }
}

Session::~Session() {
  fleet_.shut_down(timeouts_.grace);
  // What fails here was already told, or is a full disk that the next write tells.
  (void)flush_logs();
}

const control::Ready& Session::ready(std::size_t agent) const { return agents_.at(agent)->ready; }

std::string Session::place() const { return fmt::format(" in {}", title_); }

void Session::fail_with(Error error) {
  if (!failure_) failure_ = std::move(error);
}

Status Session::start() {
  for (const auto& agent : agents_) {
    agent->awaited = Awaited::kReady;
    KTS_CHECK_OK(fleet_.start(agent->launch.command));
  }
  return await_all(timeouts_.ready);
}

Status Session::send(std::size_t agent, const control::Command& command, Awaited awaited) {
  agents_[agent]->awaited = awaited;
  return fleet_.send(agent, control::to_line(command));
}

// Of the first agent that is still awaited.
Error Session::lateness(Nanoseconds timeout) const {
  const auto late = std::ranges::find_if(
      agents_, [](const auto& agent) { return agent->awaited != Awaited::kNothing; });
  const Agent& agent = **late;
  const std::string words = fleet_.last_words(static_cast<std::size_t>(late - agents_.begin()));
  return {ErrorCode::kInternal,
          fmt::format("no answer for {}{}, so it was ended{}",
                      format_duration(std::chrono::round<std::chrono::milliseconds>(timeout)),
                      place(), words.empty() ? "" : fmt::format("; last words: {}", words)),
          {},
          fmt::format("agent {}", agent.launch.name)};
}

Status Session::await(const std::function<bool()>& done, Nanoseconds timeout,
                      const std::function<void()>& tick) {
  KTS_TRY(const bool in_time, wait(done, MonotonicTimeline::now() + timeout, tick));
  return in_time ? Status{} : tl::unexpected(lateness(timeout));
}

Result<bool> Session::wait(const std::function<bool()>& done, MonotonicTime deadline,
                           const std::function<void()>& tick) {
  MonotonicTime next_tick = MonotonicTimeline::now() + kTick;
  for (;;) {
    if (failure_) return tl::unexpected(*failure_);
    if (done()) return true;
    const MonotonicTime now = MonotonicTimeline::now();
    if (now >= deadline) return false;
    if (now >= next_tick) {
      KTS_CHECK_OK(flush_logs());
      if (tick) tick();
      next_tick = now + kTick;
    }
    KTS_CHECK_OK(fleet_.wait(std::min(deadline, next_tick), signals_ ? signals_->fd() : -1));
    if (const auto signal = signals_ ? signals_->take() : std::nullopt) {
      return fail(ErrorCode::kInterrupted,
                  fmt::format("interrupted by SIG{}{}", sigabbrev_np(*signal), place()));
    }
  }
}

Status Session::await_all(Nanoseconds timeout, const std::function<void()>& tick) {
  return await(
      [this] {
        return std::ranges::all_of(
            agents_, [](const auto& agent) { return agent->awaited == Awaited::kNothing; });
      },
      timeout, tick);
}

// For an answer once nothing new is begun: each agent's iterations in progress take their turns,
// and may take twice as long as in the warm-up, when all agents were at work as well.
Nanoseconds Session::patience(const BlockTask& task) const {
  Nanoseconds in_progress{0};
  for (const std::size_t i : task.active) {
    in_progress +=
        Nanoseconds(agents_[i]->ready.median_iteration_ns) * agents_[i]->launch.in_flight;
  }
  return timeouts_.drain + 2 * in_progress;
}

Status Session::generate(const BlockTask& task) {
  const auto is_open = [this](std::size_t i) { return agents_[i]->launch.open; };
  const bool any_open = std::ranges::any_of(task.active, is_open);

  const MonotonicTime start = MonotonicTimeline::now() + start_lead(task.active.size());
  const MonotonicTime stop = start + task.length;
  const auto epoch_ns = [this](MonotonicTime t) {
    return offset_.to_epoch(t).time_since_epoch().count();
  };
  // While an open agent works off what was due before the end, its neighbours keep running: they
  // get a later stop, and a STOP once it is done or has given up.
  const Nanoseconds timeout = patience(task);
  const MonotonicTime late_stop = any_open ? stop + task.drain + timeout : stop;
  for (const std::size_t i : task.active) {
    KTS_CHECK_OK(send(i, control::Start{epoch_ns(start), epoch_ns(is_open(i) ? stop : late_stop)},
                      Awaited::kDrained));
  }

  const auto tick = [&] {
    std::vector<std::uint64_t> completed;
    for (const std::size_t i : task.active) completed.push_back(agents_[i]->completed);
    task.tick(completed, MonotonicTimeline::now() - start);
  };
  if (any_open) {
    const auto open_ones_drained = [&] {
      return std::ranges::all_of(task.active, [&](std::size_t i) {
        return !is_open(i) || agents_[i]->awaited == Awaited::kNothing;
      });
    };
    KTS_TRY(const bool in_time, wait(open_ones_drained, stop + task.drain, tick));
    for (const std::size_t i : task.active) {
      if (in_time || !is_open(i) || agents_[i]->awaited == Awaited::kNothing) continue;
      KTS_CHECK_OK(send(i, control::GiveUp{}, Awaited::kDrained));
    }
    KTS_CHECK_OK(await(open_ones_drained, timeout, tick));
    for (const std::size_t i : task.active) {
      if (!is_open(i)) KTS_CHECK_OK(send(i, control::Stop{}, Awaited::kDrained));
    }
  }
  KTS_CHECK_OK(
      await_all(std::max(stop - MonotonicTimeline::now(), Nanoseconds(0)) + timeout, tick));
  tick();
  return {};
}

Result<std::vector<record::BlockEnd>> Session::run(const BlockTask& task) {
  title_ = task.title;
  block_ = task.index;
  for (const std::size_t i : task.active) {
    Agent& agent = *agents_[i];
    KTS_TRY(agent.block_log,
            OutputFile::create(task.folder / fmt::format("{}.log", agent.launch.name)));
    agent.completed = 0;
    agent.end.reset();
  }
  // One after the other: a clock is calibrated while all others are quiet.
  for (const std::size_t i : task.active) {
    control::Prepare prepare{task.index, task.phase, task.neighbours, {}, task.cycle, {}};
    if (task.trace_kernels) {
      // The worker may have been started elsewhere.
      prepare.kernels = std::filesystem::absolute(
          task.folder / fmt::format("{}{}", agents_[i]->launch.name, kernel_trace::kFileSuffix));
    }
    KTS_CHECK_OK(send(i, prepare, Awaited::kPrepared));
    KTS_CHECK_OK(await_all(timeouts_.answer));
  }
  task.before_start();
  KTS_CHECK_OK(generate(task));
  task.after_drain();
  for (const std::size_t i : task.active) {
    KTS_CHECK_OK(send(i, control::Finish{}, Awaited::kFinished));
    KTS_CHECK_OK(await_all(timeouts_.answer));
  }

  KTS_CHECK_OK(flush_logs());
  std::vector<record::BlockEnd> ends;
  for (const std::size_t i : task.active) {
    Agent& agent = *agents_[i];
    KTS_CHECK_OK(agent.block_log->close());
    agent.block_log.reset();
    if (!agent.end) {
      return fail(ErrorCode::kInternal, fmt::format("no END line{}", place()),
                  "do kts and kts-worker come from the same build?",
                  fmt::format("agent {}", agent.launch.name));
    }
    ends.push_back(*agent.end);
  }
  title_ = fmt::format("the pause after {}", task.title);
  return ends;
}

Status Session::finish() {
  title_ = "the end of the run";
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    KTS_CHECK_OK(send(i, control::Exit{}, Awaited::kExit));
    fleet_.close_input(i);
  }
  KTS_CHECK_OK(await_all(timeouts_.leave));
  return flush_logs();
}

void Session::on_stdout(std::size_t child, std::string_view line) {
  if (line.starts_with("KTS_READY") || line.starts_with("KTS_ACK")) {
    write_aside(*agents_[child], line);
    take_answer(child, without_newline(line));
  } else {
    take_block_line(child, line);
  }
}

bool Session::is_too_chatty(Agent& agent, std::size_t bytes) {
  agent.chatter += bytes;
  if (agent.chatter <= kMaxChatter) return false;
  fail_with({ErrorCode::kInternal,
             fmt::format("more than {} of output that is no record{}", format_bytes(kMaxChatter),
                         place()),
             "see the end of its log in workers/", fmt::format("agent {}", agent.launch.name)});
  return true;
}

void Session::write_aside(Agent& agent, std::string_view line) {
  if (is_too_chatty(agent, line.size())) return;
  if (auto status = agent.launch.log->write(line); !status) fail_with(std::move(status).error());
}

void Session::take_block_line(std::size_t child, std::string_view line) {
  Agent& agent = *agents_[child];
  if (!agent.block_log) return write_aside(agent, line);
  if (!line.starts_with("KTS_") && is_too_chatty(agent, line.size())) return;
  agent.unwritten += line;
  if (agent.unwritten.size() >= kFlushAt) {
    if (auto status = agent.block_log->write(std::exchange(agent.unwritten, {})); !status) {
      fail_with(std::move(status).error());
    }
  }
  if (line.starts_with("KTS_APP,")) {
    ++agent.completed;
  } else if (line.starts_with("KTS_END,")) {
    const record::Line parsed = record::parse_line(without_newline(line));
    const auto* end_line = std::get_if<record::EndLine>(&parsed);
    if (end_line == nullptr) return;
    auto end = record::parse_end(end_line->json);
    if (end && end->block == block_) agent.end = std::move(*end);
  }
}

void Session::take_answer(std::size_t child, std::string_view line) {
  Agent& agent = *agents_[child];
  const auto refuse = [&](std::string_view what) {
    fail_with({ErrorCode::kInternal, fmt::format("{}{}: {}", what, place(), line.substr(0, 120)),
               "do kts and kts-worker come from the same build?",
               fmt::format("agent {}", agent.launch.name)});
  };
  const auto answer = control::parse_answer(line);
  if (!answer) return refuse(fmt::format("malformed answer ({})", answer.error().message));
  if (!*answer) return refuse("malformed answer");
  if (const auto* ready = std::get_if<control::Ready>(&**answer)) {
    if (agent.awaited != Awaited::kReady) return refuse("unexpected answer");
    agent.ready = *ready;
    agent.awaited = Awaited::kNothing;
    return;
  }
  const auto& ack = std::get<control::Ack>(**answer);
  const auto expected = [&] {
    switch (ack.step) {
      case control::Step::kPrepared:
        return Awaited::kPrepared;
      case control::Step::kDrained:
        return Awaited::kDrained;
      case control::Step::kFinished:
        return Awaited::kFinished;
    }
    return Awaited::kNothing;
  }();
  if (agent.awaited != expected || ack.block != block_) return refuse("unexpected answer");
  agent.awaited = Awaited::kNothing;
}

void Session::on_stderr(std::size_t child, std::string_view line) {
  write_aside(*agents_[child], line);
}

void Session::on_exit(std::size_t child, const process::ExitStatus& status) {
  Agent& agent = *agents_[child];
  if (agent.awaited == Awaited::kExit && status.success()) {
    agent.awaited = Awaited::kNothing;
    return;
  }
  // Bad input and a lacking environment are the worker's to judge; the rest is a crash.
  const bool judged = status.code == static_cast<int>(ErrorCode::kBadInput) ||
                      status.code == static_cast<int>(ErrorCode::kEnvironment);
  if (const std::string& own = fleet_.last_line(child); judged && !own.empty()) {
    return fail_with({static_cast<ErrorCode>(status.code),
                      own,
                      {},
                      fmt::format("agent {}{}", agent.launch.name, place())});
  }
  const std::string words = fleet_.last_words(child);
  fail_with({judged ? static_cast<ErrorCode>(status.code) : ErrorCode::kInternal,
             fmt::format("{}{}; last words: {}", process::describe(status), place(),
                         words.empty() ? "none" : words),
             {},
             fmt::format("agent {}", agent.launch.name)});
}

Status Session::flush_logs() {
  for (const auto& agent : agents_) {
    if (!agent->block_log || agent->unwritten.empty()) continue;
    KTS_CHECK_OK(agent->block_log->write(std::exchange(agent->unwritten, {})));
  }
  return {};
}

}  // namespace kts::runner
