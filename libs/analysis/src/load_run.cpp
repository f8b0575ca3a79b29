// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "chains.hpp"
#include "covariates.hpp"
#include "kernels.hpp"
#include "kts/analysis/datasheet.hpp"
#include "kts/base/clock.hpp"
#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/kernel_trace/activity.hpp"
#include "kts/record/codec.hpp"
#include "kts/scenario/scenario.hpp"
#include "load_samples.hpp"
#include "load_sources.hpp"
#include "memory_use.hpp"
#include "notes.hpp"
#include "parallel.hpp"

namespace kts::analysis {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A block's folder and what its block.json says.
struct BlockFolder {
  int number = 0;
  fs::path path;
  std::string name;  // "blocks/03-shared"
  Phase phase = Phase::kSolo;
  std::optional<Neighbours> neighbours;
  std::vector<std::string> active;
  std::int64_t window_start_ns = 0;
  std::int64_t window_stop_ns = 0;
  bool foreign_process = false;

  [[nodiscard]] bool has_window() const { return window_stop_ns > window_start_ns; }
};

SampleWindow trimmed_window(const BlockFolder& block) {
  const std::int64_t length_ns = block.window_stop_ns - block.window_start_ns;
  return {block.window_start_ns, block.window_start_ns + length_ns / 20, block.window_stop_ns};
}

constexpr std::string_view kDamaged = "restore the file as kts run wrote it, or remove the block";

// A block of which a file is damaged, so that nothing of it counts.
struct DamagedBlock {
  std::string name;  // "blocks/03-shared"
  Error error;
};

// The file's place inside the block's folder: the sentence names the block, and where the run's
// folder lies is no result.
std::string damage_line(const fs::path& folder, DamagedBlock block) {
  std::string& where = block.error.where;
  const std::string inside = folder.string();
  if (where == inside) where.clear();
  if (where.starts_with(inside + "/")) where.erase(0, inside.size() + 1);
  return fmt::format("{} left out: {}", block.name, to_line(block.error));
}

std::optional<std::string> text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::vector<std::string> texts_of(const json& object, const char* key) {
  std::vector<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return texts;
  for (const json& text : *found) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::optional<std::int64_t> instant_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  const auto value = found->get<std::uint64_t>();
  if (!std::in_range<std::int64_t>(value)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

Result<json> read_json(const fs::path& path) {
  KTS_TRY(const std::string text, read_file(path));
  json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return bad_input("is not a JSON object", "restore the file as kts run wrote it", path.string());
  }
  return object;
}

Status parse_block_json(const json& object, const fs::path& path, BlockFolder& block) {
  const auto damaged = [&](const char* key, std::string_view what) {
    return bad_input(fmt::format("'{}' {}", key, what), std::string(kDamaged), path.string());
  };
  const auto phase = text_of(object, "phase");
  if (phase == "solo") {
    block.phase = Phase::kSolo;
  } else if (phase == "shared") {
    block.phase = Phase::kShared;
  } else {
    return damaged("phase", "is neither \"solo\" nor \"shared\"");
  }
  const auto neighbours = text_of(object, "neighbours").value_or("");
  if (block.phase == Phase::kSolo && neighbours == "parked") block.neighbours = Neighbours::kParked;
  if (block.phase == Phase::kSolo && neighbours == "absent") block.neighbours = Neighbours::kAbsent;
  block.active = texts_of(object, "active");
  if (block.active.empty()) return damaged("active", "names no agent");
  if (std::set(block.active.begin(), block.active.end()).size() != block.active.size()) {
    return damaged("active", "names an agent twice");
  }
  const auto start = instant_of(object, "window_start_ns");
  const auto stop = instant_of(object, "window_stop_ns");
  if (!start) return damaged("window_start_ns", "is not an instant in ns");
  if (!stop) return damaged("window_stop_ns", "is not an instant in ns");
  block.window_start_ns = *start;
  block.window_stop_ns = *stop;
  if (block.active.size() == 1 && *stop < *start) {
    return damaged("window_stop_ns", "comes before window_start_ns");
  }
  const auto foreign = object.find("foreign");
  block.foreign_process = foreign != object.end() && foreign->is_array() && !foreign->empty();
  return {};
}

Status read_block_json(const fs::path& path, BlockFolder& block) {
  KTS_TRY(const json object, read_json(path));
  return parse_block_json(object, path, block);
}

// Blocks in the order of their numbers; those that were not finished are warned of.
Result<std::vector<BlockFolder>> find_blocks(const fs::path& run,
                                             std::vector<std::string>& warnings,
                                             std::vector<DamagedBlock>& damaged) {
  std::vector<fs::path> folders;
  std::error_code ec;
  for (fs::directory_iterator it(run / "blocks", ec), end; !ec && it != end; it.increment(ec)) {
    if (it->is_directory(ec)) folders.push_back(it->path());
  }
  if (ec) {
    return bad_input(with_errno("cannot read the folder", ec.value()), {},
                     (run / "blocks").string());
  }
  std::sort(folders.begin(), folders.end());
  std::vector<BlockFolder> blocks;
  for (const fs::path& folder : folders) {
    BlockFolder block;
    block.path = folder;
    const std::string file_name = folder.filename().string();
    block.name = "blocks/" + file_name;
    const char* const last = file_name.data() + file_name.size();
    const auto [end, error] = std::from_chars(file_name.data(), last, block.number);
    if (error != std::errc{} || end == last || *end != '-' || block.number < 0) {
      warnings.push_back(block.name + " left out: its name doesn't begin with a block's number");
      continue;
    }
    if (!fs::exists(folder / "block.json", ec)) {
      warnings.push_back(block.name + " left out: it has no block.json, so it was not finished");
      continue;
    }
    if (Status read = read_block_json(folder / "block.json", block); !read) {
      damaged.push_back({block.name, std::move(read).error()});
      continue;
    }
    if (block.phase == Phase::kSolo && !block.has_window()) {
      warnings.push_back(block.name + " left out: its agents began when it was over");
      continue;
    }
    blocks.push_back(std::move(block));
  }
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const auto& a, const auto& b) { return a.number < b.number; });
  for (std::size_t k = 1; k < blocks.size(); ++k) {
    if (blocks[k].number == blocks[k - 1].number) {
      return bad_input(fmt::format("has the number of {}", blocks[k - 1].name),
                       "keep one of the two", blocks[k].path.string());
    }
  }
  if (blocks.empty() && damaged.empty()) {
    return bad_input("holds no finished block", "run again, or name another folder",
                     (run / "blocks").string());
  }
  return blocks;
}

