// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace kts::report {

// The plots' colours, and the CSS variable that takes a colour's place inside report.html, where
// light and dark differ. Solo and shared are Okabe and Ito's colour-blind safe blue and vermillion.
struct Color {
  int red, green, blue;
  std::string_view hex;
  std::string_view variable;
};
inline constexpr Color kInk{0x1F, 0x29, 0x37, "#1f2937", "--ink"};
inline constexpr Color kMuted{0x5B, 0x65, 0x75, "#5b6575", "--muted"};
inline constexpr Color kGrid{0xE1, 0xE5, 0xEA, "#e1e5ea", "--grid"};
inline constexpr Color kSolo{0x00, 0x72, 0xB2, "#0072b2", "--solo"};
inline constexpr Color kShared{0xD5, 0x5E, 0x00, "#d55e00", "--shared"};
inline constexpr Color kPaper{0xFE, 0xFE, 0xFE, "#fefefe", "--card"};
// Beside those two, whose light variants on dark paper they would be taken for.
inline constexpr Color kSky{0x56, 0xB4, 0xE9, "#56b4e9", "--sky"};
inline constexpr Color kAmber{0xE6, 0x9F, 0x00, "#e69f00", "--amber"};
inline constexpr std::array kPalette{kInk, kMuted, kGrid, kSolo, kShared, kPaper, kSky, kAmber};

}  // namespace kts::report
