// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "kts/base/files.hpp"
#include "kts/base/text.hpp"
#include "kts/device/gpu.hpp"

namespace kts::device {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kSchema = "kts.gpus/2";
constexpr std::string_view kFirstSchema = "kts.gpus/1";  // without what stands under "telemetry"

template <typename T>
void put(Json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}
template <typename T>
std::optional<T> get(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end()) return std::nullopt;
  return at->get<T>();
}

Json to_json(const Gpu& gpu) {
  Json out{{"index", gpu.index}, {"name", gpu.name}, {"uuid", gpu.uuid}};
  put(out, "memory_bytes", gpu.memory_bytes);
  out["compute_mode"] = gpu.compute_mode;
  put(out, "mig_enabled", gpu.mig_enabled);
  put(out, "max_sm_clock_mhz", gpu.max_sm_clock_mhz);
  if (!gpu.mig_instances.empty()) out["mig_instances"] = gpu.mig_instances;
  return out;
}

Json to_json(const GpuSample& sample) {
  Json out = Json::object();
  put(out, "sm_clock_mhz", sample.sm_clock_mhz);
  put(out, "memory_clock_mhz", sample.memory_clock_mhz);
  put(out, "power_watts", sample.power_watts);
  put(out, "temperature_celsius", sample.temperature_celsius);
  put(out, "clock_event_reasons", sample.clock_event_reasons);
  put(out, "utilisation_percent", sample.utilisation_percent);
  put(out, "memory_used_bytes", sample.memory_used_bytes);
  return out;
}

Json to_json(const GpuProcess& process) {
  Json out{{"pid", process.pid}, {"name", process.name}};
  put(out, "memory_bytes", process.memory_bytes);
  return out;
}

GpuSample sample_from(const Json& json) {
  return {get<unsigned>(json, "sm_clock_mhz"),
          get<unsigned>(json, "memory_clock_mhz"),
          get<double>(json, "power_watts"),
          get<unsigned>(json, "temperature_celsius"),
          get<std::uint64_t>(json, "clock_event_reasons"),
          get<unsigned>(json, "utilisation_percent"),
          get<std::uint64_t>(json, "memory_used_bytes")};
}

Json to_json(const GpuCounters& counters) {
  Json out = Json::object();
  put(out, "pcie_sent_kb_per_s", counters.pcie_sent_kb_per_s);
  put(out, "pcie_received_kb_per_s", counters.pcie_received_kb_per_s);
  put(out, "pcie_replays", counters.pcie_replays);
  put(out, "ecc_corrected", counters.ecc_corrected);
  put(out, "ecc_uncorrected", counters.ecc_uncorrected);
  return out;
}
GpuCounters counters_from(const Json& json) {
  return {get<std::uint64_t>(json, "pcie_sent_kb_per_s"),
          get<std::uint64_t>(json, "pcie_received_kb_per_s"),
          get<std::uint64_t>(json, "pcie_replays"), get<std::uint64_t>(json, "ecc_corrected"),
          get<std::uint64_t>(json, "ecc_uncorrected")};
}

// null: too early to say.
Json to_json(const std::optional<GpmSample>& sample) {
  if (!sample) return nullptr;
  Json out{{"interval_ns", sample->interval.count()}};
  put(out, "graphics_percent", sample->graphics_percent);
  put(out, "sm_percent", sample->sm_percent);
  put(out, "occupancy_percent", sample->occupancy_percent);
  put(out, "tensor_percent", sample->tensor_percent);
  put(out, "dram_percent", sample->dram_percent);
  return out;
}
std::optional<GpmSample> gpm_from(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return GpmSample{Nanoseconds(json.at("interval_ns").get<std::int64_t>()),
                   get<double>(json, "graphics_percent"),
                   get<double>(json, "sm_percent"),
                   get<double>(json, "occupancy_percent"),
                   get<double>(json, "tensor_percent"),
                   get<double>(json, "dram_percent")};
}

Json to_json(const std::vector<GpuProcess>& processes) {
  Json out = Json::array();
  for (const GpuProcess& process : processes) out.push_back(to_json(process));
  return out;
}
std::vector<GpuProcess> processes_from(const Json& json) {
  std::vector<GpuProcess> processes;
  for (const Json& process : json) {
    processes.push_back({process.at("pid").get<std::int64_t>(),
                         get<std::uint64_t>(process, "memory_bytes"),
                         process.at("name").get<std::string>()});
  }
  return processes;
}

Json to_json(const std::vector<ProcessUse>& uses) {
  Json out = Json::array();
  for (const ProcessUse& use : uses) {
    out.push_back({{"pid", use.pid},
                   {"epoch_us", use.epoch_us},
                   {"sm_percent", use.sm_percent},
                   {"memory_percent", use.memory_percent}});
  }
  return out;
}
std::vector<ProcessUse> uses_from(const Json& json) {
  std::vector<ProcessUse> uses;
  for (const Json& use : json) {
    uses.push_back({use.at("pid").get<std::int64_t>(), use.at("epoch_us").get<std::int64_t>(),
                    use.at("sm_percent").get<unsigned>(),
                    use.at("memory_percent").get<unsigned>()});
  }
  return uses;
}

