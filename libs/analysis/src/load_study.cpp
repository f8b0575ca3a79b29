// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "kts/base/clock.hpp"
#include "kts/record/codec.hpp"
#include "load_samples.hpp"
#include "load_sources.hpp"
#include "parallel.hpp"

namespace kts::analysis {
namespace {

namespace fs = std::filesystem;

// Words that say a phase, in the phase column or in a file's name.
struct PhaseWord {
  std::string_view word;
  Phase phase;
};
constexpr std::array kPhaseWords{
    PhaseWord{"solo", Phase::kSolo},         PhaseWord{"baseline", Phase::kSolo},
    PhaseWord{"alone", Phase::kSolo},        PhaseWord{"isolated", Phase::kSolo},
    PhaseWord{"shared", Phase::kShared},     PhaseWord{"contended", Phase::kShared},
    PhaseWord{"contention", Phase::kShared}, PhaseWord{"concurrent", Phase::kShared},
};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// The phase that the words of `text` say; nothing if they say none or both.
std::optional<Phase> phase_in(std::string_view text) {
  std::optional<Phase> phase;
  std::string word;
  const auto take_word = [&]() -> bool {
    for (const PhaseWord& known : kPhaseWords) {
      if (word != known.word) continue;
      if (phase && *phase != known.phase) return false;
      phase = known.phase;
    }
    word.clear();
    return true;
  };
  for (const char c : lower_case(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word += c;
    } else if (!take_word()) {
      return std::nullopt;
    }
  }
  return take_word() ? phase : std::nullopt;
}

// "FILE=VALUE" entries of a flag, by file.
Result<std::map<std::string, std::string>> by_file(const std::vector<std::string>& entries,
                                                   const std::string& flag,
                                                   const std::vector<fs::path>& files) {
  std::map<std::string, std::string> values;
  for (const std::string& entry : entries) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos || equals + 1 == entry.size()) {
      return bad_input(fmt::format("'{}' is not of the form FILE=VALUE", entry),
                       "as in shared-fft.log=" + std::string(flag == "--phase" ? "shared" : "fft"),
                       flag);
    }
    const std::string file = entry.substr(0, equals);
    if (std::none_of(files.begin(), files.end(),
                     [&](const fs::path& path) { return path.filename() == file; })) {
      return bad_input(fmt::format("there is no log '{}' in the folder", file),
                       "give the file's name without its folder", flag);
    }
    values[file] = entry.substr(equals + 1);
  }
  return values;
}

