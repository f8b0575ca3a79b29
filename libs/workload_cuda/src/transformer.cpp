// SPDX-License-Identifier: Apache-2.0
#include "transformer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "cuda_error.hpp"
#include "kts/workload/llm_operands.hpp"

namespace kts::workload_cuda {
namespace {

using workload::ModelShape;
using workload::Tensor;

// Up to here a matrix is read once for all vectors by gemv().
constexpr std::int64_t kMostVectors = 8;
constexpr auto kEpsilon = static_cast<float>(workload::kNormEpsilon);

Stream stream_of(std::uint64_t seed, std::int64_t layer, Tensor tensor) {
  return {seed, workload::kFirstLayerStream +
                    static_cast<std::uint64_t>(layer) * workload::kTensorsALayer +
                    static_cast<std::uint64_t>(tensor)};
}

int narrow(std::int64_t value) { return static_cast<int>(value); }

// Hands out one allocation piece by piece; without a base, only counts.
class Carver {
 public:
  explicit Carver(void* base) : base_(static_cast<std::byte*>(base)) {}
  template <typename T>
  T* take(std::int64_t count) {
    constexpr std::uint64_t kAlignment = 256;
    const std::uint64_t at = used_;
    used_ +=
        (static_cast<std::uint64_t>(count) * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return base_ ? reinterpret_cast<T*>(base_ + at) : nullptr;
  }
  [[nodiscard]] std::uint64_t used() const { return used_; }

 private:
  std::byte* base_;
  std::uint64_t used_ = 0;
};

}  // namespace

bool steps_by_vectors(std::int64_t sequences) { return sequences <= kMostVectors; }

std::vector<float> to_floats(const std::vector<Bf16>& values) {
  std::vector<float> floats(values.size());
  std::ranges::transform(values, floats.begin(), [](Bf16 value) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
  });
  return floats;
}

Status Transformer::create(const TransformerPlan& plan, cudaStream_t stream) {
  plan_ = plan;
  stream_ = stream;
  const ModelShape& m = plan_.model;
  int device = 0;
  cudaDeviceProp properties{};
  KTS_CUDA(cudaGetDevice(&device), "cannot ask for the device");
  KTS_CUDA(cudaGetDeviceProperties(&properties, device), "cannot describe the device");
  if (properties.major < 8) {
    return environment_lacks(
        fmt::format("models run in bf16, which {} (compute capability {}.{}) doesn't have",
                    properties.name, properties.major, properties.minor),
        "take a device of compute capability 8.0 or later, or another workload", "CUDA");
  }
  overlap_ = properties.major >= 9;
  // A block for every multiprocessor, none with fewer than 64 positions.
  const std::int64_t blocks = token_blocks(narrow(m.heads), narrow(m.kv_heads)) * plan_.sequences;
  splits_ = narrow(std::clamp<std::int64_t>(properties.multiProcessorCount / blocks, 1,
                                            (plan_.positions + 63) / 64));
  KTS_CHECK_OK(allocate_all());
  KTS_CUDA(prepare_attention(), "cannot prepare the attention");
  KTS_CUDA(prepare_gemv(), "cannot prepare the products");
  KTS_CHECK_OK(fill_weights());
  return choose_algorithms();
}

Status Transformer::allocate_all() {
  const ModelShape& m = plan_.model;
  const std::int64_t sequences = plan_.sequences;
  layers_.resize(static_cast<std::size_t>(m.layers));
  const auto carve_weights = [&](Carver carver) {
    for (Layer& layer : layers_) {
      layer.qkv = carver.take<Bf16>(m.qkv_rows() * m.hidden);
      layer.out = carver.take<Bf16>(m.hidden * m.hidden);
      layer.up = carver.take<Bf16>(m.up_rows() * m.hidden);
      layer.down = carver.take<Bf16>(m.hidden * m.ffn);
    }
    head_ = carver.take<Bf16>(plan_.head_rows * m.hidden);
    return carver.used();
  };
  const auto carve_cache = [&](Carver carver) {
    if (!m.causal) return carver.used();
    const std::int64_t elements = m.layers * sequences * plan_.positions * m.kv_dim();
    keys_ = carver.take<Bf16>(elements);
    values_ = carver.take<Bf16>(elements);
    turns_ = carver.take<float2>(plan_.positions * m.head_dim / 2);
    return carver.used();
  };
  const auto carve_activations = [&](Carver carver) {
    x_ = carver.take<Bf16>(plan_.rows * m.hidden);
    normed_ = carver.take<Bf16>(plan_.rows * m.hidden);
    qkv_ = carver.take<Bf16>(plan_.rows * m.qkv_rows());
    up_ = carver.take<Bf16>(plan_.rows * m.up_rows());
    gated_ = m.gated ? carver.take<Bf16>(plan_.rows * m.ffn) : nullptr;
    last_ = carver.take<Bf16>(sequences * m.hidden);
    logits_ = carver.take<float>(sequences * plan_.head_rows);
    best_ = carver.take<unsigned long long>(sequences);
    state_ = carver.take<StepState>(1);
    if (plan_.steps) {
      partial_sums_ = carver.take<float>(sequences * m.hidden * splits_);
      partial_weights_ = carver.take<float2>(sequences * m.heads * splits_);
    }
    arrivals_ =
        carver.take<unsigned>(sequences * token_blocks(narrow(m.heads), narrow(m.kv_heads)));
    return carver.used();
  };
  const std::uint64_t weights = carve_weights(Carver(nullptr));
  const std::uint64_t cache = carve_cache(Carver(nullptr));
  const std::uint64_t activations = carve_activations(Carver(nullptr));
  bytes_ = weights + cache + activations + Matmul::kWorkspaceBytes;
  KTS_CHECK_OK(require_memory(bytes_, "a smaller model, batch or context"));
  KTS_TRY(weights_memory_, allocate(weights));
  KTS_TRY(cache_memory_, allocate(cache));
  KTS_TRY(activations_memory_, allocate(activations));
  KTS_CHECK_OK(matmul_.create(stream_));
  carve_weights(Carver(weights_memory_.get()));
  carve_cache(Carver(cache_memory_.get()));
  carve_activations(Carver(activations_memory_.get()));
  KTS_CUDA(cudaMemsetAsync(cache_memory_.get(), 0, cache, stream_), "cannot clear the cache");
  KTS_CUDA(cudaMemsetAsync(activations_memory_.get(), 0, activations, stream_),
           "cannot clear the activations");
  return {};
}

Status Transformer::fill_weights() {
  const ModelShape& m = plan_.model;
  const auto matrix = [this](Bf16* to, std::int64_t rows, std::int64_t columns,
                             const Stream& stream) {
    return fill(to, rows * columns, stream, 0, workload::weight_scale(columns), stream_);
  };
  constexpr const char* kDoing = "cannot fill the weights";
  for (std::int64_t l = 0; l < m.layers; ++l) {
    const Layer& layer = layers_[static_cast<std::size_t>(l)];
    const auto stream = [&](Tensor tensor) { return stream_of(plan_.seed, l, tensor); };
    KTS_CUDA(matrix(layer.qkv, m.qkv_rows(), m.hidden, stream(Tensor::kQkv)), kDoing);
    KTS_CUDA(matrix(layer.out, m.hidden, m.hidden, stream(Tensor::kOut)), kDoing);
    KTS_CUDA(matrix(layer.up, m.up_rows(), m.hidden, stream(Tensor::kUp)), kDoing);
    KTS_CUDA(matrix(layer.down, m.hidden, m.ffn, stream(Tensor::kDown)), kDoing);
  }
  if (plan_.head_rows > 0) {
    KTS_CUDA(matrix(head_, plan_.head_rows, m.hidden, {plan_.seed, workload::kHeadStream}), kDoing);
  }
  if (m.causal) {
    KTS_CUDA(fill_turns(turns_, narrow(plan_.positions), narrow(m.head_dim), workload::kRopeTheta,
                        stream_),
             kDoing);
  }
  KTS_CUDA(cudaStreamSynchronize(stream_), kDoing);
  return {};
}

// On operands like those of a real run: a card's clock, and so what is fastest, depends on them.
Status Transformer::choose_algorithms() {
  const ModelShape& m = plan_.model;
  if (plan_.common_rows.empty()) return {};
  const Stream any{plan_.seed, workload::kTokenStream};
  for (const auto& [to, width] : {std::pair(x_, m.hidden), std::pair(normed_, m.hidden),
                                  std::pair(gated_ ? gated_ : up_, m.ffn)}) {
    KTS_CUDA(fill(to, plan_.rows * width, any, 0, workload::kUnitScale, stream_),
             "cannot fill the activations");
  }
  const Layer& layer = layers_.front();
  for (const std::int64_t rows : plan_.common_rows) {
    KTS_CHECK_OK(matmul_.choose({m.qkv_rows(), m.hidden}, rows, layer.qkv, normed_, qkv_));
    KTS_CHECK_OK(matmul_.choose({m.hidden, m.hidden, true}, rows, layer.out, normed_, x_));
    // The encoder's other operand, `up_`, is what this product overwrites.
    KTS_CHECK_OK(
        matmul_.choose({m.hidden, m.ffn, true}, rows, layer.down, gated_ ? gated_ : up_, x_));
    KTS_CHECK_OK(matmul_.choose({m.up_rows(), m.hidden}, rows, layer.up, normed_, up_));
  }
  if (plan_.head_rows > 1 && !steps_by_vectors(plan_.sequences)) {
    KTS_CHECK_OK(matmul_.choose({plan_.head_rows, m.hidden, false, true}, plan_.sequences, head_,
                                normed_, logits_));
  }
  return {};
}

// Of a sequence: a head after the other, so that a head's positions lie side by side.
KeysOrValues Transformer::keys(std::int64_t layer, std::int64_t first_sequence) const {
  const ModelShape& m = plan_.model;
  const std::int64_t head = plan_.positions * m.head_dim;
  const std::int64_t sequence = head * m.kv_heads;
  return {keys_ + (layer * plan_.sequences + first_sequence) * sequence, sequence, head,
          m.head_dim};
}

KeysOrValues Transformer::values(std::int64_t layer, std::int64_t first_sequence) const {
  KeysOrValues place = keys(layer, first_sequence);
  place.data = values_ + (place.data - keys_);
  return place;
}

Embed Transformer::embedding(std::int64_t first_sequence, std::int64_t sequences) const {
  const ModelShape& m = plan_.model;
  Embed embed{};
  embed.out = x_;
  embed.hidden = m.hidden;
  embed.first_sequence = narrow(first_sequence);
  embed.sequences = narrow(sequences);
  embed.positions = 1;
  embed.best = best_;
  embed.vocab = m.vocab;
  embed.tokens = {plan_.seed, workload::kTokenStream};
  embed.embedding = {plan_.seed, workload::kEmbeddingStream};
  embed.learned_positions = !m.gated;
  embed.position_rows = {plan_.seed, workload::kPositionStream};
  embed.positions_a_sequence = static_cast<std::int64_t>(workload::kPositionsASequence);
  embed.scale = workload::kUnitScale;
  return embed;
}

Status Transformer::fill_cache(std::int64_t positions) {
  const ModelShape& m = plan_.model;
  for (std::int64_t l = 0; l < m.layers; ++l) {
    for (const Tensor tensor : {Tensor::kKeys, Tensor::kValues}) {
      const FillCache fill{tensor == Tensor::kKeys ? keys(l, 0) : values(l, 0),
                           narrow(plan_.sequences),
                           narrow(positions),
                           narrow(m.kv_heads),
                           narrow(m.head_dim),
                           stream_of(plan_.seed, l, tensor),
                           static_cast<std::int64_t>(workload::kPositionsASequence),
                           workload::kUnitScale};
      KTS_CUDA(workload_cuda::fill_cache(fill, stream_), "cannot fill the cache");
    }
  }
  return {};
}

Status Transformer::place(std::int64_t next, std::int64_t first, std::int64_t limit) noexcept {
  const StepState state{narrow(next), narrow(next), narrow(first), narrow(limit)};
  KTS_CUDA(set_state(state_, state, stream_), "cannot place the next token");
  return {};
}

Status Transformer::tap(std::int64_t layer, Bf16* Tap::*part, const Bf16* from,
                        std::int64_t width) noexcept {
  if (!tap_ || tap_->layer != layer) return {};
  KTS_CUDA(cudaMemcpyAsync((*tap_).*part, from + tap_->first_row * width,
                           static_cast<std::size_t>(tap_->rows * width) * sizeof(Bf16),
                           cudaMemcpyDeviceToDevice, stream_),
           "cannot copy what a layer had");
  return {};
}

Status Transformer::forward(std::int64_t first_sequence, std::int64_t sequences,
                            std::int64_t first_position, std::int64_t positions) noexcept {
  const ModelShape& m = plan_.model;
  const std::int64_t rows = sequences * positions;
  const int width = narrow(m.hidden);
  Embed embed = embedding(first_sequence, sequences);
  embed.first_position = narrow(first_position);
  embed.positions = narrow(positions);
  constexpr const char* kDoing = "cannot run a layer";
  KTS_CUDA(workload_cuda::embed(embed, on()), kDoing);
  const auto norm = [&](Norm kind, Bf16* to) {
    return normalise(kind, to, x_, width, narrow(rows), width, kEpsilon, on());
  };
  if (!m.gated) KTS_CUDA(norm(Norm::kLayer, x_), kDoing);
  for (std::int64_t l = 0; l < m.layers; ++l) {
    const Layer& layer = layers_[static_cast<std::size_t>(l)];
    KTS_CHECK_OK(tap(l, &Tap::input, x_, m.hidden));
    if (m.gated) KTS_CUDA(norm(Norm::kRms, normed_), kDoing);
    KTS_CHECK_OK(matmul_.run({m.qkv_rows(), m.hidden}, rows, layer.qkv, m.gated ? normed_ : x_,
                             m.hidden, qkv_));
    KTS_CHECK_OK(tap(l, &Tap::qkv, qkv_, m.qkv_rows()));
    KTS_CHECK_OK(attend_prompt(l, first_sequence, sequences, first_position, positions));
    KTS_CHECK_OK(tap(l, &Tap::attended, normed_, m.hidden));
    KTS_CHECK_OK(matmul_.run({m.hidden, m.hidden, true}, rows, layer.out, normed_, m.hidden, x_));
    KTS_CUDA(m.gated ? norm(Norm::kRms, normed_) : norm(Norm::kLayer, x_), kDoing);
    KTS_CHECK_OK(tap(l, &Tap::middle, x_, m.hidden));
    KTS_CHECK_OK(matmul_.run({m.up_rows(), m.hidden}, rows, layer.up, m.gated ? normed_ : x_,
                             m.hidden, up_));
    KTS_CUDA(
        m.gated ? swiglu(gated_, up_, rows, narrow(m.ffn), on()) : gelu(up_, rows * m.ffn, on()),
        kDoing);
    KTS_CHECK_OK(
        matmul_.run({m.hidden, m.ffn, true}, rows, layer.down, m.gated ? gated_ : up_, m.ffn, x_));
    if (!m.gated) KTS_CUDA(norm(Norm::kLayer, x_), kDoing);
    KTS_CHECK_OK(tap(l, &Tap::output, x_, m.hidden));
  }
  if (plan_.head_rows == 0) return {};
  if (!m.causal) return head(first_sequence, sequences, x_, positions * m.hidden);
  KTS_CUDA(normalise(Norm::kRms, last_, x_ + (positions - 1) * m.hidden, positions * m.hidden,
                     narrow(sequences), width, kEpsilon, on()),
           kDoing);
  return head(first_sequence, sequences, last_, m.hidden);
}

Status Transformer::attend_prompt(std::int64_t layer, std::int64_t first_sequence,
                                  std::int64_t sequences, std::int64_t first_position,
                                  std::int64_t positions) noexcept {
  const ModelShape& m = plan_.model;
  AttendTokens attend{};
  if (m.causal) {
    attend.keys = keys(layer, first_sequence);
    attend.values = values(layer, first_sequence);
    TurnTokens turn{};
    turn.qkv = qkv_;
    turn.qkv_stride = m.qkv_rows();
    turn.keys = attend.keys;
    turn.values = attend.values;
    turn.sequences = narrow(sequences);
    turn.rows = narrow(positions);
    turn.heads = narrow(m.heads);
    turn.kv_heads = narrow(m.kv_heads);
    turn.head_dim = narrow(m.head_dim);
    turn.first_position = narrow(first_position);
    turn.turns = turns_;
    KTS_CUDA(turn_tokens(turn, on()), "cannot turn queries and keys");
  } else {
    const std::int64_t row = m.qkv_rows();
    attend.keys = {qkv_ + m.hidden, positions * row, m.head_dim, row};
    attend.values = {qkv_ + m.hidden + m.kv_dim(), positions * row, m.head_dim, row};
  }
  attend.queries = qkv_;
  attend.query_stride = m.qkv_rows();
  attend.out = normed_;
  attend.out_stride = m.hidden;
  attend.sequences = narrow(sequences);
  attend.rows = narrow(positions);
  attend.heads = narrow(m.heads);
  attend.heads_a_kv_head = narrow(m.heads / m.kv_heads);
  attend.first_position = narrow(first_position);
  attend.length = narrow(first_position + positions);
  attend.causal = m.causal;
  attend.scale = 1 / std::sqrt(static_cast<float>(m.head_dim));
  KTS_CUDA(attend_tokens(narrow(m.head_dim), attend, on()), "cannot run the attention");
  return {};
}

Status Transformer::attend_step(std::int64_t layer) noexcept {
  const ModelShape& m = plan_.model;
  AttendToken attend{};
  attend.qkv = qkv_;
  attend.qkv_stride = m.qkv_rows();
  attend.keys = keys(layer, 0);
  attend.values = values(layer, 0);
  attend.out = normed_;
  attend.sequences = narrow(plan_.sequences);
  attend.heads = narrow(m.heads);
  attend.kv_heads = narrow(m.kv_heads);
  attend.splits = splits_;
  attend.position = &state_->position;
  attend.turns = turns_;
  attend.scale = 1 / std::sqrt(static_cast<float>(m.head_dim));
  attend.partial_sums = partial_sums_;
  attend.partial_weights = partial_weights_;
  attend.arrivals = arrivals_;
  KTS_CUDA(attend_token(narrow(m.head_dim), attend, on(steps_by_vectors(plan_.sequences) && !tap_)),
           "cannot run the attention");
  return {};
}

Status Transformer::head(std::int64_t first_sequence, std::int64_t sequences, const Bf16* x,
                         std::int64_t x_stride) noexcept {
  const std::int64_t rows = plan_.head_rows;
  float* const to = logits_ + first_sequence * rows;
  // A reranker's head is one row: no matter how often that is read.
  if (sequences <= kMostVectors || rows == 1) {
    const Gemv product{head_,
                       narrow(rows),
                       narrow(plan_.model.hidden),
                       x,
                       x_stride,
                       narrow(sequences),
                       to,
                       rows,
                       false,
                       0,
                       best_ + first_sequence};
    KTS_CUDA(gemv(Epilogue::kLogits, product, on()), "cannot run the head");
    return {};
  }
  KTS_CHECK_OK(
      matmul_.run({rows, plan_.model.hidden, false, true}, sequences, head_, x, x_stride, to));
  KTS_CUDA(find_best(best_ + first_sequence, to, narrow(sequences), narrow(rows), on()),
           "cannot choose a token");
  return {};
}

Status Transformer::step() noexcept {
  return steps_by_vectors(plan_.sequences) ? step_by_vectors() : step_by_matrices();
}

Status Transformer::step_by_vectors() noexcept {
  const ModelShape& m = plan_.model;
  const std::int64_t rows = plan_.sequences;
  Embed embed = embedding(0, rows);
  embed.state = state_;
  constexpr const char* kDoing = "cannot run a decode step";
  KTS_CUDA(workload_cuda::embed(embed, on(true)), kDoing);
  // A copy stands between the kernels that a tap looks at.
  const auto product = [&](Epilogue epilogue, const Bf16* weights, std::int64_t out,
                           std::int64_t in, const Bf16* x, void* y, std::int64_t y_stride,
                           bool normalised) {
    const Gemv a{weights, narrow(out), narrow(in), x,        in,   narrow(rows),
                 y,       y_stride,    normalised, kEpsilon, best_};
    return gemv(epilogue, a, on(!tap_));
  };
  for (std::int64_t l = 0; l < m.layers; ++l) {
    const Layer& layer = layers_[static_cast<std::size_t>(l)];
    KTS_CHECK_OK(tap(l, &Tap::input, x_, m.hidden));
    KTS_CUDA(
        product(Epilogue::kStore, layer.qkv, m.qkv_rows(), m.hidden, x_, qkv_, m.qkv_rows(), true),
        kDoing);
    KTS_CHECK_OK(tap(l, &Tap::qkv, qkv_, m.qkv_rows()));
    KTS_CHECK_OK(attend_step(l));
    KTS_CHECK_OK(tap(l, &Tap::attended, normed_, m.hidden));
    KTS_CUDA(
        product(Epilogue::kAccumulate, layer.out, m.hidden, m.hidden, normed_, x_, m.hidden, false),
        kDoing);
    KTS_CHECK_OK(tap(l, &Tap::middle, x_, m.hidden));
    KTS_CUDA(product(Epilogue::kSwiglu, layer.up, m.up_rows(), m.hidden, x_, gated_, m.ffn, true),
             kDoing);
    KTS_CUDA(
        product(Epilogue::kAccumulate, layer.down, m.hidden, m.ffn, gated_, x_, m.hidden, false),
        kDoing);
    KTS_CHECK_OK(tap(l, &Tap::output, x_, m.hidden));
  }
  KTS_CUDA(product(Epilogue::kLogits, head_, plan_.head_rows, m.hidden, x_, logits_,
                   plan_.head_rows, true),
           kDoing);
  return {};
}

Status Transformer::step_by_matrices() noexcept {
  const ModelShape& m = plan_.model;
  const std::int64_t rows = plan_.sequences;
  const int width = narrow(m.hidden);
  Embed embed = embedding(0, rows);
  embed.state = state_;
  constexpr const char* kDoing = "cannot run a decode step";
  KTS_CUDA(workload_cuda::embed(embed, on()), kDoing);
  const auto norm = [&] {
    return normalise(Norm::kRms, normed_, x_, width, narrow(rows), width, kEpsilon, on());
  };
  for (std::int64_t l = 0; l < m.layers; ++l) {
    const Layer& layer = layers_[static_cast<std::size_t>(l)];
    KTS_CHECK_OK(tap(l, &Tap::input, x_, m.hidden));
    KTS_CUDA(norm(), kDoing);
    KTS_CHECK_OK(matmul_.run({m.qkv_rows(), m.hidden}, rows, layer.qkv, normed_, m.hidden, qkv_));
    KTS_CHECK_OK(tap(l, &Tap::qkv, qkv_, m.qkv_rows()));
    KTS_CHECK_OK(attend_step(l));
    KTS_CHECK_OK(tap(l, &Tap::attended, normed_, m.hidden));
    KTS_CHECK_OK(matmul_.run({m.hidden, m.hidden, true}, rows, layer.out, normed_, m.hidden, x_));
    KTS_CHECK_OK(tap(l, &Tap::middle, x_, m.hidden));
    KTS_CUDA(norm(), kDoing);
    KTS_CHECK_OK(matmul_.run({m.up_rows(), m.hidden}, rows, layer.up, normed_, m.hidden, up_));
    KTS_CUDA(swiglu(gated_, up_, rows, narrow(m.ffn), on()), kDoing);
    KTS_CHECK_OK(matmul_.run({m.hidden, m.ffn, true}, rows, layer.down, gated_, m.ffn, x_));
    KTS_CHECK_OK(tap(l, &Tap::output, x_, m.hidden));
  }
  KTS_CUDA(norm(), kDoing);
  return head(0, rows, normed_, m.hidden);
}

Result<StepState> Transformer::state() const {
  StepState state{};
  KTS_CUDA(cudaMemcpy(&state, state_, sizeof state, cudaMemcpyDeviceToHost),
           "cannot copy the position");
  return state;
}

Result<std::vector<std::uint32_t>> Transformer::best() const {
  std::vector<unsigned long long> keys(static_cast<std::size_t>(plan_.sequences));
  KTS_CUDA(cudaMemcpy(keys.data(), best_, keys.size() * sizeof keys[0], cudaMemcpyDeviceToHost),
           "cannot copy the tokens");
  std::vector<std::uint32_t> tokens;
  for (const unsigned long long key : keys) tokens.push_back(best_index(key));
  return tokens;
}

Result<Transformer::Cache> Transformer::cache(std::int64_t layer, std::int64_t sequence,
                                              std::int64_t length) const {
  const ModelShape& m = plan_.model;
  const auto read = [&](const KeysOrValues& from) -> Result<std::vector<float>> {
    std::vector<Bf16> bits(static_cast<std::size_t>(length * m.kv_dim()));
    for (std::int64_t head = 0; head < m.kv_heads; ++head) {
      const auto width = static_cast<std::size_t>(m.head_dim) * sizeof(Bf16);
      KTS_CUDA(cudaMemcpy2D(bits.data() + head * m.head_dim,
                            static_cast<std::size_t>(m.kv_dim()) * sizeof(Bf16),
                            from.data + head * from.head_stride, width, width,
                            static_cast<std::size_t>(length), cudaMemcpyDeviceToHost),
               "cannot copy the cache");
    }
    return to_floats(bits);
  };
  Cache copy;
  KTS_TRY(copy.keys, read(keys(layer, sequence)));
  KTS_TRY(copy.values, read(values(layer, sequence)));
  return copy;
}

}  // namespace kts::workload_cuda
