// SPDX-License-Identifier: Apache-2.0
#include "kts/timeline/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/kernel_trace/activity.hpp"
#include "kts/record/codec.hpp"
#include "kts/timeline/chrome_trace.hpp"
#include "lanes.hpp"
#include "run_files.hpp"

namespace kts::timeline {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using kernel_trace::Activity;
using kernel_trace::Kind;

constexpr int kRunPid = 1;
constexpr int kTelemetryPid = 2;
constexpr int kFirstAgentPid = 10;
// Above every pid, and no thread of two processes: readers take a tid for the whole machine's.
constexpr int kFirstTid = 1000;
// Of the limit: what telemetry may take; what names, blocks and otherData are left.
constexpr std::uint64_t kTelemetryShare = 8;
constexpr std::uint64_t kReserveBytes = 64 * 1024;
constexpr std::uint64_t kReservePerFile = 512;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kLongestName = 160;

// What stands on the rows of an agent; their order from above.
enum class Row : std::uint8_t { kRequests, kStream, kSync, kOverhead };

struct LeftOut {
  std::uint64_t damaged = 0;    // instants that run backwards
  std::uint64_t too_early = 0;  // before the trace's origin
  std::uint64_t no_row = 0;     // more at once than there are rows
  std::uint64_t clipped = 0;    // drawn, but cut to their iteration
  [[nodiscard]] bool any() const { return damaged + too_early + no_row > 0; }
};

// An agent's process track: rows come into being when something stands on them.
class AgentTrack {
 public:
  // `next_tid` is common to all tracks.
  AgentTrack(ChromeTrace& out, int pid, int& next_tid)
      : out_(out), pid_(pid), next_tid_(next_tid) {}

  [[nodiscard]] int pid() const { return pid_; }
  // The row that is free for this; nullopt when there is none.
  std::optional<int> place(Row row, std::uint32_t stream, std::int64_t start_ns,
                           std::int64_t end_ns) {
    Rows& rows = rows_[{row, stream}];
    const auto lane = rows.lanes.place(start_ns, end_ns);
    if (!lane) return std::nullopt;
    if (static_cast<std::size_t>(*lane) == rows.tids.size()) {
      const int tid = next_tid_++;
      rows.tids.push_back(tid);
      std::string name = name_of(row, stream);
      if (*lane > 0) name += fmt::format(" ({})", *lane + 1);
      out_.name_thread(pid_, tid, json_string(name),
                       static_cast<int>(row) * 100'000 +
                           static_cast<int>(std::min<std::uint32_t>(stream, 1000)) * 100 + *lane);
    }
    return rows.tids[static_cast<std::size_t>(*lane)];
  }

 private:
  struct Rows {
    Lanes lanes;
    std::vector<int> tids;
  };
  static std::string name_of(Row row, std::uint32_t stream) {
    switch (row) {
      case Row::kRequests:
        return "requests";
      case Row::kStream:
        return fmt::format("GPU stream {}", stream);
      case Row::kSync:
        return "host waits";
      case Row::kOverhead:
        return "tracing overhead";
    }
    return {};
  }

  ChromeTrace& out_;
  int pid_;
  int& next_tid_;
  std::map<std::pair<Row, std::uint32_t>, Rows> rows_;
};

std::string name_of_folder(const fs::path& run) {
  std::error_code ec;
  fs::path whole = fs::weakly_canonical(run, ec);
  if (!whole.has_filename()) whole = whole.parent_path();
  return whole.filename().string();
}

class Drawing {
 public:
  Drawing(const fs::path& run, std::vector<BlockFiles> blocks, const TimelineOptions& options,
          ChromeTrace& out)
      : run_(run),
        run_name_(name_of_folder(run)),
        blocks_(std::move(blocks)),
        limit_(options.limit_bytes),
        out_(out) {
    // Never moved by the choice of blocks, so that two traces of a run can be laid side by side.
    std::int64_t first = blocks_.front().window_start_ns;
    for (const BlockFiles& block : blocks_) first = std::min(first, block.window_start_ns);
    origin_ns_ = std::max<std::int64_t>(0, (first / kSecond - 1) * kSecond);
    if (!options.blocks.empty()) {
      std::erase_if(blocks_, [&](const BlockFiles& block) {
        return std::ranges::find(options.blocks, block.number) == options.blocks.end();
      });
    }
  }

