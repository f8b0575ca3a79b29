// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/cost.hpp"

#include "kts/workload/model.hpp"

namespace kts::workload {
namespace {

std::uint64_t bytes_of(std::int64_t elements, std::int64_t element_bytes) {
  return static_cast<std::uint64_t>(elements) * static_cast<std::uint64_t>(element_bytes);
}

MemoryPlan transformer_memory(const WorkloadSpec& spec, bool cuda) {
  const std::int64_t element = cuda ? 2 : 4;
  const ModelShape model = model_of(spec);
  const std::int64_t batch = spec.has("batch") ? spec.number("batch") : 1;
  std::int64_t rows = batch;   // tokens that pass the layers at once
  std::int64_t positions = 0;  // of the cache, a sequence
  if (spec.has("tokens")) {
    rows = batch * spec.number("tokens");
    positions = model.causal ? spec.number("tokens") : 0;
  }
  if (spec.has("context")) positions = spec.number("context") + kDecodeGrowth;
  if (spec.has("max_context")) {
    rows = spec.number("max_context");
    positions = spec.number("max_context");
  }
  const std::int64_t head_rows = model.causal ? model.vocab : spec.kind() == "rerank" ? 1 : 0;

  MemoryPlan plan;
  plan.weights = bytes_of(model.layers * model.layer_weights() + head_rows * model.hidden, element);
  plan.kv_cache = bytes_of(2 * model.layers * batch * positions * model.kv_dim(), element);
  // The residual stream, its norm, q with k and v, attention's result, and the FFN's inside.
  // An encoder's keys and values are needed within a layer only.
  const std::int64_t row = 3 * model.hidden + model.qkv_rows() + model.up_rows() +
                           (model.causal ? 0 : 2 * model.kv_dim());
  plan.activations = bytes_of(rows * row, element) + bytes_of(batch * head_rows, 4);
  return plan;
}

}  // namespace

MemoryPlan memory_of(const WorkloadSpec& spec, std::string_view device_kind) {
  constexpr std::int64_t kFloat = sizeof(float);
  const std::string& kind = spec.kind();
  if (spec.has("model")) return transformer_memory(spec, device_kind == "cuda");
  MemoryPlan plan;
  if (kind == "fft")
    plan.operands = bytes_of(spec.number("size") * spec.number("size"), 4 * kFloat);
  if (kind == "gemm")
    plan.operands = bytes_of(spec.number("size") * spec.number("size"), 3 * kFloat);
  if (kind == "topk") {
    const std::int64_t element = device_kind == "cuda" ? 2 : 4;
    const std::int64_t vectors = spec.number("vectors");
    const std::int64_t dimensions = spec.number("dimensions");
    plan.operands = bytes_of((vectors + 1) * dimensions, element) +
                    bytes_of(vectors + 2 * spec.number("k"), kFloat);
  }
  if (spec.has("bytes")) {
    // Both directions at once have a buffer each; the CPU's host side is memory of the device too.
    const std::int64_t buffers = kind != "copy" ? 1
                                                : (spec.word("direction") == "both" ? 2 : 1) *
                                                      (device_kind == "cuda" ? 1 : 2);
    plan.operands = bytes_of(spec.number("bytes"), buffers);
  }
  return plan;
}

}  // namespace kts::workload
