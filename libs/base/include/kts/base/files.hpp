// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "kts/base/error.hpp"

namespace kts {

// Whole file, or its first `most` bytes; kBadInput naming the path when it can't be read.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t most = static_cast<std::size_t>(-1));
// Writes beside `path` and renames, so a reader sees the old bytes or the new, never half.
// kEnvironment naming the path on a full disk or a missing permission.
[[nodiscard]] Status write_file(const std::filesystem::path& path, std::string_view bytes);
// mkdir -p; kBadInput if a file stands there, kEnvironment if not permitted.
[[nodiscard]] Status make_directories(const std::filesystem::path& path);

// Sequential output that reports a full disk when it happens. Move-only; closes on destruction,
// but only close() tells whether the last bytes arrived.
class OutputFile {
 public:
  [[nodiscard]] static Result<OutputFile> create(const std::filesystem::path& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  [[nodiscard]] Status write(std::string_view bytes);
  [[nodiscard]] Status close();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  OutputFile(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::filesystem::path path_;
};

// A fresh 0700 folder that is removed with all it holds.
class TemporaryDirectory {
 public:
  // In `parent`; if that is empty, in TMPDIR or /tmp.
  [[nodiscard]] static Result<TemporaryDirectory> create(std::string_view prefix = "kts",
                                                         const std::filesystem::path& parent = {});
  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace kts
