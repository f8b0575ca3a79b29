// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "kts/base/clock.hpp"
#include "kts/base/files.hpp"
#include "kts/device/gpu.hpp"
#include "nvml_api.hpp"

namespace kts::device {
namespace {

constexpr int kTries = 4;  // for a list that grows between two looks
constexpr const char* kRestricted =
    "run as root, or load the nvidia module with NVreg_RestrictProfilingToAdminUsers=0";

std::string process_name(std::int64_t pid) {
  auto name = read_file(fmt::format("/proc/{}/comm", pid));
  if (!name) return {};
  while (!name->empty() && name->back() == '\n') name->pop_back();
  return *name;
}

// NVML is thread-safe by itself; the locks are for what is kept here.
class Nvml final : public GpuSource {
 public:
  Nvml(void* library, const NvmlApi& api, const Clock* clock)
      : library_(library), api_(api), clock_(clock != nullptr ? *clock : system_clock_) {}
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml() override {
    for (const auto& [index, state] : gpm_) {
      for (const NvmlGpmSample sample : {state.before, state.after}) {
        if (sample.handle != nullptr) api_.gpm_free(sample);
      }
    }
    for (const auto& [index, set] : event_sets_) api_.event_set_free(set);
    api_.shutdown();
    dlclose(library_);
  }

  Result<DriverInfo> driver() override {
    DriverInfo info;
    std::array<char, 96> text{};
    if (api_.driver_version(text.data(), text.size()) == kNvmlSuccess) info.driver = text.data();
    int version = 0;
    if (api_.cuda_version != nullptr && api_.cuda_version(&version) == kNvmlSuccess) {
      info.cuda = fmt::format("{}.{}", version / 1000, version % 1000 / 10);
    }
    return info;
  }

  Result<std::vector<Gpu>> gpus() override {
    unsigned count = 0;
    KTS_CHECK_OK(check(api_.count(&count), "cannot count the GPUs"));
    std::vector<Gpu> gpus;
    for (unsigned i = 0; i < count; ++i) {
      KTS_TRY(const NvmlDevice device, open(static_cast<int>(i)));
      Gpu gpu;
      gpu.index = static_cast<int>(i);
      std::array<char, 96> text{};
      if (api_.name(device, text.data(), text.size()) == kNvmlSuccess) gpu.name = text.data();
      if (api_.uuid(device, text.data(), text.size()) == kNvmlSuccess) gpu.uuid = text.data();
      NvmlMemory memory{};
      if (api_.memory(device, &memory) == kNvmlSuccess) gpu.memory_bytes = memory.total;
      gpu.compute_mode = compute_mode(device);
      unsigned current = 0;
      unsigned pending = 0;
      if (api_.mig_mode != nullptr && api_.mig_mode(device, &current, &pending) == kNvmlSuccess) {
        gpu.mig_enabled = current == 1;
        if (current == 1) gpu.mig_instances = mig_instances(device);
      }
      unsigned clock = 0;
      if (api_.max_clock(device, kNvmlClockSm, &clock) == kNvmlSuccess)
        gpu.max_sm_clock_mhz = clock;
      gpus.push_back(std::move(gpu));
    }
    return gpus;
  }

  Result<GpuSample> sample(int index) override {
    KTS_TRY(const NvmlDevice device, open(index));
    GpuSample sample;
    unsigned value = 0;
    if (gave(index, "sm_clock_mhz", api_.clock(device, kNvmlClockSm, &value))) {
      sample.sm_clock_mhz = value;
    }
    if (gave(index, "memory_clock_mhz", api_.clock(device, kNvmlClockMemory, &value))) {
      sample.memory_clock_mhz = value;
    }
    if (gave(index, "power_watts", api_.power(device, &value))) sample.power_watts = value / 1000.0;
    if (gave(index, "temperature_celsius", api_.temperature(device, kNvmlSensorGpu, &value))) {
      sample.temperature_celsius = value;
    }
    unsigned long long reasons = 0;
    if (gave(index, "clock_event_reasons", ask(api_.clock_reasons, device, &reasons))) {
      sample.clock_event_reasons = reasons;
    }
    NvmlUtilization utilization{};
    if (gave(index, "utilisation_percent", api_.utilization(device, &utilization))) {
      sample.utilisation_percent = utilization.gpu;
    }
    NvmlMemory memory{};
    if (gave(index, "memory_used_bytes", api_.memory(device, &memory))) {
      sample.memory_used_bytes = memory.used;
    }
    return sample;
  }

