// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"

namespace kts::scenario {

// Input is untrusted: keep what is quoted back short and printable.
[[nodiscard]] std::string excerpt(std::string_view text);

// A value in a document, with the words that an error about it needs: the file and the key's path.
class YamlValue {
 public:
  // The only document of `text`; refuses what a scenario never needs (aliases, further documents).
  [[nodiscard]] static Result<YamlValue> parse(std::string_view text, std::string_view file);

  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::string hint = {}) const;

  [[nodiscard]] Result<std::string> text() const;
  // [a-z0-9]([a-z0-9-]*[a-z0-9])?, at most 63 characters.
  [[nodiscard]] Result<std::string> name() const;
  // One of `words`, else an error that offers the nearest.
  [[nodiscard]] Result<std::string> word(const std::vector<std::string_view>& words) const;
  [[nodiscard]] Result<std::int64_t> whole_number(std::int64_t low, std::int64_t high) const;
  [[nodiscard]] Result<double> number() const;
  [[nodiscard]] Result<Nanoseconds> duration(Nanoseconds low, Nanoseconds high) const;
  [[nodiscard]] Result<std::vector<YamlValue>> items() const;
  [[nodiscard]] bool is_list() const { return node_.IsSequence(); }
  [[nodiscard]] bool is_map() const { return node_.IsMap(); }

  // "s.yaml:7: agents[0].workload", for an error that somebody else words.
  [[nodiscard]] std::string where() const;
  [[nodiscard]] Status check_map() const;
  // Every key of a map must be one of `known`, and stand there once.
  [[nodiscard]] Status check_keys(const std::vector<std::string_view>& known) const;
  // After check_keys.
  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] YamlValue at(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> keys() const;
  [[nodiscard]] Result<YamlValue> require(std::string_view key) const;

 private:
  YamlValue(const YAML::Node& node, std::string file, std::string path)
      : node_(node), file_(std::move(file)), path_(std::move(path)) {}
  [[nodiscard]] Error error_at(const YAML::Mark& mark, std::string_view path, std::string message,
                               std::string hint) const;
  [[nodiscard]] std::string child_path(std::string_view key) const;

  YAML::Node node_;
  std::string file_;
  std::string path_;
};

}  // namespace kts::scenario
