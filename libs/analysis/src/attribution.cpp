// SPDX-License-Identifier: Apache-2.0
#include "attribution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <utility>

#include "differences.hpp"
#include "kts/stats/interval.hpp"
#include "kts/stats/quantile.hpp"
#include "left_out.hpp"
#include "lengths.hpp"
#include "parallel.hpp"
#include "ranked.hpp"
#include "turn_check.hpp"
#include "waits.hpp"

namespace kts::analysis {
namespace {

constexpr auto kParts = record::kLatencyParts;
constexpr std::uint64_t kMinIterations = 100;
constexpr double kResidueOfMean = 0.10;
constexpr double kResidueOfTail = 0.20;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Columns after the parts: a cause each, then kPerNeighbour for each other agent of the run.
constexpr std::array kCauses{Cause::kEarlierWaits,    Cause::kEarlierWork, Cause::kTurns,
                             Cause::kSwitches,        Cause::kLaunch,      Cause::kSwitchedOut,
                             Cause::kSwitchesMidWork, Cause::kExecution,   Cause::kSharing};
constexpr std::size_t kFirstCause = kParts.size();
constexpr std::size_t kFirstNeighbour = kFirstCause + kCauses.size();
enum class OnNeighbour { kAll, kBacklog, kWait, kOut, kAlone };
constexpr std::size_t kPerNeighbour = 5;

constexpr std::size_t column_of(Cause cause) {
  std::size_t place = 0;
  while (kCauses[place] != cause) ++place;
  return kFirstCause + place;
}
// Nobody is its own neighbour.
constexpr std::size_t column_of(std::size_t subject, std::size_t neighbour, OnNeighbour what) {
  const std::size_t place = neighbour < subject ? neighbour : neighbour - 1;
  return kFirstNeighbour + place * kPerNeighbour + static_cast<std::size_t>(what);
}

constexpr Measure part_of(Cause cause) {
  switch (cause) {
    case Cause::kEarlierWaits:
    case Cause::kEarlierWork:
      return Measure::kBacklog;
    case Cause::kTurns:
    case Cause::kSwitches:
    case Cause::kLaunch:
      return Measure::kGpuWait;
    case Cause::kSwitchedOut:
    case Cause::kSwitchesMidWork:
    case Cause::kExecution:
    case Cause::kSharing:
      break;
  }
  return Measure::kGpuTime;
}

// The agents' samples of one block in which several were active.
struct SharedBlock {
  static constexpr std::size_t kNoPlace = std::numeric_limits<std::size_t>::max();
  struct Member {
    std::size_t subject;
    std::size_t place;  // in the subject's group; kNoPlace: it only stands in others' way
    const AgentBlock* block;
  };
  std::vector<Member> members;
};

// What turns look like in this run.
struct Turns {
  bool taken = false;  // else agents run at once
  TurnLengths lengths;
  std::vector<WorkRule> rules;                // a subject each
  std::vector<std::string> why_no_execution;  // a subject each; empty: it is told
  std::optional<TurnFigures> figures;
};

std::vector<SharedBlock> shared_blocks(const std::vector<GrowthSubject>& subjects) {
  std::map<std::pair<int, std::int64_t>, SharedBlock> found;
  for (std::size_t s = 0; s < subjects.size(); ++s) {
    if (!subjects[s].shared) continue;
    const auto& blocks = subjects[s].shared->blocks;
    for (std::size_t place = 0; place < blocks.size(); ++place) {
      const AgentBlock& block = *blocks[place];
      // Without due times there is no timeline to put it on.
      if (block.due_gap.size() != block.latency.size() || block.latency.size() == 0) continue;
      found[{block.block, block.window_start_ns}].members.push_back({s, place, &block});
    }
  }
  std::vector<SharedBlock> blocks;
  for (auto& [key, block] : found) {
    if (block.members.size() > 1) blocks.push_back(std::move(block));
  }
  return blocks;
}

// The solo blocks of agents that a chain ties to each other: alone together, they wait for each
// other there as well.
std::vector<SharedBlock> solo_blocks(const std::vector<GrowthSubject>& subjects,
                                     const RunData& data) {
  std::map<std::pair<int, std::int64_t>, SharedBlock> found;
  for (const AgentBlock& block : data.blocks) {
    if (block.phase != Phase::kSolo || block.active.size() < 2 || block.latency.size() == 0 ||
        block.due_gap.size() != block.latency.size()) {
      continue;
    }
    const auto subject = std::ranges::find(subjects, block.agent, &GrowthSubject::agent);
    if (subject == subjects.end()) continue;
    std::size_t place = SharedBlock::kNoPlace;
    if (subject->solo) {
      const auto& own = subject->solo->blocks;
      const auto at = std::ranges::find(own, &block);
      if (at != own.end()) place = static_cast<std::size_t>(at - own.begin());
    }
    found[{block.block, block.window_start_ns}].members.push_back(
        {static_cast<std::size_t>(subject - subjects.begin()), place, &block});
  }
  std::vector<SharedBlock> blocks;
  for (auto& [key, block] : found) {
    if (block.members.size() > 1) blocks.push_back(std::move(block));
  }
  return blocks;
}

std::vector<const AgentBlock*> agents_of(const SharedBlock& block) {
  std::vector<const AgentBlock*> agents;
  for (const auto& member : block.members) agents.push_back(member.block);
  return agents;
}

std::optional<double> plain_quantile(std::vector<std::int64_t>& values, double p) {
  return stats::QuantileSelector<std::int64_t>(values).quantile(p);
}

// --- what is known of turns ---

// Some blocks say enough of how the agents take turns.
constexpr std::size_t kBlocksToLearnFrom = 20;

// Of a subject's iterations that have device instants, beside others.
struct SeenWork {
  std::vector<std::int64_t> undisturbed;  // gpu_time while no other had the device
  std::uint64_t n = 0;
  double busy_ns = 0;  // waiting or at work
};
struct Seen {
  std::vector<std::int64_t> handovers;
  std::vector<SeenWork> of;  // a subject each
  double window_ns = 0;
  std::size_t agents = 0;  // of a block, at most
};

Seen look(std::span<const SharedBlock> blocks, std::size_t subjects) {
  struct SeenBlock {
    TurnSigns signs;
    std::vector<SeenWork> of;  // a member each
  };
  std::vector<SeenBlock> seen_blocks(blocks.size());
  for_each_index(blocks.size(), [&](std::size_t b) {
    seen_blocks[b].signs = find_turn_signs(agents_of(blocks[b]));
    for (const auto& member : blocks[b].members) {
      SeenWork& work = seen_blocks[b].of.emplace_back();
      for (std::size_t i = 0; i < member.block->latency.size(); ++i) {
        if (!has_device_instants(*member.block, i)) continue;
        ++work.n;
        work.busy_ns += static_cast<double>(member.block->gpu_wait[i]) +
                        static_cast<double>(member.block->gpu_time[i]);
      }
    }
  });
  Seen seen;
  seen.of.resize(subjects);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const auto& handovers = seen_blocks[b].signs.handovers;
    seen.handovers.insert(seen.handovers.end(), handovers.begin(), handovers.end());
    seen.agents = std::max(seen.agents, blocks[b].members.size());
    const AgentBlock& first = *blocks[b].members.front().block;
    seen.window_ns += 0.95 * static_cast<double>(first.window_stop_ns - first.window_start_ns);
  }
  for_each_index(subjects, [&](std::size_t s) {
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      for (std::size_t a = 0; a < blocks[b].members.size(); ++a) {
        if (blocks[b].members[a].subject != s) continue;
        SeenWork& work = seen.of[s];
        const auto& undisturbed = seen_blocks[b].signs.undisturbed[a];
        work.undisturbed.insert(work.undisturbed.end(), undisturbed.begin(), undisturbed.end());
        work.n += seen_blocks[b].of[a].n;
        work.busy_ns += seen_blocks[b].of[a].busy_ns;
      }
    }
  });
  return seen;
}

