// SPDX-License-Identifier: Apache-2.0
#include "kts/base/files.hpp"

#include <gtest/gtest.h>

namespace kts::files_test {
namespace {

TEST(Files, WrittenBytesAreReadBack) {
  const auto folder = TemporaryDirectory::create().value();
  const auto path = folder.path() / "a.txt";
  ASSERT_TRUE(write_file(path, "one\ntwo"));
  EXPECT_EQ(read_file(path).value(), "one\ntwo");
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
}

TEST(Files, FullDiskIsAnEnvironmentErrorThatNamesTheFile) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  auto file = OutputFile::create("/dev/full").value();
  const Status status = file.write("x");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(status.error().where, "/dev/full");
}

TEST(Files, AFileInTheWayOfAFolderIsBadInput) {
  const auto folder = TemporaryDirectory::create().value();
  ASSERT_TRUE(write_file(folder.path() / "a", ""));
  for (const char* path : {"a", "a/b"}) {
    const Status status = make_directories(folder.path() / path);
    ASSERT_FALSE(status) << path;
    EXPECT_EQ(status.error().code, ErrorCode::kBadInput) << path;
  }
}

TEST(Files, TemporaryFolderGoesWithItsContents) {
  std::filesystem::path path;
  {
    const auto folder = TemporaryDirectory::create().value();
    path = folder.path();
    ASSERT_TRUE(write_file(path / "a", "x"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace kts::files_test
