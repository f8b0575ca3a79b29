// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/process/fleet.hpp"
#include "kts/workload/probe.hpp"

namespace kts::probe {

struct CrewSpec {
  process::Command command;  // of one member
  int interrupt_fd = -1;
  std::filesystem::path traces;  // empty: none are kept
};

// Processes that are contexts of one device. Nothing in them runs but what perform asks for. None
// outlives this object. After an error of a member that went astray all further calls fail alike.
class Crew final : process::Fleet::Listener {
 public:
  explicit Crew(CrewSpec spec);

  // Starts members until there are `members`, and waits until each has its device.
  [[nodiscard]] Status hire(std::size_t members);
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] const workload::DeviceIdentity& identity() const { return members_[0].identity; }
  [[nodiscard]] std::vector<std::int64_t> pids() const;

  struct Job {
    std::size_t member = 0;
    workload::ProbeTask task;
  };
  // All begin at one instant; traces in the order of the jobs. kEnvironment when one takes longer
  // than its length_ns and `patience`. `name` is what the traces' files are called after.
  [[nodiscard]] Result<std::vector<workload::ProbeTrace>> perform(std::string_view name,
                                                                  std::vector<Job> jobs,
                                                                  Nanoseconds patience);
  // Lets all go.
  void dismiss();

 private:
  struct Member {
    workload::DeviceIdentity identity;
    bool ready = false;
    bool busy = false;
    std::string text;    // of its standard output, from the begin of a line
    std::string answer;  // lines of the trace that comes in
    std::optional<Result<workload::ProbeTrace>> result;
    std::optional<Error> gone;
  };

  void on_stdout(std::size_t child, std::string_view line) override;
  void on_stderr(std::size_t child, std::string_view line) override;
  void on_exit(std::size_t child, const process::ExitStatus& status) override;
  void take_line(Member& member, const std::string& line);
  // Until `done` says so of every member.
  template <typename Done>
  [[nodiscard]] Status wait(MonotonicTime deadline, std::string_view doing, Done done);
  [[nodiscard]] Status keep(std::string_view name, const std::vector<Job>& jobs,
                            const std::vector<workload::ProbeTrace>& traces);

  CrewSpec spec_;
  std::vector<Member> members_;
  process::Fleet fleet_;
  std::optional<Error> broken_;
  int kept_ = 0;
};

}  // namespace kts::probe
