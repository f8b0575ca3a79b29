// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "kts/base/files.hpp"
#include "kts/device/gpu.hpp"

namespace kts::device {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kSchema = "kts.gpus/1";

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

struct RecordedGpu {
  Gpu gpu;
  std::vector<GpuSample> samples;
  std::vector<GpuProcess> processes;
  std::size_t next_sample = 0;
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
      for (const Json& sample : entry.at("samples"))
        recorded.samples.push_back(sample_from(sample));
      for (const Json& process : entry.at("processes")) {
        recorded.processes.push_back({process.at("pid").get<std::int64_t>(),
                                      get<std::uint64_t>(process, "memory_bytes"),
                                      process.at("name").get<std::string>()});
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
    const std::size_t at = std::min(recorded->next_sample++, recorded->samples.size() - 1);
    return recorded->samples[at];
  }
  Result<std::vector<GpuProcess>> compute_processes(int index) override {
    KTS_TRY(const RecordedGpu* const recorded, find(index));
    return recorded->processes;
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

}  // namespace

Result<std::unique_ptr<GpuSource>> open_recording(const std::filesystem::path& path) {
  KTS_TRY(const std::string text, read_file(path));
  try {
    const Json json = Json::parse(text);
    if (json.at("schema") != kSchema) {
      return bad_input("not a recording of GPUs", fmt::format("its schema must be {}", kSchema),
                       path.string());
    }
    return std::make_unique<Recording>(json);
  } catch (const nlohmann::json::exception& error) {
    return bad_input(fmt::format("not a recording of GPUs: {}", error.what()), {}, path.string());
  }
}

Result<std::string> to_recording(GpuSource& source, int samples) {
  KTS_TRY(const DriverInfo driver, source.driver());
  KTS_TRY(const std::vector<Gpu> gpus, source.gpus());
  Json out{{"schema", kSchema}, {"driver", driver.driver}, {"cuda", driver.cuda}};
  out["gpus"] = Json::array();
  for (const Gpu& gpu : gpus) {
    Json entry = to_json(gpu);
    entry["samples"] = Json::array();
    for (int i = 0; i < samples; ++i) {
      KTS_TRY(const GpuSample sample, source.sample(gpu.index));
      entry["samples"].push_back(to_json(sample));
    }
    entry["processes"] = Json::array();
    KTS_TRY(const std::vector<GpuProcess> processes, source.compute_processes(gpu.index));
    for (const GpuProcess& process : processes) entry["processes"].push_back(to_json(process));
    out["gpus"].push_back(std::move(entry));
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kts::device
