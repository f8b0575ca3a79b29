// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cuda_error.hpp"
#include "graph.hpp"
#include "kts/workload/cost.hpp"
#include "kts/workload/llm_operands.hpp"
#include "kts/workload/model.hpp"
#include "transformer.hpp"
#include "transformer_check.hpp"
#include "work.hpp"

namespace kts::workload_cuda {
namespace {

using workload::EngineSpec;
using workload::ModelShape;
using workload::RequestShape;
using workload::Verification;
using workload::WorkloadSpec;

constexpr std::int64_t kChunk = workload::kCudaPassTokens;
// Fewest rows for which a request's products are timed; below them the weights' way is all there
// is.
constexpr std::int64_t kFewRows = 16;

// Some sequences, some positions of each.
struct Chunk {
  std::int64_t first_sequence = 0;
  std::int64_t sequences = 1;
  std::int64_t first_position = 0;
  std::int64_t positions = 0;
  [[nodiscard]] std::int64_t rows() const { return sequences * positions; }
};

// A batch of `tokens` each in chunks of no more rows than `most`; a decoder's sequence may be cut,
// an encoder's tokens see each other.
std::vector<Chunk> chunks_of(std::int64_t batch, std::int64_t tokens, bool cut) {
  std::vector<Chunk> chunks;
  const std::int64_t together = std::max<std::int64_t>(1, kChunk / tokens);
  const std::int64_t length = cut ? std::min(tokens, kChunk) : tokens;
  for (std::int64_t s = 0; s < batch; s += together) {
    for (std::int64_t p = 0; p < tokens; p += length) {
      chunks.push_back({s, std::min(together, batch - s), p, std::min(length, tokens - p)});
    }
  }
  return chunks;
}

std::vector<std::int64_t> row_counts(const std::vector<Chunk>& chunks) {
  std::vector<std::int64_t> counts;
  for (const Chunk& chunk : chunks) counts.push_back(chunk.rows());
  std::ranges::sort(counts);
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

// The last chunk's last sequence.
CheckedTokens last_of(const std::vector<Chunk>& chunks) {
  const Chunk& last = chunks.back();
  return {last.first_sequence + last.sequences - 1, (last.sequences - 1) * last.positions,
          last.positions, last.first_position};
}

// What the kinds have in common.
class LlmWork : public Work {
 public:
  std::uint64_t bytes() const override { return transformer_.bytes(); }
  std::string algorithms() const override { return transformer_.describe(); }
  Result<bool> results_finite() override {
    return all_finite(transformer_.logits(),
                      static_cast<std::size_t>(plan_.sequences * plan_.head_rows));
  }

 protected:
  Status create_transformer(const EngineSpec& spec, cudaStream_t stream) {
    stream_ = stream;
    graph_wanted_ = spec.workload.word("launch") == "graph";
    plan_.model = workload::model_of(spec.workload);
    plan_.seed = spec.seed;
    return transformer_.create(plan_, stream);
  }
  Status run(const std::vector<Chunk>& chunks) noexcept {
    for (const Chunk& c : chunks) {
      KTS_CHECK_OK(
          transformer_.forward(c.first_sequence, c.sequences, c.first_position, c.positions));
    }
    return {};
  }
  // Once everything that it runs has run: a kernel's first launch loads it.
  template <typename Enqueue>
  Status capture_if_wanted(Enqueue&& enqueue) {
    KTS_CHECK_OK(enqueue());
    KTS_CUDA(cudaStreamSynchronize(stream_), "the device failed while it worked");
    return graph_wanted_ ? graph_.capture(stream_, enqueue) : Status{};
  }

  cudaStream_t stream_ = nullptr;
  TransformerPlan plan_;
  Transformer transformer_;
  bool graph_wanted_ = false;
  Graph graph_;
};

class PrefillWork final : public LlmWork {
 public:
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    const WorkloadSpec& w = spec.workload;
    chunks_ = chunks_of(w.number("batch"), w.number("tokens"), true);
    plan_.sequences = w.number("batch");
    plan_.positions = w.number("tokens");
    plan_.common_rows = row_counts(chunks_);
    plan_.rows = plan_.common_rows.back();
    plan_.head_rows = workload::model_of(w).vocab;
    KTS_CHECK_OK(create_transformer(spec, stream));
    return capture_if_wanted([this] { return run(chunks_); });
  }
  Status launch(const RequestShape&) noexcept override {
    return graph_.captured() ? graph_.launch(stream_) : run(chunks_);
  }
  Result<Verification> verify() override {
    return check_transformer(transformer_, last_of(chunks_), [this] { return run(chunks_); });
  }

 private:
  std::vector<Chunk> chunks_;
};

class DecodeWork final : public LlmWork {
 public:
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    const WorkloadSpec& w = spec.workload;
    const std::int64_t context = w.number("context");
    plan_.sequences = w.number("batch");
    plan_.positions = context + workload::kDecodeGrowth;
    plan_.rows = plan_.sequences;
    if (!steps_by_vectors(plan_.sequences)) plan_.common_rows = {plan_.sequences};
    plan_.head_rows = workload::model_of(w).vocab;
    plan_.steps = true;
    KTS_CHECK_OK(create_transformer(spec, stream));
    KTS_CHECK_OK(transformer_.fill_cache(plan_.positions));
    KTS_CHECK_OK(transformer_.place(context, context, plan_.positions));
    KTS_CHECK_OK(capture_if_wanted([this] { return transformer_.step(); }));
    return transformer_.place(context, context, plan_.positions);
  }
  Status launch(const RequestShape&) noexcept override {
    return graph_.captured() ? graph_.launch(stream_) : transformer_.step();
  }
  Result<Verification> verify() override { return check_step(transformer_); }
};

class RequestWork final : public LlmWork {
 public:
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    const WorkloadSpec& w = spec.workload;
    spec_ = w;
    own_ = workload::fitted({}, w);
    plan_.positions = w.number("max_context");
    plan_.rows = std::min(plan_.positions, kChunk);
    for (std::int64_t rows = plan_.rows; rows > kFewRows; rows = (rows + 1) / 2) {
      plan_.common_rows.push_back(rows);
    }
    plan_.common_rows.push_back(std::min(plan_.rows, kFewRows));
    plan_.head_rows = workload::model_of(w).vocab;
    plan_.steps = true;
    KTS_CHECK_OK(create_transformer(spec, stream));
    KTS_CHECK_OK(read(own_.input_tokens));
    return capture_if_wanted([this] { return transformer_.step(); });
  }
  Status launch(const RequestShape& shape) noexcept override {
    const RequestShape request = workload::fitted(shape, spec_);
    steps_ = request.output_tokens - 1;
    return read(request.input_tokens);
  }
  std::int64_t most_tokens() const override { return plan_.positions; }
  std::int64_t steps() const noexcept override { return steps_; }
  Status step() noexcept override {
    return graph_.captured() ? graph_.launch(stream_) : transformer_.step();
  }
  Result<Verification> verify() override {
    Verification all;
    if (own_.output_tokens > 1) {
      KTS_TRY(all, check_step(transformer_));
      // Of the prefill nothing is left but the cache.
      KTS_CHECK_OK(read(own_.input_tokens));
    }
    const std::int64_t first = (own_.input_tokens - 1) / kChunk * kChunk;
    KTS_TRY(const Verification prefill,
            check_transformer(transformer_, {0, 0, own_.input_tokens - first, first},
                              [this] { return read(own_.input_tokens); }));
    all.checksum += prefill.checksum;
    all.reference += prefill.reference;
    all.relative_error = std::max(all.relative_error, prefill.relative_error);
    all.tolerance = prefill.tolerance;
    return all;
  }

