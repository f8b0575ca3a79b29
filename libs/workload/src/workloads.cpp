// SPDX-License-Identifier: Apache-2.0
// The list of workloads. Apart from make_engine, so that a program which only asks for names
// doesn't load BLAS.
#include <algorithm>
#include <utility>

#include "kts/workload/limits.hpp"
#include "kts/workload/model.hpp"
#include "kts/workload/spec.hpp"

namespace kts::workload {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kMostBytes = std::int64_t{1} << 50;
constexpr std::int64_t kMostTokens = 1 << 20;

ParameterInfo number(std::string_view name, std::string_view meaning,
                     std::optional<std::int64_t> default_value, std::int64_t max,
                     std::int64_t min = 1) {
  ParameterInfo info{.name = name, .meaning = meaning, .min = min, .max = max};
  if (default_value) info.default_value = *default_value;
  return info;
}

ParameterInfo bytes(std::string_view name, std::string_view meaning, std::int64_t default_value,
                    std::int64_t min) {
  ParameterInfo info = number(name, meaning, default_value, kMostBytes, min);
  info.type = ParameterType::kBytes;
  return info;
}

ParameterInfo word(std::string_view name, std::string_view meaning, std::string_view default_value,
                   std::vector<std::string_view> words) {
  return {.name = name,
          .meaning = meaning,
          .type = ParameterType::kWord,
          .default_value = std::string(default_value),
          .words = std::move(words)};
}

ParameterInfo of_custom(std::string_view name, std::string_view meaning, std::int64_t max) {
  ParameterInfo info = number(name, meaning, {}, max);
  info.of_custom_model = true;
  return info;
}

ParameterInfo model(bool causal, std::string_view default_value) {
  std::vector<std::string_view> names;
  for (const ModelShape& shape : models()) {
    if (shape.causal == causal) names.push_back(shape.name);
  }
  names.emplace_back("custom");
  return word("model", "whose dimensions; custom: layers, hidden, ffn, heads, kv_heads, vocab",
              default_value, std::move(names));
}

// What a transformer has beyond its model and its tokens.
std::vector<ParameterInfo> with_transformer(std::vector<ParameterInfo> own) {
  ParameterInfo launch =
      word("launch", "CUDA: kernel by kernel, or as one CUDA Graph; a CPU ignores it", "eager",
           {"eager", "graph"});
  launch.secondary = true;
  own.push_back(std::move(launch));
  own.push_back(of_custom("layers", "of model custom", 1024));
  own.push_back(of_custom("hidden", "of model custom: a multiple of heads", 1 << 16));
  own.push_back(of_custom("ffn", "of model custom: width of the feed-forward part", 1 << 18));
  own.push_back(of_custom("heads", "of model custom: query heads", 1024));
  own.push_back(of_custom("kv_heads", "of model custom: a divisor of heads", 1024));
  own.push_back(of_custom("vocab", "of model custom", kMaxSize));
  return own;
}

std::vector<WorkloadInfo> all_workloads() {
  const auto batch = [](std::string_view meaning, std::int64_t default_value) {
    return number("batch", meaning, default_value, 4096);
  };
  std::vector<WorkloadInfo> all;
  all.push_back({"fft",
                 "FFT",
                 "one 2-D FFT of complex64, out of place",
                 100ms,
                 {number("size", "edge of the square matrix", 4096, kMaxSize)}});
  all.push_back({"gemm",
                 "GEMM",
                 "one matrix product in FP32",
                 150ms,
                 {number("size", "edge of the square matrices", 4096, kMaxSize)}});
  all.push_back({"prefill", "PREFILL", "a language model reads `tokens` new tokens", 100ms,
                 with_transformer({model(true, "tiny"),
                                   number("tokens", "new tokens of a sequence", 16, kMostTokens),
                                   batch("sequences at once", 1)})});
  all.push_back(
      {"decode", "DECODE", "a language model writes one token a sequence", 100ms,
       with_transformer({model(true, "tiny"), batch("sequences at once", 1),
                         number("context", "tokens in the KV cache", 256, kMostTokens)})});
  all.push_back(
      {"request", "REQUEST", "a whole request: prefill, then decode token by token", 100ms,
       with_transformer({model(true, "tiny"), number("input", "tokens to read", 16, kMostTokens),
                         number("output", "tokens to write", 4, kMostTokens),
                         number("max_context",
                                "tokens that the KV cache has room for; without it input + output",
                                {}, 2 * kMostTokens)})});
  all.push_back({"encoder", "ENCODER", "an encoder (router, guardrail, embedder) reads a batch",
                 100ms,
                 with_transformer({model(false, "bert-tiny"),
                                   number("tokens", "tokens of a sequence", 64, kMostTokens),
                                   batch("sequences at once", 1)})});
  all.push_back({"rerank", "RERANK", "a reranker scores a batch of pairs of texts", 100ms,
                 with_transformer({model(false, "bert-tiny"), batch("pairs at once", 4),
                                   number("tokens", "tokens of a pair", 32, kMostTokens)})});
  all.push_back({"topk",
                 "TOPK",
                 "retrieval: one query against all vectors, then the k best",
                 100ms,
                 {number("vectors", "how many are searched", 100'000, std::int64_t{1} << 31),
                  number("dimensions", "of a vector", 128, 1 << 16),
                  number("k", "how many are wanted", 10, kMostBest)}});
  all.push_back({"membw",
                 "MEMBW",
                 "stream triad a = b + s c, once through memory",
                 100ms,
                 {bytes("bytes", "of the three arrays together", 12 * kMiB, 12)}});
  all.push_back({"l2",
                 "L2",
                 "a working set is read again and again",
                 100ms,
                 {bytes("bytes", "of the working set", kMiB, 4),
                  number("sweeps", "how often an iteration reads it", 16, 1 << 20)}});
  all.push_back({"copy",
                 "COPY",
                 "a copy between host and device; on a CPU between two buffers",
                 100ms,
                 {bytes("bytes", "in each direction", 4 * kMiB, 4),
                  word("direction", "host to device, device to host, or both at once", "h2d",
                       {"h2d", "d2h", "both"})}});
  all.push_back({"launch",
                 "LAUNCH",
                 "many tiny kernels one by one; on a CPU tasks handed to the device thread",
                 100ms,
                 {number("count", "how many an iteration launches", 100, 1 << 20)}});
  all.push_back({"idle-hold",
                 "IDLE-HOLD",
                 "nothing: a context and its memory are there, the device does no work",
                 100ms,
                 {bytes("bytes", "of memory to hold", 64 * kMiB, 1)}});
  all.push_back({"grow",
                 "GROW",
                 "takes a further step of memory, until the device refuses or the limit is reached",
                 100ms,
                 {bytes("step", "taken by an iteration", kMiB, kKiB),
                  bytes("limit", "of all steps together", 256 * kMiB, kKiB)}});
  return all;
}

}  // namespace

std::span<const WorkloadInfo> workloads() {
  static const std::vector<WorkloadInfo> all = all_workloads();
  return all;
}

}  // namespace kts::workload
