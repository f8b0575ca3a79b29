// SPDX-License-Identifier: Apache-2.0
// Speaks the control channel as kts-worker does, with made-up records, and misbehaves on request:
//   fake_worker [--fake MODE [--fake-agent NAME]] <kts-worker's arguments>
// MODE crash-start | refuse | hang-start | crash-block | hang-drain | hang-finish | hang-exit |
//      garbage | wrong-step | flood | chatty | no-end | slow | overload | deaf |
//      overload-twice (in blocks 1 and 9)
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "kts/base/clock.hpp"
#include "kts/base/units.hpp"
#include "kts/control/protocol.hpp"
#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"

namespace {

using namespace kts;

constexpr std::int64_t kGapNs = 1'000'000;

void say(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

[[noreturn]] void hang() {
  signal(SIGTERM, SIG_IGN);
  for (;;) pause();
}

class Input {
 public:
  // A line, or nullopt at the deadline; leaves at end of input.
  std::optional<std::string> line(MonotonicTime deadline) {
    for (;;) {
      if (const auto at = buffer_.find('\n'); at != std::string::npos) {
        std::string text = buffer_.substr(0, at);
        buffer_.erase(0, at + 1);
        return text;
      }
      const auto left = deadline - MonotonicTimeline::now();
      if (left <= Nanoseconds(0)) return std::nullopt;
      pollfd fd{STDIN_FILENO, POLLIN, 0};
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      if (poll(&fd, 1, static_cast<int>(std::min<std::int64_t>(ms, 60'000))) <= 0) continue;
      char bytes[4096];
      const ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
      if (n <= 0) std::exit(0);
      buffer_.append(bytes, static_cast<std::size_t>(n));
    }
  }
  std::string line() {
    for (;;) {
      if (auto text = line(MonotonicTimeline::now() + std::chrono::seconds(60))) return *text;
    }
  }

 private:
  std::string buffer_;
};

class FakeWorker {
 public:
  FakeWorker(std::string mode, std::string agent, std::string device, EpochOffset offset)
      : mode_(std::move(mode)),
        agent_(std::move(agent)),
        device_(std::move(device)),
        offset_(offset) {}

  int work() {
    start();
    for (;;) {
      const auto command = control::parse_command(input_.line());
      if (!command) {
        std::fprintf(stderr, "%s\n", to_line(command.error()).c_str());
        return 2;
      }
      if (const auto* prepare = std::get_if<control::Prepare>(&*command)) {
        this->prepare(*prepare);
      } else if (const auto* start = std::get_if<control::Start>(&*command)) {
        generate(*start);
      } else if (std::holds_alternative<control::Finish>(*command)) {
        finish();
      } else if (std::holds_alternative<control::Exit>(*command)) {
        if (mode_ == "hang-exit") hang();
        return 0;
      }
    }
  }

 private:
  void start() {
    if (mode_ == "crash-start") {
      std::fprintf(stderr, "the sky fell\non my head\n");
      std::abort();
    }
    if (mode_ == "refuse") {
      std::fprintf(stderr, "kts_fake_worker: no CUDA device; use --device cpu\n");
      std::exit(4);
    }
    if (mode_ == "hang-start") hang();
    become_client();
    control::Ready ready;
    ready.agent = agent_;
    ready.pid = getpid();
    ready.device = "cpu";
    ready.device_name = "Fake CPU";
    ready.device_uuid = "cpu:1";
    ready.median_iteration_ns = mode_ == "slow" ? 1'000'000 : 100'000;
    ready.operand_bytes = 1024;
    say(control::to_line(ready));
  }

  // As CUDA does when it meets a daemon; and tells what the daemon was asked for. With
  // KTS_FAKE_CLIENT_OF it is a client of that one, whatever it was given.
  void become_client() const {
    const auto value = [](const char* name) {
      const char* text = std::getenv(name);
      return std::string(text == nullptr ? "" : text);
    };
    const std::string pipes = value("CUDA_MPS_PIPE_DIRECTORY");
    // Only what a mode gave it: other tests look at the process's words.
    if (!pipes.empty())
      std::fprintf(
          stderr, "pipes=%s threads=%s priority=%s memory=%s visible=%s device=%s partition=%s\n",
          pipes.c_str(), value("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE").c_str(),
          value("CUDA_MPS_CLIENT_PRIORITY").c_str(),
          value("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT").c_str(), value("CUDA_VISIBLE_DEVICES").c_str(),
          device_.c_str(), value("CUDA_MPS_SM_PARTITION").c_str());
    for (const std::string& daemon : {pipes, value("KTS_FAKE_CLIENT_OF")}) {
      if (daemon.empty() || access((daemon + "/control").c_str(), F_OK) != 0) continue;
      const std::string mark = daemon + "/client-" + std::to_string(getpid());
      std::ofstream(mark) << value("CUDA_MPS_SM_PARTITION") << "\n";
    }
  }

  void prepare(const control::Prepare& prepare) {
    prepare_ = prepare;
    if (!prepare.kernels.empty()) std::ofstream(prepare.kernels) << "kernels\n";
    record::BlockMeta meta;
    meta.agent = agent_;
    meta.block = prepare.block;
    meta.phase = prepare.phase;
    meta.neighbours = prepare.neighbours;
    meta.workload = "fft";
    meta.size = 64;
    meta.arrival = "uniform";
    meta.rate_per_s = 1000;
    meta.sync = "block";
    meta.device = "cpu";
    meta.device_name = "Fake CPU";
    meta.device_uuid = "cpu:1";
    meta.sharing = "time-slicing";
    meta.pid = getpid();
    meta.epoch_offset_ns = offset_.value.count();
    meta.kts_version = "0";
    meta.kts_commit = "0";
    say(record::to_line(meta));
    if (mode_ == "garbage") say("KTS_ACK,v1,{\"step\": 12\n");
    acknowledge(mode_ == "wrong-step" ? control::Step::kFinished : control::Step::kPrepared);
  }

  void generate(const control::Start& start) {
    if (mode_ == "crash-block") {
      emit(0, start.start_ns);
      std::fprintf(stderr, "out of fake memory\n");
      std::fflush(nullptr);
      raise(SIGKILL);
    }
    while (mode_ == "flood") say("noise noise noise noise noise noise noise noise noise noise\n");
    if (mode_ == "hang-drain") hang();
    const bool too_much = mode_ == "overload-twice" && (prepare_.block == 1 || prepare_.block == 9);
    if (mode_ == "overload" || mode_ == "deaf" || too_much) return drain_without_end(start);
    const auto monotonic = [this](std::int64_t ns) {
      return offset_.to_monotonic(EpochTime(Nanoseconds(ns)));
    };
    std::int64_t stop_ns = start.stop_ns;
    if (const auto line = input_.line(monotonic(stop_ns))) {
      const auto command = control::parse_command(*line);
      const bool stops = command && std::holds_alternative<control::Stop>(*command);
      // On a busy machine it may be asked to give up what it was about to report as done.
      if (!stops && !(command && std::holds_alternative<control::GiveUp>(*command))) std::exit(2);
      if (stops) stop_ns = offset_.to_epoch(MonotonicTimeline::now()).time_since_epoch().count();
    }
    end_ = {};
    end_.agent = agent_;
    end_.block = prepare_.block;
    end_.generation_start_ns = start.start_ns;
    end_.generation_stop_ns = stop_ns;
    end_.first_due_ns = start.start_ns;
    for (std::int64_t due = start.start_ns; due < stop_ns; due += kGapNs) {
      if (mode_ == "chatty") say("a library says hello\n");
      emit(end_.iterations, due);
      ++end_.iterations;
    }
    end_.emitted = end_.iterations;
    end_.device_cpu_ns = 1000;
    acknowledge(control::Step::kDrained);
  }

  // One request a millisecond until it may give up a queue of a thousand; deaf, it never does.
  void drain_without_end(const control::Start& start) {
    end_ = {};
    end_.agent = agent_;
    end_.block = prepare_.block;
    end_.first_due_ns = end_.generation_start_ns = start.start_ns;
    end_.generation_stop_ns = start.stop_ns;
    for (;;) {
      emit(end_.iterations, start.start_ns + static_cast<std::int64_t>(end_.iterations));
      ++end_.iterations;
      const auto line = input_.line(MonotonicTimeline::now() + std::chrono::milliseconds(1));
      if (!line || mode_ == "deaf") continue;
      const auto command = control::parse_command(*line);
      if (!command || !std::holds_alternative<control::GiveUp>(*command)) std::exit(2);
      break;
    }
    end_.emitted = end_.iterations;
    end_.abandoned = 1000;
    end_.drain_ns =
        offset_.to_epoch(MonotonicTimeline::now()).time_since_epoch().count() - start.stop_ns;
    acknowledge(control::Step::kDrained);
  }

  void emit(std::uint64_t seq, std::int64_t due) {
    const record::Iteration iteration{seq,          due,          due + 10'000,
                                      due + 20'000, due + 90'000, due + 100'000};
    char line[record::kMaxRecordLine];
    const char* end = record::format_v2(line, agent_, iteration);
    say({line, static_cast<std::size_t>(end - line)});
    end_.last_done_ns = iteration.done_ns;
  }

  void finish() {
    if (mode_ == "hang-finish") hang();
    if (mode_ != "no-end") say(record::to_line(end_));
    acknowledge(control::Step::kFinished);
  }

  void acknowledge(control::Step step) {
    say(control::to_line(control::Ack{step, prepare_.block, std::nullopt}));
  }

  std::string mode_, agent_, device_;
  EpochOffset offset_;
  Input input_;
  control::Prepare prepare_;
  record::BlockEnd end_;
};

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "host") return 2;  // it hosts nobody
  }
  for (int i = 1; i + 1 < argc; ++i) {
    const std::string name = argv[i];
    if (name.starts_with("--") && name != "--controlled" && name != "--own-core" &&
        name != "--trace-kernels") {
      flags[name] = argv[++i];
    }
  }
  const std::string agent = flags["--agent"];
  std::string mode = flags["--fake"];
  if (flags.contains("--fake-agent") && flags["--fake-agent"] != agent) mode.clear();
  EpochOffset offset;
  if (flags.contains("--epoch-offset-ns")) {
    offset.value = Nanoseconds(kts::parse_int64(flags["--epoch-offset-ns"]).value());
  }
  return FakeWorker(mode, agent, flags["--device"], offset).work();
}
