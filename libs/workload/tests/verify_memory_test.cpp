// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "kts/workload/memory_operands.hpp"
#include "kts/workload/verify.hpp"

namespace kts::workload::verify_memory_test {
namespace {

constexpr std::uint64_t kSeed = 4;

// The k best by definition.
struct Best {
  explicit Best(
      std::size_t k, float (*round)(float) = [](float x) { return x; }) {
    std::vector<double> all(kVectors);
    for (std::size_t v = 0; v < kVectors; ++v) {
      for (std::size_t d = 0; d < kDimensions; ++d) {
        all[v] += static_cast<double>(round(query_stream(kSeed)[d])) *
                  static_cast<double>(round(vectors_stream(kSeed)[v * kDimensions + d]));
      }
    }
    std::vector<std::int64_t> order(kVectors);
    std::iota(order.begin(), order.end(), std::int64_t{0});
    std::ranges::sort(order, [&](std::int64_t a, std::int64_t b) {
      return all[static_cast<std::size_t>(a)] > all[static_cast<std::size_t>(b)];
    });
    for (std::size_t i = 0; i < k; ++i) {
      ids.push_back(order[i]);
      scores.push_back(static_cast<float>(all[static_cast<std::size_t>(order[i])]));
    }
    next = order[k];
    next_score = static_cast<float>(all[static_cast<std::size_t>(next)]);
  }
  [[nodiscard]] Result<Verification> verify(VectorFormat format = VectorFormat::kFloat) const {
    return verify_topk(kVectors, kDimensions, kSeed, format, ids, scores);
  }

  static constexpr std::int64_t kVectors = 500;
  static constexpr std::int64_t kDimensions = 32;
  std::vector<std::int64_t> ids;
  std::vector<float> scores;
  std::int64_t next = 0;
  float next_score = 0;
};

TEST(VerifyTopk, RightAnswerPasses) {
  const auto v = Best(5).verify();
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_LT(v->relative_error, v->tolerance / 2);
}

TEST(VerifyTopk, BetterVectorLeftOutFails) {
  Best best(5);
  best.ids[4] = best.next;
  best.scores[4] = best.next_score;
  EXPECT_FALSE(best.verify());
}

TEST(VerifyTopk, WrongScoreOrderOrIdFails) {
  Best score(5);
  score.scores[2] += 0.01F;
  EXPECT_FALSE(score.verify());
  Best order(5);
  std::swap(order.ids[0], order.ids[1]);
  std::swap(order.scores[0], order.scores[1]);
  EXPECT_FALSE(order.verify());
  Best twice(5);
  twice.ids[1] = twice.ids[0];
  EXPECT_FALSE(twice.verify());
  Best outside(5);
  outside.ids[1] = Best::kVectors;
  EXPECT_FALSE(outside.verify());
}

TEST(VerifyTopk, HalfPrecisionHasItsOwnReference) {
  const Best rounded(5, rounded_to_fp16);
  EXPECT_TRUE(rounded.verify(VectorFormat::kFp16));
  EXPECT_FALSE(rounded.verify(VectorFormat::kFloat));
}

TEST(Fp16, RoundsToNearestEvenWithItsSmallestSteps) {
  EXPECT_EQ(rounded_to_fp16(0.0F), 0.0F);
  EXPECT_EQ(rounded_to_fp16(-1.0F), -1.0F);
  EXPECT_EQ(rounded_to_fp16(0.5F + 0x1p-12F), 0.5F);             // a tie, to even
  EXPECT_EQ(rounded_to_fp16(0.5F + 0x3p-12F), 0.5F + 0x1p-10F);  // a tie, to even
  EXPECT_EQ(rounded_to_fp16(-0.5F - 0x1.8p-12F), -0.5F - 0x1p-11F);
  EXPECT_EQ(rounded_to_fp16(0x1.8p-24F), 0x1p-23F);  // below the smallest normal number
  EXPECT_EQ(rounded_to_fp16(0x1p-26F), 0.0F);
}

TEST(VerifyTriad, RightResultPassesAndAWrongElementFails) {
  std::vector<float> a(1000);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = triad_b_stream(kSeed)[i] + kTriadScalar * triad_c_stream(kSeed)[i];
  }
  EXPECT_TRUE(verify_triad(kSeed, a));
  EXPECT_FALSE(verify_triad(kSeed + 1, a));
  a[999] += 1e-4F;
  EXPECT_FALSE(verify_triad(kSeed, a));
}

TEST(VerifySweep, SumIsExact) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 256; ++i) sum += sweep_word(kSeed, i);
  EXPECT_TRUE(verify_sweep(1024, 1, kSeed, sum));
  EXPECT_TRUE(verify_sweep(1024, 3, kSeed, 3 * sum));
  EXPECT_FALSE(verify_sweep(1024, 3, kSeed, 3 * sum + 1));
  EXPECT_FALSE(verify_sweep(1024, 2, kSeed, 3 * sum));
}

TEST(VerifyCopy, EveryBitCounts) {
  std::vector<float> arrived(64);
  h2d_stream(kSeed).fill(arrived);
  EXPECT_TRUE(verify_copy(h2d_stream(kSeed), arrived));
  EXPECT_FALSE(verify_copy(d2h_stream(kSeed), arrived));
  arrived[63] = -arrived[63];
  EXPECT_FALSE(verify_copy(h2d_stream(kSeed), arrived));
}

TEST(VerifyCount, MustBeExact) {
  EXPECT_TRUE(verify_count("launch count's", 100, 100));
  EXPECT_FALSE(verify_count("launch count's", 100, 99));
}

}  // namespace
}  // namespace kts::workload::verify_memory_test
