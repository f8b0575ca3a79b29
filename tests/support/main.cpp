// SPDX-License-Identifier: Apache-2.0
// The main function of every test program. --file=NAME: only the cases of NAME.cpp, unless GoogleTest
// has a filter of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

std::string cases_of(std::string_view file) {
  std::string filter;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int s = 0; s < all.total_test_suite_count(); ++s) {
    const testing::TestSuite& suite = *all.GetTestSuite(s);
    for (int c = 0; c < suite.total_test_count(); ++c) {
      const testing::TestInfo& info = *suite.GetTestInfo(c);
      if (std::filesystem::path(info.file()).stem() != file) continue;
      filter += std::string(suite.name()) + "." + info.name() + ":";
    }
  }
  return filter;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  constexpr std::string_view kFile = "--file=";
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (argument.substr(0, kFile.size()) != kFile) continue;
    argument.remove_prefix(kFile.size());
    const std::string filter = cases_of(argument);
    if (filter.empty()) {
      std::fprintf(stderr, "no case of %s.cpp is in this program\n", argument.data());
      return 2;
    }
    if (GTEST_FLAG_GET(filter) == "*") GTEST_FLAG_SET(filter, filter);
  }
  return RUN_ALL_TESTS();
}
