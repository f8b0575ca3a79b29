// SPDX-License-Identifier: Apache-2.0
#include "yaml.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "kts/base/text.hpp"
#include "kts/base/units.hpp"

namespace kts::scenario {
namespace {

std::string where_of(std::string_view file, const YAML::Mark& mark) {
  return mark.is_null() ? std::string(file) : fmt::format("{}:{}", file, mark.line + 1);
}

std::size_t line_of(std::string_view text, std::size_t at) {
  return static_cast<std::size_t>(std::ranges::count(text.substr(0, at), '\n')) + 1;
}

// The line numbered `last`, or the one with content before it, if a tab indents it; else 0.
std::size_t line_with_tab(std::string_view text, std::size_t last) {
  std::size_t before = 0;
  for (std::size_t line = 1, at = 0; line <= last && at < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::size_t begin = std::min(text.find_first_not_of(" \t\r", at), end);
    const bool tabbed = text.substr(at, begin - at).find('\t') != std::string_view::npos;
    if (line == last && tabbed) return line;
    if (line < last && begin < end && text[begin] != '#') before = tabbed ? line : 0;
    at = end + 1;
  }
  return before;
}

struct Mistake {
  std::string_view said;  // what the parser's words begin with
  std::string_view what, hint;
};
constexpr std::string_view kInQuotes = "put a text with such characters in single quotes";
const std::array<Mistake, 15> kMistakes{{
    {YAML::ErrorMsg::END_OF_MAP_FLOW, "a '{' that began by here is never closed", "add its '}'"},
    {YAML::ErrorMsg::END_OF_SEQ_FLOW, "a '[' that began by here is never closed", "add its ']'"},
    {YAML::ErrorMsg::FLOW_END, "a '}' or ']' that nothing opened", "remove it"},
    {YAML::ErrorMsg::END_OF_MAP, "its indentation fits no line above",
     "begin the keys of one map in one column"},
    {YAML::ErrorMsg::END_OF_SEQ, "its indentation fits no line above",
     "begin the items of one list in one column"},
    {YAML::ErrorMsg::BLOCK_ENTRY, "a '- ' where no list can be",
     "give the list a key, and each item a line of its own"},
    {YAML::ErrorMsg::MAP_VALUE, "a ':' where no key can be",
     "write 'key: value', here and in the line above, and a text with a ':' in quotes"},
    {YAML::ErrorMsg::MAP_KEY, "a '?' where no key can be", kInQuotes},
    {YAML::ErrorMsg::EOF_IN_SCALAR, "a quote that began by here is never closed", "close it"},
    {YAML::ErrorMsg::DOC_IN_SCALAR, "a quote that began by here is never closed", "close it"},
    {YAML::ErrorMsg::UNKNOWN_TOKEN, "a character that no value begins with", kInQuotes},
    {YAML::ErrorMsg::INVALID_ESCAPE, "a '\\' that begins nothing known", kInQuotes},
    {YAML::ErrorMsg::INVALID_HEX, "a '\\' that begins nothing known", kInQuotes},
    {YAML::ErrorMsg::INVALID_UNICODE, "a '\\' that begins nothing known", kInQuotes},
    {YAML::ErrorMsg::UNKNOWN_ANCHOR, "an alias is not allowed in a scenario",
     "write the value out"},
}};

// What the parser found, in words for who wrote the file.
Error syntax_error(std::string_view text, std::string_view file, const YAML::Exception& error) {
  const std::size_t line = error.mark.is_null() ? 0 : static_cast<std::size_t>(error.mark.line) + 1;
  if (const std::size_t tabbed = line_with_tab(text, line)) {
    return {ErrorCode::kBadInput, "a tab indents this line, which YAML doesn't take",
            "indent by spaces", fmt::format("{}:{}", file, tabbed)};
  }
  Error told{ErrorCode::kBadInput, "can't be read as YAML",
             "kts scenario show study prints one to start from", where_of(file, error.mark)};
  const auto mistake = std::ranges::find_if(
      kMistakes, [&](const Mistake& known) { return error.msg.starts_with(known.said); });
  if (mistake != kMistakes.end()) {
    told.message = mistake->what;
    told.hint = mistake->hint;
  }
  return told;
}

// Looks at the events of a document before any tree is built from them.
class Guard final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) note(mark, "a second document", "keep one scenario a file");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { look(mark, anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    note(mark, "an alias", "write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& /*value*/) override {
    look(mark, anchor, tag);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    look(mark, anchor, tag);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    look(mark, anchor, tag);
  }
  void OnMapEnd() override {}

  struct Finding {
    YAML::Mark mark;
    std::string_view what, hint;
  };
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }

