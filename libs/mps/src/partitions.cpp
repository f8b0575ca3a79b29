// SPDX-License-Identifier: Apache-2.0
#include "kts/mps/partitions.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <sstream>

#include "kts/base/units.hpp"

namespace kts::mps {
namespace {

constexpr std::size_t kMostToldOfAnAnswer = 120;

// A row's words, less those that stand for nothing.
std::vector<std::string> words_of(const std::string& row) {
  std::istringstream in(row);
  std::vector<std::string> words;
  for (std::string word; in >> word;) {
    if (word != "-") words.push_back(word);
  }
  return words;
}

std::optional<int> count_of(const std::string& word) {
  const auto number = parse_int64(word);
  if (!number || *number < 0 || *number > 1'000'000) return std::nullopt;
  return static_cast<int>(*number);
}

std::string in_one_line(std::string_view answer) {
  std::string line(answer.substr(0, kMostToldOfAnAnswer));
  while (!line.empty() && line.back() <= ' ') line.pop_back();
  std::ranges::replace_if(
      line, [](char c) { return c >= '\0' && c < ' '; }, ' ');
  return line.empty() ? "nothing" : line;
}

// The name in "<card's UUID>/<name>", which may hold slashes itself.
std::string_view name_in(std::string_view partition) {
  return partition.substr(partition.find('/') + 1);
}

// Names are cut as UUIDs are, which dots may mark.
bool is_listed_as(std::string_view listed, std::string_view name) {
  constexpr std::string_view kCut = "...";
  if (!listed.ends_with(kCut)) return listed == name;
  listed.remove_suffix(kCut.size());
  return !listed.empty() && name.starts_with(listed);
}

}  // namespace

// Of each card a row "UUID free used free used" (chunks, then SMs), and of each of its partitions
// "UUID name chunks SMs Yes|No"; UUIDs are cut short, and what a column doesn't have is "-" or
// blank.
Result<Parting> parting_of(Control& control, std::string_view card_uuid) {
  Parting parting;
  KTS_TRY(parting.said, control.ask("lspart"));
  bool known = false;
  std::istringstream rows(parting.said);
  for (std::string row; std::getline(rows, row);) {
    const std::vector<std::string> words = words_of(row);
    if (words.size() < 4 || words[0].size() < 5 || !card_uuid.starts_with(words[0])) continue;
    const auto first = count_of(words[1]);
    const auto second = count_of(words[2]);
    const auto third = count_of(words[3]);
    if (first && second) {
      known = true;
      parting.free_chunks = *first;
      parting.used_chunks = *second;
    } else if (second && third) {
      Parting::Part part{words[1], *second, *third, std::nullopt};
      if (words.size() > 4) part.in_use = words[4] == "Yes";
      parting.parts.push_back(std::move(part));
    }
  }
  if (known) return parting;
  return environment_lacks(
      fmt::format("the MPS daemon's answer to 'lspart' doesn't tell how {} is parted: {}",
                  card_uuid, in_one_line(parting.said)),
      "static partitions take a card of compute capability 8.0 or later; see control.log in the "
      "run's folder mps/");
}

Result<std::string> add_partition(Control& control, std::string_view card_uuid, int chunks) {
  KTS_TRY(const std::string answer,
          control.ask(fmt::format("sm_partition add {} {}", card_uuid, chunks)));
  const auto begin = answer.find(fmt::format("{}/", card_uuid));
  if (begin != std::string::npos) {
    std::string partition = answer.substr(begin, answer.find_first_of(" \t\r\n", begin) - begin);
    if (!name_in(partition).empty()) return partition;
  }
  return environment_lacks(
      fmt::format("the MPS daemon makes no static partition of {} chunks on {}: {}", chunks,
                  card_uuid, in_one_line(answer)),
      "static partitions take a card of compute capability 8.0 or later; see control.log in the "
      "run's folder mps/");
}

Result<std::vector<int>> share_out(std::span<const int> percents, int chunks) {
  std::vector<int> shares;
  for (const int percent : percents) shares.push_back(std::max(1, chunks * percent / 100));
  if (std::accumulate(shares.begin(), shares.end(), 0) <= chunks) return shares;
  return environment_lacks(
      fmt::format("{} static partitions don't fit on the card, which has {} chunks of SMs",
                  percents.size(), chunks),
      "take fewer agents, or mode mps without partitions");
}

Status require_partitions(const Parting& parting, std::span<const Allotment> allotments) {
  std::vector<std::string> wrong;
  for (const Allotment& own : allotments) {
    const auto part = std::ranges::find_if(parting.parts, [&](const Parting::Part& listed) {
      return is_listed_as(listed.name, name_in(own.partition));
    });
    if (part == parting.parts.end()) {
      wrong.push_back(fmt::format("{} has none", own.agent));
    } else if (part->chunks != own.chunks) {
      wrong.push_back(fmt::format("{} has {} chunks, not {}", own.agent, part->chunks, own.chunks));
    } else if (part->in_use == false) {
      wrong.push_back(fmt::format("{} doesn't use its own", own.agent));
    }
  }
  if (wrong.empty()) return {};
  return environment_lacks(
      fmt::format("the static partitions are not as asked for: {}", fmt::join(wrong, ", ")),
      "see partitions.txt and the daemon's logs in the run's folder mps/, or "
      "take mode mps without partitions");
}

}  // namespace kts::mps
