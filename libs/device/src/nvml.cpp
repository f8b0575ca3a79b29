// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <mutex>

#include "kts/base/files.hpp"
#include "kts/device/gpu.hpp"

namespace kts::device {
namespace {

// The few parts of NVML's stable ABI that we use, as its API reference documents them; nvml.h
// comes with the CUDA toolkit, which a machine that only runs kts need not have.
using NvmlReturn = int;
constexpr NvmlReturn kSuccess = 0;
constexpr NvmlReturn kInsufficientSize = 7;
using NvmlDevice = struct NvmlDeviceStruct*;
constexpr unsigned kClockSm = 1;
constexpr unsigned kClockMemory = 2;
constexpr unsigned kSensorGpu = 0;
struct NvmlMemory {
  unsigned long long total, free, used;
};
struct NvmlUtilization {
  unsigned gpu, memory;
};
// nvmlProcessInfo_t of the _v2 and _v3 calls.
struct NvmlProcessInfo {
  unsigned pid;
  unsigned long long used_memory;  // all ones: not available
  unsigned gpu_instance, compute_instance;
};

struct Api {
  NvmlReturn (*init)() = nullptr;
  NvmlReturn (*shutdown)() = nullptr;
  const char* (*error_string)(NvmlReturn) = nullptr;
  NvmlReturn (*driver_version)(char*, unsigned) = nullptr;
  NvmlReturn (*cuda_version)(int*) = nullptr;
  NvmlReturn (*count)(unsigned*) = nullptr;
  NvmlReturn (*handle)(unsigned, NvmlDevice*) = nullptr;
  NvmlReturn (*name)(NvmlDevice, char*, unsigned) = nullptr;
  NvmlReturn (*uuid)(NvmlDevice, char*, unsigned) = nullptr;
  NvmlReturn (*memory)(NvmlDevice, NvmlMemory*) = nullptr;
  NvmlReturn (*compute_mode)(NvmlDevice, unsigned*) = nullptr;
  NvmlReturn (*mig_mode)(NvmlDevice, unsigned*, unsigned*) = nullptr;
  NvmlReturn (*mig_count)(NvmlDevice, unsigned*) = nullptr;
  NvmlReturn (*mig_handle)(NvmlDevice, unsigned, NvmlDevice*) = nullptr;
  NvmlReturn (*clock)(NvmlDevice, unsigned, unsigned*) = nullptr;
  NvmlReturn (*max_clock)(NvmlDevice, unsigned, unsigned*) = nullptr;
  NvmlReturn (*power)(NvmlDevice, unsigned*) = nullptr;
  NvmlReturn (*temperature)(NvmlDevice, unsigned, unsigned*) = nullptr;
  NvmlReturn (*clock_reasons)(NvmlDevice, unsigned long long*) = nullptr;
  NvmlReturn (*utilization)(NvmlDevice, NvmlUtilization*) = nullptr;
  NvmlReturn (*processes)(NvmlDevice, unsigned*, NvmlProcessInfo*) = nullptr;
};

template <typename Function>
bool resolve(void* library, Function& function, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (void* symbol = dlsym(library, name)) {
      function = reinterpret_cast<Function>(symbol);
      return true;
    }
  }
  return false;
}

std::string process_name(std::int64_t pid) {
  auto name = read_file(fmt::format("/proc/{}/comm", pid));
  if (!name) return {};
  while (!name->empty() && name->back() == '\n') name->pop_back();
  return *name;
}

class Nvml final : public GpuSource {
 public:
  Nvml(void* library, const Api& api) : library_(library), api_(api) {}
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml() override {
    api_.shutdown();
    dlclose(library_);
  }

  Result<DriverInfo> driver() override {
    const std::lock_guard lock(mutex_);
    DriverInfo info;
    std::array<char, 96> text{};
    if (api_.driver_version(text.data(), text.size()) == kSuccess) info.driver = text.data();
    int version = 0;
    if (api_.cuda_version != nullptr && api_.cuda_version(&version) == kSuccess) {
      info.cuda = fmt::format("{}.{}", version / 1000, version % 1000 / 10);
    }
    return info;
  }

  Result<std::vector<Gpu>> gpus() override {
    const std::lock_guard lock(mutex_);
    unsigned count = 0;
    KTS_CHECK_OK(check(api_.count(&count), "cannot count the GPUs"));
    std::vector<Gpu> gpus;
    for (unsigned i = 0; i < count; ++i) {
      KTS_TRY(const NvmlDevice device, open(static_cast<int>(i)));
      Gpu gpu;
      gpu.index = static_cast<int>(i);
      std::array<char, 96> text{};
      if (api_.name(device, text.data(), text.size()) == kSuccess) gpu.name = text.data();
      if (api_.uuid(device, text.data(), text.size()) == kSuccess) gpu.uuid = text.data();
      NvmlMemory memory{};
      if (api_.memory(device, &memory) == kSuccess) gpu.memory_bytes = memory.total;
      gpu.compute_mode = compute_mode(device);
      unsigned current = 0;
      unsigned pending = 0;
      if (api_.mig_mode != nullptr && api_.mig_mode(device, &current, &pending) == kSuccess) {
        gpu.mig_enabled = current == 1;
        if (current == 1) gpu.mig_instances = mig_instances(device);
      }
      gpu.max_sm_clock_mhz = ask(api_.max_clock, device, kClockSm);
      gpus.push_back(std::move(gpu));
    }
    return gpus;
  }

