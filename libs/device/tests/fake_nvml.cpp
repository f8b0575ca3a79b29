// SPDX-License-Identifier: Apache-2.0
// A driver's library with one card, as the API reference describes its answers.
#include "fake_nvml.hpp"

#include <cstdio>

using namespace kts::device;

extern "C" {

testing::FakeNvml kts_fake_nvml;

NvmlReturn nvmlInit_v2() { return kNvmlSuccess; }
NvmlReturn nvmlShutdown() { return kNvmlSuccess; }
const char* nvmlErrorString(NvmlReturn status) {
  return status == kNvmlNotSupported   ? "Not Supported"
         : status == kNvmlNoPermission ? "Insufficient Permissions"
                                       : "Unknown Error";
}
NvmlReturn nvmlSystemGetDriverVersion(char* text, unsigned size) {
  std::snprintf(text, size, "580.0");
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 1;
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetHandleByIndex_v2(unsigned index, NvmlDevice* device) {
  *device = reinterpret_cast<NvmlDevice>(&kts_fake_nvml);
  return index == 0 ? kNvmlSuccess : 2;
}
NvmlReturn nvmlDeviceGetName(NvmlDevice /*device*/, char* text, unsigned size) {
  std::snprintf(text, size, "Fake");
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetUUID(NvmlDevice /*device*/, char* text, unsigned size) {
  std::snprintf(text, size, "GPU-fake");
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetMemoryInfo(NvmlDevice /*device*/, NvmlMemory* memory) {
  *memory = {100, 60, 40};
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetComputeMode(NvmlDevice /*device*/, unsigned* mode) {
  *mode = 0;
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetClockInfo(NvmlDevice /*device*/, unsigned type, unsigned* clock) {
  *clock = type == kNvmlClockSm ? 1980 : 3201;
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetMaxClockInfo(NvmlDevice /*device*/, unsigned /*type*/, unsigned* clock) {
  *clock = 1980;
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetPowerUsage(NvmlDevice /*device*/, unsigned* milliwatts) {
  *milliwatts = 250500;
  return kts_fake_nvml.power_status;
}
NvmlReturn nvmlDeviceGetTemperature(NvmlDevice /*device*/, unsigned /*sensor*/, unsigned* celsius) {
  *celsius = 41;
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetUtilizationRates(NvmlDevice /*device*/, NvmlUtilization* utilization) {
  *utilization = {97, 12};
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetPcieThroughput(NvmlDevice /*device*/, unsigned direction, unsigned* value) {
  *value = direction == kNvmlPcieSent ? 1000 : 2000;
  return kNvmlSuccess;
}
NvmlReturn nvmlDeviceGetTotalEccErrors(NvmlDevice /*device*/, unsigned type, unsigned counter,
                                       unsigned long long* count) {
  *count = type == kNvmlEccCorrected ? 7 : 0;
  return counter == kNvmlEccVolatile ? kNvmlSuccess : kNvmlNotSupported;
}

NvmlReturn nvmlDeviceGetProcessUtilization(NvmlDevice /*device*/, NvmlProcessUtilization* out,
                                           unsigned* count, unsigned long long since) {
  kts_fake_nvml.asked_since = since;
  if (out == nullptr || *count < kts_fake_nvml.uses.size()) {
    *count = static_cast<unsigned>(kts_fake_nvml.uses.size());
    for (; kts_fake_nvml.grows_by > 0; --kts_fake_nvml.grows_by) {
      kts_fake_nvml.uses.push_back(kts_fake_nvml.uses.back());
    }
    return kNvmlInsufficientSize;
  }
  if (kts_fake_nvml.uses.empty()) return kNvmlNotFound;
  for (std::size_t i = 0; i < kts_fake_nvml.uses.size(); ++i) out[i] = kts_fake_nvml.uses[i];
  *count = static_cast<unsigned>(kts_fake_nvml.uses.size());
  return kNvmlSuccess;
}

NvmlReturn nvmlDeviceGetSupportedEventTypes(NvmlDevice /*device*/, unsigned long long* types) {
  *types = kNvmlEventXid;
  return kNvmlSuccess;
}
NvmlReturn nvmlEventSetCreate(NvmlEventSet* set) {
  *set = reinterpret_cast<NvmlEventSet>(&kts_fake_nvml);
  return kNvmlSuccess;
}
NvmlReturn nvmlEventSetFree(NvmlEventSet /*set*/) { return kNvmlSuccess; }
NvmlReturn nvmlDeviceRegisterEvents(NvmlDevice /*device*/, unsigned long long types,
                                    NvmlEventSet /*set*/) {
  return types == kNvmlEventXid ? kNvmlSuccess : kNvmlNotSupported;
}
NvmlReturn nvmlEventSetWait_v2(NvmlEventSet /*set*/, NvmlEventData* event, unsigned timeout_ms) {
  if (kts_fake_nvml.xids.empty()) return timeout_ms == 0 ? kNvmlTimeout : 999;
  *event = {nullptr, kNvmlEventXid, kts_fake_nvml.xids.back(), ~0U, ~0U};
  kts_fake_nvml.xids.pop_back();
  return kNvmlSuccess;
}

NvmlReturn nvmlGpmQueryDeviceSupport(NvmlDevice /*device*/, NvmlGpmSupport* support) {
  support->is_supported = kts_fake_nvml.gpm_supported;
  return support->version == 1 ? kNvmlSuccess : 25;
}
NvmlReturn nvmlGpmSampleAlloc(NvmlGpmSample* sample) {
  ++kts_fake_nvml.gpm_allocated;
  sample->handle = new double(0);
  return kNvmlSuccess;
}
NvmlReturn nvmlGpmSampleFree(NvmlGpmSample sample) {
  --kts_fake_nvml.gpm_allocated;
  delete static_cast<double*>(sample.handle);
  return kNvmlSuccess;
}
NvmlReturn nvmlGpmSampleGet(NvmlDevice /*device*/, NvmlGpmSample sample) {
  *static_cast<double*>(sample.handle) = ++kts_fake_nvml.gpm_taken;
  return kts_fake_nvml.gpm_status;
}
NvmlReturn nvmlGpmMetricsGet(NvmlGpmMetricsGet* get) {
  const double span =
      *static_cast<double*>(get->after.handle) - *static_cast<double*>(get->before.handle);
  for (unsigned i = 0; i < get->count; ++i) {
    get->metrics[i].value = span * 10 + get->metrics[i].id;
    get->metrics[i].status =
        get->metrics[i].id == kNvmlGpmTensor ? kts_fake_nvml.tensor_status : kNvmlSuccess;
  }
  kts_fake_nvml.gpm_asked = *get;
  return get->version == 1 ? kNvmlSuccess : 25;
}

}  // extern "C"
