// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kts::kube {

// Cuts bytes that come in pieces of any size into lines.
class LineBuffer {
 public:
  explicit LineBuffer(std::size_t longest) : longest_(longest) {}
  // False once a line is longer than allowed; nothing is taken then.
  [[nodiscard]] bool add(std::string_view bytes);
  // The next whole line without its newline (or CR LF).
  [[nodiscard]] std::optional<std::string> next();
  // What stands after the last newline.
  [[nodiscard]] std::string rest();

 private:
  std::size_t longest_;
  std::string bytes_;
  std::size_t begin_ = 0;     // of what wasn't handed out yet
  std::size_t searched_ = 0;  // up to here there is no newline
};

}  // namespace kts::kube
