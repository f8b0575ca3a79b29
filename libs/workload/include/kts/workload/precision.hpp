// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kts::workload {

// In which a backend keeps a transformer's weights, activations and cache, and so how exact it can
// be.
enum class Precision { kFloat, kBf16 };

}  // namespace kts::workload
