// SPDX-License-Identifier: Apache-2.0
#include "cpu_transformer.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kts/workload/llm_operands.hpp"
#include "kts/workload/llm_reference.hpp"

namespace kts::workload {
namespace {

std::size_t count_of(std::int64_t a, std::int64_t b) { return static_cast<std::size_t>(a * b); }

void fill(const OperandStream& stream, float scale, std::span<float> to) {
  stream.fill(to);
  for (float& value : to) value *= scale;
}

}  // namespace

Status CpuTransformer::prepare(const ModelShape& model, std::uint64_t seed, const Room& room) {
  model_ = model;
  seed_ = seed;
  room_ = room;
  bool complete = true;
  const auto take = [&complete](Floats& to, std::int64_t rows, std::int64_t columns) {
    to = allocate_floats(count_of(rows, columns));
    complete = complete && to;
    return std::span<float>(to.get(), to ? count_of(rows, columns) : 0);
  };
  const auto weights = [&](Floats& to, const OperandStream& stream, std::int64_t rows,
                           std::int64_t columns) {
    fill(stream, weight_scale(columns), take(to, rows, columns));
  };
  layers_.resize(static_cast<std::size_t>(model.layers));
  for (std::int64_t l = 0; l < model.layers; ++l) {
    Layer& layer = layers_[static_cast<std::size_t>(l)];
    const auto stream = [&](Tensor tensor) { return layer_stream(seed, l, tensor); };
    weights(layer.qkv, stream(Tensor::kQkv), model.qkv_rows(), model.hidden);
    weights(layer.out, stream(Tensor::kOut), model.hidden, model.hidden);
    weights(layer.up, stream(Tensor::kUp), model.up_rows(), model.hidden);
    weights(layer.down, stream(Tensor::kDown), model.hidden, model.ffn);
  }
  caches_.resize(static_cast<std::size_t>(model.causal ? model.layers : 1));
  for (Cache& cache : caches_) {
    take(cache.keys, room.batch * room.positions, model.kv_dim());
    take(cache.values, room.batch * room.positions, model.kv_dim());
  }
  if (room.head_rows > 0) {
    weights(head_, head_stream(seed), room.head_rows, model.hidden);
  }
  // NaN until a pass has written it.
  const auto buffer = [&](Floats& to, std::int64_t rows, std::int64_t columns) {
    std::ranges::fill(take(to, rows, columns), std::numeric_limits<float>::quiet_NaN());
  };
  buffer(x_, room.rows, model.hidden);
  buffer(normed_, room.rows, model.hidden);
  buffer(qkv_, room.rows, model.qkv_rows());
  buffer(attended_, room.rows, model.hidden);
  buffer(inner_, room.rows, model.up_rows());
  buffer(shares_, 1, room.positions);
  buffer(scores_, room.batch, std::max<std::int64_t>(room.head_rows, 1));
  for (std::int64_t i = 0; i < model.head_dim / 2; ++i) {
    frequencies_.push_back(
        std::pow(kRopeTheta, -2.0 * static_cast<double>(i) / static_cast<double>(model.head_dim)));
  }
  return complete ? Status{} : out_of_memory();
}

void CpuTransformer::fill_cache(std::int64_t count) {
  const auto width = static_cast<std::size_t>(model_.kv_dim());
  for (std::int64_t l = 0; l < model_.layers; ++l) {
    for (const auto& [part, tensor] :
         {std::pair(&cache(l).keys, Tensor::kKeys), std::pair(&cache(l).values, Tensor::kValues)}) {
      const OperandStream stream = layer_stream(seed_, l, tensor);
      for (std::int64_t s = 0; s < room_.batch; ++s) {
        for (std::int64_t p = 0; p < count; ++p) {
          const std::span<float> row(cache_row(*part, s, p), width);
          stream.fill(row, cache_index(model_, s, p, 0));
          for (float& value : row) value *= kUnitScale;
        }
      }
    }
  }
}

void CpuTransformer::project(const float* x, const float* weights, float* y, std::int64_t rows,
                             std::int64_t in, std::int64_t out) noexcept {
  const auto m = static_cast<blasint>(rows);
  const auto n = static_cast<blasint>(out);
  const auto k = static_cast<blasint>(in);
  if (rows == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, n, k, 1.0F, weights, k, x, 1, 0.0F, y, 1);
  } else {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0F, x, k, weights, k, 0.0F, y,
                n);
  }
}

