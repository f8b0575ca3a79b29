// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"

namespace kts::workload {
namespace {

constexpr std::size_t kMaxRows = 10'000'000;
constexpr std::int64_t kMaxTokens = 10'000'000;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
// Sums of times in ns stay far from overflowing: ten years.
constexpr double kMostSeconds = 3.2e8;
constexpr double kMostPerSecond = 1e6;

enum class TimeForm { kDateAndTime, kSeconds };

struct Format {
  std::string_view name;
  std::string_view time;
  std::string_view input;
  std::string_view output;
  TimeForm form;
};
constexpr std::array<Format, 3> kFormats{{
    {"Azure LLM 2023", "TIMESTAMP", "ContextTokens", "GeneratedTokens", TimeForm::kDateAndTime},
    {"BurstGPT", "Timestamp", "Request tokens", "Response tokens", TimeForm::kSeconds},
    {"kts", "timestamp_s", "input_tokens", "output_tokens", TimeForm::kSeconds},
}};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t comma = line.find(',');
    fields.push_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

std::string excerpt(std::string_view text) {
  return std::string(text.substr(0, 40)) + (text.size() > 40 ? "…" : "");
}

// Digits alone, `from` … `from + count`.
std::optional<int> digits(std::string_view text, std::size_t from, std::size_t count) {
  if (from + count > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(from, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = 10 * value + (c - '0');
  }
  return value;
}

// The fraction ".9799600" in ns; digits beyond are cut off.
std::optional<std::int64_t> fraction_ns(std::string_view text) {
  if (text.empty()) return 0;
  if (text.front() != '.' || text.size() < 2) return std::nullopt;
  std::int64_t ns = 0;
  std::int64_t unit = kNsPerSecond / 10;
  for (const char c : text.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    ns += (c - '0') * unit;
    unit /= 10;
  }
  return ns;
}

// "2023-11-16 18:17:03.9799600", also with a T between; a zone is left alone: +00:00 or Z only.
std::optional<std::int64_t> date_and_time(std::string_view text) {
  if (text.ends_with('Z')) text.remove_suffix(1);
  if (text.ends_with("+00:00")) text.remove_suffix(6);
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != ' ' && text[10] != 'T') || text[13] != ':' ||
      text[16] != ':') {
    return std::nullopt;
  }
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *year < 1970 || *year > 2200 || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const auto fraction = fraction_ns(text.substr(19));
  if (!fraction) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute) * 60 * kNsPerSecond + *second * kNsPerSecond +
         *fraction;
}

std::optional<std::int64_t> seconds(std::string_view text) {
  const std::size_t point = std::min(text.find('.'), text.size());
  const auto whole = parse_int64(text.substr(0, point));
  const bool plain = whole && *whole >= 0 && static_cast<double>(*whole) <= kMostSeconds;
  if (plain) {
    const auto fraction = fraction_ns(text.substr(point));
    if (fraction) return *whole * kNsPerSecond + *fraction;
  }
  const auto number = parse_double(text);  // 1.5e3
  if (!number || *number < 0 || *number > kMostSeconds) return std::nullopt;
  return std::llround(*number * 1e9);
}

std::string known_headers() {
  std::string text;
  for (const Format& format : kFormats) {
    text += fmt::format("{}{},{},{} ({})", text.empty() ? "" : "; ", format.time, format.input,
                        format.output, format.name);
  }
  return text;
}

class Reader {
 public:
  Reader(std::string_view csv, std::string_view file) : rest_(csv), file_(file) {}

  Result<Trace> read() {
    if (rest_.size() > kMaxTraceBytes) {
      return bad_input(fmt::format("larger than {}", format_bytes(kMaxTraceBytes)),
                       "cut out the part that is to be replayed", std::string(file_));
    }
    std::string_view line;
    if (!next_line(line)) return refuse("empty", "the first line names the columns");
    if (line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);  // byte order mark
    KTS_CHECK_OK(take_header(line));
    while (next_line(line)) {
      if (!trimmed(line).empty()) KTS_CHECK_OK(take_row(line));
    }
    if (trace_.rows.empty()) {
      return refuse("holds no requests", "a row for each request belongs below the header");
    }
    return std::move(trace_);
  }