// One log to read, and what was in it.
struct LogJob {
  const BlockFolder* block = nullptr;
  std::string agent;
  int segments = 1;
  std::uint64_t size_bytes = 0;

  fs::path path;
  std::string name;  // path inside the run's folder

  Status status;
  std::vector<AgentBlock> samples;
  LogCounts counts;
  std::optional<record::BlockMeta> meta;
  std::optional<record::BlockEnd> end;
  std::uint64_t records = 0;
  std::uint64_t lost = 0;
  std::uint64_t tokens = 0;  // lines read
  std::uint64_t tokens_lost = 0;
  std::uint64_t beyond_bound = 0;
  std::int64_t first_due_ns = 0;
  std::int64_t last_done_ns = 0;
};

// Streams one log into samples.
class LogParser {
 public:
  explicit LogParser(LogJob& job) : job_(job), collector_(new_collector(0)) {}

  Status parse() {
    bool ascending = true;
    KTS_CHECK_OK(for_each_record(
        [&](const record::Iteration& i, std::uint64_t line) -> Status {
          if (!follows(i.seq, 0)) ascending = false;
          return ascending ? add(i, line) : Status{};
        },
        [&](const record::Token& token, std::uint64_t line) -> Status {
          if (!follows(token.seq, token.index)) ascending = false;
          return ascending ? add(token, line) : Status{};
        }));
    if (!ascending) KTS_CHECK_OK(parse_sorted());
    return finish();
  }

 private:
  [[nodiscard]] SampleCollector new_collector(std::uint64_t expected) const {
    const BlockFolder& block = *job_.block;
    AgentBlock prototype;
    prototype.agent = job_.agent;
    prototype.block = block.number;
    prototype.phase = block.phase;
    prototype.neighbours = block.neighbours;
    prototype.active = block.active;
    return {prototype, trimmed_window(block), job_.segments, expected};
  }

  // The slow way, for a log whose seq doesn't ascend: all of it in memory, sorted.
  Status parse_sorted() {
    std::vector<NumberedRecord> records;
    std::vector<NumberedToken> tokens;
    KTS_CHECK_OK(for_each_record(
        [&](const record::Iteration& i, std::uint64_t line) -> Status {
          records.push_back({i, 0, line});
          return {};
        },
        [&](const record::Token& token, std::uint64_t line) -> Status {
          tokens.push_back({token, line});
          return {};
        }));
    KTS_CHECK_OK(tidy(records, job_.path, job_.counts));
    KTS_CHECK_OK(tidy(tokens, job_.path, job_.counts));
    collector_ = new_collector(records.size());
    next_seq_ = 0;
    previous_due_ns_ = 0;
    last_token_ = {};
    job_.records = job_.tokens = 0;
    auto token = tokens.begin();
    const auto add_tokens_before = [&](std::uint64_t seq) -> Status {
      for (; token != tokens.end() && token->token.seq < seq; ++token) {
        KTS_CHECK_OK(add(token->token, token->line));
      }
      return {};
    };
    for (const NumberedRecord& r : records) {
      KTS_CHECK_OK(add_tokens_before(r.iteration.seq));
      KTS_CHECK_OK(add(r.iteration, r.line));
    }
    return add_tokens_before(std::numeric_limits<std::uint64_t>::max());
  }

  template <typename Sink, typename TokenSink>
  Status for_each_record(Sink&& sink, TokenSink&& token_sink) {
    job_.counts = {};
    meta_json_.clear();
    end_json_.clear();
    KTS_TRY(LineReader reader, LineReader::open(job_.path));
    LineReader::Line line;
    while (reader.next(line)) {
      const record::Line parsed = record::parse_line(line.text);
      if (const auto* v2 = std::get_if<record::V2Record>(&parsed)) {
        if (!line.whole) {
          job_.counts.add_malformed(job_.name, line.number, "cut short");
          continue;
        }
        if (v2->agent != job_.agent) return wrong_agent("a record", v2->agent, line.number);
        if (next_seq_ == 0 && job_.records == 0) {
          collector_ = new_collector(reader.size_bytes() / (line.text.size() + 1));
        }
        KTS_CHECK_OK(sink(v2->iteration, line.number));
      } else if (const auto* token = std::get_if<record::TokenRecord>(&parsed)) {
        if (!line.whole) {
          job_.counts.add_malformed(job_.name, line.number, "cut short");
          continue;
        }
        if (token->agent != job_.agent) return wrong_agent("a token", token->agent, line.number);
        KTS_CHECK_OK(token_sink(token->token, line.number));
      } else {
        KTS_CHECK_OK(take_other(parsed, line));
      }
    }
    return reader.status();
  }

