// SPDX-License-Identifier: Apache-2.0
#include "cupti_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>

namespace kts::kernel_trace {
namespace {

constexpr std::uint32_t kMajor = CUPTI_API_VERSION / 10000;
constexpr const char* kFile = "libcupti.so.13";
static_assert(kMajor == 13, "kFile names this major version");
constexpr std::array<const char*, 4> kFolders{
    "/usr/local/cuda/lib64/", "/usr/local/cuda/extras/CUPTI/lib64/", "/usr/local/cuda/lib/",
    "/usr/local/cuda/targets/x86_64-linux/lib/"};
constexpr const char* kHint =
    "install CUDA 13's CUPTI (package cuda-cupti-13-0), name its folder in LD_LIBRARY_PATH or the "
    "file in KTS_CUPTI, or leave --trace-kernels out";

void* open_library(const std::string& path, std::string& problem) {
  const auto attempt = [&](const std::string& file) {
    void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr && problem.empty()) problem = dlerror();
    return handle;
  };
  if (!path.empty()) return attempt(path);
  if (void* const handle = attempt(kFile)) return handle;
  for (const char* folder : kFolders) {
    if (void* const handle = attempt(std::string(folder) + kFile)) return handle;
  }
  return nullptr;
}

}  // namespace

Result<Cupti> Cupti::load(const std::string& path) {
  std::string problem;
  void* const handle = open_library(path, problem);
  if (handle == nullptr) {
    return environment_lacks(fmt::format("CUPTI can't be loaded: {}", problem), kHint,
                             "--trace-kernels");
  }
  Cupti cupti;
  const char* missing = nullptr;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
    if (function == nullptr && missing == nullptr) missing = name;
  };
  find(cupti.get_version, "cuptiGetVersion");
  find(cupti.get_result_string, "cuptiGetResultString");
  find(cupti.register_callbacks, "cuptiActivityRegisterCallbacks");
  find(cupti.register_timestamp_callback, "cuptiActivityRegisterTimestampCallback");
  find(cupti.enable, "cuptiActivityEnable");
  find(cupti.disable, "cuptiActivityDisable");
  find(cupti.flush_all, "cuptiActivityFlushAll");
  find(cupti.get_next_record, "cuptiActivityGetNextRecord");
  find(cupti.get_dropped, "cuptiActivityGetNumDroppedRecords");
  if (missing != nullptr) {
    return environment_lacks(fmt::format("this CUPTI has no {}", missing), kHint,
                             "--trace-kernels");
  }
  std::uint32_t version = 0;
  KTS_CHECK_OK(cupti.check(cupti.get_version(&version), "tell its version"));
  cupti.version = fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  if (version / 10000 != kMajor) {
    return environment_lacks(
        fmt::format("CUPTI {} is not of the version that this build reads ({}.x)", cupti.version,
                    kMajor),
        kHint, "--trace-kernels");
  }
  return cupti;
}

Status Cupti::check(CUptiResult result, const char* what) const {
  if (result == CUPTI_SUCCESS) return {};
  const char* text = nullptr;
  if (get_result_string(result, &text) != CUPTI_SUCCESS || text == nullptr) text = "unknown error";
  const bool unprivileged = result == CUPTI_ERROR_INSUFFICIENT_PRIVILEGES ||
                            result == CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES;
  return environment_lacks(
      fmt::format("CUPTI can't {}: {} ({})", what, text, static_cast<int>(result)),
      unprivileged
          ? "trace as root, or let the driver permit it (NVreg_RestrictProfilingToAdminUsers=0)"
          : "check nvidia-smi; end other profilers (nsys, ncu, torch.profiler); or leave "
            "--trace-kernels out",
      "--trace-kernels");
}

}  // namespace kts::kernel_trace
