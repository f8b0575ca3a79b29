// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "nvml_api.hpp"

namespace kts::device::testing {

// What the fake library answers, and what it was asked: its symbol kts_fake_nvml.
struct FakeNvml {
  std::vector<NvmlProcessUtilization> uses;
  unsigned long long asked_since = 0;
  std::size_t grows_by = 0;  // uses that appear between naming the size and copying
  std::vector<unsigned long long> xids;
  NvmlReturn gpm_status = kNvmlSuccess;
  unsigned gpm_supported = 1;
  NvmlReturn tensor_status = kNvmlSuccess;
  NvmlReturn power_status = kNvmlSuccess;
  int gpm_allocated = 0;
  double gpm_taken = 0;  // samples so far
  NvmlGpmMetricsGet gpm_asked{};
};

}  // namespace kts::device::testing
