// SPDX-License-Identifier: Apache-2.0
#include "kts/pod/plan.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "fields.hpp"

namespace kts::pod {
namespace {

constexpr std::string_view kSchema = "kts.plan/1";
// 2096, as on the control channel: no sum of a plan's instants overflows.
constexpr std::int64_t kLastInstant = 4'000'000'000'000'000'000;
constexpr std::int64_t kLongest = 86'400'000'000'000;  // a day
constexpr std::size_t kMaxActive = 1024;

Status check_block(const Block& block, const std::string& name, std::int64_t epoch_offset_ns) {
  const auto wrong = [&](std::string_view what) {
    return bad_input(fmt::format("{} {}", name, what));
  };
  if (block.index < 0) return wrong("has a negative index");
  if (block.phase != "solo" && block.phase != "shared") {
    return wrong("has a phase that is neither solo nor shared");
  }
  if (!block.neighbours.empty() && block.neighbours != "parked" && block.neighbours != "absent") {
    return wrong("has neighbours that are neither parked nor absent");
  }
  if (block.active.empty()) return wrong("has no active agent");
  if (block.active.size() > kMaxActive) return wrong("has too many active agents");
  if (std::set(block.active.begin(), block.active.end()).size() != block.active.size()) {
    return wrong("names an active agent twice");
  }
  for (const std::int64_t length : {block.tail_ns, block.limit_ns, block.slot_ns}) {
    if (length < 0 || length > kLongest) return wrong("has a length that is negative or too long");
  }
  if (block.slot_ns == 0) return wrong("has no slots: slot_ns is 0");
  if (block.calibrate_ns < 0 || block.stop_ns > kLastInstant - epoch_offset_ns) {
    return wrong("has instants out of range");
  }
  if (block.stop_ns <= block.start_ns) return wrong("has a stop_ns that is not after start_ns");
  if (block.start_ns < block.calibrate_ns ||
      block.start_ns < prepare_ns(block, block.active.size())) {
    return wrong("has a start_ns before the last agent's slot is over");
  }
  return {};
}

Result<Block> parse_block(const json& object, const std::string& place,
                          std::int64_t epoch_offset_ns) {
  if (!object.is_object()) return bad_input(fmt::format("{} is no JSON object", place));
  Block block;
  Fields fields(object, place);
  int cycle = 0;
  KTS_CHECK_OK(fields.must("index", block.index)
                   .maybe("cycle", cycle)
                   .must("phase", block.phase)
                   .must("neighbours", block.neighbours)
                   .must("active", block.active)
                   .must("calibrate_ns", block.calibrate_ns)
                   .must("start_ns", block.start_ns)
                   .must("stop_ns", block.stop_ns)
                   .must("tail_ns", block.tail_ns)
                   .maybe("limit_ns", block.limit_ns)
                   .must("slot_ns", block.slot_ns)
                   .nothing_but({"index", "cycle", "phase", "neighbours", "active", "calibrate_ns",
                                 "start_ns", "stop_ns", "tail_ns", "limit_ns", "slot_ns"})
                   .status());
  if (object.contains("cycle")) block.cycle = cycle;
  KTS_CHECK_OK(check_block(block, place, epoch_offset_ns));
  return block;
}

}  // namespace

std::optional<std::size_t> place_of(const Block& block, std::string_view agent) {
  const auto found = std::ranges::find(block.active, agent);
  if (found == block.active.end()) return std::nullopt;
  return static_cast<std::size_t>(found - block.active.begin());
}
std::int64_t prepare_ns(const Block& block, std::size_t place) {
  return block.calibrate_ns + static_cast<std::int64_t>(place) * block.slot_ns;
}
std::int64_t give_up_ns(const Block& block) {
  return block.stop_ns + block.tail_ns + block.limit_ns;
}
std::int64_t finish_ns(const Block& block, std::size_t place) {
  return give_up_ns(block) + static_cast<std::int64_t>(1 + place) * block.slot_ns;
}
std::int64_t end_ns(const Block& block) { return finish_ns(block, block.active.size()); }

Result<Plan> parse_plan(std::string_view text) {
  if (text.size() > kMaxPlanBytes) {
    return bad_input(
        fmt::format("the plan has {} bytes; {} are the most", text.size(), kMaxPlanBytes));
  }
  KTS_TRY(const json object, parse_object(text, "the plan"));
  std::string schema;
  KTS_CHECK_OK(Fields(object, "the plan").must("schema", schema).status());
  if (schema != kSchema) {
    return bad_input(fmt::format("the plan has schema '{}', not {}", schema.substr(0, 40), kSchema),
                     "kts and the image must come from one build");
  }
  Plan plan;
  KTS_CHECK_OK(Fields(object, "the plan")
                   .must("epoch_offset_ns", plan.epoch_offset_ns)
                   .must("end", plan.end)
                   .nothing_but({"schema", "epoch_offset_ns", "blocks", "end"})
                   .status());
  if (plan.epoch_offset_ns < 0 || plan.epoch_offset_ns > kLastInstant) {
    return bad_input("the plan has an epoch_offset_ns out of range");
  }
  const auto blocks = object.find("blocks");
  if (blocks == object.end() || !blocks->is_array()) {
    return bad_input("the plan has no list 'blocks'");
  }
  std::set<int> indices;
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    const std::string place = fmt::format("blocks[{}]", i);
    KTS_TRY(Block block, parse_block((*blocks)[i], place, plan.epoch_offset_ns));
    if (!indices.insert(block.index).second) {
      return bad_input(fmt::format("{} has the index {} of an earlier one", place, block.index));
    }
    if (!plan.blocks.empty() && block.calibrate_ns < end_ns(plan.blocks.back())) {
      return bad_input(fmt::format("{} begins before the one ahead of it has ended", place));
    }
    plan.blocks.push_back(std::move(block));
  }
  return plan;
}

