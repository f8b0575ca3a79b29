// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/llm_reference.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace kts::workload::llm_reference_test {
namespace {

constexpr std::uint64_t kSeed = 3;
const ModelShape kDecoder{"d", 2, 32, 48, 4, 2, 8, 100, true, true};
const ModelShape kEncoder{"e", 2, 32, 48, 4, 4, 8, 100, false, false};

std::vector<float> narrowed(const std::vector<double>& from) { return {from.begin(), from.end()}; }

// One token at `position` in layer 1, its own row of keys and values filled in.
struct Case {
  explicit Case(const ModelShape& shape, std::int64_t place = 4, std::int64_t attended = 5)
      : model(shape), position(place) {
    const auto elements = static_cast<std::size_t>(attended * model.kv_dim());
    hidden.resize(static_cast<std::size_t>(model.hidden));
    keys.resize(elements);
    values.resize(elements);
    OperandStream(kSeed, 900).fill(hidden);
    OperandStream(kSeed, 901).fill(keys);
    OperandStream(kSeed, 902).fill(values);
    const LayerResult result = layer_reference(model, kSeed, Precision::kFloat, token());
    const auto own = static_cast<std::ptrdiff_t>(position * model.kv_dim());
    std::ranges::copy(narrowed(result.key), keys.begin() + own);
    std::ranges::copy(narrowed(result.value), values.begin() + own);
    output = narrowed(result.hidden);
  }
  [[nodiscard]] LayerToken token() const { return {1, position, hidden, keys, values}; }
  [[nodiscard]] Result<Verification> verify(Precision precision = Precision::kFloat) const {
    return verify_llm_layer(model, kSeed, precision, token(), output);
  }

