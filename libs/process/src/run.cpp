// SPDX-License-Identifier: Apache-2.0
#include "kts/process/run.hpp"

#include <fmt/format.h>

#include "kts/base/units.hpp"
#include "kts/process/wait.hpp"

namespace kts::process {
namespace {

class Collector final : public Fleet::Listener {
 public:
  Collector(Ran& ran, const std::function<void(std::string_view)>& on_line)
      : ran_(ran), on_line_(on_line) {}
  void on_stdout(std::size_t /*child*/, std::string_view line) override {
    ran_.output += line;
    if (on_line_) on_line_(line);
  }
  void on_stderr(std::size_t /*child*/, std::string_view line) override {
    if (on_line_) on_line_(line);
  }
  void on_exit(std::size_t /*child*/, const ExitStatus& status) override { ran_.status = status; }

 private:
  Ran& ran_;
  const std::function<void(std::string_view)>& on_line_;
};

}  // namespace

Result<Ran> run(const Command& command, const RunOptions& options) {
  Ran ran;
  Collector collector(ran, options.on_line);
  Fleet fleet(collector);
  KTS_TRY(const std::size_t child, fleet.start(command));
  if (!options.input.empty()) KTS_CHECK_OK(fleet.send(child, options.input));
  fleet.close_input(child);
  const MonotonicTime deadline = MonotonicTimeline::now() + options.timeout;
  while (fleet.running(child)) {
    if (is_readable(options.interrupt_fd)) return fail(ErrorCode::kInterrupted, "interrupted");
    if (MonotonicTimeline::now() >= deadline) {
      return environment_lacks(fmt::format("{} took longer than {}", command.argv.front(),
                                           format_duration(options.timeout)));
    }
    KTS_CHECK_OK(fleet.wait(deadline, options.interrupt_fd));
  }
  ran.last_words = fleet.last_words(child);
  return ran;
}

}  // namespace kts::process
