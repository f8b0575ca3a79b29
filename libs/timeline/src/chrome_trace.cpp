// SPDX-License-Identifier: Apache-2.0
#include "kts/timeline/chrome_trace.hpp"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace kts::timeline {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{64} * 1024;

// Microseconds.
struct Micros {
  std::int64_t ns;
};

}  // namespace
}  // namespace kts::timeline

template <>
struct fmt::formatter<kts::timeline::Micros> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  auto format(const kts::timeline::Micros& t, fmt::format_context& context) const {
    // Perfetto reads it as a double and cuts its thousandfold off: where a ns would be lost, a
    // tenth of one more keeps it.
    const double micros = static_cast<double>(t.ns) / 1000.0;
    const bool loses = static_cast<std::int64_t>(micros * 1000.0) < t.ns;
    return fmt::format_to(context.out(), "{}.{:03}{}", t.ns / 1000, t.ns % 1000, loses ? "1" : "");
  }
};

namespace kts::timeline {

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ChromeTrace::ChromeTrace(OutputFile file) : file_(std::move(file)) {
  // Without displayTimeUnit: versions of Perfetto took it for the unit of the instants.
  buffer_ = "{\"traceEvents\":[";
}

Result<ChromeTrace> ChromeTrace::create(const std::filesystem::path& path) {
  KTS_TRY(OutputFile file, OutputFile::create(path));
  return ChromeTrace(std::move(file));
}

void ChromeTrace::event() {
  flush_if_full();
  buffer_ += std::exchange(first_, false) ? "\n" : ",\n";
}

void ChromeTrace::flush_if_full() {
  if (buffer_.size() >= kFlushBytes) flush();
}

void ChromeTrace::flush() {
  written_ += buffer_.size();
  if (status_) status_ = file_.write(buffer_);
  buffer_.clear();
}

void ChromeTrace::name_process(int pid, std::string_view name_json, std::string_view labels_json,
                               int sort_index) {
  const auto say = [&](std::string_view what, std::string_view key, std::string_view value) {
    event();
    fmt::format_to(std::back_inserter(buffer_),
                   R"({{"ph":"M","name":"{}","pid":{},"tid":0,"args":{{"{}":{}}}}})", what, pid,
                   key, value);
  };
  say("process_name", "name", name_json);
  if (!labels_json.empty()) say("process_labels", "labels", labels_json);
  say("process_sort_index", "sort_index", std::to_string(sort_index));
}

void ChromeTrace::name_thread(int pid, int tid, std::string_view name_json, int sort_index) {
  event();
  fmt::format_to(std::back_inserter(buffer_),
                 R"({{"ph":"M","name":"thread_name","pid":{},"tid":{},"args":{{"name":{}}}}})", pid,
                 tid, name_json);
  event();
  fmt::format_to(
      std::back_inserter(buffer_),
      R"({{"ph":"M","name":"thread_sort_index","pid":{},"tid":{},"args":{{"sort_index":{}}}}})",
      pid, tid, sort_index);
}

void ChromeTrace::slice(int pid, int tid, std::string_view name_json, std::int64_t start_ns,
                        std::int64_t end_ns, std::string_view args_json) {
  event();
  fmt::format_to(std::back_inserter(buffer_),
                 R"({{"ph":"X","name":{},"pid":{},"tid":{},"ts":{},"dur":{})", name_json, pid, tid,
                 Micros{start_ns}, Micros{end_ns - start_ns});
  if (!args_json.empty()) fmt::format_to(std::back_inserter(buffer_), R"(,"args":{})", args_json);
  buffer_ += '}';
}

void ChromeTrace::async_slice(int pid, int tid, std::string_view name_json, std::int64_t start_ns,
                              std::int64_t end_ns) {
  const std::uint64_t id = next_id_++;
  for (const auto& [phase, at_ns] : {std::pair('b', start_ns), std::pair('e', end_ns)}) {
    event();
    fmt::format_to(
        std::back_inserter(buffer_),
        R"({{"ph":"{}","cat":"request","id":"{:#x}","name":{},"pid":{},"tid":{},"ts":{}}})", phase,
        id, name_json, pid, tid, Micros{at_ns});
  }
}

void ChromeTrace::instant(int pid, int tid, std::string_view name_json, std::int64_t at_ns) {
  event();
  fmt::format_to(std::back_inserter(buffer_),
                 R"({{"ph":"i","s":"t","name":{},"pid":{},"tid":{},"ts":{}}})", name_json, pid, tid,
                 Micros{at_ns});
}

void ChromeTrace::counter(int pid, std::string_view name_json, std::int64_t at_ns,
                          std::string_view value_json) {
  event();
  fmt::format_to(std::back_inserter(buffer_),
                 R"({{"ph":"C","name":{},"pid":{},"tid":0,"ts":{},"args":{{"value":{}}}}})",
                 name_json, pid, Micros{at_ns}, value_json);
}

Status ChromeTrace::close(std::string_view other_json) {
  fmt::format_to(std::back_inserter(buffer_), "\n],\"otherData\":{}}}\n", other_json);
  flush();
  KTS_CHECK_OK(status_);
  return file_.close();
}

}  // namespace kts::timeline
