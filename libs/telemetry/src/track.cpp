// SPDX-License-Identifier: Apache-2.0
#include "track.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "http.hpp"
#include "kts/telemetry/dcgm.hpp"

namespace kts::telemetry {
namespace {

using std::chrono_literals::operator""s;

constexpr std::uint64_t kLooksBeforeGivingUp = 3;
constexpr std::size_t kMostChanges = 100'000;
constexpr Nanoseconds kPageTimeout = 5s;
constexpr std::int64_t kAveragedUseUs = 500'000;

// Appends ",VALUE", or "," where there is none.
template <typename T>
void put_field(std::string& row, const std::optional<T>& value, const char* format = "{}") {
  row += ',';
  if (value) row += fmt::format(fmt::runtime(format), *value);
}

// Names come from the system and may hold anything.
std::string as_cell(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == ',' || c == '"' || static_cast<unsigned char>(c) < ' '; },
      '_');
  return text;
}

class OfGpu : public Track {
 public:
  OfGpu(std::string_view name, device::GpuSource& gpus, int gpu, Nanoseconds pace)
      : Track(name, pace), gpus_(gpus), gpu_(gpu), name_(name) {}

 protected:
  [[nodiscard]] device::GpuSource& gpus() const { return gpus_; }
  [[nodiscard]] int gpu() const { return gpu_; }
  [[nodiscard]] std::string row() const { return fmt::format("{}", gpu_); }
  // Of this source's columns.
  [[nodiscard]] std::map<std::string, std::string> refused() const override {
    std::map<std::string, std::string> mine;
    for (auto& [field, why] : gpus_.refusals(gpu_)) {
      const auto columns = find_source(name_)->columns;
      if (std::ranges::find(columns, std::string_view(field), &Column::name) != columns.end()) {
        mine.emplace(field, why);
      }
    }
    return mine;
  }

 private:
  device::GpuSource& gpus_;
  int gpu_;
  std::string_view name_;
};

class NvmlTrack final : public OfGpu {
 public:
  using OfGpu::OfGpu;

 protected:
  Result<Rows> ask() override {
    KTS_TRY(const device::GpuSample s, gpus().sample(gpu()));
    std::string line = row();
    put_field(line, s.sm_clock_mhz);
    put_field(line, s.memory_clock_mhz);
    put_field(line, s.power_watts, "{:.3f}");
    put_field(line, s.temperature_celsius);
    put_field(line, s.clock_event_reasons, "{:#x}");
    put_field(line, s.utilisation_percent);
    put_field(line, s.memory_used_bytes);
    return Rows{line};
  }
};

class GpmTrack final : public OfGpu {
 public:
  using OfGpu::OfGpu;

 protected:
  Result<Rows> ask() override {
    KTS_TRY(const auto s, gpus().gpm(gpu()));
    if (!s) return Rows{};
    std::string line = row() + fmt::format(",{}", s->interval.count());
    for (const auto& value : {s->graphics_percent, s->sm_percent, s->occupancy_percent,
                              s->tensor_percent, s->dram_percent}) {
      put_field(line, value, "{:.3f}");
    }
    return Rows{line};
  }
};

class CountersTrack final : public OfGpu {
 public:
  using OfGpu::OfGpu;

 protected:
  Result<Rows> ask() override {
    KTS_TRY(const device::GpuCounters c, gpus().counters(gpu()));
    std::string line = row();
    for (const auto& value : {c.pcie_sent_kb_per_s, c.pcie_received_kb_per_s, c.pcie_replays,
                              c.ecc_corrected, c.ecc_uncorrected}) {
      put_field(line, value);
    }
    return Rows{line};
  }
};

class XidTrack final : public OfGpu {
 public:
  using OfGpu::OfGpu;

 protected:
  Result<Rows> ask() override {
    KTS_TRY(const std::vector<std::uint64_t> errors, gpus().xid_errors(gpu()));
    Rows rows;
    for (const std::uint64_t xid : errors) rows.push_back(row() + fmt::format(",{}", xid));
    return rows;
  }
};

// Those that the driver lists, and those that used the card and are gone.
class ProcessesTrack final : public OfGpu {
 public:
  ProcessesTrack(device::GpuSource& gpus, int gpu, Nanoseconds pace, const KnownAgents& agents,
                 EpochOffset offset, std::string no_figures)
      : OfGpu("processes", gpus, gpu, pace),
        agents_(agents),
        offset_(offset),
        no_figures_(std::move(no_figures)),
        since_us_(std::max<std::int64_t>(0, now_ns() / 1000)) {}

