// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/llm_reference.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>
#include <utility>

#include "judge.hpp"

namespace kts::workload {
namespace {

using Vector = std::vector<double>;

Vector widened(std::span<const float> from) { return {from.begin(), from.end()}; }

// A matrix whose elements are computed from its stream.
class Weights {
 public:
  Weights(const OperandStream& stream, std::int64_t columns, Precision precision)
      : stream_(stream),
        scale_(weight_scale(columns)),
        row_(static_cast<std::size_t>(columns)),
        precision_(precision) {}

  [[nodiscard]] double row_times(std::int64_t row, const Vector& x) {
    stream_.fill(row_, static_cast<std::uint64_t>(row) * row_.size());
    double sum = 0;
    for (std::size_t i = 0; i < row_.size(); ++i) {
      const float weight = row_[i] * scale_;
      sum +=
          static_cast<double>(precision_ == Precision::kBf16 ? rounded_to_bf16(weight) : weight) *
          x[i];
    }
    return sum;
  }
  [[nodiscard]] Vector times(const Vector& x, std::int64_t first, std::int64_t rows) {
    Vector y(static_cast<std::size_t>(rows));
    for (std::int64_t r = 0; r < rows; ++r)
      y[static_cast<std::size_t>(r)] = row_times(first + r, x);
    return y;
  }

 private:
  OperandStream stream_;
  float scale_;
  std::vector<float> row_;
  Precision precision_;
};

double mean_square(std::span<const double> x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return sum / static_cast<double>(x.size());
}

Vector normed(const ModelShape& model, Vector x) {
  double mean = 0;
  if (!model.gated) {
    mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
    for (double& value : x) value -= mean;
  }
  const double scale = 1 / std::sqrt(mean_square(x) + kNormEpsilon);
  for (double& value : x) value *= scale;
  return x;
}

// Each head of `x` turned to `position`.
void turn(const ModelShape& model, Vector& x, std::int64_t position) {
  const auto dim = static_cast<std::size_t>(model.head_dim);
  for (std::size_t head = 0; head < x.size(); head += dim) {
    for (std::size_t i = 0; i < dim / 2; ++i) {
      const double angle =
          static_cast<double>(position) *
          std::pow(kRopeTheta, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
      const double a = x[head + i];
      const double b = x[head + dim / 2 + i];
      x[head + i] = a * std::cos(angle) - b * std::sin(angle);
      x[head + dim / 2 + i] = a * std::sin(angle) + b * std::cos(angle);
    }
  }
}

// Of one token, with its own key and value in place of the rows `own`.
Vector attention(const ModelShape& model, const Vector& q, const LayerToken& token,
                 const Vector& own_key, const Vector& own_value) {
  const auto dim = static_cast<std::size_t>(model.head_dim);
  const auto kv_dim = static_cast<std::size_t>(model.kv_dim());
  const auto own = static_cast<std::size_t>(token.position);
  const std::size_t attended = token.keys.size() / kv_dim;
  const auto group = static_cast<std::size_t>(model.heads / model.kv_heads);
  Vector result(q.size());
  Vector share(attended);
  for (std::size_t head = 0; head < static_cast<std::size_t>(model.heads); ++head) {
    const std::size_t at = head / group * dim;
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < attended; ++j) {
      double score = 0;
      for (std::size_t d = 0; d < dim; ++d) {
        const double key =
            j == own ? own_key[at + d] : static_cast<double>(token.keys[j * kv_dim + at + d]);
        score += q[head * dim + d] * key;
      }
      share[j] = score / std::sqrt(static_cast<double>(dim));
      largest = std::max(largest, share[j]);
    }
    double total = 0;
    for (double& s : share) total += s = std::exp(s - largest);
    for (std::size_t j = 0; j < attended; ++j) {
      for (std::size_t d = 0; d < dim; ++d) {
        const double value =
            j == own ? own_value[at + d] : static_cast<double>(token.values[j * kv_dim + at + d]);
        result[head * dim + d] += share[j] / total * value;
      }
    }
  }
  return result;
}

// The parts of one layer, each from what the one before it left.
class LayerParts {
 public:
  LayerParts(const ModelShape& model, std::uint64_t seed, Precision precision, std::int64_t layer)
      : model_(model), seed_(seed), precision_(precision), layer_(layer) {}

