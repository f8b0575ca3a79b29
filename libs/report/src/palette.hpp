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
inline constexpr std::array kPalette{kInk, kMuted, kGrid, kSolo, kShared, kPaper};

}  // namespace kts::report
