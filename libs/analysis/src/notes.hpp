// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kts::analysis {

// Sentences about agents or logs. What holds of several alike is told of the first, and the others
// are counted: 64 agents in one plight are one line.
class Notes {
 public:
  // Notes of one `kind` differ in whom they are about and in numbers only.
  void add(std::string_view kind, std::string text);
  // Appends a line a kind, in the order in which they first came up.
  void append_to(std::vector<std::string>& lines) const;

 private:
  struct Note {
    std::string kind;
    std::string text;
    std::size_t others = 0;
  };
  std::vector<Note> notes_;
};

}  // namespace kts::analysis
