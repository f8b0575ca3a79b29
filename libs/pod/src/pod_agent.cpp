// SPDX-License-Identifier: Apache-2.0
#include "kts/pod/pod_agent.hpp"

#include <fmt/format.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

#include "cgroup.hpp"
#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/base/version.hpp"
#include "kts/control/protocol.hpp"
#include "kts/pod/frames.hpp"
#include "kts/pod/plan.hpp"
#include "kts/process/signals.hpp"
#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"
#include "output.hpp"

namespace kts::pod {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr auto kBeatEvery = 1s;
// Until there is a plan: by the newest line kts knows the node's clock.
constexpr auto kBeatUntilPlanned = 100ms;
constexpr auto kRepeatEvery = 5s;
constexpr auto kPollEvery = 20ms;
// A block that begins later than this isn't run.
constexpr auto kTolerance = 1ms;
constexpr auto kLastAck = 1s;
// No chunk is begun when a block begins before it can be out.
constexpr auto kPrintMargin = 50ms;
// What the worker says besides records and isn't printed yet.
constexpr std::size_t kMaxNotes = 1 << 20;
// Without a reader, frames are skipped rather than piled up.
constexpr std::size_t kMaxPending = 64 << 10;

MonotonicTime instant(std::int64_t ns) { return MonotonicTime(Nanoseconds(ns)); }
std::int64_t ns_of(MonotonicTime t) { return t.time_since_epoch().count(); }

std::string_view without_newline(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

// A file that is replaced as a whole; changes show in its identity.
class WatchedFile {
 public:
  explicit WatchedFile(std::filesystem::path path) : path_(std::move(path)) {}

  // New contents, if any that isn't empty.
  std::optional<std::string> poll() {
    struct stat now {};
    if (path_.empty() || stat(path_.c_str(), &now) != 0) return std::nullopt;
    const Identity identity{now.st_dev, now.st_ino, now.st_size, now.st_mtim.tv_sec,
                            now.st_mtim.tv_nsec};
    if (identity == last_) return std::nullopt;
    auto bytes = read_file(path_);
    if (!bytes) return std::nullopt;  // just being replaced
    last_ = identity;
    if (bytes->find_first_not_of(" \t\r\n") == std::string::npos || *bytes == contents_) {
      return std::nullopt;
    }
    contents_ = *bytes;
    return std::move(*bytes);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t seconds = 0, nanoseconds = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  std::filesystem::path path_;
  Identity last_;
  std::string contents_;
};

// A descriptor that is readable when a signal arrived or, if wanted, the log takes more.
class Waker {
 public:
  Waker(int signals, int log) : fd_(epoll_create1(EPOLL_CLOEXEC)), log_(log) {
    epoll_event event{EPOLLIN, {}};
    epoll_ctl(fd_, EPOLL_CTL_ADD, signals, &event);
  }
  ~Waker() { ::close(fd_); }
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  void want_log(bool wanted) {
    if (wanted == wanted_) return;
    wanted_ = wanted;
    epoll_event event{EPOLLOUT, {}};
    // Refused for plain files, which take everything at once.
    epoll_ctl(fd_, wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, log_, &event);
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
  int log_;
  bool wanted_ = false;
};

enum class Worker {
  kNone,
  kStarting,  // until READY
  kParked,
  kPreparing,  // until ACK prepared
  kRunning,    // until ACK drained
  kDrained,
  kFinishing,  // until ACK finished
  kLeaving,    // until it has gone
};
// Why there will be no further block.
enum class Ending { kNo, kPlanOver, kInterrupted, kFailed };

class PodAgent final : process::Fleet::Listener {
 public:
  PodAgent(const PodOptions& options, process::SignalPipe& signals)
      : options_(options),
        signals_(signals),
        waker_(signals.fd(), STDOUT_FILENO),
        output_(STDOUT_FILENO),
        outbox_(options.outbox),
        plan_file_(options.plan_file),
        ack_file_(options.ack_file),
        fleet_(*this) {}

  Status run() {
    oom_kills_ = cgroup_.oom_kills();
    now_ = MonotonicTimeline::now();
    start_worker();
    for (;;) {
      now_ = MonotonicTimeline::now();
      wake_ = now_ + kBeatEvery;
      take_signals();
      if (!in_block_ || ending_ != Ending::kNo) read_files();
      watch_worker();
      if (ending_ == Ending::kNo) follow_plan();
      if (!in_block_) wake_at(next_poll_);  // one has just ended
      if (ending_ != Ending::kNo) end_worker();
      say_frames();
      print();
      KTS_CHECK_OK(output_.pump());
      if (over()) break;
      waker_.want_log(!output_.idle());
      KTS_CHECK_OK(fleet_.wait(wake_, waker_.fd()));
      reap_orphans();
    }
    return error_ ? tl::unexpected(*error_) : Status{};
  }

 private:
  // --- the worker's process

  void start_worker() {
    const auto child = fleet_.start(options_.worker);
    if (!child) return fail(child.error());
    child_ = *child;
    ++starts_;
    set(Worker::kStarting, options_.timeouts.ready);
  }

  void set(Worker state, Nanoseconds answer_within = Nanoseconds::max()) {
    worker_ = state;
    answer_by_ = answer_within == Nanoseconds::max() ? MonotonicTime::max()
                                                     : MonotonicTimeline::now() + answer_within;
  }

  void send(const control::Command& command) {
    if (auto status = fleet_.send(child_, control::to_line(command)); !status) {
      fail(status.error());
    }
  }

  void dismiss_worker() {
    send(control::Exit{});
    fleet_.close_input(child_);
    set(Worker::kLeaving, options_.timeouts.leave);
  }

  void watch_worker() {
    if (ending_ == Ending::kInterrupted || ending_ == Ending::kFailed) return;
    if (answer_by_ == MonotonicTime::max()) return;
    if (now_ < answer_by_) return wake_at(answer_by_);
    const std::string words = fleet_.last_words(child_);
    fail({ErrorCode::kInternal,
          fmt::format("the worker did not answer in time while {}{}", state_name(),
                      words.empty() ? "" : fmt::format("; last words: {}", words)),
          {},
          fmt::format("agent {}", options_.agent)});
  }

  // Ends the worker when there is nothing more for it to do.
  void end_worker() {
    if (worker_ == Worker::kNone) return;
    if (ending_ == Ending::kPlanOver) {
      if (worker_ == Worker::kParked) dismiss_worker();
      return;
    }
    if (!terminated_at_) {
      // It finishes the iteration under way, prints END and leaves.
      ::kill(fleet_.pid(child_), SIGTERM);
      terminated_at_ = now_;
    }
    const MonotonicTime deadline =
        *terminated_at_ + options_.timeouts.grace + std::min(in_progress(), Nanoseconds(5s));
    if (now_ >= deadline) {
      ::kill(-fleet_.pid(child_), SIGKILL);
    } else {
      wake_at(deadline);
    }
  }

  // For the iterations that the active agents have begun: each takes its turns.
  Nanoseconds in_progress() const {
    const auto agents = static_cast<std::int64_t>(std::max<std::size_t>(active_, 1));
    const auto one = std::clamp<std::int64_t>(ready_.median_iteration_ns, 0, 60'000'000'000);
    return Nanoseconds(2 * one * options_.in_flight * agents);
  }

  void on_stdout(std::size_t, std::string_view line) override {
    if (line.starts_with("KTS_READY,") || line.starts_with("KTS_ACK,")) {
      take_answer(without_newline(line));
    } else if (collecting_ && line.ends_with('\n') && is_record_line(line)) {
      outbox_.add(line);
      if (line.starts_with("KTS_APP,")) {
        ++iterations_;
      } else if (line.starts_with("KTS_END,")) {
        take_end(without_newline(line));
      }
    } else {
      note(line);
    }
  }
  void on_stderr(std::size_t, std::string_view line) override { note(line); }

  void on_exit(std::size_t, const process::ExitStatus& status) override {
    const Worker before = std::exchange(worker_, Worker::kNone);
    answer_by_ = MonotonicTime::max();
    if (before == Worker::kLeaving && status.success()) return;
    if (ending_ == Ending::kInterrupted || ending_ == Ending::kFailed) return;
    const auto kills = cgroup_.oom_kills();
    const bool out_of_memory =
        status.signal == SIGKILL && kills && oom_kills_ && *kills > *oom_kills_;
    // Bad input and a lacking environment are the worker's to judge; the rest is a crash.
    const bool judged = status.code == static_cast<int>(ErrorCode::kBadInput) ||
                        status.code == static_cast<int>(ErrorCode::kEnvironment);
    const std::string words = fleet_.last_words(child_);
    Error error{
        judged ? static_cast<ErrorCode>(status.code) : ErrorCode::kInternal,
        fmt::format("the worker ended with {} while {}; last words: {}", process::describe(status),
                    state_name(before), words.empty() ? "none" : words),
        {},
        fmt::format("agent {}", options_.agent)};
    if (const std::string& own = fleet_.last_line(child_); judged && !own.empty()) {
      error.message = own;
      error.where += fmt::format(" while {}", state_name(before));
    }
    if (out_of_memory) {
      error.code = ErrorCode::kEnvironment;
      error.message = fmt::format("the kernel killed the worker for want of memory while {}",
                                  state_name(before));
      error.hint = "raise the container's memory limit";
    }
    fail(std::move(error), process::describe(status), out_of_memory);
  }

  void take_answer(std::string_view line) {
    if (ending_ == Ending::kInterrupted || ending_ == Ending::kFailed) return;
    const auto refuse = [&] {
      fail({ErrorCode::kInternal,
            fmt::format("the worker gave an unexpected answer while {}: {}", state_name(),
                        line.substr(0, 120)),
            {},
            fmt::format("agent {}", options_.agent)});
    };
    const auto answer = control::parse_answer(line);
    if (!answer || !*answer) return refuse();
    if (const auto* ready = std::get_if<control::Ready>(&**answer)) {
      if (worker_ != Worker::kStarting) return refuse();
      ready_ = *ready;
      say_ready_ = true;
      return set(Worker::kParked);
    }
    const auto& ack = std::get<control::Ack>(**answer);
    const Block* const block = schedule_.next();
    if (block == nullptr || ack.block != block->index) return refuse();
    if (ack.step == control::Step::kPrepared && worker_ == Worker::kPreparing) {
      return set(Worker::kRunning);  // follow_plan starts or skips it
    }
    if (ack.step == control::Step::kDrained && worker_ == Worker::kRunning) {
      throttled_after_ = cgroup_.throttled_usec();
      return set(Worker::kDrained);
    }
    if (ack.step == control::Step::kFinished && worker_ == Worker::kFinishing) {
      return set(Worker::kParked);
    }
    refuse();
  }

  void take_end(std::string_view line) {
    const record::Line parsed = record::parse_line(line);
    const auto* end_line = std::get_if<record::EndLine>(&parsed);
    if (end_line == nullptr) return;
    if (auto end = record::parse_end(end_line->json); end && end->block == block_) {
      end_ = std::move(*end);
    }
  }

  // Processes that lost their parent come to us; the worker's own status is the fleet's to take.
  void reap_orphans() const {
    for (;;) {
      siginfo_t ended{};
      if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
      if (starts_ > 0 && ended.si_pid == fleet_.pid(child_) && fleet_.running(child_)) return;
      waitpid(ended.si_pid, nullptr, WNOHANG);
    }
  }

  // --- the plan

  // As far as it goes now.
  void follow_plan() {
    while (const Block* block = schedule_.next()) {
      const auto place = place_of(*block, options_.agent);
      const bool wanted = place || block->neighbours != "absent";
      if (!in_block_) {
        // Between blocks: what the next one needs.
        if (wanted && worker_ == Worker::kNone) start_worker();
        if (!wanted && worker_ == Worker::kParked) dismiss_worker();
        if (ending_ != Ending::kNo) return;
        if (now_ < instant(block->calibrate_ns)) return wake_at(instant(block->calibrate_ns));
        enter(*block, place.has_value());
      }
      if (place) {
        take_part(*block, *place);
        if (ending_ != Ending::kNo) return;
      }
      const bool busy = place && worker_ != Worker::kParked && !skipped_;
      if (busy || collecting_) return;
      if (now_ < instant(end_ns(*block))) return wake_at(instant(end_ns(*block)));
      in_block_ = false;
      schedule_.pass();
      next_beat_ = now_;  // kts waits for the word of all pods that it is over
    }
    if (schedule_.ended()) ending_ = Ending::kPlanOver;
  }

  void enter(const Block& block, bool takes_part) {
    in_block_ = true;
    block_ = block.index;
    active_ = block.active.size();
    iterations_ = 0;
    skipped_ = false;
    if (takes_part) return;
    if (busy_until_ > instant(block.calibrate_ns)) {
      miss("overrun");
    } else if (block.neighbours == "absent" && worker_ != Worker::kNone) {
      miss("still_there");
    } else if (block.neighbours != "absent" && worker_ != Worker::kParked) {
      miss("warming_up");
    }
  }

  // One step of an active agent's way through a block.
  void take_part(const Block& block, std::size_t place) {
    const MonotonicTime latest = instant(block.start_ns) + kTolerance;
    switch (worker_) {
      case Worker::kNone:
      case Worker::kStarting:
      case Worker::kLeaving:
        if (skipped_) return;
        if (now_ > latest) return skip("warming_up");
        return wake_at(latest + 1ms);
      case Worker::kParked:
        if (collecting_) return close_block();
        if (skipped_ || finished_ == block.index) return;
        if (now_ > latest) return skip(plan_taken_at_ > latest ? "late_plan" : "late");
        if (now_ < instant(prepare_ns(block, place))) {
          return wake_at(instant(prepare_ns(block, place)));
        }
        outbox_.open(block.index);
        collecting_ = true;
        started_ = gave_up_ = void_ = false;
        end_.reset();
        throttled_after_.reset();
        send(control::Prepare{block.index, block.phase, block.neighbours,
                              schedule_.epoch_offset_ns(), block.cycle});
        return set(Worker::kPreparing, options_.timeouts.answer);
      case Worker::kPreparing:
        return;
      case Worker::kRunning:
        return run_block(block, latest);
      case Worker::kDrained: {
        const MonotonicTime turn = instant(finish_ns(block, place));
        if (now_ < turn && !void_) return wake_at(turn);
        send(control::Finish{});
        return set(Worker::kFinishing, options_.timeouts.answer);
      }
      case Worker::kFinishing:
        return;
    }
  }

  void run_block(const Block& block, MonotonicTime latest) {
    if (!started_) {
      started_ = true;
      const std::int64_t offset = schedule_.epoch_offset_ns();
      if (now_ > latest) {
        // It is prepared and must be finished: a block of no length, long over, has no request.
        void_ = true;
        send(control::Start{block.calibrate_ns + offset, block.calibrate_ns + offset + 1});
        return set(Worker::kRunning, options_.timeouts.answer);
      }
      // Closed agents go on while others drain what was due.
      const std::int64_t stop = block.stop_ns + (options_.open ? 0 : block.tail_ns);
      throttled_before_ = cgroup_.throttled_usec();
      send(control::Start{block.start_ns + offset, stop + offset});
      return set(Worker::kRunning,
                 instant(give_up_ns(block)) - now_ + options_.timeouts.drain + in_progress());
    }
    if (!options_.open || gave_up_ || void_) return;
    if (now_ < instant(give_up_ns(block))) return wake_at(instant(give_up_ns(block)));
    gave_up_ = true;
    send(control::GiveUp{});
  }

  // After FINISH, or with what there is when the worker has gone.
  void close_block() {
    collecting_ = false;
    finished_ = block_;
    const Block* const block = schedule_.next();
    busy_until_ = now_;
    if (void_) {
      outbox_.discard();
      return skip("late");
    }
    Outbox::BlockFacts facts;
    facts.complete = end_ && !end_->interrupted;
    if (end_ && block != nullptr && started_) {
      facts.late_ns = end_->generation_start_ns - (block->start_ns + schedule_.epoch_offset_ns());
    }
    if (block != nullptr && now_ > instant(end_ns(*block))) {
      facts.overrun_ns = (now_ - instant(end_ns(*block))).count();
    }
    if (throttled_before_ && throttled_after_) {
      facts.throttled_usec = *throttled_after_ - *throttled_before_;
    }
    if (end_ || iterations_ > 0) {
      outbox_.close(facts);
    } else {
      outbox_.discard();
    }
  }

  void skip(const char* reason) {
    skipped_ = true;
    miss(reason);
  }

  void miss(const char* reason) {
    missed_.push_back({block_, reason});
    output_.put(to_line(missed_.back()));
  }

  // --- files and signals

  void read_files() {
    if (now_ >= next_poll_) {
      next_poll_ = now_ + kPollEvery;
      if (ending_ == Ending::kNo) {
        if (const auto text = plan_file_.poll()) take_plan(*text);
      }
      if (const auto text = ack_file_.poll()) take_ack(*text);
    }
    wake_at(next_poll_);
  }

  void take_plan(const std::string& text) {
    auto plan = parse_plan(text);
    const Status status = plan ? schedule_.update(std::move(*plan)) : tl::unexpected(plan.error());
    plan_taken_at_ = next_beat_ = now_;  // kts sees how long it took
    if (status) return;
    Error error = status.error();
    error.where = plan_file_.path().string();
    fail(std::move(error));
  }

  void take_ack(const std::string& text) {
    const auto ack = parse_ack(text);
    const Status status = ack ? outbox_.acknowledge(*ack, now_) : tl::unexpected(ack.error());
    acknowledges_ = true;
    if (status) return;
    note(fmt::format("kts-worker pod: {} is passed over: {}\n", ack_file_.path().string(),
                     status.error().message));
  }

  void take_signals() {
    while (const auto number = signals_.take()) {
      const Error error{ErrorCode::kInterrupted,
                        fmt::format("interrupted by SIG{}", sigabbrev_np(*number)),
                        {},
                        {}};
      if (ending_ == Ending::kInterrupted) {
        leave_at_ = now_;  // a second time: at once
        continue;
      }
      ending_ = Ending::kInterrupted;
      if (!error_) error_ = error;
      leave_at_ = now_ + options_.timeouts.interrupted;
    }
  }

  void fail(Error error, std::string status = {}, bool out_of_memory = false) {
    if (ending_ == Ending::kFailed || ending_ == Ending::kInterrupted) return;
    ending_ = Ending::kFailed;
    Fail frame;
    if (in_block_) frame.block = block_;
    frame.message = kts::to_line(error);
    frame.status = std::move(status);
    frame.out_of_memory = out_of_memory;
    frame.last_words = starts_ > 0 ? fleet_.last_words(child_) : "";
    frame.exit_code = exit_code(error);
    failure_ = std::move(frame);
    error_ = std::move(error);
    next_repeat_ = now_;
  }

  // --- the log

  // Whether nothing but delivery is left to do.
  [[nodiscard]] bool delivers_only() const {
    return ending_ != Ending::kNo && worker_ == Worker::kNone;
  }

  void say_frames() {
    if (ending_ != Ending::kNo && worker_ == Worker::kNone && collecting_) close_block();
    // A chunk that nobody takes off must not be followed by a heap of stale frames.
    const bool room = output_.pending_bytes() < kMaxPending;
    const bool repeats = room && now_ >= next_repeat_;
    if (repeats) next_repeat_ = now_ + kRepeatEvery;
    if (room && (say_ready_ || (repeats && worker_ == Worker::kParked && !schedule_.known()))) {
      output_.put(to_line(ready_frame()));
      say_ready_ = false;
      next_beat_ = now_;
    }
    if (repeats && failure_) output_.put(to_line(*failure_));
    if (now_ >= next_beat_) {
      if (room) output_.put(to_line(beat_frame()));
      const bool expects_plan = worker_ == Worker::kParked && !schedule_.known();
      next_beat_ = now_ + (expects_plan ? kBeatUntilPlanned : kBeatEvery);
    }
    wake_at(next_beat_);
    if (room && (failure_ || !schedule_.known())) wake_at(next_repeat_);
  }

  void print() {
    const bool free = may_print();
    if (!notes_.empty() && (free || ending_ != Ending::kNo)) {
      if (notes_dropped_ > 0) {
        notes_ += fmt::format("kts-worker pod: {} more bytes of the worker's words were dropped\n",
                              std::exchange(notes_dropped_, 0));
      }
      output_.put(std::exchange(notes_, {}));
    }
    while (may_print()) {
      if (auto status = output_.pump(); !status || !output_.idle()) return;  // run() tells
      const auto chunk = next_chunk();
      if (!chunk) break;
      output_.put(outbox_.print(*chunk, now_));
      now_ = MonotonicTimeline::now();
    }
    if (const auto patience = outbox_.next_patience(); patience && free) {
      wake_at(std::max(*patience, now_ + kPollEvery));
    }
  }

  [[nodiscard]] bool may_print() const {
    if (ending_ != Ending::kNo) return delivers_only();
    return !in_block_ && schedule_.quiet_until(ns_of(now_ + kPrintMargin));
  }

  [[nodiscard]] std::optional<std::uint64_t> next_chunk() const {
    // Nobody acknowledges: what hasn't been in the log at all still gets there.
    if (unheard_) {
      return outbox_.all_printed() ? std::nullopt : std::optional(outbox_.printed_chunks());
    }
    return outbox_.next(now_, ending_ == Ending::kInterrupted);
  }

  // Whether it is time to leave.
  bool over() {
    if (leave_at_ && now_ >= *leave_at_) return true;
    if (!delivers_only() || collecting_) return false;
    if (!delivering_since_) delivering_since_ = now_;
    if (!output_.idle() || !notes_.empty()) return false;
    if (outbox_.all_acknowledged()) return true;
    if (ending_ == Ending::kInterrupted) {
      // A kubelet brings nothing more to a pod that it ends, but what is on its way.
      const MonotonicTime last_ack = acknowledges_ ? *delivering_since_ + kLastAck : now_;
      const bool done = outbox_.all_printed() && now_ >= last_ack;
      if (!done) wake_at(outbox_.all_printed() ? std::min(last_ack, *leave_at_) : *leave_at_);
      return done;
    }
    if (unheard_) return outbox_.all_printed();
    const MonotonicTime patience_ends =
        std::max(*delivering_since_, outbox_.last_progress()) + options_.timeouts.linger;
    if (now_ < patience_ends) {
      wake_at(patience_ends);
      return false;
    }
    unheard_ = true;
    wake_ = now_;
    if (!error_) {
      error_ =
          Error{ErrorCode::kEnvironment,
                fmt::format("{} of {} chunks of records were never acknowledged",
                            outbox_.chunks() - outbox_.acknowledged_chunks(), outbox_.chunks()),
                "is kts still running, and may it patch pods?", ack_file_.path().string()};
    }
    return false;
  }

  void note(std::string_view line) {
    if (notes_.size() + line.size() > kMaxNotes) {
      notes_dropped_ += line.size();
      return;
    }
    if (line.starts_with("KTS_")) notes_ += "worker: ";
    notes_ += line;
    if (!line.ends_with('\n')) notes_ += '\n';
  }

  [[nodiscard]] Ready ready_frame() const {
    Ready r;
    r.agent = ready_.agent;
    r.starts = starts_;
    r.device = ready_.device;
    r.device_name = ready_.device_name;
    r.uuid = ready_.gpu_uuid;
    r.uuid_source = ready_.uuid_source;
    r.median_iteration_ns = ready_.median_iteration_ns;
    r.operand_bytes = ready_.operand_bytes;
    r.pod_uid = options_.pod_uid;
    r.pod = options_.pod;
    r.node = options_.node;
    const EpochOffset offset = EpochOffset::measure();
    const MonotonicTime now = MonotonicTimeline::now();
    r.monotonic_ns = ns_of(now);
    r.epoch_ns = offset.to_epoch(now).time_since_epoch().count();
    r.kts_version = version();
    r.kts_commit = commit();
    return r;
  }

  [[nodiscard]] Beat beat_frame() const {
    Beat b;
    b.monotonic_ns = ns_of(now_);
    b.state = log_state();
    if (in_block_) {
      b.block = block_;
      b.iterations = iterations_;
    }
    b.printed = outbox_.printed_chunks();
    b.prints = outbox_.prints();
    b.acknowledged = outbox_.acknowledged_chunks();
    b.dropped = outbox_.dropped();
    b.planned = schedule_.blocks();
    b.missed = missed_;
    return b;
  }

  [[nodiscard]] const char* log_state() const {
    if (ending_ == Ending::kFailed) return "failed";
    if (delivers_only()) return "delivering";
    if (ending_ == Ending::kInterrupted) return "leaving";
    switch (worker_) {
      case Worker::kNone:
        return "absent";
      case Worker::kStarting:
        return "starting";
      case Worker::kParked:
        return "ready";
      case Worker::kPreparing:
        return "preparing";
      case Worker::kRunning: {
        const Block* const block = schedule_.next();
        return block != nullptr && now_ >= instant(block->stop_ns) ? "draining" : "running";
      }
      case Worker::kDrained:
      case Worker::kFinishing:
        return "finishing";
      case Worker::kLeaving:
        return "leaving";
    }
    return "";
  }

  // For messages: "while …".
  [[nodiscard]] std::string state_name() const { return state_name(worker_); }
  [[nodiscard]] std::string state_name(Worker state) const {
    switch (state) {
      case Worker::kNone:
      case Worker::kStarting:
        return "starting";
      case Worker::kParked:
        return in_block_ ? fmt::format("parked in block {}", block_) : "parked between blocks";
      case Worker::kPreparing:
        return fmt::format("preparing block {}", block_);
      case Worker::kRunning:
      case Worker::kDrained:
        return fmt::format("running block {}", block_);
      case Worker::kFinishing:
        return fmt::format("finishing block {}", block_);
      case Worker::kLeaving:
        return "leaving";
    }
    return {};
  }

  void wake_at(MonotonicTime t) { wake_ = std::min(wake_, t); }

  const PodOptions& options_;
  process::SignalPipe& signals_;
  Waker waker_;
  Output output_;
  Outbox outbox_;
  Cgroup cgroup_;
  WatchedFile plan_file_, ack_file_;
  Schedule schedule_;

  MonotonicTime now_, wake_;
  MonotonicTime next_beat_, next_repeat_, next_poll_, plan_taken_at_;
  bool say_ready_ = false;

  Worker worker_ = Worker::kNone;
  std::size_t child_ = 0;
  int starts_ = 0;
  control::Ready ready_;
  MonotonicTime answer_by_ = MonotonicTime::max();
  std::optional<std::int64_t> oom_kills_;

  // The block in progress: the schedule's next, once its first instant has passed.
  bool in_block_ = false;
  int block_ = -1;
  std::size_t active_ = 1;
  std::uint64_t iterations_ = 0;
  bool skipped_ = false;     // not run, or not any more
  bool collecting_ = false;  // the worker's records are this block's
  bool started_ = false, gave_up_ = false;
  bool void_ = false;  // started in the past, to be finished at once
  int finished_ = -1;
  std::optional<record::BlockEnd> end_;
  std::optional<std::int64_t> throttled_before_, throttled_after_;
  MonotonicTime busy_until_;
  std::vector<Missed> missed_;

  std::string notes_;
  std::size_t notes_dropped_ = 0;

  Ending ending_ = Ending::kNo;
  std::optional<Error> error_;
  std::optional<Fail> failure_;
  std::optional<MonotonicTime> terminated_at_, leave_at_, delivering_since_;
  bool acknowledges_ = false;
  bool unheard_ = false;
  process::Fleet fleet_;
};

}  // namespace

Status run_pod(const PodOptions& options) {
  // As process 1 we would be handed orphans anyway.
  prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
  KTS_TRY(auto signals, process::SignalPipe::create({SIGTERM, SIGINT}));
  return PodAgent(options, signals).run();
}

}  // namespace kts::pod
