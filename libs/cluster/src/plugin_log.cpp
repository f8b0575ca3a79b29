// SPDX-License-Identifier: Apache-2.0
#include "kts/cluster/plugin_log.hpp"

#include <algorithm>
#include <cctype>

namespace kts::cluster {
namespace {

constexpr std::string_view kMarker = "Running with config:";
constexpr std::string_view kRegistered = "Registered device plugin for '";

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// Length of "I0405 12:49:04.998064      46 main.go:183] ", else 0.
std::size_t klog_header(std::string_view line) {
  if (line.size() < 6 || std::string_view("IWEF").find(line[0]) == std::string_view::npos ||
      !std::all_of(line.begin() + 1, line.begin() + 5, is_digit) || line[5] != ' ') {
    return 0;
  }
  const auto end = line.find("] ");
  if (end == std::string_view::npos) return line.ends_with(']') ? line.size() : 0;
  return end + 2;
}

// A line of its own, of klog, of Go's log package ("2022/05/09 …") or of logrus ("time=…").
bool is_log_line(std::string_view line) {
  if (klog_header(line) > 0 || line.starts_with("time=")) return true;
  return line.size() > 11 && std::all_of(line.begin(), line.begin() + 4, is_digit) &&
         line[4] == '/' && line[7] == '/' && line[10] == ' ';
}

// Collects one JSON object from lines, and knows when it is whole.
class ObjectText {
 public:
  // False: this line can't belong to it.
  bool add(std::string_view line) {
    if (text_.empty()) {
      const auto begin = line.find('{');
      if (begin == std::string_view::npos) {
        return std::all_of(line.begin(), line.end(), [](char c) { return c == ' '; });
      }
      line.remove_prefix(begin);
    }
    for (const char c : line) {
      text_ += c;
      if (in_string_) {
        if (!escaped_ && c == '"') in_string_ = false;
        escaped_ = !escaped_ && c == '\\';
        continue;
      }
      if (c == '"') in_string_ = true;
      if (c == '{') ++depth_;
      if (c == '}' && --depth_ == 0) {
        whole_ = true;
        return true;
      }
    }
    text_ += '\n';
    return true;
  }
  [[nodiscard]] bool whole() const { return whole_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false, whole_ = false;
};

}  // namespace

PluginLog parse_plugin_log(std::string_view log) {
  PluginLog out;
  std::optional<ObjectText> open;
  while (!log.empty()) {
    const auto end = std::min(log.find('\n'), log.size());
    std::string_view line = log.substr(0, end);
    log.remove_prefix(std::min(end + 1, log.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);

    if (const auto marker = line.find(kMarker); marker != std::string_view::npos) {
      out = {};  // loaded anew
      open.emplace();
      line.remove_prefix(marker + kMarker.size());
      if (line.find('{') == std::string_view::npos) continue;
    } else if (is_log_line(line)) {
      if (const auto at = line.find(kRegistered); at != std::string_view::npos) {
        const auto name = line.substr(at + kRegistered.size());
        out.registered.emplace_back(name.substr(0, name.find('\'')));
      }
      if (const auto header = klog_header(line); header > 0 && (line[0] == 'E' || line[0] == 'F')) {
        out.last_error = line.substr(header);
      }
      continue;
    }
    if (!open) continue;
    if (!open->add(line)) {
      open.reset();
    } else if (open->whole()) {
      if (const auto config = kube::Value::parse(open->text())) {
        out.config = read_plugin_config(*config);
      }
      open.reset();
    }
  }
  return out;
}

}  // namespace kts::cluster