  Status take_other(const record::Line& parsed, const LineReader::Line& line) {
    if (std::holds_alternative<record::ForeignLine>(parsed)) {
      ++job_.counts.foreign;
    } else if (const auto* malformed = std::get_if<record::MalformedLine>(&parsed)) {
      job_.counts.add_malformed(job_.name, line.number, malformed->reason);
    } else if (std::holds_alternative<record::V1Record>(parsed)) {
      return bad_input("a v1 record among the v2 records of a run",
                       "keep v1 logs in a folder of their own", at_line(job_.path, line.number));
    } else if (const auto* meta = std::get_if<record::MetaLine>(&parsed)) {
      return take_json("META", meta->json, meta_json_, line, [&](std::string_view text) -> Status {
        KTS_TRY(job_.meta, record::parse_meta(text));
        return {};
      });
    } else if (const auto* end = std::get_if<record::EndLine>(&parsed)) {
      return take_json("END", end->json, end_json_, line, [&](std::string_view text) -> Status {
        KTS_TRY(job_.end, record::parse_end(text));
        return {};
      });
    }
    return {};
  }

  // A second META or END that says the same is a duplicate like any other.
  template <typename Parse>
  Status take_json(std::string_view what, std::string_view text, std::string& seen,
                   const LineReader::Line& line, Parse&& parse) {
    if (!seen.empty()) {
      if (seen == text) {
        ++job_.counts.duplicates;
        return {};
      }
      return bad_input(fmt::format("a second {} that differs from the first", what),
                       "keep the lines of one block in one log", at_line(job_.path, line.number));
    }
    if (const Status parsed = parse(text); !parsed) {
      job_.counts.add_malformed(job_.name, line.number, parsed.error().message);
      return {};
    }
    seen = text;
    const std::string& agent = what == "META" ? job_.meta->agent : job_.end->agent;
    if (agent != job_.agent) return wrong_agent(what, agent, line.number);
    return {};
  }

  tl::unexpected<Error> wrong_agent(std::string_view what, std::string_view agent,
                                    std::uint64_t line) const {
    return bad_input(fmt::format("{} of agent '{}' in the log of '{}'", what, agent, job_.agent),
                     "keep each agent's output in its own log", at_line(job_.path, line));
  }

  Status add(const record::Iteration& i, std::uint64_t line) {
    // Those that a chain hands on may overtake each other on their way.
    const bool in_chain = job_.meta && job_.meta->arrival == "chain";
    if (!host_clock_ascends(i, in_chain ? 0 : previous_due_ns_)) {
      return tl::unexpected(clock_ran_backwards(i, job_.path, line));
    }
    if (job_.records == 0) job_.first_due_ns = i.due_ns;
    job_.last_done_ns = std::max(job_.last_done_ns, i.done_ns);
    previous_due_ns_ = i.due_ns;
    // Saturates on the one seq that has no successor.
    next_seq_ = std::max(i.seq, i.seq + 1);
    ++job_.records;
    collector_.add(i, length_ns(i, Measure::kGpuTime));
    last_token_ = {i.seq, 0, i.first_token_ns};
    return {};
  }

  // Whether it comes after all that was read; a record has index 0.
  [[nodiscard]] bool follows(std::uint64_t seq, std::uint64_t index) const {
    return std::pair(seq, index) > std::pair(last_token_.seq, last_token_.index) ||
           job_.records + job_.tokens == 0;
  }

  Status add(const record::Token& token, std::uint64_t line) {
    ++job_.tokens;
    const bool same_request = token.seq == last_token_.seq && job_.records > 0;
    if (same_request && token.done_ns < last_token_.done_ns) {
      return bad_input(fmt::format("the clock runs backwards: token {} of seq {} comes before the "
                                   "one ahead of it",
                                   token.index, token.seq),
                       "measure again with a clock that is not being set",
                       at_line(job_.path, line));
    }
    // Without its request's record it can't be known whether a token belongs to the samples.
    const bool known = same_request && last_token_.done_ns != record::kUnavailable;
    if (known && token.index == last_token_.index + 1) {
      collector_.add_token_gap(token.done_ns - last_token_.done_ns);
    }
    last_token_ = token;
    if (!known) last_token_.done_ns = record::kUnavailable;
    return {};
  }