// Lengths of those iterations of a subject that `look` counts.
std::vector<std::int64_t> lengths_seen(std::span<const SharedBlock> blocks, std::size_t subject,
                                       const SampleColumn AgentBlock::*column) {
  std::vector<std::int64_t> lengths;
  for (const SharedBlock& shared : blocks) {
    for (const auto& member : shared.members) {
      if (member.subject != subject) continue;
      const AgentBlock& block = *member.block;
      for (std::size_t i = 0; i < block.latency.size(); ++i) {
        if (!has_device_instants(block, i)) continue;
        lengths.push_back((block.*column)[i]);
      }
    }
  }
  return lengths;
}

// Beside agents that always want the device the longest wait is a turn of each and a switch before
// every turn, one's own too: (k - 1) slice + k switch. What is idle between two agents' work while
// the next one waits is a switch.
TurnFigures learn_figures(Seen& seen, std::span<const SharedBlock> blocks) {
  constexpr std::size_t kHandovers = 30;
  constexpr std::size_t kWaits = 200;
  constexpr double kBusy = 0.9;
  constexpr double kEdge = 1.05;
  TurnFigures figures;
  figures.source = "estimated from this run";
  if (seen.handovers.size() < kHandovers) {
    figures.missing = fmt::format(
        "the device changed from one agent's finished work to another's that waited {} times, and "
        "a switch takes {} to be told; give a data sheet",
        seen.handovers.size(), kHandovers);
    return figures;
  }
  const double switch_over = *plain_quantile(seen.handovers, 0.5);
  std::optional<double> slice;
  std::uint64_t most = 0;
  for (std::size_t s = 0; s < seen.of.size(); ++s) {
    const std::uint64_t n = seen.of[s].n;
    bool others_busy = true;
    for (std::size_t other = 0; other < seen.of.size(); ++other) {
      if (other == s || seen.of[other].n == 0) continue;
      others_busy &= seen.of[other].busy_ns >= kBusy * seen.window_ns;
    }
    if (!others_busy || n < kWaits || n <= most) continue;
    std::vector<std::int64_t> waits = lengths_seen(blocks, s, &AgentBlock::gpu_wait);
    const double edge = *plain_quantile(waits, 0.99);
    if (!(edge > 0) || *plain_quantile(waits, 0.999) > kEdge * edge) continue;
    const auto k = static_cast<double>(seen.agents);
    const double turn = (edge - k * switch_over) / (k - 1);
    if (!(turn > switch_over)) continue;
    slice = turn;
    most = n;
  }
  if (!slice) {
    figures.missing =
        "no agent's waits beside others that always want the device end at one length, as they do "
        "where turns have one; give a data sheet";
    return figures;
  }
  figures.slice_ms = *slice / 1e6;
  figures.switch_ms = switch_over / 1e6;
  return figures;
}

