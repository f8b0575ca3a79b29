// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/worker/histogram.hpp"
#include "kts/worker/loop.hpp"
#include "kts/worker/pacing.hpp"
#include "kts/worker/ring.hpp"

namespace kts::worker {

enum class RecordVersion { kV1, kV2 };

struct RecordFormat {
  RecordVersion version = RecordVersion::kV2;
  std::string agent;  // v2
  std::string kind;   // v1
  std::string phase;  // v1
  EpochOffset epoch;
  std::vector<std::string> chains = {};  // by their places; those that the agent has a part in
};

// Takes records off the loop's hands: a ring, and a thread that formats and writes what is in it at
// least every kFlushEvery. When the descriptor takes no more, it raises kInterrupt, and what comes
// after is dropped; drain tells why. The process must ignore SIGPIPE.
class RecordWriter final : public RecordSink {
 public:
  static constexpr std::size_t kCapacity = std::size_t{1} << 16;
  static constexpr std::chrono::milliseconds kFlushEvery{50};

  RecordWriter(int fd, RecordFormat format, StopFlag& stop, std::size_t capacity = kCapacity);
  ~RecordWriter() override;
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  // From one thread.
  [[nodiscard]] bool push(const record::Iteration& iteration) noexcept override {
    return ring_.push(iteration);
  }
  [[nodiscard]] bool push(const record::Token& token) noexcept override {
    return ring_.push(token);
  }
  [[nodiscard]] bool push(const record::Step& step) noexcept override { return ring_.push(step); }
  // Returns when all that was pushed has been written; kEnvironment when that failed. To be called
  // by the thread that pushes, like all below.
  [[nodiscard]] Status drain();
  // One line, newline included, after all that was pushed.
  [[nodiscard]] Status write_line(std::string_view line);

  // After drain: for what will be pushed.
  void set_epoch(const EpochOffset& epoch) { format_.epoch = epoch; }

  // Valid after drain: of all records since the start.
  [[nodiscard]] const Histogram& latency() const { return latency_; }
  [[nodiscard]] const Histogram& gpu_time() const { return gpu_time_; }
  // Empty without LLM requests.
  [[nodiscard]] const Histogram& ttft() const { return ttft_; }
  [[nodiscard]] const Histogram& itl() const { return itl_; }

 private:
  void live();
  void write_out();
  void write_all(std::string_view bytes);
  char* take(char* out, const record::Iteration& iteration);
  char* take(char* out, const record::Token& token);
  char* take(char* out, const record::Step& step) const;

  const int fd_;
  RecordFormat format_;
  StopFlag& stop_;
  Ring<std::variant<record::Iteration, record::Token, record::Step>> ring_;
  std::string buffer_;
  Histogram latency_;
  Histogram gpu_time_;
  Histogram ttft_;
  Histogram itl_;
  record::Token last_token_;   // index 0: the one that a request's record has
  std::atomic<int> errno_{0};  // of the write that failed

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable drained_;
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;
  bool leaving_ = false;
  std::thread thread_;
};

}  // namespace kts::worker
