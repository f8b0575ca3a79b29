// SPDX-License-Identifier: Apache-2.0
#include "transformer_check.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "cuda_error.hpp"
#include "kts/workload/llm_reference.hpp"

namespace kts::workload_cuda {
namespace {

using workload::ModelShape;
using workload::Precision;
using workload::Verification;

// Weights that a host generates in well under a second.
constexpr std::int64_t kSmallModel = 50'000'000;

// Tokens whose stages are copied; the last of those that there are.
constexpr std::int64_t kWindow = 256;

Result<std::vector<float>> floats(const Bf16* from, std::int64_t count) {
  std::vector<Bf16> values(static_cast<std::size_t>(count));
  KTS_CUDA(
      cudaMemcpy(values.data(), from, values.size() * sizeof values[0], cudaMemcpyDeviceToHost),
      "cannot copy what is to be checked");
  return to_floats(values);
}

// The first, some in between, the last.
std::vector<std::int64_t> some_of(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> chosen{first, first + 1, (first + last) / 2, last - 1, last};
  std::erase_if(chosen, [&](std::int64_t i) { return i < first || i > last; });
  std::ranges::sort(chosen);
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

void keep_worst(Verification& all, const Verification& one) {
  all.checksum += one.checksum;
  all.reference += one.reference;
  all.relative_error = std::max(all.relative_error, one.relative_error);
  all.tolerance = one.tolerance;
}

class Check {
 public:
  Check(Transformer& transformer, const CheckedTokens& tokens,
        const std::function<Status()>& iteration)
      : transformer_(transformer),
        model_(transformer.model()),
        tokens_(tokens),
        iteration_(iteration) {}

  Result<Verification> run() {
    KTS_CUDA(cudaStreamSynchronize(transformer_.stream()), "the device failed while it worked");
    KTS_TRY(const std::vector<float> launched, left_behind());
    // An encoder's token sees all others, of which so keys and values are needed.
    tap_.rows = model_.causal ? std::min(tokens_.count, kWindow) : tokens_.count;
    first_ = tokens_.count - tap_.rows;
    tap_.first_row = tokens_.first_row + first_;
    const std::int64_t part = tap_.rows * model_.hidden;
    const std::int64_t all = 4 * part + tap_.rows * model_.qkv_rows();
    KTS_TRY(memory_, allocate(static_cast<std::size_t>(all) * sizeof(Bf16)));
    tap_.input = static_cast<Bf16*>(memory_.get());
    tap_.attended = tap_.input + part;
    tap_.middle = tap_.attended + part;
    tap_.output = tap_.middle + part;
    tap_.qkv = tap_.output + part;

    small_ = model_.layers * model_.layer_weights() <= kSmallModel;
    // Of a large model layer 0, whose input is checked too, would leave untried where the others
    // lie; of the last ones the residual stream is so large that bf16 hides what they add to it.
    const std::int64_t first = small_ ? 0 : std::min<std::int64_t>(2, model_.layers - 1);
    const std::int64_t last = small_ ? model_.layers - 1 : first;
    for (std::int64_t layer = first; layer <= last; ++layer) KTS_CHECK_OK(check_layer(layer));
    if (first > 0) {
      KTS_CHECK_OK(iterate(0));
      for (const std::int64_t i : some_of(first_, tokens_.count - 1)) {
        KTS_TRY(const auto input, row_of(tap_.input, i));
        KTS_CHECK_OK(check_input(i, input));
      }
    }
    KTS_CHECK_OK(check_head());
    KTS_TRY(const std::vector<float> tapped, left_behind());
    if (launched != tapped) {
      return fail(ErrorCode::kInternal, "the same work twice left different results",
                  "the device or its libraries compute wrongly; measure nothing on it");
    }
    return all_;
  }

 private:
  Status iterate(std::int64_t layer) {
    tap_.layer = layer;
    transformer_.set_tap(tap_);
    Status ran = iteration_();
    transformer_.set_tap({});
    KTS_CHECK_OK(std::move(ran));
    KTS_CUDA(cudaStreamSynchronize(transformer_.stream()), "the device failed while it worked");
    return {};
  }

  // Of the sequence's i-th token.
  Result<std::vector<float>> row_of(const Bf16* part, std::int64_t i) const {
    return floats(part + (i - first_) * model_.hidden, model_.hidden);
  }

  Result<Transformer::Cache> cache(std::int64_t layer) const {
    if (model_.causal) {
      return transformer_.cache(layer, tokens_.sequence, tokens_.first_position + tokens_.count);
    }
    KTS_TRY(const auto qkv, floats(tap_.qkv, tap_.rows * model_.qkv_rows()));
    Transformer::Cache copy;
    for (std::int64_t row = 0; row < tap_.rows; ++row) {
      const auto keys = qkv.begin() + row * model_.qkv_rows() + model_.hidden;
      const auto values = keys + model_.kv_dim();
      copy.keys.insert(copy.keys.end(), keys, values);
      copy.values.insert(copy.values.end(), values, values + model_.kv_dim());
    }
    return copy;
  }

  Status check_layer(std::int64_t layer) {
    KTS_CHECK_OK(iterate(layer));
    KTS_TRY(const Transformer::Cache kept, cache(layer));
    // Of a large model two tokens: each costs its layer's weights.
    const std::vector<std::int64_t> chosen =
        small_ ? some_of(first_, tokens_.count - 1)
               : std::vector<std::int64_t>{(first_ + tokens_.count - 1) / 2, tokens_.count - 1};
    for (const std::int64_t i : chosen) {
      KTS_TRY(const auto input, row_of(tap_.input, i));
      KTS_TRY(const auto attended, row_of(tap_.attended, i));
      KTS_TRY(const auto middle, row_of(tap_.middle, i));
      KTS_TRY(const auto output, row_of(tap_.output, i));
      if (layer == 0) KTS_CHECK_OK(check_input(i, input));
      const std::int64_t position = tokens_.first_position + i;
      const auto attends_to =
          static_cast<std::size_t>(model_.kv_dim()) *
          static_cast<std::size_t>(model_.causal ? position + 1 : tokens_.count);
      const workload::LayerToken token{layer, position, input,
                                       std::span(kept.keys).first(attends_to),
                                       std::span(kept.values).first(attends_to)};
      KTS_TRY(const Verification verification,
              verify_llm_parts(model_, transformer_.seed(), Precision::kBf16, token, attended,
                               middle, output));
      keep_worst(all_, verification);
    }
    return {};
  }

  // The sequence's logits, and its last tokens as the last layer left them.
  Result<std::vector<float>> left_behind() const {
    const std::int64_t rows = transformer_.head_rows();
    const std::int64_t count = std::min(tokens_.count, kWindow);
    KTS_TRY(auto all, floats(transformer_.hidden() +
                                 (tokens_.first_row + tokens_.count - count) * model_.hidden,
                             count * model_.hidden));
    const std::size_t before = all.size();
    all.resize(before + static_cast<std::size_t>(rows));
    KTS_CUDA(cudaMemcpy(all.data() + before, transformer_.logits() + tokens_.sequence * rows,
                        static_cast<std::size_t>(rows) * sizeof(float), cudaMemcpyDeviceToHost),
             "cannot copy the logits");
    return all;
  }

  Status check_input(std::int64_t i, std::span<const float> input) {
    KTS_TRY(const Verification verification,
            verify_llm_embedding(model_, transformer_.seed(), Precision::kBf16, tokens_.sequence,
                                 tokens_.first_position + i, input));
    keep_worst(all_, verification);
    return {};
  }

  // Of the iteration that ran last: a decoder's last token, a reranker's first.
  Status check_head() {
    const std::int64_t rows = transformer_.head_rows();
    if (rows == 0) return {};
    const std::int64_t row = tokens_.first_row + (model_.causal ? tokens_.count - 1 : 0);
    KTS_TRY(const auto output, floats(transformer_.hidden() + row * model_.hidden, model_.hidden));
    std::vector<float> logits(static_cast<std::size_t>(rows));
    KTS_CUDA(cudaMemcpy(logits.data(), transformer_.logits() + tokens_.sequence * rows,
                        logits.size() * sizeof logits[0], cudaMemcpyDeviceToHost),
             "cannot copy the logits");
    KTS_TRY(const Verification verification,
            verify_llm_head(model_, transformer_.seed(), Precision::kBf16, output, logits));
    keep_worst(all_, verification);
    KTS_TRY(const auto best, transformer_.best());
    if (best[static_cast<std::size_t>(tokens_.sequence)] !=
        std::ranges::max_element(logits) - logits.begin()) {
      return fail(ErrorCode::kInternal, "the chosen token isn't the most likely one",
                  "the device or its libraries compute wrongly; measure nothing on it");
    }
    return {};
  }

  Transformer& transformer_;
  const ModelShape& model_;
  CheckedTokens tokens_;
  const std::function<Status()>& iteration_;
  DeviceMemory memory_;
  Tap tap_;
  bool small_ = false;
  std::int64_t first_ = 0;  // of the tokens: the first that is tapped
  Verification all_;
};

}  // namespace

Result<Verification> check_transformer(Transformer& transformer, const CheckedTokens& tokens,
                                       const std::function<Status()>& iteration) {
  return Check(transformer, tokens, iteration).run();
}

Result<Verification> check_step(Transformer& transformer) {
  KTS_TRY(const StepState state, transformer.state());
  const std::function<Status()> again = [&]() -> Status {
    KTS_CHECK_OK(transformer.place(state.position, state.first, state.limit));
    return transformer.step();
  };
  const std::int64_t last = transformer.sequences() - 1;
  return Check(transformer, {last, last, 1, state.position}, again).run();
}

}  // namespace kts::workload_cuda