std::optional<double> shortest_turn(std::size_t subject, const std::vector<GrowthSubject>& subjects,
                                    const Seen& seen, const TurnLengths& lengths) {
  std::optional<double> shortest;
  for (std::size_t other = 0; other < subjects.size(); ++other) {
    if (other == subject || seen.of[other].n == 0) continue;
    if (!subjects[other].solo_time_p50_ms) return std::nullopt;
    double turn = *subjects[other].solo_time_p50_ms * 1e6;
    if (lengths.slice) turn = std::min(turn, *lengths.slice);
    shortest = std::min(shortest.value_or(turn), turn);
  }
  if (shortest && lengths.switch_over) *shortest += 2 * *lengths.switch_over;
  return shortest;
}

Turns learn(const std::vector<SharedBlock>& blocks, const std::vector<GrowthSubject>& subjects,
            const RunData& data) {
  Turns turns;
  const std::string& sharing = data.header.sharing;
  turns.taken = sharing != "mps" && sharing != "streams" && sharing != "mig";
  turns.why_no_execution.resize(subjects.size());
  turns.rules.resize(subjects.size());
  for (std::size_t s = 0; s < subjects.size(); ++s) {
    if (subjects[s].solo_time_mean_ms)
      turns.rules[s].service = *subjects[s].solo_time_mean_ms * 1e6;
    turns.rules[s].launch = subjects[s].solo_wait_mean_ms.value_or(0) * 1e6;
  }
  if (!turns.taken || blocks.empty()) return turns;
  const auto learn_from = std::span(blocks).first(std::min(blocks.size(), kBlocksToLearnFrom));
  Seen seen = look(learn_from, subjects.size());
  turns.figures = data.turns ? *data.turns : learn_figures(seen, learn_from);
  if (turns.figures->slice_ms && turns.figures->switch_ms) {
    turns.lengths = {*turns.figures->slice_ms * 1e6, *turns.figures->switch_ms * 1e6};
  }
  for_each_index(subjects.size(), [&](std::size_t s) {
    const auto interruption = shortest_turn(s, subjects, seen, turns.lengths);
    if (!interruption || !subjects[s].solo_time_p50_ms) {
      turns.why_no_execution[s] = "how long the work takes alone isn't known of all agents";
      return;
    }
    const double alone = *subjects[s].solo_time_p50_ms * 1e6;
    const auto enough = [n = seen.of[s].n](const std::vector<std::int64_t>& lengths) {
      return lengths.size() >= std::max<std::uint64_t>(30, n / 200);
    };
    std::vector<std::int64_t>& whole = seen.of[s].undisturbed;
    if (!enough(whole)) {
      whole = lengths_seen(learn_from, s, &AgentBlock::gpu_time);
      std::erase_if(whole, [&](std::int64_t length) {
        return static_cast<double>(length) - alone >= *interruption / 2;
      });
    }
    turns.rules[s].interruption = *interruption;
    turns.rules[s].uninterrupted = alone;
    if (enough(whole)) {
      turns.rules[s].uninterrupted = *plain_quantile(whole, 0.5);
    } else {
      turns.why_no_execution[s] =
          "nearly all of its work was interrupted, so that turns can't be told from slower work";
    }
  });
  return turns;
}

