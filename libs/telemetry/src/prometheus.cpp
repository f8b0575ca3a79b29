// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/prometheus.hpp"

#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

namespace kts::telemetry {
namespace {

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':';
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t'))
      rest_.remove_prefix(1);
  }
  bool take(char c) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string take_name() {
    skip_blanks();
    std::size_t n = 0;
    while (n < rest_.size() && is_name_character(rest_[n])) ++n;
    std::string name(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return name;
  }
  // Behind the opening quote; with the closing one.
  std::optional<std::string> take_quoted() {
    std::string out;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return out;
      }
      if (rest_[i] != '\\') {
        out += rest_[i];
      } else if (++i < rest_.size()) {
        out += rest_[i] == 'n' ? '\n' : rest_[i];
      }
    }
    return std::nullopt;
  }
  std::optional<double> take_number() {
    skip_blanks();
    if (!rest_.empty() && rest_.front() == '+') rest_.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    if (!rest_.empty() && rest_.front() != ' ' && rest_.front() != '\t' && rest_.front() != '\r') {
      return std::nullopt;
    }
    return value;
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::optional<MetricSample> parse_metric(std::string_view line) {
  Reader reader(line);
  MetricSample sample;
  sample.name = reader.take_name();
  if (sample.name.empty()) return std::nullopt;
  if (reader.take('{')) {
    while (!reader.take('}')) {
      std::string label = reader.take_name();
      if (label.empty() || !reader.take('=') || !reader.take('"')) return std::nullopt;
      auto value = reader.take_quoted();
      if (!value) return std::nullopt;
      sample.labels.insert_or_assign(std::move(label), *std::move(value));
      if (reader.take(',')) continue;
      if (!reader.take('}')) return std::nullopt;
      break;
    }
  }
  const auto value = reader.take_number();
  if (!value) return std::nullopt;
  sample.value = *value;
  return sample;
}

}  // namespace kts::telemetry
