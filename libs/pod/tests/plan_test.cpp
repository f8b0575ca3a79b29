// SPDX-License-Identifier: Apache-2.0
#include "kts/pod/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace kts::pod::plan_test {
namespace {

using testing::HasSubstr;

Block block(int index, std::int64_t calibrate_ns) {
  return {index,
          "solo",
          "parked",
          {"router", "thinker"},
          calibrate_ns,
          calibrate_ns + 200,
          calibrate_ns + 1200,
          50,
          30,
          100};
}

Plan plan() { return {1'000'000, {block(1, 1000), block(2, 9000)}, false}; }

constexpr std::string_view kGood =
    R"({"schema":"kts.plan/1","epoch_offset_ns":5,"blocks":[{"index":7,"phase":"shared",)"
    R"("neighbours":"","active":["a","b"],"calibrate_ns":100,"start_ns":120,"stop_ns":200,)"
    R"("tail_ns":3,"limit_ns":4,"slot_ns":10}],"end":true})";

// kGood with its one `from` replaced.
std::string with(const std::string& from, const std::string& to) {
  std::string text(kGood);
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string problem(const std::string& text) {
  const auto parsed = parse_plan(text);
  EXPECT_FALSE(parsed) << text;
  if (parsed) return {};
  EXPECT_EQ(parsed.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(to_line(parsed.error()).find('\n'), std::string::npos);
  return parsed.error().message;
}

TEST(Plan, IsReadBack) {
  const auto again = parse_plan(to_json(plan()));
  ASSERT_TRUE(again) << to_line(again.error());
  EXPECT_EQ(*again, plan());
}

TEST(Plan, CycleMayBeGiven) {
  Plan given = plan();
  given.blocks[1].cycle = 3;
  const auto again = parse_plan(to_json(given));
  ASSERT_TRUE(again) << to_line(again.error());
  EXPECT_EQ(*again, given);
  EXPECT_EQ(again->blocks[0].cycle, std::nullopt);
  EXPECT_EQ(problem(with(R"("index":7,)", R"("index":7,"cycle":"one",)")),
            "blocks[0] has a 'cycle' of the wrong type or range");
}

TEST(Plan, LimitMayBeLeftOut) {
  const auto parsed = parse_plan(with(R"("limit_ns":4,)", ""));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->blocks[0].limit_ns, 0);
  EXPECT_TRUE(parsed->end);
}

TEST(Plan, WithoutBlocksIsAPlan) {
  const auto parsed =
      parse_plan(R"({"schema":"kts.plan/1","epoch_offset_ns":0,"blocks":[],"end":true})");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->blocks.empty());
}

TEST(Plan, InstantsFollowFromPlaceAndSlot) {
  const Block b = parse_plan(kGood)->blocks[0];
  EXPECT_EQ(place_of(b, "b"), 1U);
  EXPECT_EQ(place_of(b, "c"), std::nullopt);
  EXPECT_EQ(prepare_ns(b, 0), 100);
  EXPECT_EQ(prepare_ns(b, 1), 110);
  EXPECT_EQ(give_up_ns(b), 207);
  EXPECT_EQ(finish_ns(b, 0), 217);
  EXPECT_EQ(finish_ns(b, 1), 227);
  EXPECT_EQ(end_ns(b), 237);
}

TEST(Plan, EachFaultIsNamed) {
  EXPECT_EQ(problem(""), "the plan is no JSON object");
  EXPECT_EQ(problem("[]"), "the plan is no JSON object");
  EXPECT_EQ(problem("{}"), "the plan lacks 'schema'");
  EXPECT_EQ(problem(with("plan/1", "plan/2")), "the plan has schema 'kts.plan/2', not kts.plan/1");
  EXPECT_EQ(problem(with(R"(,"end":true)", "")), "the plan lacks 'end'");
  EXPECT_EQ(problem(with("true", "1")), "the plan has a 'end' of the wrong type or range");
  EXPECT_EQ(problem(with("true", "true,\"more\":1")), "the plan has an unknown 'more'");
  EXPECT_EQ(problem(with(":5,", ":-5,")), "the plan has an epoch_offset_ns out of range");
  EXPECT_EQ(problem(R"({"schema":"kts.plan/1","epoch_offset_ns":0,"blocks":{},"end":true})"),
            "the plan has no list 'blocks'");
  EXPECT_EQ(problem(R"({"schema":"kts.plan/1","epoch_offset_ns":0,"blocks":[1],"end":true})"),
            "blocks[0] is no JSON object");
  EXPECT_EQ(problem(with("\"index\":7,", "")), "blocks[0] lacks 'index'");
  EXPECT_EQ(problem(with(":7,", ":-7,")), "blocks[0] has a negative index");
  EXPECT_EQ(problem(with("shared", "both")),
            "blocks[0] has a phase that is neither solo nor shared");
  EXPECT_EQ(problem(with(R"("neighbours":"")", R"("neighbours":"gone")")),
            "blocks[0] has neighbours that are neither parked nor absent");
  EXPECT_EQ(problem(with(R"(["a","b"])", "[]")), "blocks[0] has no active agent");
  EXPECT_EQ(problem(with(R"(["a","b"])", R"(["a","a"])")), "blocks[0] names an active agent twice");
  EXPECT_EQ(problem(with(R"(["a","b"])", R"(["a",2])")),
            "blocks[0] has a 'active' of the wrong type or range");
  EXPECT_EQ(problem(with("\"tail_ns\":3", "\"tail_ns\":-3")),
            "blocks[0] has a length that is negative or too long");
  EXPECT_EQ(problem(with("\"slot_ns\":10", "\"slot_ns\":0")),
            "blocks[0] has no slots: slot_ns is 0");
  EXPECT_EQ(problem(with("\"slot_ns\":10", "\"slot_ns\":1e1")),
            "blocks[0] has a 'slot_ns' of the wrong type or range");
  EXPECT_EQ(problem(with(":100,", ":-100,")), "blocks[0] has instants out of range");
  EXPECT_EQ(problem(with(":200,", ":4000000000000000000,")), "blocks[0] has instants out of range");
  EXPECT_EQ(problem(with(":200,", ":120,")), "blocks[0] has a stop_ns that is not after start_ns");
  EXPECT_EQ(problem(with(":120,", ":119,")),
            "blocks[0] has a start_ns before the last agent's slot is over");
  EXPECT_EQ(problem(with(":100,", ":9223372036854775807,")),
            "blocks[0] has a start_ns before the last agent's slot is over");
  EXPECT_THAT(problem(std::string(kMaxPlanBytes + 1, ' ')), HasSubstr("1048577 bytes"));
}

TEST(Plan, BlocksMayNeitherOverlapNorShareAnIndex) {
  Plan overlapping = plan();
  overlapping.blocks[1] = block(2, end_ns(overlapping.blocks[0]) - 1);
  EXPECT_EQ(problem(to_json(overlapping)), "blocks[1] begins before the one ahead of it has ended");
  overlapping.blocks[1] = block(2, end_ns(overlapping.blocks[0]));
  EXPECT_TRUE(parse_plan(to_json(overlapping)));
  Plan twice = plan();
  twice.blocks[1].index = 1;
  EXPECT_EQ(problem(to_json(twice)), "blocks[1] has the index 1 of an earlier one");
}

TEST(Ack, IsReadBack) {
  for (const Ack& ack : {Ack{}, Ack{17, {12, 15}, 19}, Ack{1, {0}, 1}}) {
    EXPECT_EQ(parse_ack(to_json(ack)).value(), ack);
  }
  EXPECT_EQ(to_json(Ack{17, {12, 15}, 19}), R"({"next":17,"again":[12,15],"prints":19})");
  EXPECT_GT(parse_ack(R"({"next":1,"again":[0]})").value().prints, 1'000'000'000'000U);
}

TEST(Ack, NonsenseIsRefused) {
  for (const char* text :
       {"", "17", R"({"next":1})", R"({"next":-1,"again":[]})", R"({"next":9,"again":[3,3]})",
        R"({"next":9,"again":[4,3]})", R"({"next":9,"again":[9]})", R"({"next":9,"again":["1"]})",
        R"({"next":9,"again":[],"x":1})"}) {
    EXPECT_FALSE(parse_ack(text)) << text;
  }
}

TEST(Schedule, GoesThroughBlocksInOrder) {
  Schedule schedule;
  EXPECT_FALSE(schedule.known());
  EXPECT_EQ(schedule.next(), nullptr);
  EXPECT_FALSE(schedule.ended());
  ASSERT_TRUE(schedule.update(plan()));
  EXPECT_EQ(schedule.next()->index, 1);
  schedule.pass();
  EXPECT_EQ(schedule.next()->index, 2);
  schedule.pass();
  EXPECT_EQ(schedule.next(), nullptr);
  EXPECT_FALSE(schedule.ended());
  Plan last = plan();
  last.end = true;
  ASSERT_TRUE(schedule.update(last));
  EXPECT_TRUE(schedule.ended());
}

TEST(Schedule, IsQuietUntilTheNextBlockBegins) {
  Schedule schedule;
  EXPECT_TRUE(schedule.quiet_until(std::numeric_limits<std::int64_t>::max()));
  ASSERT_TRUE(schedule.update(plan()));
  EXPECT_TRUE(schedule.quiet_until(1000));
  EXPECT_FALSE(schedule.quiet_until(1001));
  schedule.pass();
  EXPECT_TRUE(schedule.quiet_until(9000));
  EXPECT_FALSE(schedule.quiet_until(9001));
}

TEST(Schedule, LaterPlansAppendAndMayChangeWhatIsToCome) {
  Schedule schedule;
  ASSERT_TRUE(schedule.update(plan()));
  schedule.pass();
  Plan later = plan();
  later.blocks[1] = block(9, 20'000);
  later.blocks.push_back(block(3, 30'000));
  ASSERT_TRUE(schedule.update(later));
  EXPECT_EQ(schedule.blocks(), 3U);
  EXPECT_EQ(schedule.next()->index, 9);
}

TEST(Schedule, WhatIsOverCannotChange) {
  Schedule schedule;
  ASSERT_TRUE(schedule.update(plan()));
  schedule.pass();
  Plan changed = plan();
  changed.blocks[0].stop_ns += 1;
  EXPECT_EQ(schedule.update(changed).error().message,
            "a later plan changes block 1, which is over");
  EXPECT_EQ(schedule.update({plan().epoch_offset_ns, {}, true}).error().message,
            "a later plan leaves out block 1, which is over");
  changed = plan();
  changed.epoch_offset_ns += 1;
  EXPECT_EQ(schedule.update(changed).error().message, "a later plan has another epoch_offset_ns");
  EXPECT_EQ(schedule.next()->index, 2);
}

}  // namespace
}  // namespace kts::pod::plan_test