 private:
  Status read(std::int64_t input) noexcept {
    for (std::int64_t p = 0; p < input; p += kChunk) {
      KTS_CHECK_OK(transformer_.forward(0, 1, p, std::min(kChunk, input - p)));
    }
    return transformer_.place(input, input, plan_.positions);
  }

  WorkloadSpec spec_;
  RequestShape own_;
  std::int64_t steps_ = 0;
};

class EncoderWork final : public LlmWork {
 public:
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    const WorkloadSpec& w = spec.workload;
    chunks_ = chunks_of(w.number("batch"), w.number("tokens"), false);
    plan_.sequences = w.number("batch");
    plan_.positions = w.number("tokens");
    plan_.common_rows = row_counts(chunks_);
    plan_.rows = plan_.common_rows.back();
    plan_.head_rows = w.kind() == "rerank" ? 1 : 0;
    KTS_CHECK_OK(create_transformer(spec, stream));
    return capture_if_wanted([this] { return run(chunks_); });
  }
  Status launch(const RequestShape&) noexcept override {
    return graph_.captured() ? graph_.launch(stream_) : run(chunks_);
  }
  Result<Verification> verify() override {
    return check_transformer(transformer_, last_of(chunks_), [this] { return run(chunks_); });
  }
  Result<bool> results_finite() override {
    if (plan_.head_rows > 0) return LlmWork::results_finite();
    std::vector<Bf16> host(static_cast<std::size_t>(chunks_.back().rows() * plan_.model.hidden));
    KTS_CUDA(cudaMemcpy(host.data(), transformer_.hidden(), host.size() * sizeof host[0],
                        cudaMemcpyDeviceToHost),
             "cannot copy the result");
    return std::ranges::none_of(host, [](Bf16 value) { return (value & 0x7f80u) == 0x7f80u; });
  }

 private:
  std::vector<Chunk> chunks_;
};

}  // namespace

std::unique_ptr<Work> make_prefill_work() { return std::make_unique<PrefillWork>(); }
std::unique_ptr<Work> make_decode_work() { return std::make_unique<DecodeWork>(); }
std::unique_ptr<Work> make_request_work() { return std::make_unique<RequestWork>(); }
std::unique_ptr<Work> make_encoder_work() { return std::make_unique<EncoderWork>(); }

}  // namespace kts::workload_cuda
