// SPDX-License-Identifier: Apache-2.0
#include "block_files.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kts/base/files.hpp"
#include "kts/record/codec.hpp"
#include "kts/runner/session.hpp"

namespace kts::kubernetes {
namespace {

using Json = nlohmann::ordered_json;

std::optional<record::BlockEnd> end_of(const std::string& records) {
  const auto at = records.rfind("KTS_END,");
  if (at == std::string::npos || (at > 0 && records[at - 1] != '\n')) return std::nullopt;
  const std::string line = records.substr(at, records.find('\n', at) - at);
  const record::Line parsed = record::parse_line(line);
  const auto* end = std::get_if<record::EndLine>(&parsed);
  if (end == nullptr) return std::nullopt;
  auto value = record::parse_end(end->json);
  if (!value) return std::nullopt;
  return *std::move(value);
}

}  // namespace

Result<std::vector<record::BlockEnd>> write_block(const std::filesystem::path& folder,
                                                  const MeasuredBlock& measured,
                                                  const scenario::Scenario& scenario) {
  const runner::Block& block = measured.block;
  KTS_CHECK_OK(make_directories(folder));
  std::vector<record::BlockEnd> ends;
  Json late = Json::object();
  for (const std::size_t agent : block.active) {
    const BlockLog& log = measured.logs.at(agent);
    const std::string& who = scenario.agents[agent].name;
    KTS_CHECK_OK(write_file(folder / fmt::format("{}.log", who), log.bytes));
    if (log.header.late_ns) late[who] = *log.header.late_ns;
    auto end = end_of(log.bytes);
    if (!end) return fail(ErrorCode::kInternal, "a log without its END", {}, folder.string());
    ends.push_back(*std::move(end));
  }
  const runner::BlockWindow window = runner::intersection(ends);
  const auto names = [&scenario](const std::vector<std::size_t>& places) {
    Json list = Json::array();
    for (const std::size_t place : places) list.push_back(scenario.agents[place].name);
    return list;
  };
  const Json out{{"schema", "kts.block/1"},
                 {"index", block.index},
                 {"cycle", block.cycle},
                 {"phase", name(block.phase)},
                 {"neighbours", name(block.neighbours)},
                 {"active", names(block.active)},
                 {"parked", names(block.parked)},
                 {"window_start_ns", window.start_ns},
                 {"window_stop_ns", window.stop_ns},
                 {"attempt", measured.attempt + 1},
                 {"late_ns", std::move(late)}};
  KTS_CHECK_OK(write_file(folder / "block.json", out.dump(2) + "\n"));
  return ends;
}

}  // namespace kts::kubernetes