  Result<std::vector<GpuProcess>> compute_processes(int index) override {
    if (api_.processes == nullptr) {
      return environment_lacks("the driver is too old to list the processes on a card",
                               "update the NVIDIA driver");
    }
    KTS_TRY(const NvmlDevice device, open(index));
    std::vector<NvmlProcessInfo> raw(64);
    auto count = static_cast<unsigned>(raw.size());
    NvmlReturn status = api_.processes(device, &count, raw.data());
    for (int tries = 0; status == kNvmlInsufficientSize && tries < kTries; ++tries) {
      raw.resize(count + 64U);
      count = static_cast<unsigned>(raw.size());
      status = api_.processes(device, &count, raw.data());
    }
    KTS_CHECK_OK(check(status, "cannot list the processes on the card"));
    std::vector<GpuProcess> processes;
    for (unsigned i = 0; i < count; ++i) {
      GpuProcess process;
      process.pid = raw[i].pid;
      if (raw[i].used_memory != ~0ULL) process.memory_bytes = raw[i].used_memory;
      process.name = process_name(process.pid);
      processes.push_back(std::move(process));
    }
    return processes;
  }

  Result<GpuCounters> counters(int index) override {
    KTS_TRY(const NvmlDevice device, open(index));
    GpuCounters counters;
    unsigned value = 0;
    if (gave(index, "pcie_sent_kb_per_s", ask(api_.pcie_throughput, device, kNvmlPcieSent, &value)))
      counters.pcie_sent_kb_per_s = value;
    if (gave(index, "pcie_received_kb_per_s",
             ask(api_.pcie_throughput, device, kNvmlPcieReceived, &value)))
      counters.pcie_received_kb_per_s = value;
    if (gave(index, "pcie_replays", ask(api_.pcie_replays, device, &value)))
      counters.pcie_replays = value;
    unsigned long long errors = 0;
    if (gave(index, "ecc_corrected",
             ask(api_.ecc_errors, device, kNvmlEccCorrected, kNvmlEccVolatile, &errors)))
      counters.ecc_corrected = errors;
    if (gave(index, "ecc_uncorrected",
             ask(api_.ecc_errors, device, kNvmlEccUncorrected, kNvmlEccVolatile, &errors)))
      counters.ecc_uncorrected = errors;
    return counters;
  }

  Result<std::optional<GpmSample>> gpm(int index) override {
    KTS_TRY(const NvmlDevice device, open(index));
    const std::lock_guard lock(gpm_mutex_);
    KTS_TRY(GpmState* const state, gpm_state(index, device));
    const MonotonicTime now = clock_.now();
    if (state->taken && now - *state->taken < kShortestGpmInterval) return std::nullopt;
    if (const NvmlReturn status = api_.gpm_get(device, state->after); status != kNvmlSuccess) {
      state->taken.reset();
      return refused(status, "GPM", kRestricted);
    }
    const auto before = std::exchange(state->taken, now);
    std::swap(state->before, state->after);
    if (!before) return std::nullopt;
    // After the swap the newer sample is `before`.
    NvmlGpmMetricsGet get{};
    get.version = kNvmlGpmVersion;
    get.count = kNvmlGpmMetrics;
    get.before = state->after;
    get.after = state->before;
    constexpr std::array kIds{kNvmlGpmGraphics, kNvmlGpmSm, kNvmlGpmOccupancy, kNvmlGpmTensor,
                              kNvmlGpmDram};
    for (std::size_t i = 0; i < kIds.size(); ++i) get.metrics[i].id = kIds[i];
    if (const NvmlReturn status = api_.gpm_metrics(&get); status != kNvmlSuccess) {
      return refused(status, "GPM", kRestricted);
    }
    GpmSample sample;
    sample.interval = now - *before;
    constexpr std::array kFields{
        std::pair("graphics_percent", &GpmSample::graphics_percent),
        std::pair("sm_percent", &GpmSample::sm_percent),
        std::pair("occupancy_percent", &GpmSample::occupancy_percent),
        std::pair("tensor_percent", &GpmSample::tensor_percent),
        std::pair("dram_percent", &GpmSample::dram_percent),
    };
    for (std::size_t i = 0; i < kFields.size(); ++i) {
      if (gave(index, kFields[i].first, get.metrics[i].status))
        sample.*kFields[i].second = get.metrics[i].value;
    }
    return sample;
  }

