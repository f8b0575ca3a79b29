// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "kts/base/files.hpp"

namespace kts::report {

// Compares with the file, or rewrites it when KTS_UPDATE_GOLDEN=1.
inline void expect_golden(const std::filesystem::path& path, const std::string& actual) {
  const char* update = std::getenv("KTS_UPDATE_GOLDEN");
  if (update != nullptr && std::string_view(update) == "1") {
    ASSERT_TRUE(make_directories(path.parent_path()));
    ASSERT_TRUE(write_file(path, actual));
    return;
  }
  const auto expected = read_file(path);
  ASSERT_TRUE(expected) << to_line(expected.error()) << "; KTS_UPDATE_GOLDEN=1 writes it";
  EXPECT_EQ(*expected, actual) << path << " differs; KTS_UPDATE_GOLDEN=1 rewrites it";
}

}  // namespace kts::report
