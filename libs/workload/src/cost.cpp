// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/cost.hpp"

#include <algorithm>
#include <cmath>

#include "kts/workload/memory_operands.hpp"
#include "kts/workload/model.hpp"

namespace kts::workload {
namespace {

constexpr std::int64_t kFloat = sizeof(float);

std::uint64_t bytes_of(std::int64_t elements, std::int64_t element_bytes) {
  return static_cast<std::uint64_t>(elements) * static_cast<std::uint64_t>(element_bytes);
}

// Of models' weights and caches, and of retrieval's vectors.
std::int64_t element_bytes(std::string_view device_kind) {
  return device_kind == "cuda" ? 2 : kFloat;
}

std::int64_t batch_of(const WorkloadSpec& spec) {
  return spec.has("batch") ? spec.number("batch") : 1;
}

// Rows of the matrix that makes scores of hidden states.
std::int64_t head_rows(const WorkloadSpec& spec, const ModelShape& model) {
  if (model.causal) return model.vocab;
  return spec.kind() == "rerank" ? 1 : 0;
}

// Tokens that pass the layers at once. On a GPU long sequences are cut where they may be, and not
// all of a batch goes together.
std::int64_t rows_of(const WorkloadSpec& spec, bool causal, bool cuda) {
  std::int64_t sequences = batch_of(spec);
  std::int64_t tokens = 1;
  if (spec.has("tokens")) tokens = spec.number("tokens");
  if (spec.has("max_context")) tokens = spec.number("max_context");
  if (cuda && tokens > 1) {
    sequences = std::min(sequences, std::max<std::int64_t>(1, kCudaPassTokens / tokens));
    if (causal) tokens = std::min(tokens, kCudaPassTokens);
  }
  return sequences * tokens;
}

MemoryPlan transformer_memory(const WorkloadSpec& spec, std::int64_t element, bool cuda) {
  const ModelShape model = model_of(spec);
  const std::int64_t batch = batch_of(spec);
  const std::int64_t rows = rows_of(spec, model.causal, cuda);
  std::int64_t positions = 0;  // of the cache, a sequence
  if (spec.has("tokens")) positions = model.causal ? spec.number("tokens") : 0;
  if (spec.has("context")) positions = spec.number("context") + kDecodeGrowth;
  if (spec.has("max_context")) positions = spec.number("max_context");
  const std::int64_t head = head_rows(spec, model);

  MemoryPlan plan;
  plan.weights = bytes_of(model.layers * model.layer_weights() + head * model.hidden, element);
  plan.kv_cache = bytes_of(2 * model.layers * batch * positions * model.kv_dim(), element);
  // The residual stream, its norm, q with k and v, and the FFN's inside; a GPU has a place of its
  // own for what SwiGLU leaves, a CPU one for attention's result and an encoder's keys and values.
  const std::int64_t apart =
      cuda ? (model.gated ? model.ffn : 0) : model.hidden + (model.causal ? 0 : 2 * model.kv_dim());
  const std::int64_t row = 2 * model.hidden + model.qkv_rows() + model.up_rows() + apart;
  plan.activations = bytes_of(rows * row, element) + bytes_of(batch * head, kFloat);
  return plan;
}

// One pass through all layers. Sequences begin at position `first`.
struct TokenPass {
  double batch = 1;
  double first = 0;
  double tokens = 1;
};

void add_pass(const ModelShape& model, std::int64_t head, const TokenPass& pass, double element,
              Cost& cost) {
  const auto layers = static_cast<double>(model.layers);
  const auto weights = layers * static_cast<double>(model.layer_weights());
  const auto head_weights = static_cast<double>(head) * static_cast<double>(model.hidden);
  const auto kv = 2 * layers * static_cast<double>(model.kv_dim());  // elements a token
  // Pairs of a token and one that it attends to, in one sequence and layer.
  const double pairs = model.causal ? pass.tokens * pass.first + pass.tokens * (pass.tokens + 1) / 2
                                    : pass.tokens * pass.tokens;
  cost.flops += 2 * pass.batch * (pass.tokens * weights + head_weights);
  cost.flops += 4 * pass.batch * layers * static_cast<double>(model.hidden) * pairs;
  cost.bytes_read += element * (weights + head_weights);
  cost.bytes_read += element * pass.batch * kv * (pass.first + pass.tokens);
  cost.bytes_written += element * pass.batch * kv * pass.tokens;
  cost.bytes_written += static_cast<double>(kFloat) * pass.batch * static_cast<double>(head);
}

Cost transformer_cost(const WorkloadSpec& spec, double element) {
  const ModelShape model = model_of(spec);
  const std::int64_t head = head_rows(spec, model);
  const auto number = [&spec](std::string_view name) {
    return static_cast<double>(spec.number(name));
  };
  const auto batch = static_cast<double>(batch_of(spec));
  Cost cost;
  const auto pass = [&](const TokenPass& one) { add_pass(model, head, one, element, cost); };
  if (spec.has("tokens")) pass({batch, 0, number("tokens")});
  if (spec.has("context")) pass({batch, number("context"), 1});
  if (spec.kind() == "request") {
    pass({1, 0, number("input")});
    for (std::int64_t step = 1; step < spec.number("output"); ++step) {
      pass({1, number("input") + static_cast<double>(step) - 1, 1});
    }
  }
  cost.matrices = {{"qkv", model.qkv_rows(), model.hidden, model.layers},
                   {"out", model.hidden, model.hidden, model.layers},
                   {model.gated ? "gate+up" : "up", model.up_rows(), model.hidden, model.layers},
                   {"down", model.hidden, model.ffn, model.layers}};
  if (head > 0) cost.matrices.push_back({"head", head, model.hidden, 1});
  return cost;
}

// Directions of a copy.
double ways_of(const WorkloadSpec& spec) { return spec.word("direction") == "both" ? 2 : 1; }

}  // namespace

MemoryPlan memory_of(const WorkloadSpec& spec, std::string_view device_kind) {
  const std::string& kind = spec.kind();
  const std::int64_t element = element_bytes(device_kind);
  const bool cuda = device_kind == "cuda";
  MemoryPlan plan;
  if (spec.has("model")) plan = transformer_memory(spec, element, cuda);
  if (cuda && (spec.has("model") || kind == "gemm")) {
    plan.workspace = kProductWorkspaceBytes;
  }
  if (spec.has("size")) {
    const std::int64_t matrix = spec.number("size") * spec.number("size");
    plan.operands = bytes_of(matrix, (kind == "fft" ? 4 : 3) * kFloat);
  }
  if (kind == "topk") {
    const std::int64_t vectors = spec.number("vectors");
    plan.operands = bytes_of((vectors + 1) * spec.number("dimensions"), element) +
                    bytes_of(vectors + 2 * spec.number("k"), kFloat);
  }
  // It begins with nothing; that it may not get all of its limit is what it is for.
  if (kind == "grow") {
    plan.operands = bytes_of(spec.number("step"), 1);
    plan.grows = true;
  }
  if (spec.has("bytes")) {
    std::int64_t buffers = 1;
    if (kind == "copy") {
      // On a CPU the host's side is memory of the device too.
      buffers = static_cast<std::int64_t>(ways_of(spec)) * (cuda ? 1 : 2);
    }
    plan.operands = bytes_of(spec.number("bytes"), buffers);
  }
  return plan;
}

std::optional<double> Cost::intensity() const {
  if (bytes() > 0) return flops / bytes();
  return std::nullopt;
}

Cost cost_of(const WorkloadSpec& spec, std::string_view device_kind) {
  const std::string& kind = spec.kind();
  const auto element = static_cast<double>(element_bytes(device_kind));
  constexpr double kSingle = sizeof(float);
  if (spec.has("model")) return transformer_cost(spec, element);
  Cost cost;
  const auto number = [&spec](std::string_view name) {
    return static_cast<double>(spec.number(name));
  };
  if (kind == "fft") {
    const double points = number("size") * number("size");
    cost.flops = 5 * points * std::log2(points);
    cost.bytes_read = cost.bytes_written = 2 * kSingle * points;
  } else if (kind == "gemm") {
    const double edge = number("size");
    cost.flops = 2 * edge * edge * edge;
    cost.bytes_read = 2 * kSingle * edge * edge;
    cost.bytes_written = kSingle * edge * edge;
  } else if (kind == "topk") {
    cost.flops = 2 * number("vectors") * number("dimensions");
    cost.bytes_read = element * (number("vectors") + 1) * number("dimensions");
    cost.bytes_written = 2 * kSingle * number("k");
  } else if (kind == "membw") {
    const auto elements = static_cast<double>(triad_elements(spec.number("bytes")));
    cost.flops = 2 * elements;
    cost.bytes_read = 2 * kSingle * elements;
    cost.bytes_written = kSingle * elements;
    cost.launches = 1;
  } else if (kind == "l2") {
    cost.bytes_read = number("bytes") * number("sweeps");
  } else if (kind == "copy") {
    cost.bytes_read = cost.bytes_written = ways_of(spec) * number("bytes");
    cost.launches = static_cast<std::int64_t>(ways_of(spec));
  } else if (kind == "launch") {
    cost.launches = spec.number("count");
  } else if (kind == "idle-hold") {
    cost.launches = 0;
  }
  return cost;
}

Roofline roofline(const Cost& cost, double peak_tflops, double peak_gb_per_s) {
  return {cost.flops / (peak_tflops * 1e12), cost.bytes() / (peak_gb_per_s * 1e9)};
}

}  // namespace kts::workload