  Result<GpuSample> sample(int index) override {
    const std::lock_guard lock(mutex_);
    KTS_TRY(const NvmlDevice device, open(index));
    GpuSample sample;
    sample.sm_clock_mhz = ask(api_.clock, device, kClockSm);
    sample.memory_clock_mhz = ask(api_.clock, device, kClockMemory);
    unsigned milliwatts = 0;
    if (api_.power(device, &milliwatts) == kSuccess) sample.power_watts = milliwatts / 1000.0;
    sample.temperature_celsius = ask(api_.temperature, device, kSensorGpu);
    unsigned long long reasons = 0;
    if (api_.clock_reasons != nullptr && api_.clock_reasons(device, &reasons) == kSuccess) {
      sample.clock_event_reasons = reasons;
    }
    NvmlUtilization utilization{};
    if (api_.utilization(device, &utilization) == kSuccess) {
      sample.utilisation_percent = utilization.gpu;
    }
    NvmlMemory memory{};
    if (api_.memory(device, &memory) == kSuccess) sample.memory_used_bytes = memory.used;
    return sample;
  }

  Result<std::vector<GpuProcess>> compute_processes(int index) override {
    const std::lock_guard lock(mutex_);
    if (api_.processes == nullptr) {
      return environment_lacks("the driver is too old to list the processes on a card",
                               "update the NVIDIA driver");
    }
    KTS_TRY(const NvmlDevice device, open(index));
    std::vector<NvmlProcessInfo> raw(64);
    auto count = static_cast<unsigned>(raw.size());
    NvmlReturn status = api_.processes(device, &count, raw.data());
    // The list may grow between two looks.
    for (int tries = 0; status == kInsufficientSize && tries < 4; ++tries) {
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

 private:
  Status check(NvmlReturn status, std::string_view doing) const {
    if (status == kSuccess) return {};
    return environment_lacks(fmt::format("{}: {}", doing, api_.error_string(status)),
                             "see whether nvidia-smi works", "NVML");
  }
  Result<NvmlDevice> open(int index) const {
    NvmlDevice device = nullptr;
    KTS_CHECK_OK(check(api_.handle(static_cast<unsigned>(index), &device),
                       fmt::format("cannot open GPU {}", index)));
    return device;
  }
  static std::optional<unsigned> ask(NvmlReturn (*function)(NvmlDevice, unsigned, unsigned*),
                                     NvmlDevice device, unsigned what) {
    unsigned value = 0;
    if (function == nullptr || function(device, what, &value) != kSuccess) return std::nullopt;
    return value;
  }
  std::vector<std::string> mig_instances(NvmlDevice device) const {
    std::vector<std::string> instances;
    unsigned most = 0;
    if (api_.mig_count == nullptr || api_.mig_handle == nullptr ||
        api_.mig_count(device, &most) != kSuccess) {
      return instances;
    }
    for (unsigned i = 0; i < most; ++i) {
      NvmlDevice instance = nullptr;
      std::array<char, 96> text{};
      if (api_.mig_handle(device, i, &instance) == kSuccess &&
          api_.uuid(instance, text.data(), text.size()) == kSuccess) {
        instances.emplace_back(text.data());
      }
    }
    return instances;
  }
  std::string compute_mode(NvmlDevice device) const {
    unsigned mode = 0;
    if (api_.compute_mode(device, &mode) != kSuccess) return {};
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
  Api api_;
  std::mutex mutex_;
};

}  // namespace

Result<std::unique_ptr<GpuSource>> open_nvml() {
  constexpr const char* kLibrary = "libnvidia-ml.so.1";
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return environment_lacks("not found: no NVIDIA driver is installed here", {}, kLibrary);
  }
  Api api;
  const bool complete = resolve(library, api.init, {"nvmlInit_v2"}) &&
                        resolve(library, api.shutdown, {"nvmlShutdown"}) &&
                        resolve(library, api.error_string, {"nvmlErrorString"}) &&
                        resolve(library, api.driver_version, {"nvmlSystemGetDriverVersion"}) &&
                        resolve(library, api.count, {"nvmlDeviceGetCount_v2"}) &&
                        resolve(library, api.handle, {"nvmlDeviceGetHandleByIndex_v2"}) &&
                        resolve(library, api.name, {"nvmlDeviceGetName"}) &&
                        resolve(library, api.uuid, {"nvmlDeviceGetUUID"}) &&
                        resolve(library, api.memory, {"nvmlDeviceGetMemoryInfo"}) &&
                        resolve(library, api.compute_mode, {"nvmlDeviceGetComputeMode"}) &&
                        resolve(library, api.clock, {"nvmlDeviceGetClockInfo"}) &&
                        resolve(library, api.max_clock, {"nvmlDeviceGetMaxClockInfo"}) &&
                        resolve(library, api.power, {"nvmlDeviceGetPowerUsage"}) &&
                        resolve(library, api.temperature, {"nvmlDeviceGetTemperature"}) &&
                        resolve(library, api.utilization, {"nvmlDeviceGetUtilizationRates"});
  if (!complete) {
    dlclose(library);
    return environment_lacks("lacks functions that kts needs", "update the NVIDIA driver",
                             kLibrary);
  }
  resolve(library, api.cuda_version, {"nvmlSystemGetCudaDriverVersion_v2"});
  resolve(library, api.mig_mode, {"nvmlDeviceGetMigMode"});
  resolve(library, api.mig_count, {"nvmlDeviceGetMaxMigDeviceCount"});
  resolve(library, api.mig_handle, {"nvmlDeviceGetMigDeviceHandleByIndex"});
  resolve(library, api.clock_reasons,
          {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"});
  resolve(library, api.processes,
          {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"});
  if (const NvmlReturn status = api.init(); status != kSuccess) {
    const std::string reason = api.error_string(status);
    dlclose(library);
    return environment_lacks(fmt::format("cannot be initialised: {}", reason),
                             "see whether nvidia-smi works", kLibrary);
  }
  return std::make_unique<Nvml>(library, api);
}

}  // namespace kts::device