void CpuTransformer::embed(const Pass& pass) noexcept {
  const OperandStream tokens(seed_, kEmbeddingStream);
  const OperandStream positions(seed_, kPositionStream);
  const auto hidden = static_cast<std::uint64_t>(model_.hidden);
  float* row = x_.get();
  for (std::int64_t s = 0; s < pass.batch; ++s) {
    for (std::int64_t t = 0; t < pass.tokens; ++t, row += hidden) {
      const auto position = static_cast<std::uint64_t>(pass.first + t);
      const auto token = static_cast<std::uint64_t>(token_at(model_, seed_, s, pass.first + t));
      for (std::uint64_t i = 0; i < hidden; ++i) {
        row[i] = tokens[token * hidden + i] * kUnitScale;
        if (!model_.gated) row[i] += positions[position * hidden + i] * kUnitScale;
      }
    }
  }
  if (!model_.gated) norm(x_.get(), x_.get(), pass.batch * pass.tokens);
}

void CpuTransformer::norm(const float* from, float* to, std::int64_t rows) const noexcept {
  const auto width = static_cast<std::size_t>(model_.hidden);
  for (std::int64_t r = 0; r < rows; ++r, from += width, to += width) {
    float mean = 0;
    if (!model_.gated) {
      for (std::size_t i = 0; i < width; ++i) mean += from[i];
      mean /= static_cast<float>(width);
    }
    float squares = 0;
    for (std::size_t i = 0; i < width; ++i) squares += (from[i] - mean) * (from[i] - mean);
    const float scale =
        1 / std::sqrt(squares / static_cast<float>(width) + static_cast<float>(kNormEpsilon));
    for (std::size_t i = 0; i < width; ++i) to[i] = (from[i] - mean) * scale;
  }
}

void CpuTransformer::store(const Pass& pass, const Cache& cache) noexcept {
  const auto kv_dim = static_cast<std::size_t>(model_.kv_dim());
  const auto half = static_cast<std::size_t>(model_.head_dim / 2);
  float* row = qkv_.get();
  for (std::int64_t s = 0; s < pass.batch; ++s) {
    for (std::int64_t t = 0; t < pass.tokens; ++t, row += model_.qkv_rows()) {
      const std::int64_t position = pass.first + t;
      // Pair by pair, all heads of the queries and keys.
      for (std::size_t i = 0; model_.gated && i < half; ++i) {
        const double angle = static_cast<double>(position) * frequencies_[i];
        const auto cosine = static_cast<float>(std::cos(angle));
        const auto sine = static_cast<float>(std::sin(angle));
        for (std::int64_t head = 0; head < model_.heads + model_.kv_heads; ++head) {
          float* const pair = row + head * model_.head_dim + static_cast<std::int64_t>(i);
          const float a = pair[0];
          const float b = pair[half];
          pair[0] = a * cosine - b * sine;
          pair[half] = a * sine + b * cosine;
        }
      }
      const float* const keys = row + model_.hidden;
      std::copy_n(keys, kv_dim, cache_row(cache.keys, s, position));
      std::copy_n(keys + kv_dim, kv_dim, cache_row(cache.values, s, position));
    }
  }
}

void CpuTransformer::attend(const Pass& pass, const Cache& cache) noexcept {
  const auto dim = static_cast<std::size_t>(model_.head_dim);
  const auto kv_dim = static_cast<std::size_t>(model_.kv_dim());
  const float scale = 1 / std::sqrt(static_cast<float>(dim));
  float* const shares = shares_.get();
  for (std::int64_t s = 0; s < pass.batch; ++s) {
    for (std::int64_t t = 0; t < pass.tokens; ++t) {
      const std::int64_t row = s * pass.tokens + t;
      const auto attended =
          static_cast<std::size_t>(pass.first + (model_.causal ? t + 1 : pass.tokens));
      for (std::int64_t head = 0; head < model_.heads; ++head) {
        const float* const q = qkv_.get() + row * model_.qkv_rows() + head * model_.head_dim;
        const std::int64_t at = head / (model_.heads / model_.kv_heads) * model_.head_dim;
        const float* key = cache_row(cache.keys, s, 0) + at;
        float largest = -std::numeric_limits<float>::infinity();
        for (std::size_t j = 0; j < attended; ++j, key += kv_dim) {
          float score = 0;
          for (std::size_t d = 0; d < dim; ++d) score += q[d] * key[d];
          shares[j] = score * scale;
          largest = std::max(largest, shares[j]);
        }
        float total = 0;
        for (std::size_t j = 0; j < attended; ++j)
          total += shares[j] = std::exp(shares[j] - largest);
        float* const out = attended_.get() + row * model_.hidden + head * model_.head_dim;
        std::fill_n(out, dim, 0.0F);
        const float* value = cache_row(cache.values, s, 0) + at;
        for (std::size_t j = 0; j < attended; ++j, value += kv_dim) {
          const float share = shares[j] / total;
          for (std::size_t d = 0; d < dim; ++d) out[d] += share * value[d];
        }
      }
    }
  }
}

