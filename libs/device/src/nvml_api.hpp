// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "kts/base/error.hpp"

namespace kts::device {

// The few parts of NVML's stable ABI that we use, as its API reference documents them; nvml.h
// comes with the CUDA toolkit, which a machine that only runs kts need not have.
using NvmlReturn = int;
inline constexpr NvmlReturn kNvmlSuccess = 0;
inline constexpr NvmlReturn kNvmlNotSupported = 3;
inline constexpr NvmlReturn kNvmlNoPermission = 4;
inline constexpr NvmlReturn kNvmlNotFound = 6;
inline constexpr NvmlReturn kNvmlInsufficientSize = 7;
inline constexpr NvmlReturn kNvmlTimeout = 10;
using NvmlDevice = struct NvmlDeviceStruct*;
using NvmlEventSet = struct NvmlEventSetStruct*;
inline constexpr unsigned kNvmlClockSm = 1;
inline constexpr unsigned kNvmlClockMemory = 2;
inline constexpr unsigned kNvmlSensorGpu = 0;
inline constexpr unsigned kNvmlPcieSent = 0;
inline constexpr unsigned kNvmlPcieReceived = 1;
inline constexpr unsigned kNvmlEccCorrected = 0;
inline constexpr unsigned kNvmlEccUncorrected = 1;
inline constexpr unsigned kNvmlEccVolatile = 0;
inline constexpr unsigned long long kNvmlEventXid = 0x8;

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
struct NvmlProcessUtilization {
  unsigned pid;
  unsigned long long epoch_us;
  unsigned sm, memory, encoder, decoder;
};
struct NvmlEventData {
  NvmlDevice device;
  unsigned long long type, data;
  unsigned gpu_instance, compute_instance;
};
// Handles of GPM samples are structs of one pointer, passed by value.
struct NvmlGpmSample {
  void* handle;
};
struct NvmlGpmSupport {
  unsigned version, is_supported;
};
struct NvmlGpmMetric {
  unsigned id;
  NvmlReturn status;
  double value;
  const char *short_name, *long_name, *unit;
};
// GPM's structs bear a plain version. The driver reads as many metrics as `count` says, so the
// array need not have the length that nvml.h gives it, which grows from release to release.
inline constexpr unsigned kNvmlGpmVersion = 1;
inline constexpr std::size_t kNvmlGpmMetrics = 5;
struct NvmlGpmMetricsGet {
  unsigned version, count;
  NvmlGpmSample before, after;
  std::array<NvmlGpmMetric, kNvmlGpmMetrics> metrics;
};
inline constexpr unsigned kNvmlGpmGraphics = 1;
inline constexpr unsigned kNvmlGpmSm = 2;
inline constexpr unsigned kNvmlGpmOccupancy = 3;
inline constexpr unsigned kNvmlGpmTensor = 5;
inline constexpr unsigned kNvmlGpmDram = 10;

static_assert(sizeof(NvmlMemory) == 24 && sizeof(NvmlUtilization) == 8);
static_assert(sizeof(NvmlProcessInfo) == 24 && offsetof(NvmlProcessInfo, used_memory) == 8);
static_assert(sizeof(NvmlProcessUtilization) == 32 && offsetof(NvmlProcessUtilization, sm) == 16);
static_assert(sizeof(NvmlEventData) == 32 && offsetof(NvmlEventData, data) == 16);
static_assert(sizeof(NvmlGpmMetric) == 40 && offsetof(NvmlGpmMetric, value) == 8);
static_assert(offsetof(NvmlGpmMetricsGet, before) == 8 &&
              offsetof(NvmlGpmMetricsGet, metrics) == 24);

// NVML's functions; null where the driver is too old for one, except for those that load() demands.
struct NvmlApi {
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
  NvmlReturn (*process_utilization)(NvmlDevice, NvmlProcessUtilization*, unsigned*,
                                    unsigned long long) = nullptr;
  NvmlReturn (*pcie_throughput)(NvmlDevice, unsigned, unsigned*) = nullptr;
  NvmlReturn (*pcie_replays)(NvmlDevice, unsigned*) = nullptr;
  NvmlReturn (*ecc_errors)(NvmlDevice, unsigned, unsigned, unsigned long long*) = nullptr;
  NvmlReturn (*event_types)(NvmlDevice, unsigned long long*) = nullptr;
  NvmlReturn (*event_set_create)(NvmlEventSet*) = nullptr;
  NvmlReturn (*event_set_free)(NvmlEventSet) = nullptr;
  NvmlReturn (*register_events)(NvmlDevice, unsigned long long, NvmlEventSet) = nullptr;
  NvmlReturn (*event_wait)(NvmlEventSet, NvmlEventData*, unsigned) = nullptr;
  NvmlReturn (*gpm_support)(NvmlDevice, NvmlGpmSupport*) = nullptr;
  NvmlReturn (*gpm_alloc)(NvmlGpmSample*) = nullptr;
  NvmlReturn (*gpm_free)(NvmlGpmSample) = nullptr;
  NvmlReturn (*gpm_get)(NvmlDevice, NvmlGpmSample) = nullptr;
  NvmlReturn (*gpm_metrics)(NvmlGpmMetricsGet*) = nullptr;

  // Looks the functions up in what dlopen gave; false when one is missing that kts can't do
  // without.
  [[nodiscard]] bool load(void* library);
};

}  // namespace kts::device
