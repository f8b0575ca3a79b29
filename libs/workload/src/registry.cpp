// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/registry.hpp"

#include <fmt/format.h>

#include <utility>

#include "cpu_engine.hpp"
#include "cpu_prober.hpp"
#include "kts/workload/limits.hpp"
#include "kts/workload/probe.hpp"
#include "loaded_cuda_module.hpp"

namespace kts::workload {
namespace {

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
  if (auto problem = problem_on(device.kind, spec.workload, spec.in_flight)) {
    return bad_input(std::move(problem->message), std::move(problem->hint),
                     flag_of(problem->parameter));
  }
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
