// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/fleet_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <utility>

namespace kts::kubernetes {
namespace {

using std::chrono_literals::operator""s;

constexpr Nanoseconds kWait = 1s;
constexpr const char* kNotBegun = "not begun: interrupted";

// What `kts run` puts before the line that explains its exit code.
constexpr std::array<std::string_view, 3> kExplains{"kts run: ", "exit 3: ", "exit 5: "};

class NodeRuns final : private process::Fleet::Listener {
 public:
  NodeRuns(const std::vector<NodeRun>& runs, const FleetRunOptions& options,
           runner::Progress& progress)
      : runs_(runs), options_(options), progress_(progress) {
    for (const NodeRun& run : runs_) ended_.push_back({run.node, 130, kNotBegun});
  }

  Result<std::vector<analysis::FleetNode>> execute() {
    while (failure_) {
      begin();
      if (!children_.any_running()) break;
      const int wake_fd = options_.signals != nullptr ? options_.signals->fd() : -1;
      KTS_CHECK_OK(children_.wait(MonotonicTimeline::now() + kWait, wake_fd));
      hand_on_signals();
    }
    KTS_CHECK_OK(failure_);
    return ended_;
  }

 private:
  void begin() {
    while (!interrupted_ && next_ < runs_.size() && running_ < options_.at_once) {
      const std::size_t index = next_++;
      ended_[index].reason.clear();
      auto child = children_.start(runs_[index].command);
      if (!child) {
        finish(index, exit_code(child.error()), to_line(child.error()));
        continue;
      }
      children_.close_input(*child);
      node_of_.resize(std::max(node_of_.size(), *child + 1));
      node_of_[*child] = index;
      ++running_;
      progress_.note(
          fmt::format("{}: begins, {} of {}", runs_[index].node, index + 1, runs_.size()));
    }
  }

  void hand_on_signals() {
    if (options_.signals == nullptr) return;
    while (const auto number = options_.signals->take()) {
      interrupted_ = true;
      for (std::size_t child = 0; child < node_of_.size(); ++child) {
        if (children_.running(child)) kill(children_.pid(child), *number);
      }
    }
  }

  void on_stdout(std::size_t /*child*/, std::string_view /*line*/) override {}
  void on_stderr(std::size_t child, std::string_view line) override {
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t index = node_of_[child];
    for (const std::string_view before : kExplains) {
      if (line.starts_with(before)) ended_[index].reason = line.substr(before.size());
    }
    const std::string text = fmt::format("{}: {}", runs_[index].node, line);
    line.starts_with("cycle ") ? progress_.passing(text) : progress_.note(text);
  }
  void on_exit(std::size_t child, const process::ExitStatus& status) override {
    --running_;
    const std::size_t index = node_of_[child];
    std::string reason = std::exchange(ended_[index].reason, {});
    if (status.success()) return finish(index, 0, {});
    if (reason.empty()) {
      const std::string words = children_.last_words(child);
      reason = fmt::format("{}{}{}", describe(status), words.empty() ? "" : ": ", words);
    }
    finish(index, status.signal != 0 ? 1 : status.code, std::move(reason));
  }

  void finish(std::size_t index, int code, std::string reason) {
    analysis::FleetNode& node = ended_[index];
    node.exit_code = code;
    node.reason = std::move(reason);
    progress_.note(fmt::format("{}: ended with exit code {}", node.node, code));
    if (failure_ && options_.ended) failure_ = options_.ended(node);
  }

  const std::vector<NodeRun>& runs_;
  const FleetRunOptions& options_;
  runner::Progress& progress_;
  std::vector<analysis::FleetNode> ended_;
  std::vector<std::size_t> node_of_;  // by child
  std::size_t next_ = 0, running_ = 0;
  bool interrupted_ = false;
  Status failure_;
  process::Fleet children_{*this};
};

}  // namespace

Result<std::vector<analysis::FleetNode>> run_nodes(const std::vector<NodeRun>& runs,
                                                   const FleetRunOptions& options,
                                                   runner::Progress& progress) {
  return NodeRuns(runs, options, progress).execute();
}

}  // namespace kts::kubernetes