 private:
  bool next_line(std::string_view& line) {
    if (rest_.empty()) return false;
    ++number_;
    const std::size_t newline = rest_.find('\n');
    line = rest_.substr(0, newline);
    rest_.remove_prefix(newline == std::string_view::npos ? rest_.size() : newline + 1);
    return true;
  }

  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::string hint = {}) const {
    return bad_input(std::move(message), std::move(hint),
                     fmt::format("{}:{}", file_, std::max<std::uint64_t>(number_, 1)));
  }

  Status take_header(std::string_view line) {
    const std::vector<std::string_view> columns = split(line);
    const auto place = [&](std::string_view name) {
      return static_cast<std::size_t>(std::ranges::find(columns, name) - columns.begin());
    };
    for (const Format& format : kFormats) {
      if (place(format.time) == columns.size()) continue;
      format_ = &format;
      time_ = place(format.time);
      input_ = place(format.input);
      output_ = place(format.output);
      for (const auto& [at, name] :
           {std::pair(input_, format.input), std::pair(output_, format.output)}) {
        if (at == columns.size()) {
          return refuse(fmt::format("the column '{}' is missing", name),
                        fmt::format("a trace with '{}' has it ({})", format.time, format.name));
        }
      }
      trace_.format = format.name;
      return {};
    }
    return refuse(fmt::format("'{}' is the header of no known trace", excerpt(trimmed(line))),
                  fmt::format("known: {}", known_headers()));
  }

  Status take_row(std::string_view line) {
    const std::vector<std::string_view> fields = split(line);
    if (fields.size() <= std::max({time_, input_, output_})) {
      return refuse(fmt::format("cut short: {} fields", fields.size()), "complete or remove it");
    }
    const auto at =
        format_->form == TimeForm::kSeconds ? seconds(fields[time_]) : date_and_time(fields[time_]);
    if (!at) {
      return refuse(fmt::format("'{}' is no {}", excerpt(fields[time_]), format_->time),
                    format_->form == TimeForm::kSeconds ? "write seconds, as in 12.5"
                                                        : "write 2023-11-16 18:17:03.97996");
    }
    if (!first_ns_) first_ns_ = *at;
    if (*at < last_ns_) {
      return refuse("the requests are not in the order of time", "sort the rows by their time");
    }
    last_ns_ = *at;
    if (static_cast<double>(*at - *first_ns_) > kMostSeconds * kNsPerSecond) {
      return refuse("more than ten years after the first request", "correct or remove the row");
    }
    KTS_TRY(const std::int32_t input, tokens(fields[input_], format_->input));
    KTS_TRY(const std::int32_t output, tokens(fields[output_], format_->output));
    if (trace_.rows.size() == kMaxRows) {
      return refuse(fmt::format("more than {} requests", kMaxRows),
                    "cut out the part that is to be replayed");
    }
    trace_.rows.push_back({*at - *first_ns_, input, output});
    return {};
  }

  Result<std::int32_t> tokens(std::string_view text, std::string_view column) const {
    const auto number = parse_double(text);
    if (!number || *number != std::floor(*number)) {
      return refuse(fmt::format("'{}' is no number of tokens", excerpt(text)),
                    fmt::format("see the column '{}'", column));
    }
    if (*number < 0 || *number > static_cast<double>(kMaxTokens)) {
      return refuse(fmt::format("{} tokens are out of range", excerpt(text)),
                    fmt::format("the column '{}' may hold 0 to {}", column, kMaxTokens));
    }
    return static_cast<std::int32_t>(*number);
  }

  std::string_view rest_;
  std::string_view file_;
  std::uint64_t number_ = 0;
  const Format* format_ = nullptr;
  std::size_t time_ = 0, input_ = 0, output_ = 0;
  std::optional<std::int64_t> first_ns_;
  std::int64_t last_ns_ = 0;
  Trace trace_;
};

std::string words(std::int64_t ns) {
  const auto whole = std::chrono::round<std::chrono::milliseconds>(Nanoseconds(ns));
  return whole >= std::chrono::minutes(2) ? fmt::format("{:.3g}min", static_cast<double>(ns) / 6e10)
                                          : format_duration(whole);
}

}  // namespace

Result<Trace> parse_trace(std::string_view csv, std::string_view file) {
  return Reader(csv, file).read();
}

