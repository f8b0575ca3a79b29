// SPDX-License-Identifier: Apache-2.0
#include "kernels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "kts/base/units.hpp"
#include "kts/kernel_trace/activity.hpp"
#include "kts/record/codec.hpp"
#include "load_lines.hpp"

namespace kts::analysis {
namespace {

using kernel_trace::Activity;
using kernel_trace::Kind;

constexpr std::size_t kTop = 10;

// An iteration on the device, and what of it the activities cover that were seen so far; these come
// by their start.
struct DeviceSpan {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::int64_t covered_until_ns = record::kUnavailable;
  std::int64_t busy_ns = 0;
  bool sampled = false;

  void cover(std::int64_t from_ns, std::int64_t to_ns) {
    if (covered_until_ns != record::kUnavailable) from_ns = std::max(from_ns, covered_until_ns);
    if (to_ns <= from_ns) return;
    busy_ns += to_ns - from_ns;
    covered_until_ns = to_ns;
  }
};

class KernelJoin {
 public:
  Status add(const TracedLog& log) {
    ++use_.blocks;
    use_.lost += log.lost;
    KTS_TRY(std::vector<DeviceSpan> spans, spans_of(log));
    KTS_CHECK_OK(cover(spans, log.kernels));
    for (const DeviceSpan& span : spans) {
      if (!span.sampled) continue;
      ++use_.iterations;
      gpu_time_ns_ += static_cast<double>(span.end_ns - span.start_ns);
      busy_ns_ += static_cast<double>(span.busy_ns);
    }
    return {};
  }

  KernelUse take() {
    if (use_.iterations > 0) {
      const double per_iteration_ms = 1e-6 / static_cast<double>(use_.iterations);
      use_.gpu_time_ms = gpu_time_ns_ * per_iteration_ms;
      use_.busy_ms = busy_ns_ * per_iteration_ms;
      use_.gap_ms = use_.gpu_time_ms - use_.busy_ms;
    }
    use_.overhang_ms = to_ms(overhang_ns_);
    for (const auto& [name, total] : names_) {
      use_.top.push_back({kernel_trace::readable_name(name), total.first, to_ms(total.second)});
    }
    std::ranges::stable_sort(use_.top,
                             [](const auto& a, const auto& b) { return a.total_ms > b.total_ms; });
    if (use_.top.size() > kTop) use_.top.resize(kTop);
    return std::move(use_);
  }
  [[nodiscard]] KernelUse& use() { return use_; }
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

 private:
  static Result<std::vector<DeviceSpan>> spans_of(const TracedLog& log) {
    std::vector<DeviceSpan> spans;
    KTS_TRY(LineReader reader, LineReader::open(log.log));
    LineReader::Line line;
    while (reader.next(line)) {
      const record::Line parsed = record::parse_line(line.text);
      const auto* v2 = std::get_if<record::V2Record>(&parsed);
      if (v2 == nullptr || !line.whole) continue;
      const record::Iteration& i = v2->iteration;
      const bool known =
          i.gpu_start_ns != record::kUnavailable && i.gpu_end_ns != record::kUnavailable;
      if (!known || i.gpu_end_ns < i.gpu_start_ns) continue;
      DeviceSpan span{i.gpu_start_ns, i.gpu_end_ns};
      span.sampled = i.due_ns >= log.start_ns && i.due_ns < log.stop_ns;
      spans.push_back(span);
    }
    KTS_CHECK_OK(reader.status());
    std::ranges::sort(spans, {}, &DeviceSpan::start_ns);
    return spans;
  }

  Status cover(std::vector<DeviceSpan>& spans, const std::filesystem::path& csv) {
    KTS_TRY(LineReader reader, LineReader::open(csv));
    LineReader::Line line;
    const auto expect = [&](std::string_view text) {
      const bool same = reader.next(line) && line.text == text.substr(0, text.size() - 1);
      return same ? Status{}
                  : Status(bad_input("its first lines are not those of a kernel trace",
                                     "restore the file as kts run wrote it, or remove it",
                                     csv.string()));
    };
    KTS_CHECK_OK(expect(kernel_trace::kCsvSchema));
    KTS_CHECK_OK(expect(kernel_trace::kCsvHeader));
    std::int64_t previous_ns = 0;
    while (reader.next(line)) {
      const auto activity = kernel_trace::parse_csv(line.text);
      if (!activity || !line.whole || activity->start_ns < previous_ns) {
        ++malformed_;
        continue;
      }
      previous_ns = activity->start_ns;
      if (kernel_trace::on_device(activity->kind)) join(spans, *activity);
    }
    return reader.status();
  }

  void join(std::vector<DeviceSpan>& spans, const Activity& activity) {
    const std::int64_t middle = activity.start_ns + (activity.end_ns - activity.start_ns) / 2;
    auto span = std::ranges::upper_bound(spans, middle, {}, &DeviceSpan::start_ns);
    if (span == spans.begin() || middle > (--span)->end_ns || !span->sampled) {
      ++use_.unjoined;
      return;
    }
    ++use_.n;
    span->cover(activity.start_ns, activity.end_ns);
    overhang_ns_ = std::max(
        {overhang_ns_, span->start_ns - activity.start_ns, activity.end_ns - span->end_ns});
    if (activity.kind != Kind::kKernel) return;
    auto& [n, total_ns] = names_[activity.name];
    ++n;
    total_ns += activity.end_ns - activity.start_ns;
  }

  KernelUse use_;
  double gpu_time_ns_ = 0;
  double busy_ns_ = 0;
  std::int64_t overhang_ns_ = 0;
  std::uint64_t malformed_ = 0;
  std::map<std::string, std::pair<std::uint64_t, std::int64_t>> names_;
};

}  // namespace

Status read_kernels(const std::vector<TracedLog>& logs, Summary& header) {
  if (logs.empty()) return {};
  std::vector<KernelJoin> joins;
  for (const TracedLog& log : logs) {
    auto found = std::ranges::find_if(joins, [&](KernelJoin& join) {
      return join.use().agent == log.agent && join.use().phase == log.phase;
    });
    if (found == joins.end()) {
      joins.emplace_back();
      found = joins.end() - 1;
      found->use().agent = log.agent;
      found->use().phase = log.phase;
    }
    KTS_CHECK_OK(found->add(log));
  }
  std::uint64_t malformed = 0;
  for (KernelJoin& join : joins) {
    malformed += join.malformed();
    header.kernels.push_back(join.take());
  }
  // An agent's phases beside each other.
  std::ranges::stable_sort(header.kernels, [](const KernelUse& a, const KernelUse& b) {
    return std::pair(a.agent, a.phase) < std::pair(b.agent, b.phase);
  });
  header.warnings.emplace_back(
      "kernels were traced, which costs launches some time of their own: quote latencies from a "
      "run "
      "without");
  for (const KernelUse& use : header.kernels) {
    if (use.lost == 0) continue;
    header.warnings.push_back(
        fmt::format("{}, {}: {} kernel records lost, so gaps seem longer; enlarge --trace-buffer "
                    "or shorten the "
                    "blocks",
                    use.agent, name(use.phase), use.lost));
  }
  if (malformed > 0) {
    header.warnings.push_back(
        fmt::format("{} malformed rows of kernel traces left out", malformed));
  }
  return {};
}

}  // namespace kts::analysis
