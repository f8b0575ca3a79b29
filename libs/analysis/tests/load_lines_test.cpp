// SPDX-License-Identifier: Apache-2.0
#include "../src/load_lines.hpp"

#include <gtest/gtest.h>

#include "load_fixtures.hpp"

namespace kts::analysis::load_lines_test {
namespace {

using fixtures::Folder;

struct Read {
  std::vector<std::string> lines;
  std::vector<std::uint64_t> numbers;
  std::vector<bool> whole;
};

Read read_all(const std::string& text) {
  const Folder folder;
  folder.write("x.log", text);
  auto reader = LineReader::open(folder.path() / "x.log");
  EXPECT_TRUE(reader);
  Read read;
  LineReader::Line line;
  while (reader->next(line)) {
    read.lines.emplace_back(line.text);
    read.numbers.push_back(line.number);
    read.whole.push_back(line.whole);
  }
  EXPECT_TRUE(reader->status());
  return read;
}

TEST(LineReader, EmptyFileHasNoLines) { EXPECT_TRUE(read_all("").lines.empty()); }

TEST(LineReader, LinesComeWithTheirNumbers) {
  const Read read = read_all("a\n\nbc\n");
  EXPECT_EQ(read.lines, (std::vector<std::string>{"a", "", "bc"}));
  EXPECT_EQ(read.numbers, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(read.whole, (std::vector<bool>{true, true, true}));
}

TEST(LineReader, LastLineWithoutNewlineIsNotWhole) {
  const Read read = read_all("a\nb");
  EXPECT_EQ(read.lines, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read.whole, (std::vector<bool>{true, false}));
}

TEST(LineReader, LinesAcrossTheBuffersEdgeStayWhole) {
  std::string text;
  std::vector<std::string> expected;
  for (std::size_t k = 0; text.size() < 3 * LineReader::kBuffer; ++k) {
    expected.emplace_back(k * 37 % 5000, static_cast<char>('a' + k % 26));
    text += expected.back() + "\n";
  }
  EXPECT_EQ(read_all(text).lines, expected);
}

TEST(LineReader, LineLongerThanTheBufferIsCutAndNumberedOnce) {
  const std::string giant(3 * LineReader::kBuffer + 17, 'x');
  const Read read = read_all("a\n" + giant + "\nb\n");
  ASSERT_EQ(read.lines.size(), 3u);
  EXPECT_FALSE(read.whole[1]);
  EXPECT_EQ(read.lines[2], "b");
  EXPECT_EQ(read.numbers, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(LineReader, LineOfExactlyTheBuffersLengthIsReportedOnce) {
  for (const std::size_t size :
       {LineReader::kBuffer - 1, LineReader::kBuffer, LineReader::kBuffer + 1}) {
    const Read read = read_all(std::string(size, 'x') + "\nb\n");
    ASSERT_EQ(read.lines.size(), 2u) << size;
    EXPECT_EQ(read.lines[1], "b") << size;
    EXPECT_EQ(read.numbers[1], 2u) << size;
  }
}

TEST(LineReader, MissingFileIsBadInput) {
  const auto reader = LineReader::open("/no/such/file.log");
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(reader.error().where, "/no/such/file.log");
}

TEST(LineReader, FolderInTheFilesPlaceIsBadInput) {
  const Folder folder;
  auto reader = LineReader::open(folder.path());
  ASSERT_TRUE(reader);
  LineReader::Line line;
  EXPECT_FALSE(reader->next(line));
  ASSERT_FALSE(reader->status());
  EXPECT_EQ(reader->status().error().code, ErrorCode::kBadInput);
}

}  // namespace
}  // namespace kts::analysis::load_lines_test