Json to_json(const std::vector<std::uint64_t>& errors) { return errors; }

// An answer, or {"error", "hint"}: what the source lacked at that moment.
template <typename T>
Json answer(const Result<T>& result) {
  if (result) return to_json(*result);
  Json out{{"error", result.error().message}};
  if (!result.error().hint.empty()) out["hint"] = result.error().hint;
  return out;
}

template <typename T>
class Answers {
 public:
  // `once`: each answer is given once, and `T{}` after the last.
  template <typename Parse>
  Answers(const Json& list, Parse parse, bool once) : once_(once) {
    for (const Json& entry : list) {
      if (entry.is_object() && entry.contains("error")) {
        answers_.push_back(environment_lacks(entry["error"].get<std::string>(),
                                             get<std::string>(entry, "hint").value_or("")));
      } else {
        answers_.push_back(Result<T>(parse(entry)));
      }
    }
  }
  Answers() = default;

  [[nodiscard]] bool empty() const { return answers_.empty(); }
  [[nodiscard]] Result<T> next() {
    if (at_ < answers_.size()) return answers_[at_++];
    // What a source lacked it lacks for good.
    if (once_ && !(!answers_.empty() && !answers_.back())) return T{};
    return answers_.back();
  }

 private:
  std::vector<Result<T>> answers_;
  std::size_t at_ = 0;
  bool once_ = false;
};

struct RecordedGpu {
  Gpu gpu;
  Answers<GpuSample> samples;
  Answers<std::vector<GpuProcess>> processes;
  Answers<GpuCounters> counters;
  Answers<std::optional<GpmSample>> gpm;
  Answers<std::vector<ProcessUse>> uses;
  Answers<std::vector<std::uint64_t>> xid_errors;
  std::map<std::string, std::string> refusals;
};

class Recording final : public GpuSource {
 public:
  // May throw what nlohmann-json throws.
  explicit Recording(const Json& json) {
    driver_.driver = json.at("driver").get<std::string>();
    driver_.cuda = json.at("cuda").get<std::string>();
    for (const Json& entry : json.at("gpus")) {
      RecordedGpu recorded;
      recorded.gpu = {entry.at("index").get<int>(),
                      entry.at("name").get<std::string>(),
                      entry.at("uuid").get<std::string>(),
                      get<std::uint64_t>(entry, "memory_bytes"),
                      entry.at("compute_mode").get<std::string>(),
                      get<bool>(entry, "mig_enabled"),
                      get<unsigned>(entry, "max_sm_clock_mhz"),
                      get<std::vector<std::string>>(entry, "mig_instances")
                          .value_or(std::vector<std::string>{})};
      recorded.samples = {entry.at("samples"), sample_from, false};
      // A list of processes, or a list of such lists.
      const Json& processes = entry.at("processes");
      const bool of_looks = !processes.empty() && !processes.at(0).contains("pid");
      recorded.processes = {of_looks ? processes : Json::array({processes}), processes_from, false};
      if (const auto telemetry = entry.find("telemetry"); telemetry != entry.end()) {
        recorded.counters = {telemetry->at("counters"), counters_from, false};
        recorded.gpm = {telemetry->at("gpm"), gpm_from, false};
        recorded.uses = {telemetry->at("process_use"), uses_from, true};
        recorded.xid_errors = {
            telemetry->at("xid_errors"),
            [](const Json& list) { return list.get<std::vector<std::uint64_t>>(); }, true};
        recorded.refusals = telemetry->at("refusals").get<std::map<std::string, std::string>>();
      }
      const int index = recorded.gpu.index;
      gpus_.emplace(index, std::move(recorded));
    }
  }

