// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/registry.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "cpu_engine.hpp"
#include "cpu_prober.hpp"
#include "kts/base/units.hpp"
#include "kts/workload/cuda_module.hpp"
#include "kts/workload/probe.hpp"

namespace kts::workload {
namespace {

struct CudaModule {
  decltype(&kts_workload_cuda_device_count_v2) device_count = nullptr;
  decltype(&kts_workload_cuda_create_v2) create = nullptr;
  decltype(&kts_workload_cuda_prober_v2) prober = nullptr;
  decltype(&kts_workload_cuda_open_tracer_v2) open_tracer = nullptr;
};

constexpr const char* kTakeCpu = "or take --device cpu";

// Stays loaded until the process ends, since engines live in it.
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

Result<std::unique_ptr<Engine>> make_cuda_engine(EngineSpec spec, int ordinal) {
  KTS_TRY(const CudaModule module, load_cuda_module());
  spec.cuda_device = ordinal;
  Error error;
  std::unique_ptr<Engine> engine(module.create(&spec, &error));
  if (!engine) return tl::unexpected(std::move(error));
  return engine;
}

Result<std::unique_ptr<Prober>> make_cuda_prober(int ordinal) {
  KTS_TRY(const CudaModule module, load_cuda_module());
  Error error;
  std::unique_ptr<Prober> prober(module.prober(ordinal, &error));
  if (!prober) return tl::unexpected(std::move(error));
  return prober;
}

Status check_range(std::string_view what, std::int64_t value, std::int64_t most) {
  if (value >= 1 && value <= most) return {};
  return bad_input(fmt::format("{} of {} is out of range", what, value),
                   fmt::format("choose 1 to {}", most), fmt::format("--{}", what));
}

}  // namespace

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

Result<std::unique_ptr<kernel_trace::Tracer>> make_tracer(const kernel_trace::TracerSpec& spec,
                                                          const DeviceChoice& device) {
  if (device.kind != "cuda") {
    return environment_lacks("kernels are traced on a CUDA device, and this agent runs on a CPU",
                             "take --device cuda, or leave --trace-kernels out", "--trace-kernels");
  }
  KTS_TRY(const CudaModule module, load_cuda_module());
  Error error;
  std::unique_ptr<kernel_trace::Tracer> tracer(module.open_tracer(&spec, &error));
  if (!tracer) return tl::unexpected(std::move(error));
  return tracer;
}

Result<std::unique_ptr<Engine>> make_engine(const EngineSpec& spec, const DeviceChoice& device) {
  if (spec.workload.kind().empty()) return bad_input("there is no workload", "choose one");
  KTS_CHECK_OK(check_range("in-flight", spec.in_flight, kMaxInFlight));
  KTS_CHECK_OK(check_range("threads", spec.threads, kMaxThreads));
  return device.kind == "cuda" ? make_cuda_engine(spec, device.ordinal) : make_cpu_engine(spec);
}

Result<std::unique_ptr<Prober>> make_prober(const DeviceChoice& device, int core) {
  return device.kind == "cuda" ? make_cuda_prober(device.ordinal) : make_cpu_prober(core);
}

Result<std::unique_ptr<Engine>> make_engine(const EngineSpec& spec, std::string_view device) {
  KTS_TRY(const DeviceChoice choice, choose_device(device));
  return make_engine(spec, choice);
}

}  // namespace kts::workload