// --- sums ---

double length_or_none(std::int64_t ns) {
  return ns == record::kUnavailable ? kNone : static_cast<double>(ns);
}

void fill_parts(std::vector<double>& row, const LatencyParts& parts) {
  std::ranges::fill(row, kNone);
  row[0] = length_or_none(parts.backlog);
  row[1] = length_or_none(parts.gpu_wait);
  row[2] = length_or_none(parts.gpu_time);
  row[3] = length_or_none(parts.notify());
}
static_assert(kParts[0] == Measure::kBacklog && kParts[1] == Measure::kGpuWait &&
              kParts[2] == Measure::kGpuTime && kParts[3] == Measure::kNotify);

// Alone nobody is waited for: each cause is nothing or a part, of iterations whose parts are known.
enum AloneColumn : std::size_t {
  kNothing = kParts.size(),
  kBacklogAlone,
  kWaitAlone,
  kTimeAlone,
  kAlone
};

void fill_alone(std::vector<double>& row) {
  if (std::isnan(row[0] + row[1] + row[2])) return;
  row[kNothing] = 0;
  row[kBacklogAlone] = row[0];
  row[kWaitAlone] = row[1];
  row[kTimeAlone] = row[2];
}

constexpr std::size_t alone_column_of(std::size_t column) {
  switch (column) {
    case column_of(Cause::kEarlierWork):
      return kBacklogAlone;
    case column_of(Cause::kLaunch):
      return kWaitAlone;
    case column_of(Cause::kExecution):
    case column_of(Cause::kSharing):
      return kTimeAlone;
    default:
      return column < kParts.size() ? column : kNothing;
  }
}

