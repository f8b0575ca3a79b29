// SPDX-License-Identifier: Apache-2.0
#include "run_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/record/codec.hpp"

namespace kts::timeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::streamoff kTailBytes = std::streamoff{64} * 1024;
constexpr int kHeadLines = 100;
constexpr std::array<std::string_view, 6> kLabels{"gpu", "uuid", "agent", "pid", "process", "name"};

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::int64_t> whole_at(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

std::optional<BlockFiles> read_block(const fs::path& folder) {
  BlockFiles block;
  block.folder = folder;
  const std::string file_name = folder.filename().string();
  const char* const last = file_name.data() + file_name.size();
  const auto [end, error] = std::from_chars(file_name.data(), last, block.number);
  if (error != std::errc{} || end == last || *end != '-') return std::nullopt;
  const auto text = read_file(folder / "block.json");
  if (!text) return std::nullopt;
  const json object = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  block.phase = text_at(object, "phase");
  block.neighbours = text_at(object, "neighbours");
  if (const auto cycle = whole_at(object, "cycle"); cycle && std::in_range<int>(*cycle)) {
    block.cycle = static_cast<int>(*cycle);
  }
  if (const auto active = object.find("active"); active != object.end() && active->is_array()) {
    for (const json& agent : *active) {
      if (agent.is_string()) block.active.push_back(agent.get<std::string>());
    }
  }
  const auto start = whole_at(object, "window_start_ns");
  const auto stop = whole_at(object, "window_stop_ns");
  if (!start || !stop || *start < 0 || *stop < 0) return std::nullopt;
  block.window_start_ns = *start;
  block.window_stop_ns = *stop;
  return block;
}

std::vector<std::string> cells_of(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::vector<std::string> cells;
  for (;;) {
    const auto comma = line.find(',');
    cells.emplace_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

std::optional<std::string> number_of(const std::string& cell) {
  if (cell.starts_with("0x")) {
    std::uint64_t value = 0;
    const char* const last = cell.data() + cell.size();
    const auto [end, error] = std::from_chars(cell.data() + 2, last, value, 16);
    if (error != std::errc{} || end != last) return std::nullopt;
    return std::to_string(value);
  }
  const auto value = parse_double(cell);
  if (!value) return std::nullopt;
  return fmt::format("{}", *value);
}

}  // namespace

std::vector<BlockFiles> find_blocks(const fs::path& run) {
  std::vector<BlockFiles> blocks;
  std::error_code ec;
  for (fs::directory_iterator it(run / "blocks", ec), end; !ec && it != end; it.increment(ec)) {
    if (auto block = read_block(it->path())) blocks.push_back(std::move(*block));
  }
  std::ranges::sort(blocks, [](const BlockFiles& a, const BlockFiles& b) {
    return std::pair(a.number, a.folder) < std::pair(b.number, b.folder);
  });
  return blocks;
}

std::optional<record::BlockMeta> meta_of(const fs::path& log) {
  std::ifstream in(log, std::ios::binary);
  std::string line;
  for (int k = 0; k < kHeadLines && std::getline(in, line); ++k) {
    const record::Line parsed = record::parse_line(line);
    if (const auto* meta = std::get_if<record::MetaLine>(&parsed)) {
      auto read = record::parse_meta(meta->json);
      return read ? std::optional(*std::move(read)) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<record::BlockEnd> end_of(const fs::path& log) {
  std::error_code ec;
  const auto size = static_cast<std::streamoff>(fs::file_size(log, ec));
  if (ec) return std::nullopt;
  std::ifstream in(log, std::ios::binary);
  in.seekg(std::max<std::streamoff>(0, size - kTailBytes));
  std::optional<record::BlockEnd> found;
  std::string line;
  while (std::getline(in, line)) {
    const record::Line parsed = record::parse_line(line);
    if (const auto* end = std::get_if<record::EndLine>(&parsed)) {
      if (auto read = record::parse_end(end->json)) found = *std::move(read);
    }
  }
  return found;
}

struct CounterReader::State {
  std::ifstream in;
  std::string source;
  std::vector<std::string> header;
  std::size_t instant = 0;  // its column
  std::vector<std::string> row;
  std::size_t next = 0;  // column of the row in progress
  std::string of;
  std::int64_t at_ns = 0;

  [[nodiscard]] bool is_label(std::size_t column) const {
    return std::ranges::find(kLabels, header[column]) != kLabels.end();
  }
  // When, and of how long: no quantities of the device.
  [[nodiscard]] bool is_instant(std::size_t column) const {
    return header[column].ends_with("_ns");
  }
  bool read_row() {
    std::string line;
    while (std::getline(in, line)) {
      if (line.starts_with('#')) continue;
      row = cells_of(line);
      if (row.size() != header.size()) continue;
      const auto instant_ns = parse_int64(row[instant]);
      if (!instant_ns || *instant_ns < 0) continue;
      at_ns = *instant_ns;
      of = source;
      for (std::size_t k = 0; k < row.size(); ++k) {
        if (!is_label(k) || row[k].empty()) continue;
        of += header[k] == "gpu" ? " GPU " + row[k] : " " + row[k];
      }
      next = 0;
      return true;
    }
    row.clear();
    return false;
  }
};

CounterReader::CounterReader(const fs::path& csv) : state_(std::make_unique<State>()) {
  state_->in.open(csv, std::ios::binary);
  state_->source = csv.stem().string();
  std::string line;
  while (std::getline(state_->in, line)) {
    if (line.starts_with('#')) continue;
    state_->header = cells_of(line);
    break;
  }
  const auto instant = std::ranges::find(state_->header, "epoch_ns");
  if (instant == state_->header.end()) {
    state_->in.setstate(std::ios::failbit);
  } else {
    state_->instant = static_cast<std::size_t>(instant - state_->header.begin());
  }
}

CounterReader::~CounterReader() = default;

bool CounterReader::next(Counter& counter) {
  State& state = *state_;
  for (;;) {
    while (state.next < state.row.size()) {
      const std::size_t k = state.next++;
      if (state.is_instant(k) || state.is_label(k)) continue;
      auto value = number_of(state.row[k]);
      if (!value) continue;
      counter = {state.of, state.header[k], state.at_ns, *std::move(value)};
      return true;
    }
    if (!state.read_row()) return false;
  }
}

}  // namespace kts::timeline