Result<Trace> select_stretch(Trace trace, const TraceSpec& spec) {
  const std::int64_t last_ns = trace.rows.back().at_ns;
  const auto gaps = static_cast<std::int64_t>(trace.rows.size()) - 1;
  // Before a trace begins again there is room for one more gap.
  const std::int64_t whole_ns = gaps > 0 ? last_ns + last_ns / gaps : 0;
  const std::int64_t from_ns = spec.from.count();
  const std::int64_t length_ns = spec.length.count();
  const std::int64_t until_ns =
      length_ns > 0 ? from_ns + length_ns : std::numeric_limits<std::int64_t>::max();

  std::erase_if(trace.rows, [&](const TraceRow& row) {
    if (row.at_ns < from_ns || row.at_ns >= until_ns) return true;
    if (row.output_tokens > 0) return false;
    ++trace.failed;
    return true;
  });
  if (trace.rows.empty()) {
    const std::string to =
        length_ns > 0 ? fmt::format(" for {}", format_duration(spec.length)) : std::string();
    return bad_input(
        fmt::format("no request with output tokens from {}{}", format_duration(spec.from), to),
        fmt::format("the trace lasts {}", words(last_ns)), spec.file);
  }
  for (TraceRow& row : trace.rows) row.at_ns -= from_ns;

  trace.period_ns = std::max<std::int64_t>(0, whole_ns - from_ns);
  if (length_ns > 0) {
    trace.period_ns = whole_ns > 0 ? std::min(length_ns, trace.period_ns) : length_ns;
  }
  if (!spec.wrap) return trace;
  if (trace.period_ns <= trace.rows.back().at_ns) {
    return bad_input("its requests come at one instant, so it can't begin again",
                     "give a length, or wrap: false", spec.file);
  }
  const double rate = static_cast<double>(trace.rows.size()) * spec.scale * 1e9 /
                      static_cast<double>(trace.period_ns);
  if (rate > kMostPerSecond) {
    return bad_input(
        fmt::format("at scale {:g} it comes to {:.3g} requests a second", spec.scale, rate),
        "1000000 are the most: scale it less", spec.file);
  }
  return trace;
}

Result<Trace> load_trace(const TraceSpec& spec) {
  std::error_code ec;
  const auto size = std::filesystem::file_size(spec.file, ec);
  if (!ec && size > kMaxTraceBytes) {
    return bad_input(fmt::format("larger than {}", format_bytes(kMaxTraceBytes)),
                     "cut out the part that is to be replayed", spec.file);
  }
  KTS_TRY(const std::string csv, read_file(spec.file));
  KTS_TRY(Trace trace, parse_trace(csv, spec.file));
  return select_stretch(std::move(trace), spec);
}

std::string to_csv(const Trace& trace) {
  const Format& plain = kFormats.back();
  std::string out = fmt::format("{},{},{}\n", plain.time, plain.input, plain.output);
  const auto add = [&out](std::int64_t at_ns, std::int32_t input, std::int32_t output) {
    std::string fraction = fmt::format("{:09}", at_ns % kNsPerSecond);
    fraction.resize(fraction.find_last_not_of('0') + 1);
    out += fmt::format("{}{}{},{},{}\n", at_ns / kNsPerSecond, fraction.empty() ? "" : ".",
                       fraction, input, output);
  };
  // Failed requests mark where the stretch begins and ends; nobody replays them.
  if (trace.rows.front().at_ns > 0) add(0, 0, 0);
  for (const TraceRow& row : trace.rows) add(row.at_ns, row.input_tokens, row.output_tokens);
  if (trace.period_ns > trace.rows.back().at_ns) add(trace.period_ns, 0, 0);
  return out;
}

void limit_context(Trace& trace, std::int64_t max_context) {
  for (TraceRow& row : trace.rows) {
    if (std::int64_t{row.input_tokens} + row.output_tokens <= max_context) continue;
    ++trace.clamped;
    row.output_tokens =
        static_cast<std::int32_t>(std::min<std::int64_t>(row.output_tokens, max_context - 1));
    row.input_tokens = static_cast<std::int32_t>(
        std::min<std::int64_t>(row.input_tokens, max_context - row.output_tokens));
  }
}

std::string describe(const Trace& trace, const TraceSpec& spec) {
  std::string text = fmt::format("{} requests", trace.rows.size());
  if (trace.period_ns > 0) {
    const double seconds = static_cast<double>(trace.period_ns) * 1e-9;
    const double rate = static_cast<double>(trace.rows.size()) / seconds;
    text += fmt::format(" in {} ({:.3g}/s", words(trace.period_ns), rate);
    if (spec.scale != 1)
      text += fmt::format(", {:.3g}/s at scale {:g}", rate * spec.scale, spec.scale);
    text += ")";
  }
  text += fmt::format(", {}", trace.format);
  if (trace.failed > 0) {
    text += fmt::format("; {} that failed (no output tokens) are left out", trace.failed);
  }
  if (trace.clamped > 0) text += fmt::format("; {} cut down to the model's context", trace.clamped);
  return text;
}

}  // namespace kts::workload