  Status finish() {
    // An agent may have had nothing to do, and says so.
    if (job_.records == 0 && !(job_.end && job_.end->emitted == 0)) {
      return bad_input("holds no records", "measure again, or remove the block",
                       job_.path.string());
    }
    if (job_.meta && !job_.meta->phase.empty() && job_.meta->phase != name(job_.block->phase)) {
      return bad_input(fmt::format("META says phase '{}', block.json says '{}'", job_.meta->phase,
                                   name(job_.block->phase)),
                       std::string(kDamaged), job_.path.string());
    }
    job_.lost = next_seq_ - job_.records;
    if (job_.end) {
      const record::BlockEnd& end = *job_.end;
      if (end.iterations < next_seq_ || end.emitted < job_.records ||
          end.emitted > end.iterations) {
        return bad_input(
            fmt::format("END counts {} iterations and {} records, the log holds {} records up to "
                        "seq {}",
                        end.iterations, end.emitted, job_.records,
                        next_seq_ == 0 ? 0 : next_seq_ - 1),
            "this log was not written by one worker in one block; measure again",
            job_.path.string());
      }
      job_.lost = end.iterations - job_.records;
      const std::uint64_t tokens = end.tokens.value_or(0);
      const std::uint64_t tokens_emitted = end.tokens_emitted.value_or(tokens);
      if (tokens_emitted < job_.tokens || tokens_emitted > tokens) {
        return bad_input(fmt::format("END counts {} tokens and {} lines of them, the log holds {}",
                                     tokens, tokens_emitted, job_.tokens),
                         "this log was not written by one worker in one block; measure again",
                         job_.path.string());
      }
      job_.tokens_lost = tokens - job_.tokens;
    }
    job_.samples = collector_.take();
    std::int64_t bound_ns = 0;
    if (job_.meta) bound_ns = std::max(bound_ns, job_.meta->clock_bound_ns.value_or(0));
    if (job_.end) bound_ns = std::max(bound_ns, job_.end->clock_bound_ns.value_or(0));
    job_.beyond_bound = count_beyond_bound(job_.samples, bound_ns);
    for (AgentBlock& block : job_.samples) {
      block.meta = job_.meta;
      block.end = job_.end;
    }
    job_.samples.front().lost = job_.lost;
    job_.samples.front().tokens_lost = job_.tokens_lost;
    if (job_.end) {
      // They were due last, before the window's end.
      job_.samples.back().abandoned = job_.end->abandoned;
      job_.samples.back().due_in_window += job_.end->abandoned;
    }
    return {};
  }

  LogJob& job_;
  SampleCollector collector_;
  std::string meta_json_, end_json_;
  std::uint64_t next_seq_ = 0;
  std::int64_t previous_due_ns_ = 0;
  record::Token last_token_;  // index 0: the one that a request's record has
};

std::vector<LogJob> make_jobs(const std::vector<BlockFolder>& blocks) {
  std::map<std::pair<std::string, Phase>, int> blocks_of;
  for (const BlockFolder& block : blocks) {
    for (const auto& agent : block.active) ++blocks_of[{agent, block.phase}];
  }
  std::vector<LogJob> jobs;
  for (const BlockFolder& block : blocks) {
    if (!block.has_window()) continue;
    for (const auto& agent : block.active) {
      LogJob& job = jobs.emplace_back();
      job.block = &block;
      job.agent = agent;
      job.segments = blocks_of[{agent, block.phase}] == 1 ? kSegments : 1;
      job.path = block.path / (agent + ".log");
      job.name = block.name + "/" + agent + ".log";
      std::error_code ec;
      const auto size = fs::file_size(job.path, ec);
      if (!ec) job.size_bytes = size;
    }
  }
  return jobs;
}

void read_logs(std::vector<LogJob>& jobs) {
  // Largest first, so that neither thread is left with a long log at the end.
  std::vector<std::size_t> order(jobs.size());
  for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return jobs[a].size_bytes > jobs[b].size_bytes;
  });
  for_each_index(order.size(), [&](std::size_t k) {
    LogJob& job = jobs[order[k]];
    job.status = LogParser(job).parse();
  });
}

// Why a shared block wasn't shared, or nothing.
std::string not_shared(const BlockFolder& block, const std::vector<const LogJob*>& logs) {
  if (block.active.size() < 2) return "only one agent was active";
  if (!block.has_window()) return "its agents never ran at the same time";
  if (block.foreign_process) return "a foreign process was on the device";
  std::int64_t latest_first = 0;
  std::int64_t earliest_last = std::numeric_limits<std::int64_t>::max();
  std::int64_t began = std::numeric_limits<std::int64_t>::max();
  std::int64_t finished = 0;
  std::int64_t device_cpu_ns = 0;
  bool all_say_cpu = true;
  const std::string* uuid = nullptr;
  for (const LogJob* log : logs) {
    // An agent of few requests was there all the time that it says it was.
    const bool says_when = log->end && log->end->generation_stop_ns > 0;
    if (says_when || log->records > 0) {
      latest_first =
          std::max(latest_first, says_when ? log->end->generation_start_ns : log->first_due_ns);
      earliest_last =
          std::min(earliest_last, says_when ? log->end->generation_stop_ns : log->last_done_ns);
    }
    if (log->records > 0) {
      began = std::min(began, log->first_due_ns);
      finished = std::max(finished, log->last_done_ns);
    }
    // Instances of one card are devices of their own.
    if (log->meta && !log->meta->device_uuid.empty() && log->meta->sharing != "mig") {
      if (uuid != nullptr && *uuid != log->meta->device_uuid) {
        return fmt::format("its agents ran on different devices ({}, {})", *uuid,
                           log->meta->device_uuid);
      }
      uuid = &log->meta->device_uuid;
    }
    if (log->end && log->end->generation_stop_ns > 0) {
      const record::BlockEnd& end = *log->end;
      began = std::min(began, end.generation_start_ns);
      if (end.generation_start_ns > block.window_start_ns ||
          end.generation_stop_ns < block.window_stop_ns) {
        return fmt::format("{} did not run for all of its window", log->agent);
      }
    }
    if (log->end && log->end->device_cpu_ns) {
      // Sums of what a damaged file says must not overflow.
      const std::int64_t room = std::numeric_limits<std::int64_t>::max() - device_cpu_ns;
      device_cpu_ns += std::clamp<std::int64_t>(*log->end->device_cpu_ns, 0, room);
    } else {
      all_say_cpu = false;
    }
  }
  if (latest_first >= earliest_last) return "its agents never ran at the same time";
  const double wall_ns = static_cast<double>(finished) - static_cast<double>(began);
  const double share = static_cast<double>(device_cpu_ns) / wall_ns;
  if (all_say_cpu && share > 1.05) {
    return fmt::format("the device threads used {:.2f} cores, so they did not share one", share);
  }
  return {};
}

