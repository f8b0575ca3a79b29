// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// What a test tells the fake; instants are CUPTI's, on the clock that it was given.
extern "C" {
std::int64_t fake_cupti_now();
void fake_cupti_kernel(const char* name, std::int64_t start_ns, std::int64_t end_ns,
                       std::uint32_t stream);
// One copy, set, synchronisation and overhead each.
void fake_cupti_others(std::int64_t start_ns, std::int64_t end_ns);
}
