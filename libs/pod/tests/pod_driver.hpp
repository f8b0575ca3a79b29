// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/files.hpp"
#include "kts/pod/log_reader.hpp"
#include "kts/pod/plan.hpp"

namespace kts::pod {

using Words = std::vector<std::string>;

// A pod's process and what the driver of a run sees of it: its log, and two files that it writes.
class PodProcess {
 public:
  // "PLAN" and "ACK" in `argv` stand for the files. `bad_log` may lose, repeat and cut the lines
  // that one reading brought.
  explicit PodProcess(Words argv, const Words& environment = {},
                      std::function<Words(Words)> bad_log = {})
      : bad_log_(std::move(bad_log)) {
    std::array<std::array<int, 2>, 2> pipes{};
    for (auto& ends : pipes) {
      if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    }
    std::vector<char*> pointers;
    for (std::string& word : argv) {
      if (word == "PLAN") word = plan_file();
      if (word == "ACK") word = ack_file();
      pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(pipes[0][1], 1);
      dup2(pipes[1][1], 2);
      for (const char* name : {"ITERATIONS", "MATRIX_SIZE", "SLEEP_MS"}) unsetenv(name);
      for (const auto& entry : environment) putenv(const_cast<char*>(entry.c_str()));
      execv(pointers[0], pointers.data());
      _exit(127);
    }
    close(pipes[0][1]);
    close(pipes[1][1]);
    out_ = pipes[0][0];
    err_ = pipes[1][0];
    fcntl(out_, F_SETFL, O_NONBLOCK);
    fcntl(err_, F_SETFL, O_NONBLOCK);
  }
  ~PodProcess() {
    if (!exit_) {
      ::kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    if (out_ >= 0) close(out_);
    close(err_);
  }
  PodProcess(const PodProcess&) = delete;
  PodProcess& operator=(const PodProcess&) = delete;

  void write_plan(const std::string& text) const {
    if (!write_file(plan_file(), text)) std::abort();
  }
  void kill(int number) const { ::kill(pid_, number); }
  void close_log() { close(std::exchange(out_, -1)); }
  [[nodiscard]] std::vector<pid_t> children() const {
    const std::string id = std::to_string(pid_);
    std::ifstream file("/proc/" + id + "/task/" + id + "/children");
    return {std::istream_iterator<pid_t>(file), {}};
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Takes what the log has, and acknowledges.
  void pump() {
    read_into(err_, error_output_);
    read_into(out_, unread_);
    Words lines;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = unread_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      lines.push_back(unread_.substr(begin, end - begin));
    }
    unread_.erase(0, begin);
    lines_ += lines.size();
    if (bad_log_) lines = bad_log_(std::move(lines));
    for (const std::string& line : lines) take(line);
    if (!acknowledges) return;
    const Ack ack = reader_.ack();
    if (ack == written_) return;
    written_ = ack;
    if (!write_file(ack_file(), to_json(ack))) std::abort();
  }

  // nullopt while it runs; its exit status, or minus the signal that killed it.
  std::optional<int> exit_status() {
    int status = 0;
    if (!exit_ && waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
      pump();
    }
    return exit_;
  }

  [[nodiscard]] std::string plan_file() const { return folder_.path() / "plan"; }
  [[nodiscard]] std::string ack_file() const { return folder_.path() / "ack"; }
  [[nodiscard]] const LogReader& reader() const { return reader_; }
  [[nodiscard]] std::size_t lines() const { return lines_; }
  // For a failed test.
  [[nodiscard]] std::string describe() const {
    return (beat ? to_line(*beat) : "no heartbeat\n") + to_json(reader_.ack()) + "\n" +
           std::to_string(reader_.arrived()) + " chunks, " + std::to_string(lines_) +
           " lines; stderr: " + error_output_;
  }
  [[nodiscard]] const std::string& error_output() const { return error_output_; }

  bool acknowledges = true;
  std::vector<Ready> ready;
  std::optional<Beat> beat;
  std::vector<Fail> failures;
  Words plain;
  struct BlockLog {
    std::string records;
    std::vector<ChunkHeader> headers;
  };
  // In the order of chunks.
  std::map<int, BlockLog> blocks() const {
    std::map<int, BlockLog> result;
    for (const auto& [number, chunk] : chunks_) {
      result[chunk.header.block].records += chunk.bytes;
      result[chunk.header.block].headers.push_back(chunk.header);
    }
    return result;
  }
  // Whether all of its chunks have arrived: a block's are numbered without a gap.
  [[nodiscard]] bool has_block(int index) const {
    std::optional<std::uint64_t> expected;
    for (const auto& [number, chunk] : chunks_) {
      if (chunk.header.block != index) continue;
      if (!expected && number > 0) {
        const auto before = chunks_.find(number - 1);
        if (before == chunks_.end() || !before->second.header.last) return false;
      }
      if (expected && number != *expected) return false;
      if (chunk.header.last) return true;
      expected = number + 1;
    }
    return false;
  }

 private:
  void take(const std::string& line) {
    auto event = reader_.take(line);
    if (!event) return;
    if (auto* chunk = std::get_if<Chunk>(&*event)) {
      const auto number = chunk->header.chunk;
      if (!chunks_.emplace(number, std::move(*chunk)).second) std::abort();
    } else if (auto* r = std::get_if<Ready>(&*event)) {
      ready.push_back(*r);
    } else if (auto* b = std::get_if<Beat>(&*event)) {
      beat = *b;
    } else if (auto* f = std::get_if<Fail>(&*event)) {
      failures.push_back(*f);
    } else if (auto* text = std::get_if<std::string_view>(&*event)) {
      plain.emplace_back(*text);
    }
  }
  static void read_into(int fd, std::string& to) {
    std::array<char, 65536> bytes;
    for (int rounds = 0; rounds < 64; ++rounds) {
      const ssize_t count = read(fd, bytes.data(), bytes.size());
      if (count <= 0) return;
      to.append(bytes.data(), static_cast<std::size_t>(count));
    }
  }

  TemporaryDirectory folder_ = TemporaryDirectory::create("kts-pod").value();
  std::function<Words(Words)> bad_log_;
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string unread_, error_output_;
  std::size_t lines_ = 0;
  LogReader reader_;
  std::optional<Ack> written_;
  std::map<std::uint64_t, Chunk> chunks_;
  std::optional<int> exit_;
};

// Plays the driver of a run for pods of one node.
class Driver {
 public:
  explicit Driver(std::vector<PodProcess*> pods) : pods_(std::move(pods)) {
    plan.epoch_offset_ns = EpochOffset::measure().value.count();
  }