 private:
  void look(const YAML::Mark& mark, YAML::anchor_t anchor, std::string_view tag = {}) {
    // The parser's own words for none.
    if (!tag.empty() && tag != "?" && tag != "!") note(mark, "a tag", "leave it out");
    if (anchor != 0) note(mark, "an anchor", "write the value out");
  }
  void note(const YAML::Mark& mark, std::string_view what, std::string_view hint) {
    if (findings_.empty()) findings_.push_back({mark, what, hint});
  }

  int documents_ = 0;
  std::vector<Finding> findings_;
};

}  // namespace

std::string excerpt(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  return printable(text.substr(0, kLongest)) + (text.size() > kLongest ? "..." : "");
}

Result<YamlValue> YamlValue::parse(std::string_view text, std::string_view file) {
  if (const std::size_t at = find_not_text(text); at != std::string_view::npos) {
    return bad_input("this is no text in UTF-8", "name a scenario, saved as UTF-8",
                     fmt::format("{}:{}", file, line_of(text, at)));
  }
  const std::string copy(text);
  try {
    Guard guard;
    std::istringstream stream(copy);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(guard) && guard.findings().empty()) {
    }
    if (!guard.findings().empty()) {
      const auto& finding = guard.findings().front();
      return bad_input(fmt::format("{} is not allowed in a scenario", finding.what),
                       std::string(finding.hint), where_of(file, finding.mark));
    }
    return YamlValue(YAML::Load(copy), std::string(file), "");
  } catch (const YAML::Exception& error) {
    return tl::unexpected(syntax_error(text, file, error));
  }
}

std::string YamlValue::where() const { return error_at(node_.Mark(), path_, {}, {}).where; }

Error YamlValue::error_at(const YAML::Mark& mark, std::string_view path, std::string message,
                          std::string hint) const {
  std::string where = where_of(file_, mark);
  if (!path.empty()) where += fmt::format(": {}", path);
  return Error{ErrorCode::kBadInput, std::move(message), std::move(hint), std::move(where)};
}

tl::unexpected<Error> YamlValue::refuse(std::string message, std::string hint) const {
  return tl::unexpected(error_at(node_.Mark(), path_, std::move(message), std::move(hint)));
}

