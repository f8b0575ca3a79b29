// SPDX-License-Identifier: Apache-2.0
// Apart from make_engine, so that a program which only asks for names doesn't load BLAS.
#include <algorithm>
#include <array>
#include <complex>

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

std::uint64_t operand_bytes(std::string_view kind, std::int64_t size) {
  const auto elements = static_cast<std::uint64_t>(size) * static_cast<std::uint64_t>(size);
  if (kind == "fft") return elements * 2 * sizeof(std::complex<float>);
  if (kind == "gemm") return elements * 3 * sizeof(float);
  return 0;
}

}  // namespace kts::workload
