// SPDX-License-Identifier: Apache-2.0
#include "notes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kts::analysis {

void Notes::add(std::string_view kind, std::string text) {
  const auto found = std::ranges::find(notes_, kind, &Note::kind);
  if (found == notes_.end()) {
    notes_.push_back({std::string(kind), std::move(text), 0});
  } else {
    ++found->others;
  }
}

void Notes::append_to(std::vector<std::string>& lines) const {
  for (const Note& note : notes_) {
    lines.push_back(note.others == 0 ? note.text
                                     : fmt::format("{} ({} other{} likewise)", note.text,
                                                   note.others, note.others == 1 ? "" : "s"));
  }
}

}  // namespace kts::analysis