std::string YamlValue::child_path(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

Result<std::string> YamlValue::text() const {
  if (!node_.IsScalar()) return refuse("needs a single value", "write one word or number");
  return node_.Scalar();
}

Result<std::string> YamlValue::name() const {
  constexpr std::size_t kMaxName = 63;
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  KTS_TRY(std::string name, text());
  const bool good =
      !name.empty() && name.size() <= kMaxName && alphanumeric(name.front()) &&
      alphanumeric(name.back()) &&
      std::all_of(name.begin(), name.end(), [&](char c) { return alphanumeric(c) || c == '-'; });
  if (good) return name;
  return refuse(fmt::format("'{}' is not a name", excerpt(name)),
                fmt::format("use a-z, 0-9 and inner hyphens, at most {} characters", kMaxName));
}

Result<std::string> YamlValue::word(const std::vector<std::string_view>& words) const {
  KTS_TRY(std::string value, text());
  if (std::find(words.begin(), words.end(), value) != words.end()) return value;
  const std::string near = nearest_word(value, words);
  return refuse(fmt::format("'{}' is not one of {}", excerpt(value), fmt::join(words, ", ")),
                near.empty() ? "" : fmt::format("did you mean '{}'?", near));
}

Result<std::int64_t> YamlValue::whole_number(std::int64_t low, std::int64_t high) const {
  KTS_TRY(const std::string value, text());
  const auto parsed = parse_int64(value);
  if (!parsed) {
    return refuse(fmt::format("'{}' is not a whole number", excerpt(value)),
                  fmt::format("give {} to {}", low, high));
  }
  if (*parsed < low || *parsed > high) {
    return refuse(fmt::format("{} is out of range", *parsed),
                  fmt::format("give {} to {}", low, high));
  }
  return *parsed;
}

Result<double> YamlValue::number() const {
  KTS_TRY(const std::string value, text());
  const auto parsed = parse_double(value);
  if (!parsed) {
    return refuse(fmt::format("'{}' is not a number", excerpt(value)), "write it like 200 or 2.5");
  }
  return *parsed;
}

Result<Nanoseconds> YamlValue::duration(Nanoseconds low, Nanoseconds high) const {
  KTS_TRY(const std::string value, text());
  const auto parsed = parse_duration(value);
  if (!parsed) {
    return refuse(fmt::format("'{}' is not a duration", excerpt(value)), parsed.error().hint);
  }
  if (*parsed < low || *parsed > high) {
    return refuse(fmt::format("{} is out of range", excerpt(value)),
                  fmt::format("give {} to {}", format_duration(low), format_duration(high)));
  }
  return *parsed;
}

Result<std::vector<YamlValue>> YamlValue::items() const {
  if (!node_.IsSequence())
    return refuse("needs a list", "write it as [one, two], or a line with '- ' for each");
  std::vector<YamlValue> values;
  for (std::size_t i = 0; i < node_.size(); ++i) {
    values.push_back(YamlValue(node_[i], file_, fmt::format("{}[{}]", path_, i)));
  }
  return values;
}

Status YamlValue::check_map() const {
  return node_.IsMap() ? Status{}
                       : refuse("needs a map of keys and values", "write it as {key: value}");
}

Status YamlValue::check_keys(const std::vector<std::string_view>& known) const {
  KTS_CHECK_OK(check_map());
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const YAML::Node& key = entry.first;
    if (!key.IsScalar()) {
      return tl::unexpected(
          error_at(key.Mark(), path_, "a key must be a plain word", "write 'key: value'"));
    }
    const std::string& name = key.Scalar();
    const std::string path = child_path(excerpt(name));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string near = nearest_word(name.substr(0, 64), known);
      return tl::unexpected(error_at(key.Mark(), path, "unknown key",
                                     near.empty()
                                         ? fmt::format("known here: {}", fmt::join(known, ", "))
                                         : fmt::format("did you mean '{}'?", near)));
    }
    if (!seen.insert(name).second) {
      return tl::unexpected(error_at(key.Mark(), path, "the key stands here twice", "keep one"));
    }
    if (entry.second.IsNull()) {
      return tl::unexpected(
          error_at(key.Mark(), path, "needs a value", "give it one, or leave the key out"));
    }
  }
  return {};
}

std::vector<std::string> YamlValue::keys() const {
  std::vector<std::string> names;
  for (const auto& entry : node_) names.push_back(entry.first.Scalar());
  return names;
}

bool YamlValue::has(std::string_view key) const {
  return static_cast<bool>(node_[std::string(key)]);
}

YamlValue YamlValue::at(std::string_view key) const {
  return YamlValue(node_[std::string(key)], file_, child_path(key));
}

Result<YamlValue> YamlValue::require(std::string_view key) const {
  if (!has(key)) {
    return tl::unexpected(
        error_at(node_.Mark(), path_, fmt::format("'{}' is missing", key), "add it"));
  }
  return at(key);
}

}  // namespace kts::scenario
