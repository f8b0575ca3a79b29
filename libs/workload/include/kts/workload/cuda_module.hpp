// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/base/error.hpp"
#include "kts/kernel_trace/tracer.hpp"
#include "kts/workload/engine.hpp"
#include "kts/workload/probe.hpp"

// What libkts_workload_cuda.so, beside the binary, offers to whoever loads it. Names carry the
// version of these functions and of all types in engine.hpp and probe.hpp.
extern "C" {
// Devices that can be used now: 0 without a driver.
int kts_workload_cuda_device_count_v2() noexcept;
// The caller deletes the engine. On failure null, and `error` says why.
kts::workload::Engine* kts_workload_cuda_create_v2(const kts::workload::EngineSpec* spec,
                                                   kts::Error* error) noexcept;
// Likewise, on that device.
kts::workload::Prober* kts_workload_cuda_prober_v2(int ordinal, kts::Error* error) noexcept;
// Before the first engine. The caller deletes the tracer. On failure null, and `error` says why.
kts::kernel_trace::Tracer* kts_workload_cuda_open_tracer_v2(
    const kts::kernel_trace::TracerSpec* spec, kts::Error* error) noexcept;
}

namespace kts::workload {

inline constexpr const char* kCudaModuleFile = "libkts_workload_cuda.so";
inline constexpr const char* kCudaDeviceCountName = "kts_workload_cuda_device_count_v2";
inline constexpr const char* kCudaCreateName = "kts_workload_cuda_create_v2";
inline constexpr const char* kCudaProberName = "kts_workload_cuda_prober_v2";
inline constexpr const char* kCudaOpenTracerName = "kts_workload_cuda_open_tracer_v2";

}  // namespace kts::workload