void fill_shared(std::vector<double>& row, const Held& held, const SharedBlock& block,
                 std::size_t subject, const Turns& turns) {
  double waited = 0;
  double ahead = 0;
  double out = 0;
  for (std::size_t b = 0; b < held.on.size(); ++b) {
    const Held::On& on = held.on[b];
    waited += on.wait;
    ahead += on.backlog;
    out += on.out;
    const std::size_t neighbour = block.members[b].subject;
    if (neighbour == subject) continue;
    const auto set = [&](OnNeighbour what, double ns) {
      row[column_of(subject, neighbour, what)] = ns;
    };
    set(OnNeighbour::kAll, on.backlog + on.wait + on.out);
    set(OnNeighbour::kBacklog, on.backlog);
    set(OnNeighbour::kWait, on.wait);
    set(OnNeighbour::kOut, on.out);
    set(OnNeighbour::kAlone, on.alone);
  }
  const bool knows_switch = turns.lengths.switch_over.has_value();
  row[column_of(Cause::kEarlierWaits)] = ahead;
  row[column_of(Cause::kEarlierWork)] = row[0] - ahead;
  row[column_of(Cause::kTurns)] = waited - held.switches;
  row[column_of(Cause::kSwitches)] = knows_switch ? held.switches : kNone;
  row[column_of(Cause::kLaunch)] = row[1] - waited;
  if (!turns.taken) {
    row[column_of(Cause::kSharing)] = row[2];
    return;
  }
  if (!turns.rules[subject].uninterrupted) return;
  row[column_of(Cause::kSwitchedOut)] = out - held.switches_mid_work;
  if (knows_switch) row[column_of(Cause::kSwitchesMidWork)] = held.switches_mid_work;
  if (turns.why_no_execution[subject].empty()) row[column_of(Cause::kExecution)] = row[2] - out;
}

struct SubjectSums {
  std::optional<RankedSums> solo, shared;  // of what is on timelines
  std::vector<RankedWindow> of_solo, of_shared;
};

// Of iterations that are on no timeline, with the columns of those that are.
std::vector<RankedWindow> plain_windows(const Group& group, const Distribution& latency, bool alone,
                                        std::size_t columns) {
  RankedSums sums(group, latency.windows, kAlone);
  std::vector<double> row(kAlone);
  for (std::size_t b = 0; b < group.blocks.size(); ++b) {
    const AgentBlock& block = *group.blocks[b];
    for (std::size_t i = 0; i < block.latency.size(); ++i) {
      const LatencyParts parts = parts_of(block, i);
      if (parts.latency == record::kUnavailable) continue;
      fill_parts(row, parts);
      if (alone) fill_alone(row);
      sums.add(b, parts.latency, row);
    }
  }
  std::vector<RankedWindow> windows = sums.windows(kMinIterations);
  for (RankedWindow& window : windows) {
    const std::vector<RankedMean> own = std::exchange(window.columns, {});
    for (std::size_t c = 0; c < columns; ++c) window.columns.push_back(own[alone_column_of(c)]);
  }
  return windows;
}

void add_timeline(const SharedBlock& block, std::optional<RankedSums> SubjectSums::*phase,
                  const Turns& turns, std::vector<SubjectSums>& sums, std::vector<double> row) {
  std::vector<WorkRule> rules;
  for (const auto& member : block.members) rules.push_back(turns.rules[member.subject]);
  tell_held(agents_of(block), rules, turns.lengths,
            [&](std::size_t a, std::size_t i, const Held* held) {
              const auto& member = block.members[a];
              auto& into = sums[member.subject].*phase;
              if (!into || member.place == SharedBlock::kNoPlace) return;
              const LatencyParts parts = parts_of(*member.block, i);
              if (parts.latency == record::kUnavailable) return;
              fill_parts(row, parts);
              if (held) {
                // Who isn't there in a solo block isn't waited for.
                if (phase == &SubjectSums::solo)
                  std::fill(row.begin() + kFirstNeighbour, row.end(), 0.0);
                fill_shared(row, *held, block, member.subject, turns);
              }
              into->add(member.place, parts.latency, row);
            });
}

std::vector<bool> members_of(std::size_t subjects, const std::vector<SharedBlock>& blocks) {
  std::vector<bool> members(subjects, false);
  for (const SharedBlock& block : blocks) {
    for (const auto& member : block.members) members[member.subject] = true;
  }
  return members;
}

