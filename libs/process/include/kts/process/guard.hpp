// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/process/fleet.hpp"

namespace kts::process {

// A shell script that outlives this process, in a session of its own, to put back what this process
// changed: its standard input ends when this process does, however that comes about.
class Guard {
 public:
  // `arguments` become $1, $2, …; `environment` is added to ours. The script's stderr is dropped.
  [[nodiscard]] static Result<Guard> start(const std::string& script,
                                           const std::vector<std::string>& arguments,
                                           const std::vector<std::string>& environment = {});
  Guard(Guard&&) noexcept;
  Guard& operator=(Guard&&) = delete;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  // Ends its input and waits for it, but no longer than 30 s.
  ~Guard();

  // The next line that it prints, without the newline; kEnvironment when none comes in time.
  [[nodiscard]] Result<std::string> line(Nanoseconds timeout);
  // Ends its input; how it ended, or empty when it didn't in time.
  [[nodiscard]] std::optional<ExitStatus> release(Nanoseconds timeout);

 private:
  struct State;
  explicit Guard(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kts::process