void CpuTransformer::activate(std::int64_t rows) noexcept {
  const auto ffn = static_cast<std::size_t>(model_.ffn);
  float* from = inner_.get();
  float* to = inner_.get();  // rows move up: [rows][ffn]
  for (std::int64_t r = 0; r < rows; ++r, from += model_.up_rows(), to += ffn) {
    for (std::size_t i = 0; i < ffn; ++i) {
      const float g = from[i];
      to[i] = model_.gated ? g / (1 + std::exp(-g)) * from[ffn + i]
                           : 0.5F * g * std::erfc(-g * 0.70710678F);
    }
  }
}

void CpuTransformer::run(const Pass& pass, const Witness* witness) noexcept {
  const std::int64_t rows = pass.batch * pass.tokens;
  const auto add = [&](const float* to) {
    for (std::size_t i = 0; i < count_of(rows, model_.hidden); ++i) x_.get()[i] += to[i];
  };
  embed(pass);
  for (std::int64_t l = 0; l < model_.layers; ++l) {
    const Layer& layer = layers_[static_cast<std::size_t>(l)];
    if (witness) (*witness)(l, false);
    if (model_.gated) norm(x_.get(), normed_.get(), rows);
    project(model_.gated ? normed_.get() : x_.get(), layer.qkv.get(), qkv_.get(), rows,
            model_.hidden, model_.qkv_rows());
    store(pass, cache(l));
    attend(pass, cache(l));
    project(attended_.get(), layer.out.get(), normed_.get(), rows, model_.hidden, model_.hidden);
    add(normed_.get());
    norm(x_.get(), model_.gated ? normed_.get() : x_.get(), rows);
    project(model_.gated ? normed_.get() : x_.get(), layer.up.get(), inner_.get(), rows,
            model_.hidden, model_.up_rows());
    activate(rows);
    project(inner_.get(), layer.down.get(), normed_.get(), rows, model_.ffn, model_.hidden);
    add(normed_.get());
    if (!model_.gated) norm(x_.get(), x_.get(), rows);
    if (witness) (*witness)(l, true);
  }
}

void CpuTransformer::score(std::int64_t row, std::int64_t sequence) noexcept {
  const float* x = x_.get() + row * model_.hidden;
  if (model_.gated) {
    norm(x, normed_.get(), 1);
    x = normed_.get();
  }
  project(x, head_.get(), scores_.get() + sequence * room_.head_rows, 1, model_.hidden,
          room_.head_rows);
}

Result<Verification> CpuTransformer::verify(const Pass& pass) {
  constexpr std::int64_t kWeights = 1 << 25;
  const std::int64_t rows = pass.batch * pass.tokens;
  const std::int64_t sampled = std::clamp<std::int64_t>(kWeights / model_.layer_weights(), 1, rows);
  const auto width = static_cast<std::size_t>(model_.hidden);
  const auto hidden_of = [&](std::int64_t row) {
    return std::span<const float>(x_.get() + row * model_.hidden, width);
  };
  Verification all;
  Status trouble;
  const auto take = [&](const Result<Verification>& v) {
    if (!trouble) return;
    if (!v) {
      trouble = tl::unexpected(v.error());
      return;
    }
    all.checksum += v->checksum;
    all.reference += v->reference;
    all.relative_error = std::max(all.relative_error, v->relative_error);
    all.tolerance = v->tolerance;
  };
  std::vector<float> before;
  // Evenly spread, and the last one.
  const auto row_of = [&](std::int64_t i) { return rows - 1 - i * rows / sampled; };
  const Witness witness = [&](std::int64_t l, bool after) {
    for (std::int64_t i = 0; i < sampled; ++i) {
      const std::int64_t row = row_of(i);
      const auto mine = hidden_of(row);
      if (!after) {
        if (i == 0) before.clear();
        before.insert(before.end(), mine.begin(), mine.end());
        continue;
      }
      const std::int64_t s = row / pass.tokens;
      const std::int64_t position = pass.first + row % pass.tokens;
      const std::int64_t attended = model_.causal ? position + 1 : pass.first + pass.tokens;
      const std::size_t elements = count_of(attended, model_.kv_dim());
      const LayerToken token{l,
                             position,
                             std::span(before).subspan(static_cast<std::size_t>(i) * width, width),
                             {cache_row(cache(l).keys, s, 0), elements},
                             {cache_row(cache(l).values, s, 0), elements}};
      take(verify_llm_layer(model_, seed_, Precision::kFloat, token, mine));
    }
    if (l == 0 && !after) {
      const std::int64_t row = row_of(0);
      take(verify_llm_embedding(model_, seed_, Precision::kFloat, row / pass.tokens,
                                pass.first + row % pass.tokens, hidden_of(row)));
    }
  };
  run(pass, &witness);
  KTS_CHECK_OK(trouble);
  return all;
}

}  // namespace kts::workload
