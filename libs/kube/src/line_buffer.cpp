// SPDX-License-Identifier: Apache-2.0
#include "line_buffer.hpp"

#include <utility>

namespace kts::kube {

bool LineBuffer::add(std::string_view bytes) {
  if (begin_ > 0 && begin_ == bytes_.size()) {
    bytes_.clear();
    begin_ = searched_ = 0;
  }
  const bool ends_a_line = bytes.find('\n') != std::string_view::npos ||
                           bytes_.find('\n', searched_) != std::string::npos;
  if (!ends_a_line && bytes_.size() - begin_ + bytes.size() > longest_) return false;
  bytes_ += bytes;
  return true;
}

std::optional<std::string> LineBuffer::next() {
  const auto newline = bytes_.find('\n', searched_);
  if (newline == std::string::npos) {
    if (begin_ > 0) {
      bytes_.erase(0, begin_);
      begin_ = 0;
    }
    searched_ = bytes_.size();
    return std::nullopt;
  }
  std::string line = bytes_.substr(begin_, newline - begin_);
  if (line.ends_with('\r')) line.pop_back();
  begin_ = searched_ = newline + 1;
  return line;
}

std::string LineBuffer::rest() {
  std::string out = bytes_.substr(begin_);
  bytes_.clear();
  begin_ = searched_ = 0;
  return out;
}

}  // namespace kts::kube
