// SPDX-License-Identifier: Apache-2.0
#include "kernels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "differences.hpp"
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

struct Launches {
  std::uint64_t n = 0;
  std::int64_t total_ns = 0;
};
using LaunchesByName = std::map<std::string, Launches>;

// A mean over the blocks' totals: y for each of x.
struct BlockTotal {
  double x, y;
};
struct BlockMean {
  Estimate ms;
  std::optional<double> variance;  // of the mean
};

// A ratio estimator, as blocks differ in size (Cochran 1977, 6.3).
BlockMean mean_over(const std::vector<BlockTotal>& totals) {
  double x = 0;
  double y = 0;
  int blocks = 0;
  for (const BlockTotal& total : totals) {
    x += total.x;
    y += total.y;
    blocks += total.x > 0;
  }
  if (!(x > 0)) return {};
  BlockMean mean;
  mean.ms.value = y / x;
  if (blocks < stats::kMinBlocks) return mean;
  double squares = 0;
  for (const BlockTotal& total : totals) {
    if (total.x > 0) squares += std::pow(total.y - y / x * total.x, 2);
  }
  mean.variance = squares * blocks / (blocks - 1) / (x * x);
  const double reach = stats::student_t_quantile(0.975, blocks - 1) * std::sqrt(*mean.variance);
  mean.ms.ci_low = std::max(0.0, y / x - reach);
  mean.ms.ci_high = y / x + reach;
  return mean;
}

class KernelJoin {
 public:
  // Bad input: the file is no kernel trace, and nothing of it was added.
  Status add(const TracedLog& log) {
    KTS_TRY(std::vector<DeviceSpan> spans, spans_of(log));
    blocks_.emplace_back();
    if (Status covered = cover(spans, log.kernels); !covered) {
      blocks_.pop_back();
      return covered;
    }
    ++use_.blocks;
    use_.lost += log.lost;
    for (const DeviceSpan& span : spans) {
      if (!span.sampled) continue;
      ++use_.iterations;
      ++blocks_.back().iterations;
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
      use_.gap_ms = *use_.gpu_time_ms - *use_.busy_ms;
    }
    if (use_.n > 0) use_.overhang_ms = to_ms(overhang_ns_);
    for (const auto& [name, all] : launches()) {
      use_.top.push_back({kernel_trace::readable_name(name), all.n, to_ms(all.total_ns)});
    }
    std::ranges::stable_sort(use_.top,
                             [](const auto& a, const auto& b) { return a.total_ms > b.total_ms; });
    if (use_.top.size() > kTop) use_.top.resize(kTop);
    return std::move(use_);
  }
  [[nodiscard]] KernelUse& use() { return use_; }

  // Of all blocks.
  [[nodiscard]] LaunchesByName launches() const {
    LaunchesByName all;
    for (const TracedBlock& block : blocks_) {
      for (const auto& [name, launches] : block.names) {
        all[name].n += launches.n;
        all[name].total_ns += launches.total_ns;
      }
    }
    return all;
  }

  struct OfKernel {
    KernelMeans means;
    std::optional<double> iteration_variance;
  };
  // Nothing where no iteration was traced.
  [[nodiscard]] std::optional<OfKernel> of(const std::string& kernel) const {
    std::vector<BlockTotal> by_launch, by_iteration;
    OfKernel result;
    KernelMeans& means = result.means;
    for (const TracedBlock& block : blocks_) {
      const auto found = block.names.find(kernel);
      const Launches launches = found == block.names.end() ? Launches{} : found->second;
      const double ms = to_ms(launches.total_ns);
      means.n += launches.n;
      means.iterations += block.iterations;
      means.blocks += block.iterations > 0;
      by_launch.push_back({static_cast<double>(launches.n), ms});
      by_iteration.push_back({static_cast<double>(block.iterations), ms});
    }
    if (means.iterations == 0) return std::nullopt;
    means.launches_per_iteration =
        static_cast<double>(means.n) / static_cast<double>(means.iterations);
    means.launch_ms = mean_over(by_launch).ms;
    const BlockMean iteration = mean_over(by_iteration);
    means.iteration_ms = iteration.ms;
    result.iteration_variance = iteration.variance;
    return result;
  }
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
    Launches& launches = blocks_.back().names[activity.name];
    ++launches.n;
    launches.total_ns += activity.end_ns - activity.start_ns;
  }

  struct TracedBlock {
    std::uint64_t iterations = 0;
    LaunchesByName names;
  };

  KernelUse use_;
  double gpu_time_ns_ = 0;
  double busy_ns_ = 0;
  std::int64_t overhang_ns_ = 0;
  std::uint64_t malformed_ = 0;
  std::vector<TracedBlock> blocks_;
};