std::vector<SubjectSums> sum_up(const std::vector<GrowthSubject>& subjects,
                                const std::vector<SharedBlock>& blocks,
                                const std::vector<SharedBlock>& alone_together,
                                const Turns& turns) {
  if (subjects.empty()) return {};
  const std::size_t columns = kFirstNeighbour + (subjects.size() - 1) * kPerNeighbour;
  const std::vector<bool> on_timeline = members_of(subjects.size(), blocks);
  const std::vector<bool> not_alone = members_of(subjects.size(), alone_together);
  std::vector<SubjectSums> sums(subjects.size());
  const auto is_told = [&](const GrowthSubject& subject) {
    return subject.told && subject.solo && subject.shared && subject.solo_latency &&
           subject.shared_latency;
  };
  for_each_index(subjects.size(), [&](std::size_t s) {
    const GrowthSubject& subject = subjects[s];
    if (!is_told(subject)) return;
    if (not_alone[s]) {
      sums[s].solo.emplace(*subject.solo, subject.solo_latency->windows, columns);
    } else {
      sums[s].of_solo =
          plain_windows(*subject.solo, *subject.solo_latency, !subject.is_chain, columns);
    }
    if (on_timeline[s]) {
      sums[s].shared.emplace(*subject.shared, subject.shared_latency->windows, columns);
    } else {
      sums[s].of_shared = plain_windows(*subject.shared, *subject.shared_latency, false, columns);
    }
  });
  const std::vector<double> row(columns, kNone);
  for_each_index(blocks.size(), [&](std::size_t b) {
    add_timeline(blocks[b], &SubjectSums::shared, turns, sums, row);
  });
  for_each_index(alone_together.size(), [&](std::size_t b) {
    add_timeline(alone_together[b], &SubjectSums::solo, turns, sums, row);
  });
  for_each_index(subjects.size(), [&](std::size_t s) {
    if (sums[s].solo) sums[s].of_solo = sums[s].solo->windows(kMinIterations);
    if (sums[s].shared) sums[s].of_shared = sums[s].shared->windows(kMinIterations);
  });
  return sums;
}

// --- growth ---

std::string why_missing(Cause cause, std::size_t subject, const Turns& turns, bool on_timeline) {
  if (!on_timeline) return "the records have no device instants";
  switch (cause) {
    case Cause::kSwitches:
    case Cause::kSwitchesMidWork:
      if (!turns.taken) return "agents take no turns in this sharing mode";
      if (!turns.lengths.switch_over) return turns.figures ? turns.figures->missing : "";
      break;
    case Cause::kExecution:
    case Cause::kSwitchedOut:
      if (!turns.why_no_execution[subject].empty()) return turns.why_no_execution[subject];
      break;
    default:
      break;
  }
  return "fewer than 100 iterations at that rank";
}

bool is_of_mode(Cause cause, bool takes_turns) {
  switch (cause) {
    case Cause::kSharing:
      return !takes_turns;
    case Cause::kSwitches:
    case Cause::kSwitchedOut:
    case Cause::kSwitchesMidWork:
    case Cause::kExecution:
      return takes_turns;
    default:
      return true;
  }
}

// Where nothing but two agents' instants decide it is measured.
bool is_estimated(Cause cause, const Turns& turns) {
  switch (cause) {
    case Cause::kSharing:
      return false;
    case Cause::kTurns:
    case Cause::kLaunch:
      return turns.lengths.switch_over.has_value();
    default:
      return true;
  }
}

struct Place {
  std::string_view at;
  std::size_t window;  // of RankedSums
  std::optional<double> quantile;
};

