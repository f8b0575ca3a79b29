// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "kts/base/units.hpp"
#include "kts/workload/registry.hpp"
#include "loaded_cuda_module.hpp"

namespace kts::workload {

namespace {

constexpr const char* kTakeCpu = "or take --device cpu";

}  // namespace

Result<CudaModule> load_cuda_module() {
  std::error_code ignored;
  const auto path =
      std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / kCudaModuleFile;
  if (!std::filesystem::exists(path, ignored)) {
    return environment_lacks(
        fmt::format("there is no CUDA backend: {} is not beside the program", kCudaModuleFile),
        fmt::format("build where a CUDA 13 toolkit with cuFFT and cuBLAS is installed, {}",
                    kTakeCpu),
        "--device");
  }
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    return environment_lacks(
        fmt::format("the CUDA backend can't be loaded: {}", dlerror()),
        fmt::format(
            "install CUDA 13's cuFFT and cuBLAS, or name their folder in LD_LIBRARY_PATH, {}",
            kTakeCpu),
        "--device");
  }
  CudaModule module;
  module.device_count =
      reinterpret_cast<decltype(module.device_count)>(dlsym(handle, kCudaDeviceCountName));
  module.create = reinterpret_cast<decltype(module.create)>(dlsym(handle, kCudaCreateName));
  module.prober = reinterpret_cast<decltype(module.prober)>(dlsym(handle, kCudaProberName));
  module.open_tracer =
      reinterpret_cast<decltype(module.open_tracer)>(dlsym(handle, kCudaOpenTracerName));
  if (!module.device_count || !module.create || !module.prober || !module.open_tracer) {
    return environment_lacks(fmt::format("{} belongs to another version of kts", path.string()),
                             "build both from one commit", "--device");
  }
  return module;
}

Result<DeviceChoice> choose_device(std::string_view device) {
  constexpr std::string_view kCuda = "cuda";
  if (device == "cpu") return DeviceChoice{"cpu", 0, {}};
  if (device == "auto") {
    const auto module = load_cuda_module();
    if (!module) return DeviceChoice{"cpu", 0, module.error().message};
    const int devices = module->device_count();
    if (devices == 0) {
      return DeviceChoice{"cpu", 0, "the CUDA backend is there, but no device that it can use"};
    }
    return DeviceChoice{"cuda", 0, fmt::format("CUDA devices: {}", devices)};
  }
  if (device == kCuda) return DeviceChoice{"cuda", 0, {}};
  if (device.starts_with("cuda:")) {
    const auto ordinal = parse_int64(device.substr(kCuda.size() + 1));
    if (ordinal && *ordinal >= 0 && *ordinal < 1024) {
      return DeviceChoice{"cuda", static_cast<int>(*ordinal), {}};
    }
  }
  return bad_input(fmt::format("'{}' is no device", device), "use auto, cpu, cuda or cuda:N",
                   "--device");
}

}  // namespace kts::workload