KernelChange change_of(const std::string& symbol, const KernelJoin* solo,
                       const KernelJoin* shared) {
  KernelChange change;
  change.name = kernel_trace::readable_name(symbol);
  change.symbol = symbol;
  const auto alone = solo != nullptr ? solo->of(symbol) : std::nullopt;
  const auto together = shared != nullptr ? shared->of(symbol) : std::nullopt;
  if (alone) change.solo = alone->means;
  if (together) change.shared = together->means;
  if (!alone || !together) return change;
  const auto bounds = [](const Estimate& e) { return stats::Interval{e.ci_low, e.ci_high}; };
  const Estimate& before = alone->means.launch_ms;
  const Estimate& after = together->means.launch_ms;
  if (before.value && after.value && *before.value > 0 && *after.value > 0) {
    const auto interval =
        stats::ratio_interval(*after.value, bounds(after), *before.value, bounds(before));
    change.launch_ratio = {*after.value / *before.value, interval.low, interval.high};
  }
  change.added_ms.value =
      rounded(difference(together->means.iteration_ms.value, alone->means.iteration_ms.value));
  const auto interval = TwoSpreads{alone->means.blocks, together->means.blocks}.around(
      change.added_ms.value, alone->iteration_variance, together->iteration_variance);
  change.added_ms.ci_low = interval.low;
  change.added_ms.ci_high = interval.high;
  return change;
}

// What a kernel takes of an iteration, shared if that was traced.
double iteration_ms(const KernelChange& change) {
  const auto& means = change.shared ? change.shared : change.solo;
  return means ? means->iteration_ms.value.value_or(0) : 0;
}

void compare_phases(const std::string& agent, const KernelJoin* solo, const KernelJoin* shared,
                    Summary& header) {
  std::set<std::string> symbols;
  for (const KernelJoin* join : {solo, shared}) {
    if (join == nullptr) continue;
    for (const auto& [symbol, launches] : join->launches()) symbols.insert(symbol);
  }
  std::vector<KernelChange> changes;
  for (const std::string& symbol : symbols) {
    changes.push_back(change_of(symbol, solo, shared));
    changes.back().agent = agent;
  }
  std::ranges::stable_sort(changes, [](const KernelChange& a, const KernelChange& b) {
    const std::pair left(a.added_ms.value.value_or(0), iteration_ms(a));
    const std::pair right(b.added_ms.value.value_or(0), iteration_ms(b));
    return left > right;
  });
  std::ranges::move(changes, std::back_inserter(header.kernel_changes));
}

}  // namespace

Status read_kernels(const std::vector<TracedLog>& logs,
                    const std::map<std::string, std::string>& baseline, Summary& header) {
  if (logs.empty()) return {};
  std::vector<KernelJoin> joins;
  std::vector<std::string> damaged;
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
    if (Status added = found->add(log); !added) {
      if (added.error().code != ErrorCode::kBadInput) return added;
      const std::filesystem::path block = log.kernels.parent_path().filename();
      damaged.push_back(fmt::format("blocks/{} left out: {}; {}",
                                    (block / log.kernels.filename()).string(),
                                    added.error().message, added.error().hint));
    }
  }
  std::erase_if(joins, [](KernelJoin& join) { return join.use().blocks == 0; });
  header.warnings.insert(header.warnings.end(), damaged.begin(), damaged.end());
  if (joins.empty()) return {};
  const auto join_of = [&](const std::string& agent, Phase phase) -> const KernelJoin* {
    const auto found = std::ranges::find_if(joins, [&](KernelJoin& join) {
      return join.use().agent == agent && join.use().phase == phase;
    });
    return found == joins.end() ? nullptr : &*found;
  };
  std::set<std::string> agents;
  for (const TracedLog& log : logs) agents.insert(log.agent);
  for (const std::string& agent : agents) {
    const auto other = baseline.find(agent);
    compare_phases(agent, join_of(other == baseline.end() ? agent : other->second, Phase::kSolo),
                   join_of(agent, Phase::kShared), header);
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
