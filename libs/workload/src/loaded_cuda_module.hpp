// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/base/error.hpp"
#include "kts/workload/cuda_module.hpp"

namespace kts::workload {

struct CudaModule {
  decltype(&kts_workload_cuda_device_count_v2) device_count = nullptr;
  decltype(&kts_workload_cuda_create_v2) create = nullptr;
  decltype(&kts_workload_cuda_prober_v2) prober = nullptr;
  decltype(&kts_workload_cuda_open_tracer_v2) open_tracer = nullptr;
};
// Stays loaded until the process ends, since engines live in it.
Result<CudaModule> load_cuda_module();

}  // namespace kts::workload
