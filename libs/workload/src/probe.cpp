// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/probe.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "kts/base/clock.hpp"
#include "kts/base/units.hpp"

namespace kts::workload {
namespace {

// Takes the text up to `separator`, and it, from the front.
std::string_view take_word(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view word = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return word;
}

bool read_series(std::string_view text, std::vector<std::int64_t>& to) {
  while (!text.empty()) {
    const std::string_view word = take_word(text, ' ');
    if (word.empty()) continue;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) return false;
    to.push_back(value);
  }
  return true;
}

}  // namespace

ProbeTask& ProbeTask::set(std::string_view argument, std::int64_t value) {
  arguments.insert_or_assign(std::string(argument), fmt::format("{}", value));
  return *this;
}

std::int64_t ProbeTask::number(std::string_view argument, std::int64_t otherwise) const {
  const auto found = arguments.find(argument);
  return found == arguments.end() ? otherwise : parse_int64(found->second).value_or(otherwise);
}

std::string ProbeTask::word(std::string_view argument) const {
  const auto found = arguments.find(argument);
  return found == arguments.end() ? std::string() : found->second;
}

std::string to_line(const ProbeTask& task) {
  std::string line = task.name;
  for (const auto& [argument, value] : task.arguments) {
    line += fmt::format(" {}={}", argument, value);
  }
  return line;
}

Result<ProbeTask> parse_probe_task(std::string_view line) {
  ProbeTask task;
  task.name = take_word(line, ' ');
  if (task.name.empty()) return bad_input("names no task", "write it like: spin length_ns=1000");
  while (!line.empty()) {
    std::string_view value = take_word(line, ' ');
    if (value.empty()) continue;
    const std::string_view argument = take_word(value, '=');
    if (argument.empty() || value.empty()) {
      return bad_input(fmt::format("'{}' has no value", argument), "write it like: length_ns=1000",
                       task.name);
    }
    task.arguments.insert_or_assign(std::string(argument), std::string(value));
  }
  return task;
}

double ProbeTrace::value(std::string_view name, double otherwise) const {
  const auto found = values.find(name);
  return found == values.end() ? otherwise : found->second;
}

const std::vector<std::int64_t>& ProbeTrace::all(std::string_view name) const {
  static const std::vector<std::int64_t> kNone;
  const auto found = series.find(name);
  return found == series.end() ? kNone : found->second;
}

std::string to_text(const ProbeTrace& trace) {
  std::string out = fmt::format("{}{}\n", kProbeBegin, trace.task);
  for (const auto& [name, value] : trace.values) {
    if (std::isfinite(value)) out += fmt::format("{} {}\n", name, value);
  }
  for (const auto& [name, numbers] : trace.series) {
    out += name + ":";
    for (const std::int64_t number : numbers) out += fmt::format(" {}", number);
    out += '\n';
  }
  out += kProbeEnd;
  out += '\n';
  return out;
}

Result<ProbeTrace> parse_probe_trace(std::string_view text, std::string_view where) {
  ProbeTrace trace;
  bool begun = false;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = take_word(text, '\n');
    const auto wrong = [&](std::string_view what) {
      return bad_input(std::string(what), "it has to be as kts probe wrote it",
                       fmt::format("{}:{}", where, number));
    };
    if (line.starts_with(kProbeBegin)) {
      if (begun) return wrong("a trace begins inside another");
      begun = true;
      trace.task = line.substr(kProbeBegin.size());
      continue;
    }
    if (!begun) return wrong("no trace has begun");
    if (line == kProbeEnd) return trace;
    if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      if (!read_series(line.substr(colon + 1), trace.series[std::string(line.substr(0, colon))])) {
        return wrong("isn't a series of whole numbers");
      }
      continue;
    }
    const std::string_view name = take_word(line, ' ');
    const auto value = parse_double(line);
    if (name.empty() || !value) return wrong("is neither a number nor a series");
    trace.values[std::string(name)] = *value;
  }
  return bad_input(fmt::format("the trace has no end: {}", kProbeEnd),
                   "it has to be as kts probe wrote it", std::string(where));
}

Result<ProbeTrace> load_device(Engine& engine, const ProbeTask& task) {
  ProbeTrace trace{task.name};
  const MonotonicTime start(Nanoseconds(task.number("start_ns")));
  const MonotonicTime stop = start + Nanoseconds(task.number("length_ns"));
  SystemClock clock;
  clock.sleep_until(start);
  const MonotonicTime begin = clock.now();
  std::int64_t iterations = 0;
  MonotonicTime now = begin;
  for (; now < stop; now = clock.now()) {
    engine.submit(0, {});
    engine.wait(0);
    KTS_CHECK_OK(engine.status());
    ++iterations;
  }
  trace.values["iterations"] = static_cast<double>(iterations);
  trace.values["elapsed_ns"] = static_cast<double>((now - begin).count());
  return trace;
}

}  // namespace kts::workload