void warn_of_logs(const std::vector<LogJob>& jobs, std::vector<std::string>& warnings) {
  struct Totals {
    std::uint64_t records = 0, lost = 0, tokens = 0, tokens_lost = 0, beyond_bound = 0;
    const LogJob* refused = nullptr;  // the first block at whose end it had been denied memory
  };
  Notes notes;
  std::map<std::string, Totals> totals;
  std::map<std::string, const record::BlockMeta*> traces;
  for (const LogJob& job : jobs) {
    if (job.meta && job.meta->trace_requests) traces[job.agent] = &*job.meta;
    Totals& t = totals[job.agent];
    t.records += job.records;
    t.lost += job.lost;
    t.tokens += job.tokens;
    t.tokens_lost += job.tokens_lost;
    t.beyond_bound += job.beyond_bound;
    if (!job.meta) notes.add("meta", job.name + " has no META line: its device is not known");
    if (!job.end) {
      notes.add("end", job.name +
                           " has no END line: it was cut, and what follows its last record is not "
                           "known");
    } else {
      if (job.end->interrupted) notes.add("interrupted", job.name + ": the worker was interrupted");
      if (!job.end->finite) notes.add("finite", job.name + ": results were not finite");
      if (job.end->refused_bytes && t.refused == nullptr) t.refused = &job;
    }
  }
  for (const auto& [agent, meta] : traces) {
    if (meta->trace_failed.value_or(0) > 0) {
      warnings.push_back(fmt::format(
          "{}: {} of {} requests of its trace failed when it was recorded (no output tokens) and "
          "are left out",
          agent, *meta->trace_failed, *meta->trace_failed + *meta->trace_requests));
    }
    if (meta->trace_clamped.value_or(0) > 0) {
      warnings.push_back(
          fmt::format("{}: {} of {} requests of its trace are cut down to the model's context",
                      agent, *meta->trace_clamped, *meta->trace_requests));
    }
  }
  for (const auto& [agent, t] : totals) {
    if (t.refused != nullptr) {
      const record::BlockEnd& end = *t.refused->end;
      const auto bytes = [](std::int64_t value) {
        return format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0)));
      };
      warnings.push_back(fmt::format(
          "{}: {} more were refused, by its limit or the device, with {} "
          "held; it went on with that",
          t.refused->name, bytes(*end.refused_bytes), bytes(end.held_bytes.value_or(0))));
    }
    if (t.lost > 0) {
      notes.add("lost",
                fmt::format(
                    "{}: {} of {} records lost ({:.3g} %)", agent, t.lost, t.records + t.lost,
                    100.0 * static_cast<double>(t.lost) / static_cast<double>(t.records + t.lost)));
    }
    if (t.tokens_lost > 0) {
      warnings.push_back(fmt::format("{}: {} of {} tokens lost ({:.3g} %)", agent, t.tokens_lost,
                                     t.tokens + t.tokens_lost,
                                     100.0 * static_cast<double>(t.tokens_lost) /
                                         static_cast<double>(t.tokens + t.tokens_lost)));
    }
    if (t.beyond_bound > 0) {
      notes.add("bound", fmt::format("{}: {} of {} iterations have device instants out of order by "
                                     "more than the clock's bound",
                                     agent, t.beyond_bound, t.records));
    }
  }
  notes.append_to(warnings);
}

// Those with a kernel trace whose samples are still there. Blocks without one of the agents are
// neither alone nor shared.
std::vector<TracedLog> traced_logs(const std::vector<LogJob>& jobs, const RunData& data) {
  std::vector<TracedLog> traced;
  std::size_t all = 0;
  for (const LogJob& job : jobs) all = std::max(all, job.block->active.size());
  for (const LogJob& job : jobs) {
    const BlockFolder& block = *job.block;
    if (block.phase == Phase::kShared && !data.is_matrix && block.active.size() < all) continue;
    TracedLog log{job.agent,
                  block.phase,
                  job.path,
                  block.path / fmt::format("{}{}", job.agent, kernel_trace::kFileSuffix),
                  block.window_start_ns + (block.window_stop_ns - block.window_start_ns) / 20,
                  block.window_stop_ns,
                  job.end ? job.end->kernels_lost.value_or(0) : 0};
    const bool counts = std::ranges::any_of(data.blocks, [&](const AgentBlock& samples) {
      return samples.block == block.number && samples.agent == job.agent;
    });
    std::error_code ec;
    if (counts && fs::exists(log.kernels, ec)) traced.push_back(std::move(log));
  }
  return traced;
}

std::string workload_of(const record::BlockMeta& meta) {
  std::vector<workload::GivenParameter> given;
  for (const auto& [name, value] : meta.parameters) {
    given.push_back({name, workload::to_text(value)});
  }
  if (given.empty() && meta.size > 0) given.push_back({"size", fmt::format("{}", *meta.size)});
  const auto spec = workload::complete(meta.workload, given);
  return spec && !given.empty() ? workload::describe(*spec) : meta.workload;
}

