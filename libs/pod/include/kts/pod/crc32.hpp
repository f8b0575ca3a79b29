// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace kts::pod {

// CRC-32 of IEEE 802.3 as zlib computes it: reflected polynomial 0xedb88320, all ones at both ends.
[[nodiscard]] std::uint32_t crc32(std::string_view bytes);

}  // namespace kts::pod
