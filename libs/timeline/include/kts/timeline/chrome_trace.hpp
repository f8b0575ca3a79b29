// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "kts/base/error.hpp"
#include "kts/base/files.hpp"

namespace kts::timeline {

// A string as JSON, quotes included; what is no UTF-8 is replaced.
[[nodiscard]] std::string json_string(std::string_view text);

// Events in the Chrome trace event format (JSON object form), as Perfetto and chrome://tracing read
// it, written one after the other. Instants are ns from an origin that the caller chose and come
// out as microseconds with three decimals; they must not be negative. Text is given as JSON
// already. Nothing but a small buffer is kept.
class ChromeTrace {
 public:
  [[nodiscard]] static Result<ChromeTrace> create(const std::filesystem::path& path);

  // A process track. `labels_json` may be empty.
  void name_process(int pid, std::string_view name_json, std::string_view labels_json,
                    int sort_index);
  void name_thread(int pid, int tid, std::string_view name_json, int sort_index);
  // `args_json` is an object or empty. Slices of one thread must nest, the outer one written first.
  void slice(int pid, int tid, std::string_view name_json, std::int64_t start_ns,
             std::int64_t end_ns, std::string_view args_json = {});
  // On a row of its own beside those that overlap it.
  void async_slice(int pid, int tid, std::string_view name_json, std::int64_t start_ns,
                   std::int64_t end_ns);
  void instant(int pid, int tid, std::string_view name_json, std::int64_t at_ns);
  // `value_json` is a number.
  void counter(int pid, std::string_view name_json, std::int64_t at_ns,
               std::string_view value_json);

  [[nodiscard]] std::uint64_t size_bytes() const { return written_ + buffer_.size(); }
  // The first write that failed, if one did; nothing is written after it.
  [[nodiscard]] const Status& status() const { return status_; }
  // Ends the file, with `other_json`, an object, as its otherData.
  [[nodiscard]] Status close(std::string_view other_json);

 private:
  explicit ChromeTrace(OutputFile file);
  void event();
  void flush_if_full();
  void flush();

  OutputFile file_;
  std::string buffer_;
  std::uint64_t written_ = 0;
  std::uint64_t next_id_ = 1;
  bool first_ = true;
  Status status_;
};

}  // namespace kts::timeline
