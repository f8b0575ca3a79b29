// SPDX-License-Identifier: Apache-2.0
// Apart from make_engine, so that a program which only asks for names doesn't load BLAS.
#include <algorithm>
#include <array>

#include "kts/workload/registry.hpp"

namespace kts::workload {
namespace {

using namespace std::chrono_literals;

constexpr std::array<WorkloadInfo, 2> kWorkloads{{
    {"fft", "FFT", "2-D FFT of complex64, out of place", 100ms},
    {"gemm", "GEMM", "matrix product in FP32", 150ms},
}};

}  // namespace

std::span<const WorkloadInfo> workloads() { return kWorkloads; }

const WorkloadInfo* find_workload(std::string_view kind) {
  const auto found = std::find_if(kWorkloads.begin(), kWorkloads.end(),
                                  [kind](const WorkloadInfo& w) { return w.kind == kind; });
  return found == kWorkloads.end() ? nullptr : &*found;
}

}  // namespace kts::workload