  // Generous: tests run on machines that do other things, too.
  static constexpr auto kPatience = std::chrono::seconds(90);

  [[nodiscard]] bool until(const std::function<bool()>& condition) {
    const auto deadline = MonotonicTimeline::now() + kPatience;
    for (;;) {
      for (PodProcess* pod : pods_) pod->pump();
      if (condition()) return true;
      if (MonotonicTimeline::now() > deadline) return false;
      poll(nullptr, 0, 5);
    }
  }
  [[nodiscard]] bool until_ready() {
    return until([this] {
      for (const PodProcess* pod : pods_) {
        if (pod->ready.empty()) return false;
      }
      return true;
    });
  }
  [[nodiscard]] std::optional<int> exit_of(PodProcess& pod) {
    std::optional<int> status;
    if (!until([&] { return (status = pod.exit_status()).has_value(); })) return std::nullopt;
    pod.pump();
    return status;
  }

  void publish() const {
    for (const PodProcess* pod : pods_) pod->write_plan(to_json(plan));
  }
  static std::int64_t now_ns() { return MonotonicTimeline::now().time_since_epoch().count(); }

  // Appends a block that begins `lead` from now or from the last one's end, and tells nobody yet.
  Block& add(const std::string& phase, const std::string& neighbours, const Words& active,
             std::chrono::milliseconds length, std::chrono::milliseconds lead,
             std::chrono::milliseconds slot = std::chrono::milliseconds(60)) {
    Block block;
    block.index = next_index_++;
    block.phase = phase;
    block.neighbours = neighbours;
    block.active = active;
    block.slot_ns = Nanoseconds(slot).count();
    block.calibrate_ns = std::max(now_ns(), plan.blocks.empty() ? 0 : end_ns(plan.blocks.back())) +
                         Nanoseconds(lead).count();
    block.start_ns = prepare_ns(block, active.size());
    block.stop_ns = block.start_ns + Nanoseconds(length).count();
    block.tail_ns = Nanoseconds(std::chrono::milliseconds(30)).count();
    plan.blocks.push_back(block);
    return plan.blocks.back();
  }

  // Runs a block, repeating it with more time before it as long as a pod misses it: as a busy
  // machine makes it do now and then. The index of the one that was run; 0 when none was.
  [[nodiscard]] int run(const std::string& phase, const std::string& neighbours,
                        const std::vector<std::pair<std::string, PodProcess*>>& active,
                        std::chrono::milliseconds length = std::chrono::milliseconds(150),
                        std::chrono::milliseconds lead = std::chrono::milliseconds(250)) {
    Words names;
    for (const auto& [name, pod] : active) names.push_back(name);
    for (int attempt = 0; attempt < 8; ++attempt, lead *= 2) {
      const int index =
          add(phase, neighbours, names, length, lead, std::chrono::milliseconds(60) * (1 + attempt))
              .index;
      publish();
      const auto missed = [&] {
        for (const PodProcess* pod : pods_) {
          if (pod->reader().missed().contains(index)) return true;
        }
        return false;
      };
      const auto whole = [&] {
        for (const auto& [name, pod] : active) {
          if (!pod->has_block(index)) return false;
        }
        return true;
      };
      // A heartbeat between blocks tells that no pod misses it any more.
      const auto end = end_ns(plan.blocks.back());
      const auto settled = [&] {
        for (const PodProcess* pod : pods_) {
          if (!pod->beat || pod->beat->monotonic_ns < end || pod->beat->block) return false;
        }
        return true;
      };
      if (!until([&] { return settled() && (missed() || whole()); })) return 0;
      if (!missed()) return index;
    }
    return 0;
  }
  void end() {
    plan.end = true;
    publish();
  }

  Plan plan;

 private:
  std::vector<PodProcess*> pods_;
  int next_index_ = 1;
};

}  // namespace kts::pod