Attribution growth_at(const Place& place, std::size_t s, const GrowthSubject& subject,
                      const SubjectSums& sums, const Turns& turns, bool on_timeline) {
  const RankedWindow& solo = sums.of_solo[place.window];
  const RankedWindow& shared = sums.of_shared[place.window];
  const TwoSpreads spread{blocks_with_samples(*subject.solo), blocks_with_samples(*subject.shared)};
  Attribution result;
  result.agent = subject.agent;
  result.at = place.at;
  result.solo_n = solo.n;
  result.shared_n = shared.n;
  const auto column = [&](std::size_t c) {
    Estimate growth;
    growth.value = difference(shared.columns[c].ms, solo.columns[c].ms);
    const auto interval =
        spread.around(growth.value, solo.columns[c].variance, shared.columns[c].variance);
    growth.ci_low = interval.low;
    growth.ci_high = interval.high;
    return growth;
  };
  if (place.quantile) {
    const QuantilePoint* alone = subject.solo_latency->at(*place.quantile);
    const QuantilePoint* together = subject.shared_latency->at(*place.quantile);
    if (alone && together) {
      result.latency_growth_ms = difference(together->ms.value, alone->ms.value);
      result.latency_interval = difference_interval(together->ms, alone->ms);
    }
  } else {
    result.latency_growth_ms =
        difference(subject.shared_latency->mean_ms, subject.solo_latency->mean_ms);
  }
  std::optional<double> rest = result.latency_growth_ms;
  bool any_part = false;
  for (std::size_t part = 0; part < kParts.size(); ++part) {
    const Estimate growth = column(part);
    result.parts.push_back({kParts[part],
                            solo.columns[part].ms,
                            shared.columns[part].ms,
                            growth.value,
                            {growth.ci_low, growth.ci_high}});
    any_part |= growth.value.has_value();
    if (growth.value) rest = difference(rest, growth.value);
  }
  if (any_part) {
    result.residue_ms = rounded(rest);
    result.residue_interval =
        spread.around(result.residue_ms, solo.residue_variance, shared.residue_variance);
  }
  if (!place.quantile) {
    result.latency_interval =
        spread.around(result.latency_growth_ms, solo.latency_variance, shared.latency_variance);
  }
  if (!any_part || subject.is_chain) return result;
  for (const Cause cause : kCauses) {
    if (!is_of_mode(cause, turns.taken)) continue;
    Explanation explanation;
    explanation.part = part_of(cause);
    explanation.cause = cause;
    explanation.ms = column(column_of(cause));
    explanation.ms.value = rounded(explanation.ms.value);
    explanation.solo_ms = rounded(solo.columns[column_of(cause)].ms);
    explanation.estimated = is_estimated(cause, turns);
    if (!explanation.ms.value) explanation.missing = why_missing(cause, s, turns, on_timeline);
    result.explained.push_back(std::move(explanation));
  }
  return result;
}

void add_waits(const Place& place, std::size_t s, const std::vector<GrowthSubject>& subjects,
               const SubjectSums& sums, const Attribution& growth, Summary& summary) {
  // A share of a growth that may be none says nothing.
  const bool grew = growth.latency_interval.low.value_or(0) > 0;
  const RankedWindow& shared = sums.of_shared[place.window];
  const int blocks = blocks_with_samples(*subjects[s].shared);
  for (std::size_t other = 0; other < subjects.size(); ++other) {
    if (other == s) continue;
    const auto of = [&](OnNeighbour what) { return shared.columns[column_of(s, other, what)]; };
    const RankedMean all = of(OnNeighbour::kAll);
    if (!all.ms) continue;
    Wait wait;
    wait.agent = subjects[s].agent;
    wait.on = subjects[other].agent;
    wait.at = place.at;
    wait.ms.value = rounded(all.ms);
    if (all.variance) {
      const double reach = stats::student_t_quantile(0.975, blocks - 1) * std::sqrt(*all.variance);
      wait.ms.ci_low = rounded(std::max(0.0, *all.ms - reach));
      wait.ms.ci_high = rounded(*all.ms + reach);
    }
    wait.backlog_ms = rounded(of(OnNeighbour::kBacklog).ms);
    wait.gpu_wait_ms = rounded(of(OnNeighbour::kWait).ms);
    wait.gpu_time_ms = rounded(of(OnNeighbour::kOut).ms);
    wait.alone_ms = rounded(of(OnNeighbour::kAlone).ms);
    wait.growth = wait.ms;
    if (sums.solo) {
      const RankedMean& alone =
          sums.of_solo[place.window].columns[column_of(s, other, OnNeighbour::kAll)];
      wait.solo_ms = rounded(alone.ms);
      if (wait.solo_ms != 0.0) {
        wait.growth = {rounded(difference(all.ms, alone.ms)), {}, {}};
        const TwoSpreads spread{blocks_with_samples(*subjects[s].solo), blocks};
        const auto interval = spread.around(wait.growth.value, alone.variance, all.variance);
        wait.growth.ci_low = interval.low;
        wait.growth.ci_high = interval.high;
      }
    }
    if (grew && wait.growth.value) {
      wait.growth_ratio = *wait.growth.value / *growth.latency_growth_ms;
    }
    summary.waits.push_back(std::move(wait));
  }
}

