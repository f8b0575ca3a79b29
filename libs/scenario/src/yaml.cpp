// SPDX-License-Identifier: Apache-2.0
#include "yaml.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "kts/base/units.hpp"

namespace kts::scenario {
namespace {

std::string where_of(std::string_view file, const YAML::Mark& mark) {
  return mark.is_null() ? std::string(file) : fmt::format("{}:{}", file, mark.line + 1);
}

// Input is untrusted: keep what is quoted back short and printable.
std::string excerpt(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string out(text.substr(0, kLongest));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  if (text.size() > kLongest) out += "...";
  return out;
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
  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                const std::string& /*value*/) override {
    look(mark, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    look(mark, anchor);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    look(mark, anchor);
  }
  void OnMapEnd() override {}

  struct Finding {
    YAML::Mark mark;
    std::string_view what, hint;
  };
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }

 private:
  void look(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) note(mark, "an anchor", "write the value out");
  }
  void note(const YAML::Mark& mark, std::string_view what, std::string_view hint) {
    if (findings_.empty()) findings_.push_back({mark, what, hint});
  }

  int documents_ = 0;
  std::vector<Finding> findings_;
};

}  // namespace

Result<YamlValue> YamlValue::parse(std::string_view text, std::string_view file) {
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
    return bad_input(fmt::format("not valid YAML: {}", error.msg), {}, where_of(file, error.mark));
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
  if (!node_.IsScalar()) return refuse("needs a single value");
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
  return refuse("not a name",
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
  if (!parsed) return refuse(fmt::format("'{}' is not a whole number", excerpt(value)));
  if (*parsed < low || *parsed > high) {
    return refuse(fmt::format("{} is out of range", *parsed),
                  fmt::format("give {} to {}", low, high));
  }
  return *parsed;
}

Result<double> YamlValue::number() const {
  KTS_TRY(const std::string value, text());
  const auto parsed = parse_double(value);
  if (!parsed) return refuse(fmt::format("'{}' is not a number", excerpt(value)));
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
  if (!node_.IsSequence()) return refuse("needs a list");
  std::vector<YamlValue> values;
  for (std::size_t i = 0; i < node_.size(); ++i) {
    values.push_back(YamlValue(node_[i], file_, fmt::format("{}[{}]", path_, i)));
  }
  return values;
}

Status YamlValue::check_map() const {
  return node_.IsMap() ? Status{} : refuse("needs a map of keys and values");
}

Status YamlValue::check_keys(const std::vector<std::string_view>& known) const {
  KTS_CHECK_OK(check_map());
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const YAML::Node& key = entry.first;
    if (!key.IsScalar()) {
      return tl::unexpected(error_at(key.Mark(), path_, "a key must be a plain word", {}));
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
      return tl::unexpected(error_at(key.Mark(), path, "needs a value", {}));
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