  Result<DriverInfo> driver() override { return driver_; }
  Result<std::vector<Gpu>> gpus() override {
    std::vector<Gpu> gpus;
    for (const auto& [index, recorded] : gpus_) gpus.push_back(recorded.gpu);
    return gpus;
  }
  Result<GpuSample> sample(int index) override {
    const std::lock_guard lock(mutex_);
    KTS_TRY(RecordedGpu* const recorded, find(index));
    if (recorded->samples.empty()) return GpuSample{};
    return recorded->samples.next();
  }
  Result<std::vector<GpuProcess>> compute_processes(int index) override {
    const std::lock_guard lock(mutex_);
    KTS_TRY(RecordedGpu* const recorded, find(index));
    return recorded->processes.next();
  }
  Result<GpuCounters> counters(int index) override {
    const std::lock_guard lock(mutex_);
    KTS_TRY(RecordedGpu* const recorded, find(index));
    return recorded->counters.empty() ? GpuSource::counters(index) : recorded->counters.next();
  }
  Result<std::optional<GpmSample>> gpm(int index) override {
    const std::lock_guard lock(mutex_);
    KTS_TRY(RecordedGpu* const recorded, find(index));
    return recorded->gpm.empty() ? GpuSource::gpm(index) : recorded->gpm.next();
  }
  Result<std::vector<ProcessUse>> process_use(int index, std::int64_t since_us) override {
    const std::lock_guard lock(mutex_);
    KTS_TRY(RecordedGpu* const recorded, find(index));
    if (recorded->uses.empty()) return GpuSource::process_use(index, since_us);
    KTS_TRY(std::vector<ProcessUse> uses, recorded->uses.next());
    std::erase_if(uses, [&](const ProcessUse& use) { return use.epoch_us <= since_us; });
    return uses;
  }
  Result<std::vector<std::uint64_t>> xid_errors(int index) override {
    const std::lock_guard lock(mutex_);
    KTS_TRY(RecordedGpu* const recorded, find(index));
    return recorded->xid_errors.empty() ? GpuSource::xid_errors(index)
                                        : recorded->xid_errors.next();
  }
  std::map<std::string, std::string> refusals(int index) override {
    const std::lock_guard lock(mutex_);
    const auto at = gpus_.find(index);
    return at == gpus_.end() ? std::map<std::string, std::string>{} : at->second.refusals;
  }

 private:
  Result<RecordedGpu*> find(int index) {
    const auto at = gpus_.find(index);
    if (at == gpus_.end()) return environment_lacks(fmt::format("there is no GPU {}", index));
    return &at->second;
  }

  DriverInfo driver_;
  std::map<int, RecordedGpu> gpus_;
  std::mutex mutex_;
};

// One GPU's answers, look by look.
class Recorder {
 public:
  Recorder(GpuSource& source, const Gpu& gpu) : source_(source), gpu_(gpu) {}

  [[nodiscard]] Status look() {
    KTS_TRY(const GpuSample sample, source_.sample(gpu_.index));
    samples_.push_back(to_json(sample));
    KTS_TRY(const std::vector<GpuProcess> processes, source_.compute_processes(gpu_.index));
    processes_.push_back(to_json(processes));
    counters_.push_back(answer(source_.counters(gpu_.index)));
    gpm_.push_back(answer(source_.gpm(gpu_.index)));
    const auto uses = source_.process_use(gpu_.index, since_us_);
    for (const ProcessUse& use : uses.value_or(std::vector<ProcessUse>{})) {
      since_us_ = std::max(since_us_, use.epoch_us);
    }
    uses_.push_back(answer(uses));
    xid_errors_.push_back(answer(source_.xid_errors(gpu_.index)));
    return {};
  }
  [[nodiscard]] Json entry() const {
    Json out = to_json(gpu_);
    out["samples"] = samples_;
    out["processes"] = processes_;
    out["telemetry"] = {{"counters", counters_},
                        {"gpm", gpm_},
                        {"process_use", uses_},
                        {"xid_errors", xid_errors_},
                        {"refusals", source_.refusals(gpu_.index)}};
    return out;
  }

 private:
  GpuSource& source_;
  Gpu gpu_;
  std::int64_t since_us_ = 0;
  Json samples_ = Json::array();
  Json processes_ = Json::array();
  Json counters_ = Json::array();
  Json gpm_ = Json::array();
  Json uses_ = Json::array();
  Json xid_errors_ = Json::array();
};

}  // namespace

Result<std::unique_ptr<GpuSource>> open_recording(const std::filesystem::path& path) {
  KTS_TRY(const std::string text, read_file(path));
  try {
    const Json json = Json::parse(text);
    if (json.at("schema") != kSchema && json.at("schema") != kFirstSchema) {
      return bad_input("not a recording of GPUs", fmt::format("its schema must be {}", kSchema),
                       path.string());
    }
    return std::make_unique<Recording>(json);
  } catch (const nlohmann::json::exception& error) {
    return bad_input(
        fmt::format("not a recording of GPUs: {}", describe_json_error(error.id, error.what())),
        "kts doctor --record makes one", path.string());
  }
}

Result<std::string> to_recording(GpuSource& source, int samples, Clock* clock, Nanoseconds period) {
  KTS_TRY(const DriverInfo driver, source.driver());
  KTS_TRY(const std::vector<Gpu> gpus, source.gpus());
  Json out{{"schema", kSchema}, {"driver", driver.driver}, {"cuda", driver.cuda}};
  std::vector<Recorder> recorders;
  for (const Gpu& gpu : gpus) recorders.emplace_back(source, gpu);
  for (int i = 0; i < samples; ++i) {
    if (clock != nullptr && i > 0) clock->sleep_until(clock->now() + period);
    for (Recorder& recorder : recorders) KTS_CHECK_OK(recorder.look());
  }
  out["gpus"] = Json::array();
  for (const Recorder& recorder : recorders) out["gpus"].push_back(recorder.entry());
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kts::device