  Result<std::vector<ProcessUse>> process_use(int index, std::int64_t since_us) override {
    if (api_.process_utilization == nullptr) return too_old("processes' utilisation");
    KTS_TRY(const NvmlDevice device, open(index));
    const auto since = static_cast<unsigned long long>(since_us);
    std::vector<NvmlProcessUtilization> raw;
    unsigned count = 0;
    // It names the size of its buffer first.
    NvmlReturn status = api_.process_utilization(device, nullptr, &count, since);
    for (int tries = 0; status == kNvmlInsufficientSize && count > 0 && tries < kTries; ++tries) {
      raw.resize(count);
      status = api_.process_utilization(device, raw.data(), &count, since);
    }
    // "Not found": nobody used the card in that time.
    if (status == kNvmlNotFound || (status == kNvmlInsufficientSize && count == 0)) {
      return std::vector<ProcessUse>{};
    }
    if (status != kNvmlSuccess) return refused(status, "processes' utilisation", {});
    std::vector<ProcessUse> uses;
    for (std::size_t i = 0; i < std::min<std::size_t>(count, raw.size()); ++i) {
      const NvmlProcessUtilization& one = raw[i];
      // The buffer has places that were never filled, and older periods than asked for.
      if (one.pid == 0 || one.epoch_us <= since || one.sm > 100 || one.memory > 100) continue;
      uses.push_back({one.pid, static_cast<std::int64_t>(one.epoch_us), one.sm, one.memory});
    }
    return uses;
  }

  Result<std::vector<std::uint64_t>> xid_errors(int index) override {
    KTS_TRY(const NvmlDevice device, open(index));
    const std::lock_guard lock(events_mutex_);
    auto at = event_sets_.find(index);
    if (at == event_sets_.end()) {
      KTS_TRY(const NvmlEventSet set, listen(device));
      at = event_sets_.emplace(index, set).first;
    }
    std::vector<std::uint64_t> errors;
    NvmlEventData event{};
    NvmlReturn status = kNvmlSuccess;
    while ((status = api_.event_wait(at->second, &event, 0)) == kNvmlSuccess) {
      if ((event.type & kNvmlEventXid) != 0) errors.push_back(event.data);
    }
    if (status != kNvmlTimeout && errors.empty()) return refused(status, "Xid errors", {});
    return errors;
  }

  std::map<std::string, std::string> refusals(int index) override {
    const std::lock_guard lock(mutex_);
    const auto at = refusals_.find(index);
    return at == refusals_.end() ? std::map<std::string, std::string>{} : at->second;
  }

 private:
  struct GpmState {
    NvmlGpmSample before{}, after{};
    std::optional<MonotonicTime> taken;  // `before`
  };

  // An optional function's answer.
  template <typename... Parameters, typename... Arguments>
  static std::optional<NvmlReturn> ask(NvmlReturn (*function)(Parameters...),
                                       Arguments... arguments) {
    if (function == nullptr) return std::nullopt;
    return function(arguments...);
  }
  // Whether a field was given; why it wasn't is kept for refusals().
  bool gave(int index, const char* field, std::optional<NvmlReturn> status) {
    const std::lock_guard lock(mutex_);
    if (status == kNvmlSuccess) {
      if (const auto at = refusals_.find(index); at != refusals_.end()) at->second.erase(field);
      return true;
    }
    refusals_[index][field] = status ? api_.error_string(*status) : "the driver is too old";
    return false;
  }
  Status check(NvmlReturn status, std::string_view doing) const {
    if (status == kNvmlSuccess) return {};
    return environment_lacks(fmt::format("{}: {}", doing, api_.error_string(status)),
                             "see whether nvidia-smi works", "NVML");
  }
  [[nodiscard]] tl::unexpected<Error> refused(NvmlReturn status, std::string_view what,
                                              std::string_view without_permission) const {
    return environment_lacks(
        fmt::format("{}: {}", what, api_.error_string(status)),
        status == kNvmlNoPermission ? std::string(without_permission) : std::string());
  }
  static tl::unexpected<Error> too_old(std::string_view what) {
    return environment_lacks(fmt::format("{}: the driver is too old", what),
                             "update the NVIDIA driver");
  }

