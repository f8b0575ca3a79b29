// SPDX-License-Identifier: Apache-2.0
#include "kts/record/codec.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>

namespace kts::record {
namespace {

static_assert(std::endian::native == std::endian::little, "eight_digits reads little-endian words");

constexpr std::int64_t kNsPerMs = 1'000'000;

template <typename Integer>
char* put(char* out, Integer value) {
  return std::to_chars(out, out + std::numeric_limits<Integer>::digits10 + 2, value).ptr;
}

char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_instant(char* out, std::int64_t ns) {
  *out++ = ',';
  return ns == kUnavailable ? out : put(out, ns);
}

// Bit tricks on eight ASCII bytes at once, after Lemire, "Faster integer parsing" (2022).
bool all_digits(std::uint64_t word) {
  return ((word & 0xF0F0F0F0F0F0F0F0) |
          (((word + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) == 0x3333333333333333;
}
std::uint64_t eight_digits(std::uint64_t word) {
  word -= 0x3030303030303030;
  word = word * 10 + (word >> 8);
  return (((word & 0x000000FF000000FF) * 0x000F424000000064) +
          (((word >> 16) & 0x000000FF000000FF) * 0x0000271000000001)) >>
         32;
}

enum class Number { kOk, kEmpty, kNotANumber, kTooLarge };

std::string_view reason(Number outcome) {
  switch (outcome) {
    case Number::kEmpty:
      return "an empty field";
    case Number::kTooLarge:
      return "a number that is too large";
    default:
      return "a field that is not a whole number";
  }
}

constexpr auto kNameCharacters = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : {'-', '_', '.'}) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

// Takes a record's fields off the front of its line.
class Fields {
 public:
  explicit Fields(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  // Digits up to a comma or the line's end; leaves the comma.
  template <typename Integer>
  Number number(Integer& value) {
    const char* const first = at_;
    std::uint64_t sum = 0;
    while (end_ - at_ >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at_, sizeof word);
      if (!all_digits(word)) break;
      if (at_ - first >= 16) return Number::kTooLarge;
      sum = sum * 100'000'000 + eight_digits(word);
      at_ += 8;
    }
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') {
      // Nineteen digits always fit in 64 bits without a sign.
      if (at_ - first == 19) return Number::kTooLarge;
      sum = sum * 10 + static_cast<std::uint64_t>(*at_++ - '0');
    }
    if (at_ != end_ && *at_ != ',') return Number::kNotANumber;
    if (at_ == first) return Number::kEmpty;
    if (sum > static_cast<std::uint64_t>(std::numeric_limits<Integer>::max())) {
      return Number::kTooLarge;
    }
    value = static_cast<Integer>(sum);
    return Number::kOk;
  }

  // A name up to a comma or the line's end; empty where it is none.
  std::string_view name() {
    const char* stop = at_;
    while (stop != end_ && kNameCharacters[static_cast<unsigned char>(*stop)]) ++stop;
    const std::string_view field(at_, static_cast<std::size_t>(stop - at_));
    if (field.size() > kMaxAgentName || (stop != end_ && *stop != ',')) return {};
    at_ = stop;
    return field;
  }

  std::string_view text() {
    const auto left = static_cast<std::size_t>(end_ - at_);
    const void* comma = left == 0 ? nullptr : std::memchr(at_, ',', left);
    const char* stop = comma ? static_cast<const char*>(comma) : end_;
    const std::string_view field(at_, static_cast<std::size_t>(stop - at_));
    at_ = stop;
    return field;
  }

  bool comma() {
    if (at_ == end_ || *at_ != ',') return false;
    ++at_;
    return true;
  }
  [[nodiscard]] bool finished() const { return at_ == end_; }
  [[nodiscard]] bool at_comma() const { return at_ != end_ && *at_ == ','; }

 private:
  const char* at_;
  const char* end_;
};

constexpr std::string_view kCutShort = "cut short";
constexpr std::string_view kTooMany = "too many fields";
constexpr std::string_view kBadName =
    "an agent's name that is empty, too long or has odd characters";

constexpr std::string_view kBadChainName =
    "a chain's name that is empty, too long or has odd characters";

bool is_phase(std::string_view text) {
  return text.size() <= kMaxAgentName &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Of the three fields that an LLM request has beyond its instants; what is wrong with them.
std::string_view parse_request(Fields& fields, Iteration& i) {
  const auto outcome = [&](Number n) {
    if (n == Number::kOk) return std::string_view();
    return n == Number::kEmpty && fields.finished() ? kCutShort : reason(n);
  };
  for (std::int32_t* tokens : {&i.input_tokens, &i.output_tokens}) {
    if (!fields.comma()) return kCutShort;
    if (const auto wrong = outcome(fields.number(*tokens)); !wrong.empty()) return wrong;
  }
  if (!fields.comma()) return kCutShort;
  if (const auto wrong = outcome(fields.number(i.first_token_ns)); !wrong.empty()) return wrong;
  if (!fields.finished()) return kTooMany;
  return i.output_tokens == 0 ? "a request without output tokens" : std::string_view();
}

Line parse_token(std::string_view text) {
  Fields fields(text);
  TokenRecord record;
  record.agent = fields.name();
  if (record.agent.empty()) return MalformedLine{kBadName};
  Token& token = record.token;
  const auto take = [&fields](auto& value) -> std::string_view {
    if (!fields.comma()) return kCutShort;
    const Number n = fields.number(value);
    if (n == Number::kOk) return {};
    return n == Number::kEmpty && fields.finished() ? kCutShort : reason(n);
  };
  if (const auto wrong = take(token.seq); !wrong.empty()) return MalformedLine{wrong};
  if (const auto wrong = take(token.index); !wrong.empty()) return MalformedLine{wrong};
  if (const auto wrong = take(token.done_ns); !wrong.empty()) return MalformedLine{wrong};
  if (!fields.finished()) return MalformedLine{kTooMany};
  if (token.index == 0) return MalformedLine{"a token of index 0, which its request's line has"};
  return record;
}

Line parse_step(std::string_view text) {
  Fields fields(text);
  StepRecord record;
  record.agent = fields.name();
  if (record.agent.empty()) return MalformedLine{kBadName};
  Step& step = record.step;
  const auto take = [&fields](auto& value) -> std::string_view {
    if (!fields.comma()) return kCutShort;
    const Number n = fields.number(value);
    if (n == Number::kOk) return {};
    return n == Number::kEmpty && fields.finished() ? kCutShort : reason(n);
  };
  if (const auto wrong = take(step.seq); !wrong.empty()) return MalformedLine{wrong};
  if (!fields.comma()) return MalformedLine{kCutShort};
  record.chain = fields.name();
  if (record.chain.empty()) {
    fields.text();
    return MalformedLine{fields.finished() ? kCutShort : kBadChainName};
  }
  if (const auto wrong = take(step.request); !wrong.empty()) return MalformedLine{wrong};
  if (const auto wrong = take(step.step); !wrong.empty()) return MalformedLine{wrong};
  if (fields.finished()) return record;
  if (const auto wrong = take(step.last); !wrong.empty()) return MalformedLine{wrong};
  if (!fields.finished()) return MalformedLine{kTooMany};
  if (static_cast<std::uint32_t>(step.last) >= step.step) {
    return MalformedLine{"a step that waited for itself or a later one"};
  }
  return record;
}

Line parse_v2(std::string_view text) {
  Fields fields(text);
  V2Record record;
  record.agent = fields.name();
  if (record.agent.empty()) return MalformedLine{kBadName};
  Iteration& i = record.iteration;
  if (!fields.comma()) return MalformedLine{kCutShort};
  if (const Number n = fields.number(i.seq); n != Number::kOk) return MalformedLine{reason(n)};
  for (std::int64_t* instant :
       {&i.due_ns, &i.submit_ns, &i.gpu_start_ns, &i.gpu_end_ns, &i.done_ns}) {
    if (!fields.comma()) return MalformedLine{kCutShort};
    const bool may_be_empty = instant == &i.gpu_start_ns || instant == &i.gpu_end_ns;
    if (may_be_empty && fields.at_comma()) continue;
    if (const Number n = fields.number(*instant); n != Number::kOk) {
      return MalformedLine{n == Number::kEmpty && fields.finished() ? kCutShort : reason(n)};
    }
  }
  if (fields.at_comma()) {
    if (const auto wrong = parse_request(fields, i); !wrong.empty()) return MalformedLine{wrong};
  }
  if ((i.gpu_start_ns == kUnavailable) != (i.gpu_end_ns == kUnavailable)) {
    return MalformedLine{"only one of gpu_start and gpu_end"};
  }
  return record;
}

// "3.598123" ms as ns; digits beyond a nanosecond are rounded.
bool parse_ms(std::string_view text, std::int64_t& ns) {
  const std::size_t point = std::min(text.find('.'), text.size());
  Fields whole_field(text.substr(0, point));
  std::int64_t whole = 0;
  if (whole_field.number(whole) != Number::kOk || !whole_field.finished()) return false;
  if (whole > std::numeric_limits<std::int64_t>::max() / kNsPerMs - 1) return false;
  std::int64_t fraction = 0;
  if (point < text.size()) {
    const std::string_view decimals = text.substr(point + 1);
    if (decimals.empty()) return false;
    std::int64_t unit = kNsPerMs / 10;
    for (std::size_t k = 0; k < decimals.size(); ++k, unit /= 10) {
      if (decimals[k] < '0' || decimals[k] > '9') return false;
      fraction += (decimals[k] - '0') * unit;
      if (k == 6 && decimals[k] >= '5') ++fraction;
    }
  }
  ns = whole * kNsPerMs + fraction;
  return true;
}

Line parse_v1(std::string_view text) {
  Fields fields(text);
  V1Record record;
  Iteration& i = record.iteration;
  record.kind = fields.name();
  if (record.kind.empty()) return MalformedLine{kBadName};
  if (!fields.comma()) return MalformedLine{kCutShort};
  if (const Number n = fields.number(i.seq); n != Number::kOk) return MalformedLine{reason(n)};
  for (std::int64_t* instant : {&i.due_ns, &i.done_ns}) {
    if (!fields.comma()) return MalformedLine{kCutShort};
    if (const Number n = fields.number(*instant); n != Number::kOk) {
      return MalformedLine{n == Number::kEmpty && fields.finished() ? kCutShort : reason(n)};
    }
  }
  i.submit_ns = i.due_ns;
  if (!fields.comma()) return MalformedLine{kCutShort};
  const std::string_view gpu_time = fields.text();
  if (!fields.comma()) return MalformedLine{kCutShort};
  if (!parse_ms(gpu_time, record.gpu_time_ns)) {
    return MalformedLine{"a latency that is not a plain decimal number"};
  }
  record.phase = fields.text();
  if (!fields.finished()) return MalformedLine{kTooMany};
  if (!is_phase(record.phase)) {
    return MalformedLine{"a phase that is too long or has odd characters"};
  }
  return record;
}

// The prefix's length is known when compiling, which makes the comparison a few instructions.
template <std::size_t N>
bool take(std::string_view& text, const char (&prefix)[N]) {
  if (text.size() < N - 1 || std::memcmp(text.data(), prefix, N - 1) != 0) return false;
  text.remove_prefix(N - 1);
  return true;
}

}  // namespace

char* format_v2(char* out, std::string_view agent, const Iteration& iteration) {
  out = put(out, std::string_view("KTS_APP,v2,"));
  out = put(out, agent.substr(0, kMaxAgentName));
  *out++ = ',';
  out = put(out, iteration.seq);
  out = put_instant(out, iteration.due_ns);
  out = put_instant(out, iteration.submit_ns);
  out = put_instant(out, iteration.gpu_start_ns);
  out = put_instant(out, iteration.gpu_end_ns);
  out = put_instant(out, iteration.done_ns);
  if (is_request(iteration)) {
    *out++ = ',';
    out = put(out, iteration.input_tokens);
    *out++ = ',';
    out = put(out, iteration.output_tokens);
    out = put_instant(out, iteration.first_token_ns);
  }
  *out++ = '\n';
  return out;
}

char* format_token(char* out, std::string_view agent, const Token& token) {
  out = put(out, std::string_view("KTS_TOKEN,v2,"));
  out = put(out, agent.substr(0, kMaxAgentName));
  *out++ = ',';
  out = put(out, token.seq);
  *out++ = ',';
  out = put(out, token.index);
  out = put_instant(out, token.done_ns);
  *out++ = '\n';
  return out;
}

char* format_step(char* out, std::string_view agent, std::string_view chain, const Step& step) {
  out = put(out, std::string_view("KTS_STEP,v2,"));
  out = put(out, agent.substr(0, kMaxAgentName));
  *out++ = ',';
  out = put(out, step.seq);
  *out++ = ',';
  out = put(out, chain.substr(0, kMaxAgentName));
  *out++ = ',';
  out = put(out, step.request);
  *out++ = ',';
  out = put(out, step.step);
  if (step.last != kNoStep) {
    *out++ = ',';
    out = put(out, step.last);
  }
  *out++ = '\n';
  return out;
}

char* format_v1(char* out, std::string_view kind, std::string_view phase,
                const Iteration& iteration, std::int64_t gpu_time_ns) {
  if (gpu_time_ns == kUnavailable) gpu_time_ns = iteration.done_ns - iteration.submit_ns;
  out = put(out, std::string_view("KTS_APP,v1,"));
  out = put(out, kind.substr(0, kMaxAgentName));
  *out++ = ',';
  out = put(out, iteration.seq);
  out = put_instant(out, iteration.submit_ns);
  out = put_instant(out, iteration.done_ns);
  *out++ = ',';
  // Negative only within the clock mapping's error; the v1 form has no sign for it.
  const std::int64_t ns = std::max<std::int64_t>(gpu_time_ns, 0);
  out = put(out, ns / kNsPerMs);
  *out++ = '.';
  for (std::int64_t unit = kNsPerMs / 10; unit > 0; unit /= 10) {
    *out++ = static_cast<char>('0' + ns / unit % 10);
  }
  *out++ = ',';
  out = put(out, phase.substr(0, kMaxAgentName));
  *out++ = '\n';
  return out;
}

Line parse_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!take(line, "KTS_")) return ForeignLine{};
  if (take(line, "APP,")) {
    if (take(line, "v2,")) return parse_v2(line);
    if (take(line, "v1,")) return parse_v1(line);
    const bool cut =
        std::string_view("v1,").starts_with(line) || std::string_view("v2,").starts_with(line);
    return MalformedLine{cut ? kCutShort : "an unknown record version"};
  }
  if (take(line, "TOKEN,")) {
    if (take(line, "v2,")) return parse_token(line);
    return MalformedLine{
        std::string_view("v2,").starts_with(line) ? kCutShort : "a token of an unknown version"};
  }
  if (take(line, "STEP,")) {
    if (take(line, "v2,")) return parse_step(line);
    return MalformedLine{
        std::string_view("v2,").starts_with(line) ? kCutShort : "a step of an unknown version"};
  }
  if (take(line, "META,")) {
    if (take(line, "v2,")) return MetaLine{line};
    return MalformedLine{"META of an unknown version"};
  }
  if (take(line, "END,")) {
    if (take(line, "v2,")) return EndLine{line};
    return MalformedLine{"END of an unknown version"};
  }
  for (const std::string_view control :
       {"READY,", "ACK,", "CMD,", "CHUNK,", "BEAT,", "MISSED,", "FAIL,"}) {
    if (line.starts_with(control)) return ControlLine{};
  }
  return MalformedLine{"an unknown kind of KTS_ line"};
}

}  // namespace kts::record