 protected:
  Result<Rows> ask() override {
    KTS_TRY(const auto listed, gpus().compute_processes(gpu()));
    std::map<std::int64_t, Process> processes;
    for (const device::GpuProcess& process : listed) {
      Process& one = processes[process.pid];
      one.name = process.name;
      if (no_figures_.empty()) one.memory_bytes = process.memory_bytes;
    }
    if (no_figures_.empty()) add_use(processes);
    Rows rows;
    const std::int64_t now = now_ns();
    for (const auto& [pid, one] : processes) {
      // A period that ended before the agent was there is another's who had its PID.
      const std::int64_t when = one.newest_us().value_or(now / 1000) * 1000;
      std::string line =
          row() + fmt::format(",{},{},{}", pid, as_cell(agents_.of(pid, when)), as_cell(one.name));
      put_field(line, one.memory_bytes);
      put_field(line, one.mean(&device::ProcessUse::sm_percent), "{:.3f}");
      put_field(line, one.mean(&device::ProcessUse::memory_percent), "{:.3f}");
      put_field(line, one.uses.empty() ? std::nullopt : std::optional(when));
      rows.push_back(std::move(line));
    }
    return rows;
  }
  [[nodiscard]] std::map<std::string, std::string> refused() const override {
    if (!no_figures_.empty()) {
      return {{"memory_bytes", no_figures_},
              {"sm_percent", no_figures_},
              {"memory_percent", no_figures_}};
    }
    if (use_refused_.empty()) return {};
    return {{"sm_percent", use_refused_}, {"memory_percent", use_refused_}};
  }

 private:
  struct Process {
    std::string name;
    std::optional<std::uint64_t> memory_bytes;
    std::vector<device::ProcessUse> uses;  // periods, by their ends
    [[nodiscard]] std::optional<std::int64_t> newest_us() const {
      if (uses.empty()) return std::nullopt;
      return std::ranges::max(uses, {}, &device::ProcessUse::epoch_us).epoch_us;
    }
    // Of the newest ones: those before would reach further back than sources() says.
    template <typename Field>
    [[nodiscard]] std::optional<double> mean(Field field) const {
      double sum = 0;
      int periods = 0;
      for (const device::ProcessUse& use : uses) {
        if (*newest_us() - use.epoch_us > kAveragedUseUs) continue;
        sum += use.*field;
        ++periods;
      }
      return periods > 0 ? std::optional(sum / periods) : std::nullopt;
    }
  };
  void add_use(std::map<std::int64_t, Process>& processes) {
    const auto uses = gpus().process_use(gpu(), since_us_);
    use_refused_ = uses ? std::string() : to_line(uses.error());
    for (const device::ProcessUse& use : uses.value_or(std::vector<device::ProcessUse>{})) {
      processes[use.pid].uses.push_back(use);
      since_us_ = std::max(since_us_, use.epoch_us);
    }
  }
  [[nodiscard]] std::int64_t now_ns() const {
    return offset_.to_epoch(MonotonicTimeline::now()).time_since_epoch().count();
  }

  const KnownAgents& agents_;
  EpochOffset offset_;
  std::string no_figures_;
  std::int64_t since_us_;
  std::string use_refused_;
};

class DcgmTrack final : public Track {
 public:
  DcgmTrack(std::string url, std::string card, Nanoseconds slowest, const std::atomic<bool>& stop)
      : Track("dcgm", slowest),
        url_(std::move(url)),
        card_(std::move(card)),
        stop_(stop),
        pace_(slowest) {}

 protected:
  Result<Rows> ask() override {
    KTS_TRY(const std::string text, get_page(url_, kPageTimeout, stop_));
    DcgmPage page;
    std::string_view rest = text;
    while (!rest.empty()) {
      const auto newline = rest.find('\n');
      page.take(rest.substr(0, newline));
      rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
    }
    if (page.cards().empty()) {
      return environment_lacks("this page has no fields of DCGM's exporter",
                               "its path is /metrics, its port 9400 by default", url_);
    }
    Rows rows;
    for (const auto& [uuid, reading] : page.cards()) {
      if (!card_.empty() && uuid != card_) continue;
      rows.push_back(as_cell(uuid) + csv_cells(reading));
    }
    if (rows.empty()) {
      return environment_lacks(fmt::format("the exporter says nothing of card {}", card_),
                               "name the exporter of this machine", url_);
    }
    return rows;
  }
  void saw(bool renewed) override { set_period(pace_.next(renewed)); }