Result<std::vector<fs::path>> find_logs(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    if (it->path().extension() == ".log" && it->is_regular_file(ec)) files.push_back(it->path());
  }
  if (ec) return bad_input(with_errno("cannot read the folder", ec.value()), {}, folder.string());
  if (files.empty()) {
    return bad_input("holds neither blocks/ nor *.log files",
                     "name a run's folder or a folder of v1 logs", folder.string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The records of one file that have the same kind and phase column.
struct KindAndPhase {
  std::string kind;
  std::string phase_column;
  std::vector<NumberedRecord> records;
};

struct StudyLog {
  fs::path path;
  std::string name;
  Status status;
  LogCounts counts;
  std::vector<KindAndPhase> groups;
};

KindAndPhase& group_of(StudyLog& log, const record::V1Record& record) {
  for (KindAndPhase& group : log.groups) {
    if (group.kind == record.kind && group.phase_column == record.phase) return group;
  }
  return log.groups.emplace_back(
      KindAndPhase{std::string(record.kind), std::string(record.phase), {}});
}

Status read_log(StudyLog& log) {
  KTS_TRY(LineReader reader, LineReader::open(log.path));
  LineReader::Line line;
  while (reader.next(line)) {
    const record::Line parsed = record::parse_line(line.text);
    if (const auto* v1 = std::get_if<record::V1Record>(&parsed)) {
      // A last line without newline lacks at most the end of its phase.
      group_of(log, *v1).records.push_back({v1->iteration, v1->gpu_time_ns, line.number});
    } else if (std::holds_alternative<record::ForeignLine>(parsed)) {
      ++log.counts.foreign;
    } else if (const auto* malformed = std::get_if<record::MalformedLine>(&parsed)) {
      log.counts.add_malformed(log.name, line.number, malformed->reason);
    } else if (!std::holds_alternative<record::ControlLine>(parsed)) {
      return bad_input("a v2 line in a folder of v1 logs",
                       "keep v1 logs in a folder of their own; v2 logs are read from a run's "
                       "folder, the one that holds blocks/",
                       at_line(log.path, line.number));
    }
  }
  KTS_CHECK_OK(reader.status());
  if (log.groups.empty()) {
    return bad_input("holds no records", "remove the file, or collect the log again",
                     log.path.string());
  }
  for (KindAndPhase& group : log.groups) {
    KTS_CHECK_OK(tidy(group.records, log.path, log.counts));
    std::int64_t due_before = 0;
    for (const NumberedRecord& r : group.records) {
      if (!host_clock_ascends(r.iteration, due_before)) {
        return tl::unexpected(clock_ran_backwards(r.iteration, log.path, r.line));
      }
      due_before = r.iteration.due_ns;
    }
  }
  return {};
}

// One agent's records of one phase.
struct Series {
  std::string agent;
  Phase phase = Phase::kSolo;
  std::string kind;
  const StudyLog* log = nullptr;
  const std::vector<NumberedRecord>* records = nullptr;

  [[nodiscard]] std::int64_t first_due_ns() const { return records->front().iteration.due_ns; }
  [[nodiscard]] std::int64_t last_done_ns() const {
    std::int64_t last = 0;
    for (const NumberedRecord& r : *records) last = std::max(last, r.iteration.done_ns);
    return last;
  }
};

Result<std::vector<Series>> name_series(const std::vector<StudyLog>& logs,
                                        const std::vector<fs::path>& files,
                                        const LoadOptions& options) {
  KTS_TRY(const auto phases, by_file(options.phases, "--phase", files));
  KTS_TRY(const auto agents, by_file(options.agents, "--agent", files));
  std::vector<Series> all;
  for (const StudyLog& log : logs) {
    for (const KindAndPhase& group : log.groups) {
      Series series;
      series.kind = group.kind;
      series.log = &log;
      series.records = &group.records;
      const auto agent = agents.find(log.name);
      series.agent = agent == agents.end() ? lower_case(group.kind) : agent->second;
      std::optional<Phase> phase;
      if (const auto given = phases.find(log.name); given != phases.end()) {
        phase = phase_in(given->second);
        if (!phase) {
          return bad_input(fmt::format("'{}' is neither solo nor shared", given->second),
                           fmt::format("as in {}=shared", log.name), "--phase");
        }
      } else {
        phase = phase_in(group.phase_column);
        if (!phase) phase = phase_in(fs::path(log.name).stem().string());
      }
      if (!phase) {
        return bad_input(
            "neither the phase column nor the file's name tells solo from shared",
            fmt::format("give --phase {}=solo or --phase {}=shared", log.name, log.name),
            log.path.string());
      }
      series.phase = *phase;
      for (const Series& other : all) {
        if (other.agent != series.agent || other.phase != series.phase) continue;
        if (other.log == &log) {
          return bad_input(fmt::format("holds {} records of agent '{}' under more than one phase "
                                       "column or kind",
                                       name(series.phase), series.agent),
                           "split the file into one log for each", log.path.string());
        }
        return bad_input(fmt::format("{} records of agent '{}' stand here and in {}",
                                     name(series.phase), series.agent, other.log->name),
                         fmt::format("tell them apart with --agent {}=NAME or --phase", log.name),
                         log.path.string());
      }
      all.push_back(std::move(series));
    }
  }
  std::sort(all.begin(), all.end(), [](const Series& a, const Series& b) {
    return std::pair(a.phase, a.agent) < std::pair(b.phase, b.agent);
  });
  return all;
}

// The first max(5, ceil(0.05 n)) are warm-up.
Result<std::vector<AgentBlock>> sample(const Series& series, int block_number) {
  const auto& records = *series.records;
  const std::size_t warm_up = std::max<std::size_t>(5, (records.size() + 19) / 20);
  if (records.size() <= warm_up) {
    return bad_input(fmt::format("{} {} records, and the first {} are left out as warm-up",
                                 records.size(), name(series.phase), warm_up),
                     "measure more iterations", series.log->path.string());
  }
  AgentBlock prototype;
  prototype.agent = series.agent;
  prototype.block = block_number;
  prototype.phase = series.phase;
  // The window ends just after the last instant, which belongs to it.
  const std::int64_t last_ns =
      std::min(series.last_done_ns(), std::numeric_limits<std::int64_t>::max() - 1);
  SampleCollector collector(prototype,
                            {series.first_due_ns(), records[warm_up].iteration.due_ns, last_ns + 1},
                            kSegments, records.size());
  for (const NumberedRecord& r : records) collector.add(r.iteration, r.gpu_time_ns);
  std::vector<AgentBlock> blocks = collector.take();
  const std::uint64_t seqs = records.back().iteration.seq - records.front().iteration.seq + 1;
  blocks.front().lost = seqs - records.size();
  return blocks;
}

// Whether agents ran beside each other in the shared phase, or why that can't be said.
std::string not_shared(const std::vector<const Series*>& shared) {
  if (shared.size() < 2) return "it has records of one agent only";
  std::int64_t latest_first = 0;
  std::int64_t earliest_last = std::numeric_limits<std::int64_t>::max();
  for (const Series* series : shared) {
    latest_first = std::max(latest_first, series->first_due_ns());
    earliest_last = std::min(earliest_last, series->last_done_ns());
  }
  return latest_first < earliest_last ? "" : "its agents never ran at the same time";
}

// An agent that outlasts the others ran alone at the end of what is called shared.
void warn_of_time_alone(const std::vector<const Series*>& shared,
                        std::vector<std::string>& warnings) {
  constexpr double kWorthSaying = 0.05;
  for (const Series* one : shared) {
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t last = 0;
    for (const Series* other : shared) {
      if (other == one) continue;
      first = std::min(first, other->first_due_ns());
      last = std::max(last, other->last_done_ns());
    }
    const auto alone = static_cast<std::size_t>(
        std::count_if(one->records->begin(), one->records->end(), [&](const NumberedRecord& r) {
          return r.iteration.done_ns < first || r.iteration.due_ns > last;
        }));
    const double share = static_cast<double>(alone) / static_cast<double>(one->records->size());
    if (share > kWorthSaying) {
      warnings.push_back(fmt::format(
          "{}: {} of {} shared iterations ran before or after the neighbours' ({:.0f} %)",
          one->agent, alone, one->records->size(), 100 * share));
    }
  }
}

}  // namespace

Result<RunData> load_study_logs(const fs::path& folder, const LoadOptions& options) {
  KTS_TRY(const std::vector<fs::path> files, find_logs(folder));
  std::vector<StudyLog> logs(files.size());
  for (std::size_t k = 0; k < files.size(); ++k) {
    logs[k].path = files[k];
    logs[k].name = files[k].filename().string();
  }
  for_each_index(logs.size(), [&](std::size_t k) { logs[k].status = read_log(logs[k]); });

  RunData data;
  Summary& header = data.header;
  header.run_id = folder_name(folder);
  header.scenario = "v1 logs";
  header.source = "KTS_APP v1";
  header.within_run_only = true;
  LogCounts counts;
  for (const StudyLog& log : logs) {
    KTS_CHECK_OK(log.status);
    counts.add(log.counts);
  }
  report_counts(counts, header);

  KTS_TRY(const std::vector<Series> all, name_series(logs, files, options));
  std::int64_t began = std::numeric_limits<std::int64_t>::max();
  std::int64_t finished = 0;
  std::map<std::string, std::string> kind_of;
  std::vector<const Series*> shared;
  // Blocks as they would have been: each solo log one, all shared logs together one.
  const auto shared_block = static_cast<int>(std::count_if(
      all.begin(), all.end(), [](const Series& series) { return series.phase == Phase::kSolo; }));
  int solo_block = 0;
  for (const Series& series : all) {
    began = std::min(began, series.first_due_ns());
    finished = std::max(finished, series.last_done_ns());
    kind_of.emplace(series.agent, lower_case(series.kind));
    if (series.phase == Phase::kShared) shared.push_back(&series);
    KTS_TRY(auto blocks,
            sample(series, series.phase == Phase::kShared ? shared_block : solo_block++));
    if (const std::uint64_t lost = blocks.front().lost; lost > 0) {
      header.warnings.push_back(fmt::format("{}: {} record{} lost between the first and the last",
                                            series.log->name, lost, lost == 1 ? "" : "s"));
    }
    std::move(blocks.begin(), blocks.end(), std::back_inserter(data.blocks));
  }
  header.started = utc_iso8601(EpochTime(Nanoseconds(began)));
  header.duration_s = static_cast<double>(finished - began) * 1e-9;

  if (shared.empty()) {
    header.warnings.emplace_back("there are no shared logs: nothing to compare with");
  } else if (const std::string why = not_shared(shared); !why.empty()) {
    header.inconclusive.push_back("the shared phase was not shared: " + why);
    leave_out_shared_block(data, shared_block);
  } else {
    warn_of_time_alone(shared, header.warnings);
  }

  for (const auto& [agent, kind] : kind_of) {
    AgentInfo info;
    info.name = agent;
    info.workload = kind;
    info.arrival = "closed";
    header.agents.push_back(std::move(info));
  }
  find_baselines(data, [&](std::size_t a, std::size_t b) {
    return header.agents[a].workload == header.agents[b].workload;
  });
  for (const AgentInfo& agent : header.agents) {
    const bool has_solo = std::any_of(all.begin(), all.end(), [&](const Series& series) {
      return series.phase == Phase::kSolo && series.agent == agent.baseline;
    });
    if (!has_solo) {
      header.warnings.push_back(agent.name + " has no solo log: nothing to compare with");
    }
  }
  return data;
}

}  // namespace kts::analysis
