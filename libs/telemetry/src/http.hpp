// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"

namespace kts::telemetry {

// The body of a page; kEnvironment naming the URL. Given up once `stop` is set.
[[nodiscard]] Result<std::string> get_page(const std::string& url, Nanoseconds timeout,
                                           const std::atomic<bool>& stop);

}  // namespace kts::telemetry