 private:
  std::string url_;
  std::string card_;
  const std::atomic<bool>& stop_;
  ScrapePace pace_;
};

}  // namespace

void KnownAgents::know(std::map<std::int64_t, std::string> agents, std::int64_t epoch_ns) {
  const std::lock_guard lock(mutex_);
  agents_ = std::move(agents);
  since_ns_ = epoch_ns;
}
std::string KnownAgents::of(std::int64_t pid, std::int64_t epoch_ns) const {
  const std::lock_guard lock(mutex_);
  const auto at = agents_.find(pid);
  return at == agents_.end() || epoch_ns < since_ns_ ? std::string() : at->second;
}

Track::Track(std::string_view name, Nanoseconds period)
    : source_(*find_source(name)), period_(period) {
  facts_.name = name;
}

Status Track::look(const std::filesystem::path& folder, const std::string& suffix,
                   EpochOffset offset) {
  const Result<Rows> rows = ask();
  if (!rows) {
    ++facts_.gaps;
    saw(false);
    if (!file_ && facts_.gaps >= kLooksBeforeGivingUp) given_up_ = true;
    if (!file_) facts_.missing = to_line(rows.error());
    return {};
  }
  const MonotonicTime when = MonotonicTimeline::now();
  if (!file_) {
    facts_.missing.clear();
    facts_.file = fmt::format("{}{}.csv", facts_.name, suffix);
    KTS_TRY(OutputFile file, OutputFile::create(folder / facts_.file));
    file_ = std::move(file);
    KTS_CHECK_OK(file_->write(csv_header(source_)));
  }
  return write(*rows, when, offset);
}

Status Track::write(const Rows& rows, MonotonicTime when, const EpochOffset& offset) {
  const std::int64_t epoch_ns = offset.to_epoch(when).time_since_epoch().count();
  std::string lines;
  for (const std::string& row : rows) lines += fmt::format("{},{}\n", epoch_ns, row);
  const bool renewed = !rows.empty() && !last_.empty() && rows != last_;
  if (renewed) {
    if (last_change_ && changes_.size() < kMostChanges) changes_.push_back(when - *last_change_);
    last_change_ = when;
  }
  if (!rows.empty()) last_ = rows;
  facts_.readings += rows.size();
  saw(renewed);
  return lines.empty() ? Status{} : file_->write(lines);
}

Result<SourceFacts> Track::finish() {
  if (!changes_.empty()) {
    const auto middle = changes_.begin() + static_cast<std::ptrdiff_t>(changes_.size() / 2);
    std::ranges::nth_element(changes_, middle);
    facts_.renewed_every = *middle;
  }
  if (file_) {
    facts_.refused = refused();
    KTS_CHECK_OK(file_->close());
  }
  return facts_;
}

std::unique_ptr<Track> nvml_track(device::GpuSource& gpus, int gpu, Nanoseconds pace) {
  return std::make_unique<NvmlTrack>("nvml", gpus, gpu, pace);
}
std::unique_ptr<Track> gpm_track(device::GpuSource& gpus, int gpu, Nanoseconds pace) {
  return std::make_unique<GpmTrack>("gpm", gpus, gpu, pace);
}
std::unique_ptr<Track> counters_track(device::GpuSource& gpus, int gpu, Nanoseconds pace) {
  return std::make_unique<CountersTrack>("nvml_counters", gpus, gpu, pace);
}
std::unique_ptr<Track> xid_track(device::GpuSource& gpus, int gpu, Nanoseconds pace) {
  return std::make_unique<XidTrack>("xid", gpus, gpu, pace);
}
std::unique_ptr<Track> processes_track(device::GpuSource& gpus, int gpu, Nanoseconds pace,
                                       const KnownAgents& agents, EpochOffset offset,
                                       std::string no_figures) {
  return std::make_unique<ProcessesTrack>(gpus, gpu, pace, agents, offset, std::move(no_figures));
}
std::unique_ptr<Track> dcgm_track(std::string url, std::string card, Nanoseconds slowest,
                                  const std::atomic<bool>& stop) {
  return std::make_unique<DcgmTrack>(std::move(url), std::move(card), slowest, stop);
}

}  // namespace kts::telemetry
