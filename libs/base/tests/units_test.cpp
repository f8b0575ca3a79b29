// SPDX-License-Identifier: Apache-2.0
#include "kts/base/units.hpp"

#include <gtest/gtest.h>

#include <array>

namespace kts::units_test {
namespace {

using namespace std::chrono_literals;

TEST(Units, DurationNeedsANumberAndAUnit) {
  EXPECT_EQ(parse_duration("2s").value(), 2s);
  EXPECT_EQ(parse_duration("0.4s").value(), 400ms);
  EXPECT_EQ(parse_duration("1.5min").value(), 90s);
  EXPECT_EQ(parse_duration("0").value(), 0s);
  for (const char* bad : {"", "2", "s", "2 s", "2parsec", "1e30s", "nans", "--2s"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Units, DurationSurvivesARoundTrip) {
  for (const Nanoseconds value : {Nanoseconds(0), Nanoseconds(2s), Nanoseconds(1500ms),
                                  Nanoseconds(7us), Nanoseconds(123ns)}) {
    EXPECT_EQ(parse_duration(format_duration(value)).value(), value);
  }
}

TEST(Units, NumbersAreWholeOrRefused) {
  EXPECT_EQ(parse_int64("-12").value(), -12);
  for (const char* bad : {"", "1x", "1.0", "99999999999999999999"}) {
    EXPECT_FALSE(parse_int64(bad)) << bad;
  }
  for (const char* bad : {"", "nan", "inf", "1,5"}) EXPECT_FALSE(parse_double(bad)) << bad;
}

TEST(Units, NearestWordFindsTyposAndNothingElse) {
  const std::array<std::string_view, 3> keys{"agents", "device", "sharing"};
  EXPECT_EQ(nearest_word("agnets", keys), "agents");
  EXPECT_EQ(nearest_word("zzzzzz", keys), "");
  EXPECT_EQ(nearest_word("nope", std::vector<std::string>{"topk"}), "");
  EXPECT_EQ(nearest_word("MPS", std::vector<std::string>{"mig", "mps"}), "mps");
  EXPECT_EQ(edit_distance("rnu", "run"), 1U);
  EXPECT_EQ(edit_distance("", "run"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Units, BytesReadAsAPersonWouldSayThem) {
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(std::uint64_t{3} << 30), "3.0 GiB");
}

}  // namespace
}  // namespace kts::units_test