  Result<NvmlDevice> open(int index) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto at = devices_.find(index); at != devices_.end()) return at->second;
    }
    NvmlDevice device = nullptr;
    KTS_CHECK_OK(check(api_.handle(static_cast<unsigned>(index), &device),
                       fmt::format("cannot open GPU {}", index)));
    const std::lock_guard lock(mutex_);
    devices_[index] = device;
    return device;
  }

  Result<GpmState*> gpm_state(int index, NvmlDevice device) {
    if (const auto at = gpm_.find(index); at != gpm_.end()) return &at->second;
    if (api_.gpm_support == nullptr || api_.gpm_alloc == nullptr || api_.gpm_free == nullptr ||
        api_.gpm_get == nullptr || api_.gpm_metrics == nullptr) {
      return too_old("GPM");
    }
    NvmlGpmSupport support{kNvmlGpmVersion, 0};
    if (const NvmlReturn status = api_.gpm_support(device, &support); status != kNvmlSuccess) {
      return refused(status, "GPM", kRestricted);
    }
    if (support.is_supported == 0) {
      return environment_lacks("GPM: not offered by this card", "it takes Hopper or later");
    }
    GpmState state;
    for (NvmlGpmSample* sample : {&state.before, &state.after}) {
      if (const NvmlReturn status = api_.gpm_alloc(sample); status != kNvmlSuccess) {
        if (state.before.handle != nullptr) api_.gpm_free(state.before);
        return refused(status, "GPM", {});
      }
    }
    return &gpm_.emplace(index, state).first->second;
  }

  [[nodiscard]] Result<NvmlEventSet> listen(NvmlDevice device) const {
    if (api_.event_types == nullptr || api_.event_set_create == nullptr ||
        api_.event_set_free == nullptr || api_.register_events == nullptr ||
        api_.event_wait == nullptr) {
      return too_old("Xid errors");
    }
    unsigned long long types = 0;
    if (const NvmlReturn status = api_.event_types(device, &types); status != kNvmlSuccess) {
      return refused(status, "Xid errors", {});
    }
    if ((types & kNvmlEventXid) == 0) {
      return environment_lacks("Xid errors: not reported for this card");
    }
    NvmlEventSet set = nullptr;
    if (const NvmlReturn status = api_.event_set_create(&set); status != kNvmlSuccess) {
      return refused(status, "Xid errors", {});
    }
    if (const NvmlReturn status = api_.register_events(device, kNvmlEventXid, set);
        status != kNvmlSuccess) {
      api_.event_set_free(set);
      return refused(status, "Xid errors", "run as root");
    }
    return set;
  }

  std::vector<std::string> mig_instances(NvmlDevice device) const {
    std::vector<std::string> instances;
    unsigned most = 0;
    if (api_.mig_count == nullptr || api_.mig_handle == nullptr ||
        api_.mig_count(device, &most) != kNvmlSuccess) {
      return instances;
    }
    for (unsigned i = 0; i < most; ++i) {
      NvmlDevice instance = nullptr;
      std::array<char, 96> text{};
      if (api_.mig_handle(device, i, &instance) == kNvmlSuccess &&
          api_.uuid(instance, text.data(), text.size()) == kNvmlSuccess) {
        instances.emplace_back(text.data());
      }
    }
    return instances;
  }
  std::string compute_mode(NvmlDevice device) const {
    unsigned mode = 0;
    if (api_.compute_mode(device, &mode) != kNvmlSuccess) return {};
    switch (mode) {
      case 0:
        return "default";
      case 2:
        return "prohibited";
      case 3:
        return "exclusive-process";
      default:
        return fmt::format("mode {}", mode);
    }
  }

  void* library_;
  NvmlApi api_;
  SystemClock system_clock_;
  const Clock& clock_;
  std::mutex mutex_;  // of the two below
  std::map<int, NvmlDevice> devices_;
  std::map<int, std::map<std::string, std::string>> refusals_;
  std::mutex gpm_mutex_;
  std::map<int, GpmState> gpm_;
  std::mutex events_mutex_;
  std::map<int, NvmlEventSet> event_sets_;
};

}  // namespace

Result<std::unique_ptr<GpuSource>> open_nvml(const std::string& name, const Clock* clock) {
  void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return environment_lacks("not found: no NVIDIA driver is installed here", {}, name);
  }
  NvmlApi api;
  if (!api.load(library)) {
    dlclose(library);
    return environment_lacks("lacks functions that kts needs", "update the NVIDIA driver", name);
  }
  if (const NvmlReturn status = api.init(); status != kNvmlSuccess) {
    const std::string reason = api.error_string(status);
    dlclose(library);
    return environment_lacks(fmt::format("cannot be initialised: {}", reason),
                             "see whether nvidia-smi works", name);
  }
  return std::make_unique<Nvml>(library, api, clock);
}

}  // namespace kts::device
