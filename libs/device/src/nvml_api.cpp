// SPDX-License-Identifier: Apache-2.0
#include "nvml_api.hpp"

#include <dlfcn.h>

#include <initializer_list>

namespace kts::device {
namespace {

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

}  // namespace

bool NvmlApi::load(void* library) {
  const bool complete = resolve(library, init, {"nvmlInit_v2"}) &&
                        resolve(library, shutdown, {"nvmlShutdown"}) &&
                        resolve(library, error_string, {"nvmlErrorString"}) &&
                        resolve(library, driver_version, {"nvmlSystemGetDriverVersion"}) &&
                        resolve(library, count, {"nvmlDeviceGetCount_v2"}) &&
                        resolve(library, handle, {"nvmlDeviceGetHandleByIndex_v2"}) &&
                        resolve(library, name, {"nvmlDeviceGetName"}) &&
                        resolve(library, uuid, {"nvmlDeviceGetUUID"}) &&
                        resolve(library, memory, {"nvmlDeviceGetMemoryInfo"}) &&
                        resolve(library, compute_mode, {"nvmlDeviceGetComputeMode"}) &&
                        resolve(library, clock, {"nvmlDeviceGetClockInfo"}) &&
                        resolve(library, max_clock, {"nvmlDeviceGetMaxClockInfo"}) &&
                        resolve(library, power, {"nvmlDeviceGetPowerUsage"}) &&
                        resolve(library, temperature, {"nvmlDeviceGetTemperature"}) &&
                        resolve(library, utilization, {"nvmlDeviceGetUtilizationRates"});
  resolve(library, cuda_version, {"nvmlSystemGetCudaDriverVersion_v2"});
  resolve(library, mig_mode, {"nvmlDeviceGetMigMode"});
  resolve(library, mig_count, {"nvmlDeviceGetMaxMigDeviceCount"});
  resolve(library, mig_handle, {"nvmlDeviceGetMigDeviceHandleByIndex"});
  resolve(library, clock_reasons,
          {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"});
  resolve(library, processes,
          {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"});
  resolve(library, process_utilization, {"nvmlDeviceGetProcessUtilization"});
  resolve(library, pcie_throughput, {"nvmlDeviceGetPcieThroughput"});
  resolve(library, pcie_replays, {"nvmlDeviceGetPcieReplayCounter"});
  resolve(library, ecc_errors, {"nvmlDeviceGetTotalEccErrors"});
  resolve(library, event_types, {"nvmlDeviceGetSupportedEventTypes"});
  resolve(library, event_set_create, {"nvmlEventSetCreate"});
  resolve(library, event_set_free, {"nvmlEventSetFree"});
  resolve(library, register_events, {"nvmlDeviceRegisterEvents"});
  resolve(library, event_wait, {"nvmlEventSetWait_v2"});
  resolve(library, gpm_support, {"nvmlGpmQueryDeviceSupport"});
  resolve(library, gpm_alloc, {"nvmlGpmSampleAlloc"});
  resolve(library, gpm_free, {"nvmlGpmSampleFree"});
  resolve(library, gpm_get, {"nvmlGpmSampleGet"});
  resolve(library, gpm_metrics, {"nvmlGpmMetricsGet"});
  return complete;
}

}  // namespace kts::device