// As far as META says it; a scenario.yaml says it better.
workload::ArrivalSpec arrival_of(const record::BlockMeta& meta) {
  workload::ArrivalSpec spec;
  spec.process = workload::arrival_process_from_name(meta.arrival)
                     .value_or(workload::ArrivalProcess::kSaturate);
  spec.rate_per_s = meta.rate_per_s.value_or(0);
  spec.think = Nanoseconds(meta.think_ns.value_or(0));
  spec.cv = meta.cv.value_or(spec.cv);
  spec.on = Nanoseconds(meta.on_ns.value_or(0));
  spec.off = Nanoseconds(meta.off_ns.value_or(0));
  if (meta.phases == "fixed") spec.phases = workload::PhaseLengths::kFixed;
  spec.trace.file = meta.trace;
  spec.trace.scale = meta.trace_scale.value_or(spec.trace.scale);
  spec.trace.wrap = meta.trace_wrap.value_or(spec.trace.wrap);
  spec.trace.from = Nanoseconds(meta.trace_from_ns.value_or(0));
  spec.trace.length = Nanoseconds(meta.trace_length_ns.value_or(0));
  return spec;
}

bool same_baseline(const record::BlockMeta& a, const record::BlockMeta& b) {
  return a.workload == b.workload && a.size == b.size && a.parameters == b.parameters &&
         a.arrival == b.arrival && arrival_of(a) == arrival_of(b) && a.in_flight == b.in_flight;
}

AgentInfo describe(const scenario::AgentSpec& agent) {
  AgentInfo info;
  info.name = agent.name;
  info.workload = workload::describe(agent.workload);
  info.arrival = workload::describe(agent.arrival);
  if (agent.slo) {
    info.slo_quantile = agent.slo->quantile;
    info.slo_latency_ms = to_ms(agent.slo->latency.count());
  }
  return info;
}

void add_damage(std::string what, RunData& data) {
  data.header.inconclusive.push_back(what);
  data.damage.push_back(std::move(what));
}

// environment.json: device, sharing and what the run had to say of itself; all of it optional. One
// that is damaged may have said that the run can't conclude.
void read_environment(const fs::path& run, RunData& data) {
  Summary& header = data.header;
  const fs::path path = run / "environment.json";
  std::error_code ec;
  if (fs::exists(run / kDamagedEnvironmentFile, ec)) {
    add_damage(fmt::format("{} is of earlier blocks, of which it isn't known what was wrong when "
                           "they were measured",
                           kDamagedEnvironmentFile),
               data);
  }
  if (!fs::exists(path, ec)) {
    header.warnings.push_back("environment.json is missing: the driver is not known");
    return;
  }
  const Result<json> read = read_json(path);
  if (!read) {
    header.warnings.push_back(
        fmt::format("environment.json left out: {}; {}", read.error().message, read.error().hint));
    add_damage(
        "environment.json is damaged, so that it isn't known what was wrong when it was measured",
        data);
    return;
  }
  const json& object = *read;
  if (const auto device = object.find("device"); device != object.end() && device->is_object()) {
    header.device.kind = text_of(*device, "kind").value_or("");
    header.device.name = text_of(*device, "name").value_or("");
    header.device.uuid = text_of(*device, "uuid").value_or("");
    header.device.driver = text_of(*device, "driver").value_or("");
  }
  header.sharing = text_of(object, "sharing").value_or("");
  header.memory = memory_use(object);
  for (auto& text : texts_of(object, "warnings")) header.warnings.push_back(std::move(text));
  for (auto& text : texts_of(object, "inconclusive")) {
    header.inconclusive.push_back(std::move(text));
  }
}

// The lengths of turns from a data sheet. One that was asked for must have them; one that merely
// lies in the folder is left out with a warning.
Status read_turns(const fs::path& run, const LoadOptions& options, RunData& data) {
  const bool asked = !options.datasheet.empty();
  const fs::path path = asked ? options.datasheet : run / kDataSheetFile;
  std::error_code ec;
  if (!asked && !fs::exists(path, ec)) return {};
  const Result<DataSheet> read = read_file(path).and_then(
      [&](const std::string& text) { return parse_datasheet(text, path.string()); });
  if (!read) {
    if (asked) return tl::unexpected(read.error());
    data.header.warnings.push_back(
        fmt::format("{} left out: {}; turns are estimated from the run itself", kDataSheetFile,
                    read.error().message));
    return {};
  }
  const DataSheet& sheet = *read;
  TurnFigures turns;
  turns.source = fmt::format("data sheet {}", path.filename().string());
  for (auto [key, to] : {std::pair("time_slice_ms", &turns.slice_ms),
                         std::pair("context_switch_ms", &turns.switch_ms)}) {
    const Figure* figure = find_figure(sheet, key);
    if (figure && figure->value.value && *figure->value.value > 0) *to = figure->value.value;
    if (*to) continue;
    const std::string what = fmt::format("has no {}", key);
    if (asked) return bad_input(what, "measure it again with kts probe", path.string());
    data.header.warnings.push_back(
        fmt::format("{} {}: turns are estimated from the run itself", kDataSheetFile, what));
    return {};
  }
  const DeviceInfo& device = data.header.device;
  if (!sheet.device.name.empty() && !device.name.empty() && sheet.device.name != device.name) {
    data.header.warnings.push_back(
        fmt::format("{} is of {}, the run of {}: its lengths of turns may not hold here",
                    path.filename().string(), sheet.device.name, device.name));
  }
  data.turns = std::move(turns);
  return {};
}

