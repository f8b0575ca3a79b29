// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "kts/pod/crc32.hpp"
#include "kts/pod/log_reader.hpp"
#include "property.hpp"

namespace {

using namespace kts::pod;

void read_plan(std::string_view text) {
  const auto plan = parse_plan(text);
  if (!plan) return;
  const auto again = parse_plan(to_json(*plan));
  KTS_PROPERTY(again && *again == *plan);
  for (const Block& block : plan->blocks) {
    KTS_PROPERTY(block.calibrate_ns <= prepare_ns(block, block.active.size() - 1));
    KTS_PROPERTY(block.start_ns < block.stop_ns && block.stop_ns < end_ns(block));
  }
  Schedule schedule;
  KTS_PROPERTY(schedule.update(*plan).has_value());
  for (std::size_t i = 0; i < plan->blocks.size(); ++i) schedule.pass();
  KTS_PROPERTY(schedule.update(*plan).has_value() && schedule.ended() == plan->end);
}

void read_ack(std::string_view text) {
  const auto ack = parse_ack(text);
  if (!ack) return;
  const auto again = parse_ack(to_json(*ack));
  KTS_PROPERTY(again && *again == *ack);
}

void read_frame(std::string_view line) {
  const auto frame = parse_frame(line);
  if (!frame || !*frame) return;
  const std::string written = to_line(**frame);
  KTS_PROPERTY(written.find('\n') == written.size() - 1);
  const auto again = parse_frame(std::string_view(written).substr(0, written.size() - 1));
  KTS_PROPERTY(again && *again && to_line(**again) == written);
}

void read_log(std::string_view text) {
  LogReader reader;
  std::set<std::uint64_t> arrived;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    read_frame(line);
    const auto event = reader.take(line);
    if (!event) continue;
    if (const auto* chunk = std::get_if<Chunk>(&*event)) {
      KTS_PROPERTY(chunk->bytes.size() == chunk->header.bytes);
      KTS_PROPERTY(crc32(chunk->bytes) == chunk->header.crc32);
      KTS_PROPERTY(arrived.insert(chunk->header.chunk).second);
    }
  }
  KTS_PROPERTY(reader.arrived() == arrived.size());
  const Ack ack = reader.ack();
  // It may have to name a million chunks that a heartbeat tells of.
  if (ack.again.size() > 1000) return;
  KTS_PROPERTY(parse_ack(to_json(ack)).value() == ack);
  for (const std::uint64_t chunk : ack.again) KTS_PROPERTY(!arrived.contains(chunk));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_plan(text);
  read_ack(text);
  read_log(text);
  return 0;
}