std::string to_json(const Plan& plan) {
  ordered_json blocks = ordered_json::array();
  for (const Block& block : plan.blocks) {
    blocks.push_back({{"index", block.index},
                      {"phase", block.phase},
                      {"neighbours", block.neighbours},
                      {"active", block.active},
                      {"calibrate_ns", block.calibrate_ns},
                      {"start_ns", block.start_ns},
                      {"stop_ns", block.stop_ns},
                      {"tail_ns", block.tail_ns},
                      {"limit_ns", block.limit_ns},
                      {"slot_ns", block.slot_ns}});
    if (block.cycle) blocks.back()["cycle"] = *block.cycle;
  }
  return text_of({{"schema", kSchema},
                  {"epoch_offset_ns", plan.epoch_offset_ns},
                  {"blocks", std::move(blocks)},
                  {"end", plan.end}});
}

Result<Ack> parse_ack(std::string_view text) {
  KTS_TRY(const json object, parse_object(text, "the acknowledgement"));
  Ack ack;
  ack.prints = std::numeric_limits<std::uint64_t>::max();
  KTS_CHECK_OK(Fields(object, "the acknowledgement")
                   .must("next", ack.next)
                   .must("again", ack.again)
                   .maybe("prints", ack.prints)
                   .nothing_but({"next", "again", "prints"})
                   .status());
  const auto& again = ack.again;
  if (std::ranges::adjacent_find(again, std::greater_equal<>()) != again.end() ||
      (!again.empty() && again.back() >= ack.next)) {
    return bad_input("the acknowledgement has an 'again' that doesn't rise up to 'next'");
  }
  return ack;
}

std::string to_json(const Ack& ack) {
  return text_of({{"next", ack.next}, {"again", ack.again}, {"prints", ack.prints}});
}

Status Schedule::update(Plan plan) {
  if (plan_ && plan.epoch_offset_ns != plan_->epoch_offset_ns) {
    return bad_input("a later plan has another epoch_offset_ns");
  }
  for (std::size_t i = 0; i < over_; ++i) {
    const Block& done = plan_->blocks[i];
    if (i >= plan.blocks.size()) {
      return bad_input(fmt::format("a later plan leaves out block {}, which is over", done.index));
    }
    if (plan.blocks[i] != done) {
      return bad_input(fmt::format("a later plan changes block {}, which is over", done.index));
    }
  }
  plan_ = std::move(plan);
  return {};
}

const Block* Schedule::next() const { return over_ < blocks() ? &plan_->blocks[over_] : nullptr; }

bool Schedule::quiet_until(std::int64_t instant_ns) const {
  const Block* const block = next();
  return block == nullptr || instant_ns <= block->calibrate_ns;
}

}  // namespace kts::pod