  Status draw() {
    name_tracks();
    draw_blocks();
    draw_telemetry();
    std::size_t pieces = 0;
    for (const BlockFiles& block : blocks_) pieces += files_of(block).size();
    files_ = pieces;
    for (const BlockFiles& block : blocks_) {
      for (const auto& [agent, path, kernels] : files_of(block)) {
        const std::uint64_t end = end_of_piece(pieces--);
        if (kernels) {
          draw_kernels(block, agent, path, end);
        } else {
          draw_requests(block, agent, path, end);
        }
        KTS_CHECK_OK(out_.status());
      }
    }
    return out_.close(other_data().dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  [[nodiscard]] std::vector<std::string> warnings() const {
    std::vector<std::string> lines;
    if (!cuts_.empty()) {
      lines.push_back(
          fmt::format("trace.json holds the beginning of {} of {} block logs, for {}; its "
                      "otherData says which; "
                      "kts report --trace-all draws everything, --trace-block N one block",
                      cuts_.size(), files_, limit_ ? format_bytes(*limit_) : "no limit"));
    }
    const std::uint64_t odd = left_out_.damaged + left_out_.too_early + left_out_.no_row;
    if (odd > 0) {
      lines.push_back(
          fmt::format("trace.json leaves out {} line{} that can't be drawn: {} whose "
                      "instants run backwards or can't be read, {} from before the "
                      "run, {} beyond {} at a time",
                      odd, odd == 1 ? "" : "s", left_out_.damaged, left_out_.too_early,
                      left_out_.no_row, Lanes::kMost));
    }
    return lines;
  }

 private:
  struct File {
    std::string agent;
    fs::path path;
    bool kernels = false;
  };
  [[nodiscard]] static std::vector<File> files_of(const BlockFiles& block) {
    std::vector<File> files;
    std::error_code ec;
    for (const std::string& agent : block.active) {
      if (agent.find('/') != std::string::npos) continue;
      for (const bool kernels : {false, true}) {
        fs::path path =
            block.folder / fmt::format("{}{}", agent, kernels ? kernel_trace::kFileSuffix : ".log");
        if (fs::exists(path, ec)) files.push_back({agent, std::move(path), kernels});
      }
    }
    return files;
  }

  [[nodiscard]] std::uint64_t end_of_piece(std::size_t pieces_left) const {
    if (!limit_) return UINT64_MAX;
    const std::uint64_t used = out_.size_bytes() + kReserveBytes + kReservePerFile * files_;
    const std::uint64_t left = *limit_ > used ? *limit_ - used : 0;
    return out_.size_bytes() + left / std::max<std::size_t>(1, pieces_left);
  }

  void name_tracks() {
    out_.name_process(kRunPid, R"("run")", json_string(run_name_), 0);
    out_.name_process(kTelemetryPid, R"("telemetry")", R"("telemetry/*.csv")", 1);
    // Shared blocks name the agents in the scenario's order.
    std::vector<const BlockFiles*> by_size;
    for (const BlockFiles& block : blocks_) by_size.push_back(&block);
    std::ranges::stable_sort(by_size, [](const BlockFiles* a, const BlockFiles* b) {
      return a->active.size() > b->active.size();
    });
    for (const BlockFiles* block : by_size) {
      for (const std::string& agent : block->active) {
        if (tracks_.contains(agent)) continue;
        const int pid = kFirstAgentPid + static_cast<int>(tracks_.size());
        tracks_.emplace(agent, AgentTrack(out_, pid, next_tid_));
        std::string label;
        if (const auto meta = meta_of(block->folder / fmt::format("{}.log", agent))) {
          label = meta->workload;
          if (meta->size) label += fmt::format(" {}", *meta->size);
          label += ", " + meta->arrival;
          if (meta->rate_per_s) label += fmt::format(" {}/s", *meta->rate_per_s);
        }
        out_.name_process(pid, json_string(agent), label.empty() ? label : json_string(label), pid);
      }
    }
  }

  [[nodiscard]] std::int64_t at(std::int64_t epoch_ns) const { return epoch_ns - origin_ns_; }

  void draw_blocks() {
    Lanes lanes;
    std::vector<int> tids;
    for (const BlockFiles& block : blocks_) {
      const std::int64_t start = block.window_start_ns;
      const std::int64_t stop = block.window_stop_ns;
      const auto lane = stop >= start ? lanes.place(start, stop) : std::nullopt;
      if (!lane) {
        ++left_out_.damaged;
        continue;
      }
      const auto row = static_cast<std::size_t>(*lane);
      if (row == tids.size()) {
        tids.push_back(next_tid_++);
        out_.name_thread(kRunPid, tids.back(),
                         json_string(*lane == 0 ? "blocks" : fmt::format("blocks ({})", *lane + 1)),
                         *lane);
      }
      Json args{{"block", block.number}};
      if (block.cycle) args["cycle"] = *block.cycle;
      if (!block.neighbours.empty()) args["neighbours"] = block.neighbours;
      args["active"] = block.active;
      std::string name = block.phase;
      if (block.phase == "solo" && block.active.size() == 1) name += " " + block.active.front();
      out_.slice(kRunPid, tids[row], json_string(name), at(start), at(stop),
                 args.dump(-1, ' ', false, Json::error_handler_t::replace));
    }
  }

  // Of the time around the blocks that are drawn.
  void draw_telemetry() {
    std::vector<fs::path> files;
    std::error_code ec;
    for (fs::directory_iterator it(run_ / "telemetry", ec), end; !ec && it != end;
         it.increment(ec)) {
      if (it->path().extension() == ".csv") files.push_back(it->path());
    }
    std::ranges::sort(files);
    std::size_t left = files.size();
    for (const fs::path& file : files) {
      const std::uint64_t end = !limit_ ? UINT64_MAX
                                        : out_.size_bytes() + *limit_ / kTelemetryShare /
                                                                  std::max<std::size_t>(1, left--);
      CounterReader reader(file);
      Counter counter;
      bool cut = false;
      while (reader.next(counter) && !cut) {
        if (!near_a_block(counter.at_ns)) continue;
        cut = out_.size_bytes() >= end;
        if (cut) break;
        out_.counter(kTelemetryPid, json_string(counter.of + " " + counter.column),
                     at(counter.at_ns), counter.value);
      }
      if (cut) telemetry_cut_.push_back(file.filename().string());
    }
  }
  [[nodiscard]] bool near_a_block(std::int64_t epoch_ns) const {
    return epoch_ns >= origin_ns_ && std::ranges::any_of(blocks_, [&](const BlockFiles& block) {
             return epoch_ns >= block.window_start_ns - kSecond &&
                    epoch_ns <= block.window_stop_ns + kSecond;
           });
  }

  // Draws a file line by line until its piece of the trace is full. `parse` gives nothing for a
  // line that is none of its own and an error for a damaged one; `draw` says until when it drew.
  template <typename Parse, typename Draw>
  void draw_file(const BlockFiles& block, const fs::path& path, std::uint64_t end_bytes,
                 Parse parse, Draw draw) {
    std::ifstream in(path, std::ios::binary);
    std::string line;
    std::uint64_t drawn = 0;
    std::int64_t until_ns = block.window_start_ns;
    while (std::getline(in, line)) {
      const auto item = parse(line);
      if (!item) continue;
      if (!*item) {
        ++left_out_.damaged;
        continue;
      }
      if (out_.size_bytes() >= end_bytes) {
        note_cut(block, path, drawn, until_ns);
        return;
      }
      until_ns = draw(**item);
      ++drawn;
    }
  }

  void draw_requests(const BlockFiles& block, const std::string& agent, const fs::path& path,
                     std::uint64_t end_bytes) {
    AgentTrack& track = tracks_.at(agent);
    const auto parse = [](const std::string& line) -> std::optional<Result<record::Iteration>> {
      if (!line.starts_with("KTS_APP,")) return std::nullopt;
      const record::Line parsed = record::parse_line(line);
      if (const auto* v2 = std::get_if<record::V2Record>(&parsed)) return v2->iteration;
      return bad_input("no record of five instants", "", line);
    };
    draw_file(block, path, end_bytes, parse, [&](const record::Iteration& iteration) {
      draw_iteration(track, iteration);
      return iteration.done_ns;
    });
  }

  void draw_iteration(AgentTrack& track, const record::Iteration& i) {
    if (i.done_ns < i.submit_ns || i.submit_ns < i.due_ns) {
      ++left_out_.damaged;
      return;
    }
    if (i.due_ns < origin_ns_) {
      ++left_out_.too_early;
      return;
    }
    const auto tid = track.place(Row::kRequests, 0, i.submit_ns, i.done_ns);
    if (!tid) {
      ++left_out_.no_row;
      return;
    }
    const int pid = track.pid();
    if (i.submit_ns > i.due_ns) {
      out_.async_slice(pid, *tid, R"("backlog")", at(i.due_ns), at(i.submit_ns));
    }
    const bool has_start = i.gpu_start_ns != record::kUnavailable;
    const bool has_end = i.gpu_end_ns != record::kUnavailable;
    // Parts come out negative within the clocks' error; what is drawn must nest.
    const std::int64_t start =
        has_start ? std::clamp(i.gpu_start_ns, i.submit_ns, i.done_ns) : i.submit_ns;
    const std::int64_t end =
        has_end ? std::clamp(i.gpu_end_ns, has_start ? start : i.submit_ns, i.done_ns) : i.done_ns;
    const bool clipped = (has_start && start != i.gpu_start_ns) || (has_end && end != i.gpu_end_ns);
    std::string args = fmt::format(R"({{"seq":{})", i.seq);
    if (is_request(i)) {
      args +=
          fmt::format(R"(,"input_tokens":{},"output_tokens":{})", i.input_tokens, i.output_tokens);
    }
    if (clipped) {
      ++left_out_.clipped;
      const auto add = [&](record::Measure measure) {
        const std::int64_t ns = length_ns(i, measure);
        if (ns != record::kUnavailable) {
          args += fmt::format(R"(,"{}_ns":{})", info(measure).name, ns);
        }
      };
      add(record::Measure::kGpuWait);
      add(record::Measure::kGpuTime);
      add(record::Measure::kNotify);
    }
    args += '}';
    out_.slice(pid, *tid, R"("request")", at(i.submit_ns), at(i.done_ns), args);
    const auto part = [&](bool known, std::string_view name, std::int64_t from, std::int64_t to) {
      if (known && to > from) out_.slice(pid, *tid, name, at(from), at(to));
    };
    part(has_start, R"("gpu_wait")", i.submit_ns, start);
    part(has_start && has_end, R"("gpu_time")", start, end);
    part(has_end, R"("notify")", end, i.done_ns);
    if (is_request(i) && i.first_token_ns >= i.submit_ns && i.first_token_ns <= i.done_ns) {
      out_.instant(pid, *tid, R"("first token")", at(i.first_token_ns));
    }
  }

  void draw_kernels(const BlockFiles& block, const std::string& agent, const fs::path& path,
                    std::uint64_t end_bytes) {
    AgentTrack& track = tracks_.at(agent);
    const auto parse = [](const std::string& line) -> std::optional<Result<Activity>> {
      if (line.empty() || line.front() == '#' || line + '\n' == kernel_trace::kCsvHeader) {
        return std::nullopt;
      }
      return kernel_trace::parse_csv(line);
    };
    draw_file(block, path, end_bytes, parse, [&](const Activity& activity) {
      draw_activity(track, activity);
      return activity.end_ns;
    });
  }

  void draw_activity(AgentTrack& track, const Activity& activity) {
    if (activity.start_ns < origin_ns_) {
      ++left_out_.too_early;
      return;
    }
    const Row row = kernel_trace::on_device(activity.kind) ? Row::kStream
                    : activity.kind == Kind::kSync         ? Row::kSync
                                                           : Row::kOverhead;
    const std::uint32_t stream = row == Row::kStream ? activity.stream.value_or(0) : 0;
    const auto tid = track.place(row, stream, activity.start_ns, activity.end_ns);
    if (!tid) {
      ++left_out_.no_row;
      return;
    }
    std::string args;
    const auto add = [&args](std::string_view key, const std::string& value) {
      args += fmt::format(R"({}"{}":{})", args.empty() ? "{" : ",", key, value);
    };
    const auto dimensions = [](const kernel_trace::Dim& d) {
      return fmt::format(R"("{}x{}x{}")", d.x, d.y, d.z);
    };
    if (activity.grid) add("grid", dimensions(*activity.grid));
    if (activity.block) add("block", dimensions(*activity.block));
    if (activity.bytes) add("bytes", std::to_string(*activity.bytes));
    if (activity.correlation) add("correlation", std::to_string(*activity.correlation));
    if (!args.empty()) args += '}';
    out_.slice(track.pid(), *tid, name_of(activity), at(activity.start_ns), at(activity.end_ns),
               args);
  }

  // As JSON; kernels of a run are few, their launches many.
  const std::string& name_of(const Activity& activity) {
    const auto known = names_.find(activity.name);
    if (known != names_.end()) return known->second;
    std::string name = kernel_trace::readable_name(activity.name);
    if (activity.kind != Kind::kKernel) {
      name = fmt::format("{}: {}", kernel_trace::name(activity.kind), name);
    }
    if (name.size() > kLongestName) name = name.substr(0, kLongestName) + "…";
    return names_.emplace(activity.name, json_string(name)).first->second;
  }

  void note_cut(const BlockFiles& block, const fs::path& path, std::uint64_t drawn,
                std::int64_t until_ns) {
    Json cut{{"file", (fs::path("blocks") / block.folder.filename() / path.filename()).string()},
             {"drawn", drawn},
             {"of", nullptr},
             {"until_us", static_cast<double>(std::max<std::int64_t>(0, at(until_ns))) / 1000}};
    if (const auto end = end_of(path)) cut["of"] = end->emitted;  // a log's
    cuts_.push_back(std::move(cut));
  }

  [[nodiscard]] Json other_data() const {
    Json other{{"schema", "kts.trace/1"},
               {"run", run_name_},
               {"clock", "the run's: CLOCK_MONOTONIC and one offset to the epoch"},
               {"origin_epoch_ns", std::to_string(origin_ns_)},
               {"limit_bytes", nullptr}};
    if (limit_) other["limit_bytes"] = *limit_;
    other["cut"] = cuts_;
    other["telemetry_cut"] = telemetry_cut_;
    other["left_out"] = {{"damaged", left_out_.damaged},
                         {"before_the_run", left_out_.too_early},
                         {"no_free_row", left_out_.no_row}};
    other["clipped_to_their_request"] = left_out_.clipped;
    return other;
  }

  fs::path run_;
  std::string run_name_;
  std::vector<BlockFiles> blocks_;
  std::optional<std::uint64_t> limit_;
  ChromeTrace& out_;
  std::int64_t origin_ns_ = 0;
  int next_tid_ = kFirstTid;
  std::map<std::string, AgentTrack> tracks_;
  std::map<std::string, std::string> names_;
  std::size_t files_ = 0;  // logs and kernel traces of the blocks to be drawn
  std::vector<Json> cuts_;
  std::vector<std::string> telemetry_cut_;
  LeftOut left_out_;
};

Status remove_trace(const fs::path& file) {
  std::error_code ec;
  fs::remove(file, ec);
  if (ec && ec != std::errc::not_a_directory) {
    return environment_lacks(with_errno("cannot remove the trace of an earlier report", ec.value()),
                             "remove it, or choose another folder", file.string());
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> write_trace(const fs::path& run, const fs::path& folder,
                                             const TimelineOptions& options) {
  std::vector<BlockFiles> blocks = find_blocks(run);
  for (const int number : options.blocks) {
    const bool known = std::ranges::any_of(
        blocks, [&](const BlockFiles& block) { return block.number == number; });
    if (known) continue;
    return bad_input(fmt::format("the run has no finished block {}", number),
                     "the folders in blocks/ begin with their numbers", run.string());
  }
  const fs::path file = folder / "trace.json";
  if (blocks.empty()) {
    KTS_CHECK_OK(remove_trace(file));
    return std::vector<std::string>{};
  }
  KTS_CHECK_OK(make_directories(folder));
  const fs::path partial = folder / ".trace.json.partial";
  KTS_TRY(ChromeTrace out, ChromeTrace::create(partial));
  Drawing drawing(run, std::move(blocks), options, out);
  Status drawn = drawing.draw();
  std::error_code ec;
  if (drawn) fs::rename(partial, file, ec);
  if (ec) {
    drawn = environment_lacks(with_errno("cannot write the file", ec.value()),
                              "choose a folder that you may write", file.string());
  }
  if (!drawn) {
    fs::remove(partial, ec);
    return tl::unexpected(drawn.error());
  }
  return drawing.warnings();
}

}  // namespace kts::timeline
