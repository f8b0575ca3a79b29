// SPDX-License-Identifier: Apache-2.0
#include "kts/base/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace kts {
namespace {

std::string hint_for(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or choose another folder";
    case EACCES:
    case EPERM:
    case EROFS:
      return "choose a folder that you may write to";
    default:
      return {};
  }
}

tl::unexpected<Error> cannot_write(const std::filesystem::path& path, int error_number) {
  return environment_lacks(with_errno("cannot write", error_number), hint_for(error_number),
                           path.string());
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t most) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return bad_input(with_errno("cannot read", errno), {}, path.string());
  std::string bytes;
  struct stat info {};
  if (fstat(fd, &info) == 0 && info.st_size > 0) {
    bytes.reserve(std::min(static_cast<std::size_t>(info.st_size), most));
  }
  char buffer[65536];
  while (bytes.size() < most) {
    const ssize_t n = read(fd, buffer, std::min(sizeof buffer, most - bytes.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error_number = errno;
      ::close(fd);
      return bad_input(with_errno("cannot read", error_number), {}, path.string());
    }
    if (n == 0) break;
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return bytes;
}

Status write_file(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path draft = path.string() + ".part";
  auto discard = [&](Error error) -> Status {
    ::unlink(draft.c_str());
    return tl::unexpected(std::move(error));
  };
  auto file = OutputFile::create(draft);
  if (!file) {
    Error error = std::move(file).error();
    error.where = path.string();
    return tl::unexpected(std::move(error));
  }
  if (auto status = file->write(bytes); !status) return discard(std::move(status).error());
  if (auto status = file->close(); !status) return discard(std::move(status).error());
  if (::rename(draft.c_str(), path.c_str()) != 0) {
    return discard(cannot_write(path, errno).value());
  }
  return {};
}

Status make_directories(const std::filesystem::path& path) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  if (!ec && std::filesystem::is_directory(path, ec)) return {};
  if (std::filesystem::exists(path, ec) && !std::filesystem::is_directory(path, ec)) {
    return bad_input("a file stands where a folder is needed", "name another folder",
                     path.string());
  }
  std::filesystem::create_directories(path, ec);
  if (ec == std::errc::not_a_directory || ec == std::errc::file_exists) {
    return bad_input("a file stands where a folder is needed", "name another folder",
                     path.string());
  }
  if (ec) {
    return environment_lacks(with_errno("cannot make the folder", ec.value()), hint_for(ec.value()),
                             path.string());
  }
  return {};
}

Result<OutputFile> OutputFile::create(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return cannot_write(path, errno);
  return OutputFile(fd, path);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
    path_ = std::move(other.path_);
  }
  return *this;
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return cannot_write(path_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status OutputFile::close() {
  const int fd = std::exchange(fd_, -1);
  if (fd < 0) return {};
  // Network file systems tell of a full disk only here.
  if (::close(fd) != 0) return cannot_write(path_, errno);
  return {};
}

Result<TemporaryDirectory> TemporaryDirectory::create(std::string_view prefix,
                                                      const std::filesystem::path& parent) {
  const char* wish = std::getenv("TMPDIR");
  const std::string base = !parent.empty() ? parent.string() : wish && *wish ? wish : "/tmp";
  std::string pattern = fmt::format("{}/{}-XXXXXX", base, prefix);
  if (mkdtemp(pattern.data()) == nullptr) {
    return environment_lacks(with_errno("cannot make a temporary folder", errno),
                             "set TMPDIR to a folder that you may write to", pattern);
  }
  return TemporaryDirectory(pattern);
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryDirectory::~TemporaryDirectory() {
  if (path_.empty()) return;
  std::error_code ec;
  std::filesystem::remove_all(path_, ec);
}

}  // namespace kts
