// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/model.hpp"

#include <algorithm>
#include <array>

namespace kts::workload {

std::span<const ModelShape> models() {
  // name, layers, hidden, ffn, heads, kv_heads, head_dim, vocab, causal, gated
  static const std::array<ModelShape, 8> kModels{{
      {"tiny", 2, 256, 688, 4, 2, 64, 512, true, true},
      {"llama-3.2-1b", 16, 2048, 8192, 32, 8, 64, 128256, true, true},
      {"llama-3.2-3b", 28, 3072, 8192, 24, 8, 128, 128256, true, true},
      {"qwen2.5-7b", 28, 3584, 18944, 28, 4, 128, 152064, true, true},
      {"llama-3.1-8b", 32, 4096, 14336, 32, 8, 128, 128256, true, true},
      {"bert-tiny", 2, 128, 512, 2, 2, 64, 30522, false, false},
      {"bert-base", 12, 768, 3072, 12, 12, 64, 30522, false, false},
      {"bert-large", 24, 1024, 4096, 16, 16, 64, 30522, false, false},
  }};
  return kModels;
}

const ModelShape* find_model(std::string_view name) {
  const auto found = std::ranges::find(models(), name, &ModelShape::name);
  return found == models().end() ? nullptr : &*found;
}

ModelShape model_of(const WorkloadSpec& spec) {
  if (const ModelShape* const known = find_model(spec.word("model"))) return *known;
  const bool encoder = spec.kind() == "encoder" || spec.kind() == "rerank";
  ModelShape shape;
  shape.name = "custom";
  shape.layers = spec.number("layers");
  shape.hidden = spec.number("hidden");
  shape.ffn = spec.number("ffn");
  shape.heads = spec.number("heads");
  shape.kv_heads = spec.number("kv_heads");
  shape.head_dim = shape.hidden / shape.heads;
  shape.vocab = spec.number("vocab");
  shape.causal = !encoder;
  shape.gated = !encoder;
  return shape;
}

}  // namespace kts::workload