void warn_of_residue(const Attribution& a, Notes& warnings) {
  if (!a.residue_ms || !a.latency_growth_ms || !(a.latency_interval.low.value_or(0) > 0)) return;
  if (std::ranges::any_of(a.parts, [](const PartGrowth& part) { return !part.growth_ms; })) return;
  const double limit = a.at == "mean" ? kResidueOfMean : kResidueOfTail;
  const double share = std::abs(*a.residue_ms) / *a.latency_growth_ms;
  if (a.at == "p50" || share <= limit) return;
  warnings.add(fmt::format("residue {}", a.at),
               fmt::format("{}: at {} {:.2g} of the {:.3g} ms that latency grew by are in no part; "
                           "more than {:.0f} % of it is unexplained, take the parts with care",
                           a.agent, a.at, *a.residue_ms, *a.latency_growth_ms, 100 * limit));
}

}  // namespace

void attribute(const std::vector<GrowthSubject>& subjects, const RunData& data, Summary& summary,
               Notes& warnings) {
  const std::vector<SharedBlock> blocks = shared_blocks(subjects);
  const Turns turns = learn(blocks, subjects, data);
  const std::vector<SubjectSums> sums =
      sum_up(subjects, blocks, solo_blocks(subjects, data), turns);
  const std::vector<bool> on_timeline = members_of(subjects.size(), blocks);
  std::vector<TurnBlock> to_check;
  for (const SharedBlock& block : blocks) {
    TurnBlock& copy = to_check.emplace_back();
    for (const auto& member : block.members) {
      copy.subjects.push_back(member.subject);
      copy.blocks.push_back(member.block);
    }
  }
  std::vector<ModelDrop> drops;
  const bool left_out = std::ranges::any_of(
      subjects, [](const GrowthSubject& subject) { return !subject.left_out.empty(); });
  if (turns.figures && left_out) drops = drops_by_turns(to_check, subjects, *turns.figures);
  std::vector<Place> places{{"mean", 0, {}}};
  for (std::size_t w = 0; w < kRankWindows.size(); ++w) {
    places.push_back({kRankWindows[w].name, w + 1, kRankWindows[w].quantile});
  }
  for (std::size_t s = 0; s < subjects.size(); ++s) {
    if (sums[s].of_solo.empty()) continue;
    for (const Place& place : places) {
      if (place.window >= sums[s].of_solo.size() || place.window >= sums[s].of_shared.size()) {
        continue;
      }
      Attribution growth = growth_at(place, s, subjects[s], sums[s], turns, on_timeline[s]);
      warn_of_residue(growth, warnings);
      if (on_timeline[s] && place.at != "p50") {
        add_waits(place, s, subjects, sums[s], growth, summary);
      }
      summary.attribution.push_back(std::move(growth));
    }
    check_left_out(subjects, s, drops, summary);
  }
  summary.turns = turns.figures;
  if (turns.figures) summary.turn_checks = check_turns(to_check, subjects, *turns.figures);
}

}  // namespace kts::analysis
