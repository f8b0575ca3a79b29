// SPDX-License-Identifier: Apache-2.0
#include "kts/kernel_trace/activity.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <memory>
#include <vector>

namespace kts::kernel_trace {
namespace {

constexpr std::size_t kColumns = 9;

void append_name(std::string& out, std::string_view name) {
  const bool quoted = name.find_first_of(",\"") != std::string_view::npos;
  if (quoted) out += '"';
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  if (quoted) out += '"';
}

std::string dimensions(const std::optional<Dim>& dim) {
  return dim ? fmt::format("{}x{}x{}", dim->x, dim->y, dim->z) : std::string();
}

// The fields of a row, unquoted; nullopt when a quote is out of place.
std::optional<std::vector<std::string>> split_row(std::string_view row) {
  std::vector<std::string> fields;
  while (true) {
    std::string field;
    if (row.starts_with('"')) {
      row.remove_prefix(1);
      for (;;) {
        const auto quote = row.find('"');
        if (quote == std::string_view::npos) return std::nullopt;
        field += row.substr(0, quote);
        row.remove_prefix(quote + 1);
        if (!row.starts_with('"')) break;
        field += '"';
        row.remove_prefix(1);
      }
      if (!row.empty() && row.front() != ',') return std::nullopt;
    } else {
      const auto comma = std::min(row.find(','), row.size());
      field = row.substr(0, comma);
      if (field.find('"') != std::string::npos) return std::nullopt;
      row.remove_prefix(comma);
    }
    fields.push_back(std::move(field));
    if (row.empty()) return fields;
    row.remove_prefix(1);
  }
}

template <typename Number>
std::optional<Number> whole(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Dim> parse_dimensions(std::string_view text) {
  const auto first = text.find('x');
  const auto second = text.rfind('x');
  if (first == std::string_view::npos || second == first) return std::nullopt;
  const auto x = whole<std::uint32_t>(text.substr(0, first));
  const auto y = whole<std::uint32_t>(text.substr(first + 1, second - first - 1));
  const auto z = whole<std::uint32_t>(text.substr(second + 1));
  if (!x || !y || !z) return std::nullopt;
  return Dim{*x, *y, *z};
}

tl::unexpected<Error> wrong(std::string_view field, std::string_view text) {
  return bad_input(fmt::format("'{}' is no {}", text.substr(0, 60), field),
                   "restore the file as kts run wrote it");
}

// False: the field holds something else.
template <typename Value, typename Parse>
bool take(std::string_view text, std::optional<Value>& into, Parse&& parse) {
  if (text.empty()) return true;
  into = parse(text);
  return into.has_value();
}

}  // namespace

void append_csv(std::string& out, const Activity& activity) {
  const auto number = [&out](const auto& value) {
    out += ',';
    if (value) fmt::format_to(std::back_inserter(out), "{}", *value);
  };
  out += name(activity.kind);
  out += ',';
  append_name(out, activity.name);
  fmt::format_to(std::back_inserter(out), ",{},{}", activity.start_ns, activity.end_ns);
  number(activity.stream);
  number(activity.correlation);
  number(activity.bytes);
  fmt::format_to(std::back_inserter(out), ",{},{}\n", dimensions(activity.grid),
                 dimensions(activity.block));
}

Result<Activity> parse_csv(std::string_view row) {
  if (row.ends_with('\r')) row.remove_suffix(1);
  auto fields = split_row(row);
  if (!fields) return wrong("row of a kernel trace: a quote is out of place", row);
  if (fields->size() != kColumns) return wrong("row of a kernel trace: it has nine fields", row);
  Activity activity;
  const auto kind = std::ranges::find(kKindNames, std::string_view((*fields)[0]));
  if (kind == kKindNames.end()) return wrong("kind", (*fields)[0]);
  activity.kind = static_cast<Kind>(kind - kKindNames.begin());
  activity.name = std::move((*fields)[1]);
  const auto start = whole<std::int64_t>((*fields)[2]);
  const auto end = whole<std::int64_t>((*fields)[3]);
  if (!start || *start < 0) return wrong("start_ns", (*fields)[2]);
  if (!end || *end < *start) return wrong("end_ns that comes after its start_ns", (*fields)[3]);
  activity.start_ns = *start;
  activity.end_ns = *end;
  if (!take((*fields)[4], activity.stream, whole<std::uint32_t>))
    return wrong("stream", (*fields)[4]);
  if (!take((*fields)[5], activity.correlation, whole<std::uint32_t>)) {
    return wrong("correlation", (*fields)[5]);
  }
  if (!take((*fields)[6], activity.bytes, whole<std::uint64_t>)) {
    return wrong("number of bytes", (*fields)[6]);
  }
  if (!take((*fields)[7], activity.grid, parse_dimensions)) return wrong("grid", (*fields)[7]);
  if (!take((*fields)[8], activity.block, parse_dimensions)) return wrong("block", (*fields)[8]);
  return activity;
}

std::string readable_name(const std::string& name) {
  if (!name.starts_with("_Z")) return name;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  if (status != 0 || !demangled) return name;
  std::string_view text = demangled.get();
  // A template's name begins with what it returns; parameters begin at the bracket that no template
  // argument encloses.
  if (text.starts_with("void ")) text.remove_prefix(5);
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<') ++depth;
    if (text[i] == '>') --depth;
    if (text[i] == '(' && depth == 0 && !text.substr(i).starts_with("(anonymous namespace)")) {
      text = text.substr(0, i);
      break;
    }
  }
  return std::string(text);
}

}  // namespace kts::kernel_trace
