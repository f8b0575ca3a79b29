// SPDX-License-Identifier: Apache-2.0
#include "kts/stats/outliers.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace kts::stats::outliers_test {
namespace {

std::optional<Peer> peer(double value, double relative) {
  return Peer{value, {value / (1 + relative), value * (1 + relative)}};
}

TEST(ComparePeers, NamesOneThatStandsApart) {
  const std::vector<std::optional<Peer>> peers{peer(5.0, 0.05), peer(5.1, 0.05), peer(9.0, 0.05),
                                               peer(4.9, 0.05)};
  const Peers result = compare_peers(peers);
  EXPECT_EQ(result.outlier, (std::vector<bool>{false, false, true, false}));
  EXPECT_NEAR(*result.median, std::sqrt(5.0 * 5.1), 1e-12);
}

TEST(ComparePeers, OneBelowIsAnOutlierToo) {
  const Peers result = compare_peers(
      std::vector{peer(5.0, 0.05), peer(5.1, 0.05), peer(2.0, 0.05), peer(4.9, 0.05)});
  EXPECT_EQ(result.outlier, (std::vector<bool>{false, false, true, false}));
}

TEST(ComparePeers, AnIntervalThatReachesTheBandExcuses) {
  const Peers result =
      compare_peers(std::vector{peer(5.0, 0.05), peer(5.1, 0.05), peer(9.0, 0.9), peer(4.9, 0.05)});
  EXPECT_EQ(result.outlier, std::vector<bool>(4, false));
}

TEST(ComparePeers, WithoutTheBoundThatFacesTheMedianThereIsNoOutlier) {
  const Peers result = compare_peers(
      std::vector<std::optional<Peer>>{peer(5.0, 0.05), peer(5.1, 0.05), peer(4.9, 0.05),
                                       Peer{9.0, {std::nullopt, 9.5}}, Peer{9.0, {8.5, {}}}});
  EXPECT_EQ(result.outlier, (std::vector<bool>{false, false, false, false, true}));
}

TEST(ComparePeers, DifferencesThatDontMatterArentNamed) {
  const Peers result = compare_peers(
      std::vector{peer(5.0, 0.001), peer(5.0, 0.001), peer(5.0, 0.001), peer(5.2, 0.001)});
  EXPECT_EQ(result.outlier, std::vector<bool>(4, false));
  EXPECT_DOUBLE_EQ(*result.band, 1.05);
}

TEST(ComparePeers, TwoHaveNoMajority) {
  const Peers result = compare_peers(std::vector{peer(5.0, 0.01), peer(50.0, 0.01)});
  EXPECT_EQ(result.outlier, std::vector<bool>(2, false));
  EXPECT_TRUE(result.median);
  EXPECT_FALSE(result.band);
}

TEST(ComparePeers, ThoseWithoutAValueAreLeftOut) {
  const Peers result = compare_peers(std::vector<std::optional<Peer>>{
      std::nullopt, peer(5.0, 0.05), peer(5.1, 0.05), peer(9.0, 0.05), peer(0, 0)});
  EXPECT_EQ(result.outlier, (std::vector<bool>{false, false, false, true, false}));
  EXPECT_FALSE(compare_peers(std::vector<std::optional<Peer>>(3)).median);
}

// Nodes that are alike, each estimate off by what its interval says: 95 % of them hold the truth.
TEST(ComparePeers, AmongEqualPeersNamesFew) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> error(0, 0.1);
  for (const std::size_t count : {3U, 5U, 10U, 40U}) {
    int named = 0;
    constexpr int kFleets = 2000;
    for (int fleet = 0; fleet < kFleets; ++fleet) {
      std::vector<std::optional<Peer>> peers;
      for (std::size_t i = 0; i < count; ++i) {
        const double value = std::exp(error(random));
        peers.push_back(Peer{value, {value * std::exp(-0.196), value * std::exp(0.196)}});
      }
      const Peers result = compare_peers(peers);
      for (const bool one : result.outlier) named += one ? 1 : 0;
    }
    EXPECT_LT(named, kFleets * static_cast<int>(count) / 100) << count << " peers";
  }
}

}  // namespace
}  // namespace kts::stats::outliers_test