  // Attention, and the token's own key and value.
  void attend(const Vector& x, const LayerToken& token, LayerResult& own) const {
    const Vector in = model_.gated ? normed(model_, x) : x;
    Weights qkv = weights(Tensor::kQkv, model_.hidden);
    Vector q = qkv.times(in, 0, model_.hidden);
    own.key = qkv.times(in, model_.hidden, model_.kv_dim());
    own.value = qkv.times(in, model_.hidden + model_.kv_dim(), model_.kv_dim());
    if (model_.gated) {
      turn(model_, q, token.position);
      turn(model_, own.key, token.position);
    }
    own.attended = attention(model_, q, token, own.key, own.value);
  }
  [[nodiscard]] Vector after_attention(const Vector& x, const Vector& attended) const {
    return joined(x, weights(Tensor::kOut, model_.hidden).times(attended, 0, model_.hidden));
  }
  [[nodiscard]] Vector after_feed_forward(const Vector& x) const {
    Weights up = weights(Tensor::kUp, model_.hidden);
    const Vector mid = model_.gated ? normed(model_, x) : x;
    Vector inner = up.times(mid, 0, model_.ffn);
    if (model_.gated) {
      const Vector factor = up.times(mid, model_.ffn, model_.ffn);
      for (std::size_t i = 0; i < inner.size(); ++i) {
        inner[i] = inner[i] / (1 + std::exp(-inner[i])) * factor[i];
      }
    } else {
      for (double& value : inner) value *= 0.5 * std::erfc(-value / std::sqrt(2.0));
    }
    return joined(x, weights(Tensor::kDown, model_.ffn).times(inner, 0, model_.hidden));
  }

 private:
  [[nodiscard]] Weights weights(Tensor tensor, std::int64_t columns) const {
    return {layer_stream(seed_, layer_, tensor), columns, precision_};
  }
  [[nodiscard]] Vector joined(Vector x, const Vector& part) const {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += part[i];
    return model_.gated ? x : normed(model_, std::move(x));
  }