// What META knows better than environment.json, which was written before the workers were there.
void take_device(const std::vector<LogJob>& jobs, Summary& header) {
  const auto fill = [](std::string& to, const std::string& from) {
    if (to.empty()) to = from;
  };
  for (const LogJob& job : jobs) {
    if (!job.meta) continue;
    fill(header.device.kind, job.meta->device);
    fill(header.device.name, job.meta->device_name);
    fill(header.device.uuid, job.meta->device_uuid);
    fill(header.sharing, job.meta->sharing);
  }
}

// The UUID of the card that the agents take turns on; a CPU device stands in for it on Kubernetes.
std::string card_of(const std::vector<LogJob>& jobs, const Summary& header) {
  for (const LogJob& job : jobs) {
    if (job.meta && !job.meta->gpu_uuid.empty()) return job.meta->gpu_uuid;
  }
  return header.device.uuid;
}

void check_one_device_an_agent(const std::vector<LogJob>& jobs, Summary& header) {
  std::map<std::string, std::set<std::string>> devices;
  for (const LogJob& job : jobs) {
    if (job.meta && !job.meta->device_uuid.empty()) {
      devices[job.agent].insert(job.meta->device_uuid);
    }
  }
  for (const auto& [agent, uuids] : devices) {
    if (uuids.size() > 1) {
      header.inconclusive.push_back(fmt::format(
          "{} ran on {} different devices, so its solo and shared blocks can't be compared", agent,
          uuids.size()));
    }
  }
}

// The first damage of each block by its number.
using Damage = std::map<int, Error>;

void load_chains(const scenario::Scenario& scenario, const std::vector<LogJob>& jobs,
                 const std::vector<BlockFolder>& blocks, RunData& data, Damage& damage) {
  for (const scenario::Chain& chain : scenario.chains) {
    const std::vector<scenario::ChainStep> steps = steps_of(chain);
    for (const BlockFolder& block : blocks) {
      const bool active = std::ranges::all_of(steps, [&](const scenario::ChainStep& step) {
        return std::ranges::find(block.active, step.agent) != block.active.end();
      });
      if (!active || !block.has_window()) continue;
      ChainBlockFolder folder;
      folder.path = block.path;
      folder.prototype.block = block.number;
      folder.prototype.phase = block.phase;
      folder.prototype.neighbours = block.neighbours;
      folder.prototype.active = block.active;
      folder.window = trimmed_window(block);
      for (const LogJob& job : jobs) {
        if (job.block == &block && job.agent == steps.front().agent) folder.segments = job.segments;
      }
      if (Status loaded = load_chain_block(chain, folder, data); !loaded) {
        damage.try_emplace(block.number, std::move(loaded).error());
      }
    }
  }
}

// Samples of all blocks. One of which a file is damaged is left out of `blocks`; the others are
// then read again, as it depends on their number how they are read.
std::vector<LogJob> read_blocks(const std::optional<scenario::Scenario>& scenario,
                                std::vector<BlockFolder>& blocks,
                                std::vector<DamagedBlock>& damaged, RunData& data) {
  for (;;) {
    std::vector<LogJob> jobs = make_jobs(blocks);
    read_logs(jobs);
    Damage damage;
    for (LogJob& job : jobs) {
      if (!job.status) damage.try_emplace(job.block->number, job.status.error());
    }
    data.blocks.clear();
    data.chains.clear();
    for (LogJob& job : jobs) {
      if (damage.empty()) {
        std::move(job.samples.begin(), job.samples.end(), std::back_inserter(data.blocks));
      }
    }
    if (damage.empty() && scenario) load_chains(*scenario, jobs, blocks, data, damage);
    if (damage.empty()) return jobs;
    for (const BlockFolder& block : blocks) {
      const auto found = damage.find(block.number);
      if (found != damage.end()) damaged.push_back({block.name, found->second});
    }
    std::erase_if(blocks, [&](const BlockFolder& block) { return damage.contains(block.number); });
  }
}

// What is damaged is told of in full, and that it is missing is why the run can't conclude.
void warn_of_damage(const fs::path& run, const std::vector<DamagedBlock>& damaged,
                    std::size_t whole, RunData& data) {
  if (damaged.empty()) return;
  std::vector<std::string> names;
  for (const DamagedBlock& block : damaged) {
    data.header.warnings.push_back(damage_line(run / block.name, block));
    names.push_back(block.name);
  }
  add_damage(fmt::format("{} of {} blocks {} damaged and left out: {}", damaged.size(),
                         damaged.size() + whole, damaged.size() == 1 ? "is" : "are",
                         fmt::join(names, ", ")),
             data);
}

// Of those that chains tie to each other.
void name_parties(const scenario::Scenario& scenario, std::vector<AgentInfo>& agents) {
  for (std::size_t i = 0; i < scenario.agents.size(); ++i) {
    if (scenario.agents[i].arrival.process != workload::ArrivalProcess::kChain) continue;
    agents[i].party = party_name(scenario, party_of(scenario, i));
  }
}

