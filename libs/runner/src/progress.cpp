// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <utility>

namespace kts::runner {
namespace {

constexpr std::size_t kShownRates = 4;

std::string remaining_words(Nanoseconds remaining) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(remaining).count();
  return seconds < 120 ? fmt::format("{} s", seconds)
                       : fmt::format("{} min {} s", seconds / 60, seconds % 60);
}

class PlainProgress final : public Progress {
 public:
  explicit PlainProgress(std::FILE* stream) : stream_(stream) {}
  void note(std::string_view line) override { print(line); }
  void update(const ProgressState& /*state*/) override {}
  void block_done(const ProgressState& state) override { print(describe(state)); }

 private:
  void print(std::string_view line) {
    fmt::print(stream_, "{}\n", line);
    std::fflush(stream_);
  }
  std::FILE* stream_;
};

class TerminalProgress final : public Progress {
 public:
  explicit TerminalProgress(std::FILE* stream) : stream_(stream) {}
  TerminalProgress(const TerminalProgress&) = delete;
  TerminalProgress& operator=(const TerminalProgress&) = delete;
  ~TerminalProgress() override { erase(); }

  void note(std::string_view line) override {
    erase();
    fmt::print(stream_, "{}\n", line);
    std::fflush(stream_);
  }
  void update(const ProgressState& state) override { passing(describe(state)); }
  void passing(std::string_view text) override {
    std::string line(text);
    line.resize(std::min(line.size(), width() - 1));
    fmt::print(stream_, "\r\x1b[K{}", line);
    std::fflush(stream_);
    shown_ = true;
  }
  void block_done(const ProgressState& state) override { update(state); }

 private:
  void erase() {
    if (!std::exchange(shown_, false)) return;
    fmt::print(stream_, "\r\x1b[K");
    std::fflush(stream_);
  }
  [[nodiscard]] std::size_t width() const {
    winsize size{};
    const bool known = ioctl(fileno(stream_), TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return known ? size.ws_col : 80;
  }
  std::FILE* stream_;
  bool shown_ = false;
};

}  // namespace

std::string describe(const ProgressState& state) {
  std::string rates;
  for (std::size_t i = 0; i < std::min(kShownRates, state.rates.size()); ++i) {
    rates += fmt::format("{}{} {:.1f}/s", i == 0 ? "" : ", ", state.rates[i].agent,
                         state.rates[i].per_second);
  }
  if (state.rates.size() > kShownRates) {
    rates += fmt::format(", {} more", state.rates.size() - kShownRates);
  }
  return fmt::format("cycle {}/{}, block {}/{} ({}): {}; {} left", state.cycle, state.cycles,
                     state.block, state.blocks, state.what, rates,
                     remaining_words(state.remaining));
}

std::unique_ptr<Progress> make_progress(std::FILE* stream, bool terminal) {
  if (terminal) return std::make_unique<TerminalProgress>(stream);
  return std::make_unique<PlainProgress>(stream);
}

}  // namespace kts::runner
