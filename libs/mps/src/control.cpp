// SPDX-License-Identifier: Apache-2.0
#include "kts/mps/control.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kts/base/units.hpp"
#include "kts/process/run.hpp"

namespace kts::mps {
namespace {

class ProgramControl final : public Control {
 public:
  ProgramControl(const std::filesystem::path& program, const std::filesystem::path& pipe_folder)
      : command_{{program.string()}, {"CUDA_MPS_PIPE_DIRECTORY=" + pipe_folder.string()}},
        pipe_folder_(pipe_folder) {}

  Result<std::string> ask(std::string_view command) override {
    process::RunOptions options;
    options.input = fmt::format("{}\n", command);
    KTS_TRY(process::Ran ran, process::run(command_, options));
    if (ran.status.success()) return std::move(ran.output);
    return environment_lacks(fmt::format("the MPS daemon doesn't answer to '{}' ({}): {}", command,
                                         process::describe(ran.status),
                                         ran.last_words.empty() ? "no word" : ran.last_words),
                             "kts doctor tells which daemons there are", pipe_folder_.string());
  }

 private:
  process::Command command_;
  std::filesystem::path pipe_folder_;
};

// One PID a line.
Result<std::vector<std::int64_t>> pids(Control& control, const std::string& command) {
  KTS_TRY(const std::string answer, control.ask(command));
  std::vector<std::int64_t> list;
  for (std::size_t begin = 0; begin < answer.size();) {
    const std::size_t end = std::min(answer.find('\n', begin), answer.size());
    std::string_view line = std::string_view(answer).substr(begin, end - begin);
    begin = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    if (line.empty()) continue;
    const auto pid = parse_int64(line);
    if (!pid || *pid <= 0) {
      return environment_lacks(
          fmt::format("the MPS daemon's answer to '{}' is no list of processes: {}", command,
                      line.substr(0, 120)));
    }
    list.push_back(*pid);
  }
  return list;
}

std::string seen(const std::vector<std::int64_t>& list) {
  return list.empty() ? "no client" : fmt::format("clients {}", fmt::join(list, ", "));
}

std::string named(const std::vector<const Member*>& members) {
  std::vector<std::string> words;
  for (const Member* member : members) {
    words.push_back(fmt::format("{} ({})", member->agent, member->pid));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

std::unique_ptr<Control> open_control(const std::filesystem::path& program,
                                      const std::filesystem::path& pipe_folder) {
  return std::make_unique<ProgramControl>(program, pipe_folder);
}

Result<std::vector<std::int64_t>> clients(Control& control) {
  KTS_TRY(const std::vector<std::int64_t> servers, pids(control, "get_server_list"));
  std::vector<std::int64_t> all;
  for (const std::int64_t server : servers) {
    KTS_TRY(const std::vector<std::int64_t> of_server,
            pids(control, fmt::format("get_client_list {}", server)));
    all.insert(all.end(), of_server.begin(), of_server.end());
  }
  std::ranges::sort(all);
  return all;
}

Status require_clients(Control& control, std::span<const Member> members) {
  KTS_TRY(const std::vector<std::int64_t> list, clients(control));
  std::vector<const Member*> missing;
  for (const Member& member : members) {
    if (!std::ranges::binary_search(list, member.pid)) missing.push_back(&member);
  }
  if (missing.empty()) return {};
  return environment_lacks(
      fmt::format("not on MPS: {}; the daemon has {}", named(missing), seen(list)),
      "see the daemon's logs in the run's folder mps/, or take --sharing time-slicing");
}

Status require_no_client(Control& control, std::span<const Member> members) {
  KTS_TRY(const std::vector<std::int64_t> list, clients(control));
  std::vector<const Member*> caught;
  for (const Member& member : members) {
    if (std::ranges::binary_search(list, member.pid)) caught.push_back(&member);
  }
  if (caught.empty()) return {};
  return environment_lacks(
      fmt::format("on the MPS of a daemon that kts didn't start: {}", named(caught)),
      "stop that daemon (echo quit | nvidia-cuda-mps-control), or take --sharing mps");
}

}  // namespace kts::mps