std::vector<BlockWindow> windows_of(const std::vector<BlockFolder>& blocks) {
  std::set<std::vector<std::string>> sets;
  for (const BlockFolder& block : blocks) {
    if (block.phase == Phase::kShared) sets.insert(block.active);
  }
  std::vector<BlockWindow> windows;
  for (const BlockFolder& block : blocks) {
    if (!block.has_window()) continue;
    const bool solo = block.phase == Phase::kSolo && block.active.size() == 1;
    BlockWindow window{block.phase,
                       solo ? block.active.front() : std::string(),
                       block.window_start_ns,
                       block.window_stop_ns,
                       block.path.filename().string(),
                       {}};
    window.label = name(block.phase);
    if (solo || sets.size() > 1) {
      window.label += fmt::format(" {}", fmt::join(block.active, " + "));
    }
    windows.push_back(std::move(window));
  }
  return windows;
}

}  // namespace

Result<RunData> load_run_folder(const fs::path& run, const LoadOptions& options) {
  RunData data;
  Summary& header = data.header;
  header.run_id = folder_name(run);
  header.source = "kts.records/v2";

  std::optional<scenario::Scenario> scenario;
  std::error_code ec;
  if (fs::exists(run / "scenario.yaml", ec)) {
    KTS_TRY(scenario, scenario::load(run / "scenario.yaml"));
    header.scenario = scenario->name;
    data.is_matrix = scenario->plan.order == scenario::Order::kMatrix;
  } else {
    header.warnings.push_back("scenario.yaml is missing: objectives are not known");
  }
  read_environment(run, data);
  std::vector<DamagedBlock> damaged;
  KTS_TRY(std::vector<BlockFolder> blocks, find_blocks(run, header.warnings, damaged));
  const std::vector<LogJob> jobs = read_blocks(scenario, blocks, damaged, data);
  std::ranges::stable_sort(damaged, {}, &DamagedBlock::name);
  if (blocks.empty()) return tl::unexpected(damaged.front().error);
  warn_of_damage(run, damaged, blocks.size(), data);

  LogCounts counts;
  std::int64_t began = std::numeric_limits<std::int64_t>::max();
  std::int64_t finished = 0;
  for (const LogJob& job : jobs) {
    counts.add(job.counts);
    if (job.records > 0) {
      began = std::min(began, job.first_due_ns);
      finished = std::max(finished, job.last_done_ns);
    }
    if (job.segments > 1) header.within_run_only = true;
  }
  if (finished > 0) {
    header.started = utc_iso8601(EpochTime(Nanoseconds(began)));
    header.duration_s = static_cast<double>(finished - began) * 1e-9;
  }
  report_counts(counts, header);
  warn_of_logs(jobs, header.warnings);
  take_device(jobs, header);
  check_one_device_an_agent(jobs, header);
  KTS_CHECK_OK(read_turns(run, options, data));

  for (const BlockFolder& block : blocks) {
    if (block.phase != Phase::kShared) continue;
    std::vector<const LogJob*> logs;
    for (const LogJob& job : jobs) {
      if (job.block == &block) logs.push_back(&job);
    }
    const std::string why = not_shared(block, logs);
    if (why.empty()) continue;
    header.inconclusive.push_back(fmt::format("{} was not shared: {}", block.name, why));
    leave_out_shared_block(data, block.number);
    data.not_shared.push_back({block.number, block.active, why});
  }

  KTS_CHECK_OK(read_covariates(run, windows_of(blocks), card_of(jobs, header), header));

  if (scenario) {
    if (header.sharing.empty()) header.sharing = scenario->sharing;
    for (const auto& agent : scenario->agents) header.agents.push_back(describe(agent));
    name_parties(*scenario, header.agents);
    for (const LogJob& job : jobs) {
      const bool known = std::any_of(scenario->agents.begin(), scenario->agents.end(),
                                     [&](const auto& agent) { return agent.name == job.agent; });
      if (!known) {
        return bad_input(fmt::format("scenario.yaml has no agent '{}'", job.agent),
                         std::string(kDamaged), (job.block->path / "block.json").string());
      }
    }
    find_baselines(data, [&](std::size_t a, std::size_t b) {
      return scenario::same_baseline(scenario->agents[a], scenario->agents[b]);
    });
    for (const scenario::Chain& chain : scenario->chains) {
      AgentInfo& info = header.agents.emplace_back(describe_chain(chain));
      const std::string first = steps_of(chain).front().agent;
      info.party = std::ranges::find(header.agents, first, &AgentInfo::name)->party;
      data.baseline[chain.name] = chain.name;
    }
  } else {
    std::vector<const LogJob*> first_log;
    for (const LogJob& job : jobs) {
      const bool listed = std::any_of(first_log.begin(), first_log.end(),
                                      [&](const LogJob* log) { return log->agent == job.agent; });
      if (!listed) first_log.push_back(&job);
    }
    for (const LogJob* log : first_log) {
      AgentInfo info;
      info.name = log->agent;
      if (log->meta) {
        info.workload = workload_of(*log->meta);
        info.arrival = workload::describe(arrival_of(*log->meta));
      }
      header.agents.push_back(std::move(info));
    }
    find_baselines(data, [&](std::size_t a, std::size_t b) {
      const auto& left = first_log[a]->meta;
      const auto& right = first_log[b]->meta;
      return left && right && same_baseline(*left, *right);
    });
  }
  KTS_CHECK_OK(read_kernels(traced_logs(jobs, data), data.baseline, header));
  return data;
}

}  // namespace kts::analysis