  ModelShape model;
  std::int64_t position;
  std::vector<float> hidden, keys, values, output;
};

TEST(LlmReference, OwnResultPassesFarInsideTheTolerance) {
  for (const ModelShape& model : {kDecoder, kEncoder}) {
    const auto v = Case(model).verify();
    ASSERT_TRUE(v) << v.error().message;
    EXPECT_LT(v->relative_error, v->tolerance / 10);
    EXPECT_NEAR(v->checksum / v->reference, 1, 1e-5);
  }
}

TEST(LlmReference, OneWrongNumberOfTheOutputFails) {
  Case wrong(kDecoder);
  wrong.output[7] += 0.1F;
  EXPECT_EQ(wrong.verify().error().code, ErrorCode::kInternal);
  EXPECT_FALSE(wrong.verify(Precision::kBf16));
}

TEST(LlmReference, WrongOwnKeyOrValueFails) {
  Case wrong_key(kDecoder);
  wrong_key.keys.back() += 0.1F;
  EXPECT_FALSE(wrong_key.verify());
  Case wrong_value(kEncoder, 2);
  wrong_value.values[static_cast<std::size_t>(2 * kEncoder.kv_dim())] += 0.1F;
  EXPECT_FALSE(wrong_value.verify());
}

TEST(LlmReference, EveryOtherTokenCounts) {
  for (const ModelShape& model : {kDecoder, kEncoder}) {
    Case other(model);
    other.keys[3] += 1;
    EXPECT_FALSE(other.verify());
    Case more(model);
    more.values[static_cast<std::size_t>(model.kv_dim()) + 1] += 1;
    EXPECT_FALSE(more.verify());
  }
}

TEST(LlmReference, EachPartIsCheckedFromTheOneBefore) {
  for (const ModelShape& model : {kDecoder, kEncoder}) {
    const Case at(model);
    const LayerResult result = layer_reference(model, kSeed, Precision::kFloat, at.token());
    std::vector<float> parts[3] = {narrowed(result.attended), narrowed(result.middle),
                                   narrowed(result.hidden)};
    const auto verify = [&] {
      return verify_llm_parts(model, kSeed, Precision::kFloat, at.token(), parts[0], parts[1],
                              parts[2]);
    };
    const auto v = verify();
    ASSERT_TRUE(v) << v.error().message;
    EXPECT_LT(v->relative_error, v->tolerance / 10);
    for (auto& part : parts) {
      part[5] += 0.01F;
      EXPECT_FALSE(verify());
      part[5] -= 0.01F;
    }
  }
}

// Over thousands of positions attention is an average of random values: nearly nothing.
TEST(LlmReference, OnlyThePartsFindThatAttentionOverALongContextIsMissing) {
  const Case at(kDecoder, 29'999, 30'000);
  Case without = at;
  std::ranges::fill(without.values, 0.0F);
  const LayerResult missing = layer_reference(kDecoder, kSeed, Precision::kBf16, without.token());
  const auto output = narrowed(missing.hidden);
  EXPECT_TRUE(verify_llm_layer(kDecoder, kSeed, Precision::kBf16, at.token(), output));
  EXPECT_FALSE(verify_llm_parts(kDecoder, kSeed, Precision::kBf16, at.token(),
                                narrowed(missing.attended), narrowed(missing.middle), output));
}

TEST(LlmReference, NotANumberFails) {
  Case wrong(kDecoder);
  wrong.output[0] = std::nanf("");
  EXPECT_FALSE(wrong.verify());
}

TEST(LlmReference, AnotherSeedsWeightsFail) {
  const Case good(kDecoder);
  EXPECT_FALSE(verify_llm_layer(kDecoder, kSeed + 1, Precision::kFloat, good.token(), good.output));
}

// RoPE makes scores depend on the distance alone: with positions of queries and keys shifted
// together nothing changes. Shifted alone, it does.
TEST(LlmReference, PositionsCountForDecodersOnly) {
  const Case at(kDecoder, 4, 5);
  LayerToken moved = at.token();
  moved.position = 3;
  EXPECT_NE(layer_reference(kDecoder, kSeed, Precision::kFloat, moved).key,
            layer_reference(kDecoder, kSeed, Precision::kFloat, at.token()).key);
  const Case encoder(kEncoder, 4, 5);
  moved = encoder.token();
  moved.position = 3;
  EXPECT_EQ(layer_reference(kEncoder, kSeed, Precision::kFloat, moved).key,
            layer_reference(kEncoder, kSeed, Precision::kFloat, encoder.token()).key);
}

// The first tokens of a sequence through every layer, [tokens][hidden].
std::vector<double> pass(const ModelShape& model, Precision precision, std::int64_t tokens) {
  const auto kv_dim = static_cast<std::size_t>(model.kv_dim());
  std::vector<std::vector<double>> x;
  for (std::int64_t t = 0; t < tokens; ++t) x.push_back(embedding_reference(model, kSeed, 0, t));
  for (std::int64_t l = 0; l < model.layers; ++l) {
    std::vector<float> keys(static_cast<std::size_t>(tokens) * kv_dim);
    std::vector<float> values(keys.size());
    std::vector<LayerResult> results;
    // An encoder's token needs every key first, a decoder's those before it.
    for (int round = 0; round < 2; ++round) {
      results.clear();
      for (std::int64_t t = 0; t < tokens; ++t) {
        const auto at = static_cast<std::size_t>(t);
        const std::size_t seen = (model.causal ? at + 1 : x.size()) * kv_dim;
        const std::vector<float> hidden = narrowed(x[at]);
        results.push_back(layer_reference(
            model, kSeed, precision,
            {l, t, hidden, std::span(keys).first(seen), std::span(values).first(seen)}));
        std::ranges::copy(narrowed(results.back().key), keys.begin() + t * model.kv_dim());
        std::ranges::copy(narrowed(results.back().value), values.begin() + t * model.kv_dim());
      }
    }
    for (std::size_t t = 0; t < x.size(); ++t) x[t] = results[t].hidden;
  }
  std::vector<double> all;
  for (const auto& token : x) all.insert(all.end(), token.begin(), token.end());
  return all;
}

// A single token attends to itself: attention is its own value, whatever query and key are.
TEST(LlmReference, HiddenStatesStayNearUnitVariance) {
  const auto x = pass(kDecoder, Precision::kFloat, 3);
  ASSERT_EQ(x.size(), 3U * 32);
  double squares = 0;
  for (const double value : x) squares += value * value;
  EXPECT_GT(squares / static_cast<double>(x.size()), 0.3);
  EXPECT_LT(squares / static_cast<double>(x.size()), 10);
}

TEST(LlmReference, DecodersTokensDoNotSeeThoseAfterThem) {
  const auto three = pass(kDecoder, Precision::kFloat, 3);
  const auto two = pass(kDecoder, Precision::kFloat, 2);
  EXPECT_TRUE(std::equal(two.begin(), two.end(), three.begin()));
  const auto encoder3 = pass(kEncoder, Precision::kFloat, 3);
  const auto encoder2 = pass(kEncoder, Precision::kFloat, 2);
  EXPECT_FALSE(std::equal(encoder2.begin(), encoder2.end(), encoder3.begin()));
}

TEST(LlmReference, EncodersStatesAreNormed) {
  const auto x = pass(kEncoder, Precision::kFloat, 1);
  double sum = 0;
  double squares = 0;
  for (const double value : x) {
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum, 0, 1e-9);
  EXPECT_NEAR(squares / 32, 1, 1e-4);
}

TEST(LlmReference, Bf16WeightsDifferSlightly) {
  const auto exact = pass(kDecoder, Precision::kFloat, 1);
  const auto rounded = pass(kDecoder, Precision::kBf16, 1);
  double largest = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    largest = std::max(largest, std::abs(exact[i] - rounded[i]));
  }
  EXPECT_GT(largest, 1e-5);
  EXPECT_LT(largest, 0.1);
}

TEST(LlmReference, HeadsSampleIsCheckedAndItsLargest) {
  std::vector<float> hidden(32);
  OperandStream(kSeed, 900).fill(hidden);
  std::vector<std::int64_t> rows(100);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  const auto scores = narrowed(head_reference(kDecoder, kSeed, Precision::kFloat, hidden, rows));
  const auto verify = [&](const std::vector<float>& found) {
    return verify_llm_head(kDecoder, kSeed, Precision::kFloat, hidden, found);
  };
  EXPECT_TRUE(verify(scores));
  auto wrong = scores;
  for (float& score : wrong) score *= 1.1F;
  EXPECT_FALSE(verify(wrong));
  wrong = scores;
  wrong[41] = 9;  // larger than any
  EXPECT_FALSE(verify(wrong));
  wrong = scores;
  wrong[41] = std::nanf("");
  EXPECT_FALSE(verify(wrong));
}

TEST(LlmReference, EmbeddingBelongsToItsTokenAndPlace) {
  for (const ModelShape& model : {kDecoder, kEncoder}) {
    const auto row = narrowed(embedding_reference(model, kSeed, 1, 2));
    EXPECT_TRUE(verify_llm_embedding(model, kSeed, Precision::kFloat, 1, 2, row));
    EXPECT_FALSE(verify_llm_embedding(model, kSeed, Precision::kFloat, 0, 2, row));
    EXPECT_FALSE(verify_llm_embedding(model, kSeed, Precision::kFloat, 1, 3, row));
  }
}

}  // namespace
}  // namespace kts::workload::llm_reference_test
