// SPDX-License-Identifier: Apache-2.0
#include "crew.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/process/wait.hpp"

namespace kts::probe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kHireWithin{60};
// From sending tasks to their common start.
constexpr milliseconds kLead{30};
constexpr std::size_t kMostText = std::size_t{64} << 20;

}  // namespace

Crew::Crew(CrewSpec spec) : spec_(std::move(spec)), fleet_(*this) {}

void Crew::on_stdout(std::size_t child, std::string_view line) {
  Member& member = members_[child];
  member.text += line;
  if (member.text.size() + member.answer.size() > kMostText) {
    member.gone = Error{ErrorCode::kInternal, "a prober says more than can be", {}, {}};
    return;
  }
  for (std::size_t end = 0; (end = member.text.find('\n')) != std::string::npos;) {
    const std::string whole = member.text.substr(0, end);
    member.text.erase(0, end + 1);
    take_line(member, whole);
  }
}

void Crew::take_line(Member& member, const std::string& line) {
  using namespace workload;
  if (line.starts_with(kProbeReady)) {
    const std::string rest = line.substr(kProbeReady.size());
    const std::size_t first = rest.find('\t');
    const std::size_t second = first == std::string::npos ? first : rest.find('\t', first + 1);
    if (second == std::string::npos) return;
    member.identity = {rest.substr(0, first), rest.substr(first + 1, second - first - 1),
                       rest.substr(second + 1)};
    member.ready = true;
  } else if (line.starts_with(kProbeError)) {
    member.result = fail(ErrorCode::kEnvironment, line.substr(kProbeError.size()));
  } else {
    member.answer += line;
    member.answer += '\n';
    if (line == kProbeEnd) {
      member.result = parse_probe_trace(std::exchange(member.answer, {}), "kts-worker probe");
    }
  }
}

void Crew::on_stderr(std::size_t /*child*/, std::string_view /*line*/) {}

void Crew::on_exit(std::size_t child, const process::ExitStatus& status) {
  // Bad input and a lacking environment are its own to judge, and to say.
  const bool judged = status.signal == 0 && (status.code == 2 || status.code == 4);
  const std::string words = judged ? fleet_.last_line(child) : fleet_.last_words(child);
  const ErrorCode code =
      status.signal == 0 && status.code == 2 ? ErrorCode::kBadInput : ErrorCode::kEnvironment;
  members_[child].gone = Error{
      code,
      words.empty() ? fmt::format("a prober has ended: {}", process::describe(status)) : words,
      {},
      {}};
}

template <typename Done>
Status Crew::wait(MonotonicTime deadline, std::string_view doing, Done done) {
  for (;;) {
    for (const Member& member : members_) {
      if (member.gone && !done(member)) {
        broken_ = *member.gone;
        return tl::unexpected(*member.gone);
      }
    }
    if (std::ranges::all_of(members_, done)) return {};
    if (process::is_readable(spec_.interrupt_fd)) {
      broken_ = Error{ErrorCode::kInterrupted, "interrupted", {}, {}};
      return tl::unexpected(*broken_);
    }
    if (MonotonicTimeline::now() >= deadline) {
      broken_ = Error{ErrorCode::kEnvironment,
                      fmt::format("{} took too long", doing),
                      "see whether others keep the device busy",
                      {}};
      return tl::unexpected(*broken_);
    }
    KTS_CHECK_OK(fleet_.wait(deadline, spec_.interrupt_fd));
  }
}

Status Crew::hire(std::size_t members) {
  if (broken_) return tl::unexpected(*broken_);
  while (members_.size() < members) {
    members_.emplace_back();
    if (const auto child = fleet_.start(spec_.command); !child) {
      members_.pop_back();
      return tl::unexpected(child.error());
    }
  }
  return wait(MonotonicTimeline::now() + kHireWithin, "starting a prober",
              [](const Member& member) { return member.ready; });
}

std::vector<std::int64_t> Crew::pids() const {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < members_.size(); ++i) out.push_back(fleet_.pid(i));
  return out;
}

Result<std::vector<workload::ProbeTrace>> Crew::perform(std::string_view name,
                                                        std::vector<Job> jobs,
                                                        Nanoseconds patience) {
  if (broken_) return tl::unexpected(*broken_);
  const MonotonicTime start = MonotonicTimeline::now() + kLead;
  Nanoseconds longest{0};
  for (Job& job : jobs) {
    Member& member = members_.at(job.member);
    member.busy = true;
    member.result.reset();
    job.task.set("start_ns", start.time_since_epoch().count());
    longest = std::max(longest, Nanoseconds(job.task.number("length_ns")));
    KTS_CHECK_OK(fleet_.send(job.member, to_line(job.task) + "\n"));
  }
  const auto waited = wait(start + longest + patience, name, [](const Member& member) {
    return !member.busy || member.result.has_value();
  });
  for (Member& member : members_) member.busy = false;
  KTS_CHECK_OK(waited);
  std::vector<workload::ProbeTrace> traces;
  for (const Job& job : jobs) {
    KTS_TRY(traces.emplace_back(), *std::exchange(members_[job.member].result, std::nullopt));
  }
  KTS_CHECK_OK(keep(name, jobs, traces));
  return traces;
}

Status Crew::keep(std::string_view name, const std::vector<Job>& jobs,
                  const std::vector<workload::ProbeTrace>& traces) {
  if (spec_.traces.empty()) return {};
  ++kept_;
  for (std::size_t i = 0; i < traces.size(); ++i) {
    KTS_CHECK_OK(
        write_file(spec_.traces / fmt::format("{}-{:03}-{}.txt", name, kept_, jobs[i].member),
                   fmt::format("{}", to_text(traces[i]))));
  }
  return {};
}

void Crew::dismiss() {
  // One that went astray doesn't listen.
  fleet_.shut_down(broken_ ? Nanoseconds(milliseconds(300)) : Nanoseconds(seconds(3)));
  broken_ = Error{ErrorCode::kInternal, "the probers have been dismissed", {}, {}};
}

}  // namespace kts::probe