  const ModelShape& model_;
  std::uint64_t seed_;
  Precision precision_;
  std::int64_t layer_;
};

double tolerance_of(const ModelShape& model, Precision precision) {
  constexpr double kEpsilon = std::numeric_limits<float>::epsilon();
  return precision == Precision::kBf16 ? 0x1p-5
                                       : 64 * kEpsilon * std::sqrt(static_cast<double>(model.ffn));
}

// Largest distance of `found` from what is expected, in units of the latter's root mean square.
void compare(const Vector& expected, std::span<const float> found, Worst& worst) {
  const double rms = std::sqrt(mean_square(expected));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst.take(std::abs(static_cast<double>(found[i]) - expected[i]) / rms);
  }
}

double sum_of_squares(std::span<const float> x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

}  // namespace

LayerResult layer_reference(const ModelShape& model, std::uint64_t seed, Precision precision,
                            const LayerToken& token) {
  const Vector x = widened(token.hidden);
  const LayerParts parts(model, seed, precision, token.layer);
  LayerResult result;
  parts.attend(x, token, result);
  result.middle = parts.after_attention(x, result.attended);
  result.hidden = parts.after_feed_forward(result.middle);
  return result;
}

std::vector<double> embedding_reference(const ModelShape& model, std::uint64_t seed,
                                        std::int64_t sequence, std::int64_t position) {
  const auto hidden = static_cast<std::uint64_t>(model.hidden);
  const auto token = static_cast<std::uint64_t>(token_at(model, seed, sequence, position));
  const OperandStream tokens(seed, kEmbeddingStream);
  const OperandStream positions(seed, kPositionStream);
  Vector x(static_cast<std::size_t>(model.hidden));
  for (std::uint64_t i = 0; i < hidden; ++i) {
    x[i] = static_cast<double>(tokens[token * hidden + i] * kUnitScale);
    if (!model.gated) {
      x[i] += static_cast<double>(positions[static_cast<std::uint64_t>(position) * hidden + i] *
                                  kUnitScale);
    }
  }
  return model.gated ? x : normed(model, std::move(x));
}

std::vector<double> head_reference(const ModelShape& model, std::uint64_t seed, Precision precision,
                                   std::span<const float> hidden,
                                   std::span<const std::int64_t> rows) {
  const Vector x = model.gated ? normed(model, widened(hidden)) : widened(hidden);
  Weights head(head_stream(seed), model.hidden, precision);
  Vector scores;
  for (const std::int64_t row : rows) scores.push_back(head.row_times(row, x));
  return scores;
}

Result<Verification> verify_llm_layer(const ModelShape& model, std::uint64_t seed,
                                      Precision precision, const LayerToken& token,
                                      std::span<const float> output) {
  const LayerResult expected = layer_reference(model, seed, precision, token);
  const auto kv_dim = static_cast<std::size_t>(model.kv_dim());
  const std::size_t own = static_cast<std::size_t>(token.position) * kv_dim;
  Verification v;
  v.tolerance = tolerance_of(model, precision);
  v.checksum = sum_of_squares(output);
  v.reference = mean_square(expected.hidden) * static_cast<double>(expected.hidden.size());
  Worst worst;
  compare(expected.hidden, output, worst);
  compare(expected.key, token.keys.subspan(own, kv_dim), worst);
  compare(expected.value, token.values.subspan(own, kv_dim), worst);
  v.relative_error = worst.value();
  return judge(v, "layer's");
}

Result<Verification> verify_llm_parts(const ModelShape& model, std::uint64_t seed,
                                      Precision precision, const LayerToken& token,
                                      std::span<const float> attended,
                                      std::span<const float> middle,
                                      std::span<const float> output) {
  const LayerParts parts(model, seed, precision, token.layer);
  const auto kv_dim = static_cast<std::size_t>(model.kv_dim());
  const std::size_t own = static_cast<std::size_t>(token.position) * kv_dim;
  const Vector x = widened(token.hidden);
  LayerResult expected;
  Worst worst;
  parts.attend(x, token, expected);
  compare(expected.attended, attended, worst);
  compare(expected.key, token.keys.subspan(own, kv_dim), worst);
  compare(expected.value, token.values.subspan(own, kv_dim), worst);
  compare(parts.after_attention(x, widened(attended)), middle, worst);
  expected.hidden = parts.after_feed_forward(widened(middle));
  compare(expected.hidden, output, worst);
  Verification v;
  v.tolerance = tolerance_of(model, precision);
  v.checksum = sum_of_squares(output);
  v.reference = mean_square(expected.hidden) * static_cast<double>(expected.hidden.size());
  v.relative_error = worst.value();
  return judge(v, "layer's");
}

Result<Verification> verify_llm_embedding(const ModelShape& model, std::uint64_t seed,
                                          Precision precision, std::int64_t sequence,
                                          std::int64_t position, std::span<const float> hidden) {
  const Vector expected = embedding_reference(model, seed, sequence, position);
  Verification v;
  v.tolerance = tolerance_of(model, precision);
  v.checksum = sum_of_squares(hidden);
  v.reference = mean_square(expected) * static_cast<double>(expected.size());
  Worst worst;
  compare(expected, hidden, worst);
  v.relative_error = worst.value();
  return judge(v, "embedding's");
}

Result<Verification> verify_llm_head(const ModelShape& model, std::uint64_t seed,
                                     Precision precision, std::span<const float> hidden,
                                     std::span<const float> scores) {
  constexpr std::uint64_t kSampled = 64;
  constexpr std::uint64_t kHeadPlaces = 18;
  const OperandStream places(seed, kHeadPlaces);
  std::vector<std::int64_t> rows{std::ranges::max_element(scores) - scores.begin()};
  for (std::uint64_t i = 0; i < kSampled; ++i) {
    rows.push_back(static_cast<std::int64_t>(place(places, i, scores.size())));
  }
  const Vector expected = head_reference(model, seed, precision, hidden, rows);
  Verification v;
  v.tolerance = tolerance_of(model, precision);
  // Expected, not this result's: one score may come out near zero.
  const double rms =
      model.gated ? 1 : std::sqrt(sum_of_squares(hidden) / static_cast<double>(hidden.size()));
  Worst worst;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double found = static_cast<double>(scores[static_cast<std::size_t>(rows[i])]);
    v.checksum += found * found;
    v.reference += expected[i] * expected[i];
    worst.take(std::abs(found - expected[i]) / rms);
  }
  // The sample is small, the rest must at least be numbers.
  for (const float score : scores) {
    if (!std::isfinite(score)) worst.take(std::numeric_limits<double>::infinity());
  }
  v.relative_error = worst.value();
  return judge(v, "head's");
}

}  // namespace kts::workload
