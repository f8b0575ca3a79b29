// SPDX-License-Identifier: Apache-2.0
#include "one_card.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kts::kubernetes::one_card_test {
namespace {

using testing::ElementsAre;
using Next = Gathering::Next;

Place place(std::int64_t cards, std::int64_t free_slots) {
  Place place;
  place.cards = cards;
  place.free_slots = free_slots;
  return place;
}

TEST(OneCard, AllThereIsDone) {
  const auto out = gather_on_one_card({{0, "A"}, {1, "A"}}, 2, place(2, 8));
  EXPECT_EQ(out.next, Next::kDone);
  EXPECT_EQ(out.card, "A");
}

TEST(OneCard, WhatIsMissingOnTheFullestCardComesAgain) {
  const auto out = gather_on_one_card({{0, "A"}, {1, "B"}, {2, "A"}}, 3, place(2, 8));
  EXPECT_EQ(out.next, Next::kMore);
  EXPECT_EQ(out.card, "A");
  EXPECT_EQ(out.there, 2U);
  EXPECT_THAT(out.again, ElementsAre(1));
}

TEST(OneCard, AnAgentTwiceOnACardCountsOnce) {
  const auto out = gather_on_one_card({{0, "A"}, {0, "A"}, {1, "B"}}, 2, place(2, 8));
  EXPECT_EQ(out.next, Next::kMore);
  EXPECT_EQ(out.there, 1U);
}

TEST(OneCard, NeverMorePodsThanFreeSlots) {
  const auto out = gather_on_one_card({{0, "A"}, {1, "B"}, {2, "C"}, {3, "D"}}, 4, place(4, 5));
  EXPECT_EQ(out.next, Next::kMore);
  EXPECT_EQ(out.again.size(), 1U);
  EXPECT_EQ(gather_on_one_card({{0, "A"}, {1, "B"}}, 2, place(2, 2)).next, Next::kImpossible);
}

TEST(OneCard, ANodeThatCannotBeSeenMayHaveOneMoreCard) {
  const auto out = gather_on_one_card({{0, "A"}, {1, "B"}}, 2, Place());
  EXPECT_EQ(out.next, Next::kMore);
}

TEST(OneCard, ACardThatIsNotKnownProvesNothing) {
  EXPECT_EQ(gather_on_one_card({{0, ""}, {1, "B"}}, 2, place(1, 4)).next, Next::kUnknown);
}

}  // namespace
}  // namespace kts::kubernetes::one_card_test
