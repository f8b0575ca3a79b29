// SPDX-License-Identifier: Apache-2.0
#include "device_identity.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <cstring>
#include <string>

#include "cuda_error.hpp"

namespace kts::workload_cuda {
namespace {

std::string format_uuid(const char* prefix, const CUuuid& uuid) {
  std::string text = prefix;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

std::string device_uuid(int ordinal, const cudaDeviceProp& properties) {
  CUuuid physical{};
  std::memcpy(&physical, &properties.uuid, sizeof physical);
  CUresult (*get)(CUuuid*, CUdevice) = nullptr;
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  if (cudaGetDriverEntryPointByVersion("cuDeviceGetUuid", &function, 12000, cudaEnableDefault,
                                       &found) == cudaSuccess &&
      found == cudaDriverEntryPointSuccess) {
    get = reinterpret_cast<decltype(get)>(function);
  }
  CUuuid own{};
  if (get && get(&own, ordinal) == CUDA_SUCCESS && std::memcmp(&own, &physical, sizeof own) != 0) {
    return format_uuid("MIG-", own);
  }
  return format_uuid("GPU-", physical);
}

}  // namespace

Result<workload::DeviceIdentity> identify(int ordinal) {
  cudaDeviceProp properties{};
  KTS_CUDA(cudaGetDeviceProperties(&properties, ordinal), "cannot describe the device");
  return workload::DeviceIdentity{"cuda", properties.name, device_uuid(ordinal, properties)};
}

}  // namespace kts::workload_cuda
