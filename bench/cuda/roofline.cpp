// SPDX-License-Identifier: Apache-2.0
// How near each workload comes, alone, to what this card does at best: peaks, the transformer's
// kernels one by one, and whole workloads against the roofline of those peaks, in one run. usage:
// bench_roofline [--check] [NAME]     only workloads whose description contains NAME; --check: exit
// code 3 where one misses its target
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "device_memory.hpp"
#include "kernels/attention.hpp"
#include "kernels/gemv.hpp"
#include "kernels/memory.hpp"
#include "kernels/transformer.hpp"
#include "kts/base/clock.hpp"
#include "kts/workload/cost.hpp"
#include "kts/workload/model.hpp"
#include "kts/workload/registry.hpp"
#include "matmul.hpp"

namespace {

using namespace kts;
using namespace kts::workload_cuda;

template <typename T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "bench_roofline: {}\n", to_line(result.error()));
    std::exit(static_cast<int>(result.error().code));
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}
void must(cudaError_t code) {
  if (code == cudaSuccess) return;
  fmt::print(stderr, "bench_roofline: {}\n", cudaGetErrorString(code));
  std::exit(1);
}

std::int64_t now_ns() { return MonotonicTimeline::now().time_since_epoch().count(); }

struct Times {
  double best_ms = 0;
  double median_ms = 0;
  std::size_t n = 0;
};
Times of(std::vector<double> ms) {
  std::ranges::sort(ms);
  return {ms.front(), ms[ms.size() / 2], ms.size()};
}

class Card {
 public:
  Card() {
    must(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    must(cudaEventCreate(&start_));
    must(cudaEventCreate(&end_));
    cudaDeviceProp properties{};
    must(cudaGetDeviceProperties(&properties, 0));
    overlap_ = properties.major >= 9;
  }
  ~Card() {
    cudaEventDestroy(start_);
    cudaEventDestroy(end_);
    cudaStreamDestroy(stream_);
  }
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;

  // `inner` launches between two events, so that what is short is timed back to back.
  [[nodiscard]] Times time(int outer, int inner, const std::function<void(int)>& run) {
    std::vector<double> ms;
    for (int i = 0; i < inner; ++i) run(i);
    for (int o = 0; o < outer; ++o) {
      must(cudaEventRecord(start_, stream_));
      for (int i = 0; i < inner; ++i) run(i);
      must(cudaEventRecord(end_, stream_));
      must(cudaEventSynchronize(end_));
      float elapsed = 0;
      must(cudaEventElapsedTime(&elapsed, start_, end_));
      ms.push_back(static_cast<double>(elapsed) / inner);
    }
    return of(std::move(ms));
  }
  [[nodiscard]] cudaStream_t stream() const { return stream_; }
  [[nodiscard]] Launch on() const { return {stream_, overlap_}; }

 private:
  cudaStream_t stream_ = nullptr;
  cudaEvent_t start_ = nullptr;
  cudaEvent_t end_ = nullptr;
  bool overlap_ = false;
};

struct Peaks {
  double tflops = 0;       // bf16
  double fp32_tflops = 0;  // of the best FP32 product
  double read_gb_s = 0;    // read-only
  double l2_gb_s = 0;      // read-only, of what the L2 holds
  double l2_bytes = 0;
  double to_device_gb_s = 0;  // from pinned memory
  double to_host_gb_s = 0;
};

// Random bf16, as a real run has: zeros would draw less power, and so run faster.
DeviceMemory random_matrix(Card& card, std::int64_t elements, std::uint64_t id) {
  DeviceMemory memory = must(allocate(static_cast<std::size_t>(elements) * sizeof(Bf16)));
  must(fill(static_cast<Bf16*>(memory.get()), elements, {1, id}, 0, 1, card.stream()));
  return memory;
}
Bf16* bf16(const DeviceMemory& memory) { return static_cast<Bf16*>(memory.get()); }

// The best of working sets that a cache of tens of MB holds.
double measure_l2(Card& card) {
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  constexpr std::int64_t kSweeps = 64;
  const auto words = random_matrix(card, 32 * kMiB / 2, 9);
  const auto sum = must(allocate(8));
  Times best;
  double peak = 0;
  std::int64_t at = 0;
  for (const std::int64_t bytes : {4 * kMiB, 8 * kMiB, 16 * kMiB, 24 * kMiB, 32 * kMiB}) {
    const Times times = card.time(20, 1, [&](int) {
      must(sweep(static_cast<const std::uint32_t*>(words.get()), bytes / 4, kSweeps,
                 static_cast<unsigned long long*>(sum.get()), card.stream()));
    });
    const double rate = static_cast<double>(bytes * kSweeps) * 1e-6 / times.best_ms;
    if (rate <= peak) continue;
    peak = rate;
    best = times;
    at = bytes;
  }
  fmt::print("| read-only stream over {} MiB, in the L2 | {:.0f} GB/s | {:.0f} GB/s |\n", at / kMiB,
             peak, static_cast<double>(at * kSweeps) * 1e-6 / best.median_ms);
  return peak;
}

Peaks measure_peaks(Card& card) {
  Peaks peaks;
  fmt::print("| peak | best | median |\n|---|---|---|\n");
  {
    constexpr std::int64_t kEdge = 8192;
    Matmul matmul;
    must(matmul.create(card.stream()));
    const auto a = random_matrix(card, kEdge * kEdge, 1);
    const auto b = random_matrix(card, kEdge * kEdge, 2);
    const auto c = random_matrix(card, kEdge * kEdge, 3);
    must(matmul.choose({kEdge, kEdge}, kEdge, bf16(a), bf16(b), c.get()));
    const Times times = card.time(40, 5, [&](int) {
      must(matmul.run({kEdge, kEdge}, kEdge, bf16(a), bf16(b), kEdge, c.get()));
    });
    const double tflop = 2e-12 * kEdge * kEdge * kEdge;
    peaks.tflops = tflop / times.best_ms * 1e3;
    fmt::print("| bf16 product 8192³ | {:.0f} TFLOP/s | {:.0f} TFLOP/s |\n", peaks.tflops,
               tflop / times.median_ms * 1e3);
  }
  {
    constexpr std::int64_t kBytes = std::int64_t{8} << 30;
    const auto words = random_matrix(card, kBytes / 2, 4);
    const auto sum = must(allocate(8));
    const Times times = card.time(30, 1, [&](int) {
      must(sweep(static_cast<const std::uint32_t*>(words.get()), kBytes / 4, 1,
                 static_cast<unsigned long long*>(sum.get()), card.stream()));
    });
    peaks.read_gb_s = kBytes * 1e-6 / times.best_ms;
    fmt::print("| read-only stream over 8 GiB | {:.0f} GB/s | {:.0f} GB/s |\n", peaks.read_gb_s,
               kBytes * 1e-6 / times.median_ms);
  }
  {
    constexpr std::int64_t kCount = std::int64_t{1} << 29;
    DeviceMemory arrays[3];
    for (int i = 0; i < 3; ++i) {
      arrays[i] = must(allocate(kCount * sizeof(float)));
      must(fill_floats(static_cast<float*>(arrays[i].get()), kCount, {1, 5}, card.stream()));
    }
    const Times times = card.time(30, 1, [&](int) {
      must(triad(static_cast<float*>(arrays[0].get()), static_cast<float*>(arrays[1].get()),
                 static_cast<float*>(arrays[2].get()), 3, kCount, card.stream()));
    });
    fmt::print("| triad over 6 GiB | {:.0f} GB/s | {:.0f} GB/s |\n", 12e-6 * kCount / times.best_ms,
               12e-6 * kCount / times.median_ms);
  }
  peaks.l2_gb_s = measure_l2(card);
  cudaDeviceProp properties{};
  must(cudaGetDeviceProperties(&properties, 0));
  peaks.l2_bytes = properties.l2CacheSize;
  {
    constexpr std::size_t kBytes = std::size_t{1} << 30;
    const auto device = must(allocate(kBytes));
    void* host = nullptr;
    must(cudaMallocHost(&host, kBytes));
    const auto line = [&](const char* what, void* to, const void* from, cudaMemcpyKind kind) {
      const Times times = card.time(
          10, 2, [&](int) { must(cudaMemcpyAsync(to, from, kBytes, kind, card.stream())); });
      fmt::print("| copy of 1 GiB {} | {:.1f} GB/s | {:.1f} GB/s |\n", what,
                 kBytes * 1e-6 / times.best_ms, kBytes * 1e-6 / times.median_ms);
      return kBytes * 1e-6 / times.best_ms;
    };
    peaks.to_device_gb_s = line("from pinned memory", device.get(), host, cudaMemcpyHostToDevice);
    peaks.to_host_gb_s = line("to pinned memory", host, device.get(), cudaMemcpyDeviceToHost);
    must(cudaFreeHost(host));
  }
  return peaks;
}

// ---- One by one. Matrices are taken in turn from more memory than a cache holds.

void kernel_line(const std::string& what, const Times& times, double gflop, double mb,
                 const Peaks& peaks) {
  fmt::print("| {} | {:.2f} | {:.2f} |", what, times.best_ms * 1e3, times.median_ms * 1e3);
  if (mb > 0) {
    fmt::print(" {:.0f} GB/s | {:.0f} % |\n", mb / times.median_ms,
               100 * mb / times.median_ms / peaks.read_gb_s);
  } else {
    fmt::print(" {:.0f} TFLOP/s | {:.0f} % |\n", gflop / times.median_ms,
               100 * gflop / times.median_ms / peaks.tflops);
  }
}

void measure_gemv(Card& card, const Peaks& peaks, Epilogue epilogue, std::int64_t rows,
                  std::int64_t columns, int vectors, const DeviceMemory& weights,
                  std::int64_t elements, const DeviceMemory& x, const DeviceMemory& y) {
  const auto copies = std::max<std::int64_t>(1, elements / (rows * columns));
  const Times times = card.time(20, 32, [&](int i) {
    Gemv a{};
    a.weights = bf16(weights) + i % copies * rows * columns;
    a.rows = static_cast<int>(rows);
    a.columns = static_cast<int>(columns);
    a.x = bf16(x);
    a.x_stride = columns;
    a.vectors = vectors;
    a.y = y.get();
    a.y_stride = rows;
    a.normalise = epilogue == Epilogue::kStore || epilogue == Epilogue::kSwiglu;
    a.epsilon = 1e-5F;
    must(gemv(epilogue, a, card.on()));
  });
  kernel_line(fmt::format("gemv {}x{}, {} vectors", rows, columns, vectors), times, 0,
              2e-6 * static_cast<double>(rows * columns), peaks);
}

void measure_kernels(Card& card, const Peaks& peaks) {
  fmt::print("\n| kernel | best us | median us | rate | of the peak |\n|---|---|---|---|---|\n");
  must(prepare_gemv());
  constexpr std::int64_t kElements = std::int64_t{1} << 30;
  const auto weights = random_matrix(card, kElements, 6);
  const auto x = random_matrix(card, std::int64_t{64} << 20, 7);
  const auto y = random_matrix(card, std::int64_t{128} << 20, 8);
  for (const int vectors : {1, 8}) {
    measure_gemv(card, peaks, Epilogue::kStore, 6144, 4096, vectors, weights, kElements, x, y);
    measure_gemv(card, peaks, Epilogue::kAccumulate, 4096, 4096, vectors, weights, kElements, x, y);
    measure_gemv(card, peaks, Epilogue::kSwiglu, 28672, 4096, vectors, weights, kElements, x, y);
    measure_gemv(card, peaks, Epilogue::kAccumulate, 4096, 14336, vectors, weights, kElements, x,
                 y);
    measure_gemv(card, peaks, Epilogue::kLogits, 128256, 4096, vectors, weights, kElements, x, y);
  }

  must(prepare_attention());
  const auto turns = must(allocate(std::size_t{16384} * 64 * sizeof(float2)));
  must(fill_turns(static_cast<float2*>(turns.get()), 16384, 128, 500000, card.stream()));
  const auto state = must(allocate(sizeof(StepState)));
  const auto partial = must(allocate(std::size_t{64} << 20));
  const auto partial_weights = must(allocate(std::size_t{4} << 20));
  const auto arrivals = must(allocate(4096));
  must(cudaMemsetAsync(arrivals.get(), 0, 4096, card.stream()));
  for (const int context : {512, 2048, 8192}) {
    must(set_state(static_cast<StepState*>(state.get()), {context, context, 0, 1 << 20},
                   card.stream()));
    for (const int splits : {8, 16, 32}) {
      if (splits * 32 > context) continue;
      const std::int64_t layer = 16384LL * 128 * 8;
      const Times times = card.time(20, 32, [&](int i) {
        AttendToken a{};
        a.qkv = bf16(x);
        a.qkv_stride = 6144;
        a.keys = {bf16(weights) + i % 32 * 2 * layer, layer, 16384LL * 128, 128};
        a.values = {bf16(weights) + (i % 32 * 2 + 1) * layer, layer, 16384LL * 128, 128};
        a.out = bf16(y);
        a.sequences = 1;
        a.heads = 32;
        a.kv_heads = 8;
        a.splits = splits;
        a.position = &static_cast<StepState*>(state.get())->position;
        a.turns = static_cast<float2*>(turns.get());
        a.scale = 0.088F;
        a.partial_sums = static_cast<float*>(partial.get());
        a.partial_weights = static_cast<float2*>(partial_weights.get());
        a.arrivals = static_cast<unsigned*>(arrivals.get());
        must(attend_token(128, a, card.on()));
      });
      kernel_line(
          fmt::format("attention of 1 token, 32/8 heads, context {}, {} splits", context, splits),
          times, 0, 2e-6 * 2 * 1024 * context, peaks);
    }
  }
  for (const auto& [head_dim, heads, kv_heads, tokens, causal] :
       {std::tuple{128, 32, 8, 2048, true}, std::tuple{128, 32, 8, 8192, true},
        std::tuple{64, 12, 12, 512, false}, std::tuple{64, 32, 8, 2048, true}}) {
    const std::int64_t row = (heads + 2 * kv_heads) * head_dim;
    const Times times = card.time(10, 5, [&](int) {
      AttendTokens a{};
      a.queries = bf16(x);
      a.query_stride = row;
      a.keys = {bf16(x) + heads * head_dim, tokens * row, head_dim, row};
      a.values = {bf16(x) + (heads + kv_heads) * head_dim, tokens * row, head_dim, row};
      a.out = bf16(y);
      a.out_stride = heads * head_dim;
      a.sequences = 1;
      a.rows = tokens;
      a.heads = heads;
      a.heads_a_kv_head = heads / kv_heads;
      a.length = tokens;
      a.causal = causal;
      a.scale = 0.1F;
      must(attend_tokens(head_dim, a, {card.stream(), false}));
    });
    const double gflop = 4e-9 * heads * head_dim * tokens * tokens * (causal ? 0.5 : 1);
    kernel_line(fmt::format("attention of {} tokens, {} x {}{}", tokens, heads, head_dim,
                            causal ? ", causal" : ""),
                times, gflop, 0, peaks);
  }
  const std::int64_t rows = 2048;
  const auto line = [&](const char* what, double mb, const std::function<void(int)>& run) {
    kernel_line(what, card.time(20, 10, run), 0, mb, peaks);
  };
  line("RMSNorm 2048 x 4096", 2e-6 * 2 * rows * 4096, [&](int) {
    must(normalise(Norm::kRms, bf16(y), bf16(x), 4096, rows, 4096, 1e-5F, {card.stream(), false}));
  });
  line("SwiGLU 2048 x 14336", 2e-6 * 3 * rows * 14336, [&](int) {
    must(swiglu(bf16(y), bf16(x), rows, 14336, {card.stream(), false}));
  });
  {
    Matmul matmul;
    must(matmul.create(card.stream()));
    // Of a prefill's rows, and of the few that gemv takes instead.
    for (const std::int64_t count : {rows, std::int64_t{1}, std::int64_t{8}}) {
      const bool few = count < rows;
      for (const auto& [out, in, accumulate] :
           {std::tuple{6144, 4096, false}, std::tuple{4096, 4096, true},
            std::tuple{28672, 4096, false}, std::tuple{4096, 14336, true}}) {
        const Product product{out, in, accumulate};
        must(matmul.choose(product, count, bf16(weights), bf16(x), y.get()));
        const std::int64_t copies = kElements / (std::int64_t{out} * in);
        const Times times = card.time(few ? 20 : 10, few ? 32 : 16, [&](int i) {
          must(matmul.run(product, count, bf16(weights) + i % copies * out * in, bf16(x), in,
                          y.get()));
        });
        kernel_line(fmt::format("cuBLASLt {}x{} x {} rows", out, in, count), times,
                    2e-9 * static_cast<double>(count) * out * in,
                    few ? 2e-6 * static_cast<double>(out) * in : 0, peaks);
      }
    }
    fmt::print("\nchosen: {}\n", matmul.describe());
  }
}

// ---- Whole workloads, as kts-worker runs them.

using Parameters = std::vector<workload::GivenParameter>;

struct Timed {
  Times gpu;
  Times latency;
};

Timed time_iterations(workload::Engine& engine) {
  std::vector<double> gpu_ms;
  std::vector<double> latency_ms;
  const std::int64_t stop = now_ns() + 1'500'000'000;
  while (gpu_ms.size() < 20 || (now_ns() < stop && gpu_ms.size() < 2000)) {
    const std::int64_t submit = now_ns();
    engine.submit(0, {});
    engine.wait(0);
    latency_ms.push_back(static_cast<double>(now_ns() - submit) * 1e-6);
    const workload::DeviceSpan span = engine.span(0);
    gpu_ms.push_back(static_cast<double>(span.end_ns - span.start_ns) * 1e-6);
  }
  must(engine.status());
  return {of(std::move(gpu_ms)), of(std::move(latency_ms))};
}

workload::EngineSpec spin(const std::string& kind, const Parameters& parameters) {
  workload::EngineSpec spec;
  spec.workload = must(workload::complete(kind, parameters));
  spec.sync = workload::SyncMode::kSpin;
  return spec;
}

// As the bf16 peak is a product's, the FP32 peak is.
double measure_fp32_peak() {
  constexpr double kEdge = 8192;
  const auto engine = must(make_engine(spin("gemm", {{"size", "8192"}}), "cuda"));
  must(engine->warm_up(5));
  must(engine->calibrate());
  const Timed times = time_iterations(*engine);
  const double tflop = 2e-12 * kEdge * kEdge * kEdge;
  fmt::print("| FP32 product 8192³ | {:.1f} TFLOP/s | {:.1f} TFLOP/s |\n",
             tflop / times.gpu.best_ms * 1e3, tflop / times.gpu.median_ms * 1e3);
  return tflop / times.gpu.best_ms * 1e3;
}

// The shortest time that these peaks allow, ms; 0: none is known.
double floor_ms_of(const workload::WorkloadSpec& spec, const Peaks& peaks) {
  const workload::Cost cost = cost_of(spec, "cuda");
  const std::string& kind = spec.kind();
  if (kind == "launch") return 0;  // as long as launches take
  if (kind == "fft" || kind == "gemm") {
    return roofline(cost, peaks.fp32_tflops, peaks.read_gb_s).floor_s() * 1e3;
  }
  if (kind == "l2") {
    const bool held = static_cast<double>(spec.number("bytes")) < peaks.l2_bytes;
    return cost.bytes() * 1e-6 / (held ? peaks.l2_gb_s : peaks.read_gb_s);
  }
  if (kind == "copy") {
    const std::string& direction = spec.word("direction");
    const double megabytes = static_cast<double>(spec.number("bytes")) * 1e-6;
    const double in = direction == "d2h" ? 0 : megabytes / peaks.to_device_gb_s;
    const double out = direction == "h2d" ? 0 : megabytes / peaks.to_host_gb_s;
    return std::max(in, out);
  }
  return roofline(cost, peaks.tflops, peaks.read_gb_s).floor_s() * 1e3;
}

// What share of its roofline a workload has to reach.
struct Target {
  std::string name;
  double share = 0;
};
const std::vector<Target>& targets() {
  static const std::vector<Target> kTargets{
      {describe(
           spin("prefill", {{"model", "llama-3.1-8b"}, {"tokens", "2048"}, {"launch", "graph"}})
               .workload),
       0.60},
      {describe(
           spin("decode", {{"model", "llama-3.1-8b"}, {"context", "2048"}, {"launch", "graph"}})
               .workload),
       0.75}};
  return kTargets;
}

// Whether it reaches its target, if it has one.
bool measure_workload(const std::string& kind, const Parameters& parameters, const Peaks& peaks,
                      const std::string& filter) {
  const workload::EngineSpec spec = spin(kind, parameters);
  std::string name = describe(spec.workload);
  if (name.find(filter) == std::string::npos) return true;
  auto created = make_engine(spec, "cuda");
  if (!created) {
    fmt::print("| {} | {} |\n", name, to_line(created.error()));
    return false;
  }
  workload::Engine& engine = **created;
  must(engine.warm_up(5));
  const std::int64_t began = now_ns();
  const auto verified = engine.verify();
  const double verify_s = static_cast<double>(now_ns() - began) * 1e-9;
  must(engine.calibrate());
  const auto [gpu, latency] = time_iterations(engine);
  const workload::Cost cost = cost_of(spec.workload, "cuda");
  const double share = floor_ms_of(spec.workload, peaks) / gpu.median_ms;
  fmt::print(
      "| {} | {:.1f} | {:.3f} | {:.3f} | {:.3f} | {:.3f} | {} | {:.1f} | {:.0f} | {} | {} |\n",
      name, cost.flops * 1e-9, cost.bytes() * 1e-9, gpu.best_ms, gpu.median_ms, latency.median_ms,
      gpu.n, cost.flops * 1e-9 / gpu.median_ms, cost.bytes() * 1e-6 / gpu.median_ms,
      share > 0 ? fmt::format("{:.0f} %", 100 * share) : std::string("–"),
      verified ? fmt::format("{:.2g} of {:.2g}, {:.1f} s", verified->relative_error,
                             verified->tolerance, verify_s)
               : to_line(verified.error()));
  std::fflush(stdout);
  const auto target = std::ranges::find(targets(), name, &Target::name);
  return target == targets().end() || share >= target->share;
}

// How many miss their target.
int measure_workloads(const Peaks& peaks, const std::string& filter) {
  fmt::print(
      "\n| workload | GFLOP | GB | best ms | median ms | latency median ms | n | TFLOP/s | GB/s | "
      "of the roofline | error, tolerance, check "
      "|\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  int missed = 0;
  const auto measure = [&](const char* kind, const Parameters& parameters) {
    missed += measure_workload(kind, parameters, peaks, filter) ? 0 : 1;
  };
  for (const char* launch : {"eager", "graph"}) {
    const auto with = [&](Parameters parameters) {
      parameters.push_back({"launch", launch});
      return parameters;
    };
    measure("prefill", with({{"model", "llama-3.1-8b"}, {"tokens", "2048"}}));
    measure("decode", with({{"model", "llama-3.1-8b"}, {"context", "2048"}}));
    measure("decode", with({{"model", "llama-3.2-1b"}, {"context", "2048"}}));
    measure("request", with({{"model", "llama-3.1-8b"}, {"input", "1024"}, {"output", "32"}}));
    measure("encoder", with({{"model", "bert-base"}, {"tokens", "512"}}));
  }
  const auto graph = [&](const char* kind, Parameters parameters) {
    parameters.push_back({"launch", "graph"});
    measure(kind, parameters);
  };
  graph("decode", {{"model", "llama-3.1-8b"}, {"context", "8192"}});
  graph("decode", {{"model", "llama-3.1-8b"}, {"context", "2048"}, {"batch", "8"}});
  graph("decode", {{"model", "llama-3.1-8b"}, {"context", "2048"}, {"batch", "32"}});
  graph("decode", {{"model", "llama-3.2-3b"}, {"context", "2048"}});
  graph("decode", {{"model", "qwen2.5-7b"}, {"context", "2048"}});
  graph("prefill", {{"model", "llama-3.2-1b"}, {"tokens", "2048"}});
  graph("prefill", {{"model", "qwen2.5-7b"}, {"tokens", "2048"}});
  graph("prefill", {{"model", "llama-3.1-8b"}, {"tokens", "8192"}});
  graph("rerank", {{"model", "bert-large"}, {"tokens", "512"}, {"batch", "32"}});
  graph("rerank", {{"model", "bert-base"}, {"tokens", "512"}, {"batch", "32"}});
  measure("topk", {{"vectors", "1000000"}, {"dimensions", "768"}, {"k", "10"}});
  measure("membw", {{"bytes", "3GiB"}});
  measure("l2", {{"bytes", "24MiB"}, {"sweeps", "64"}});
  measure("l2", {{"bytes", "256MiB"}, {"sweeps", "8"}});
  measure("copy", {{"bytes", "256MiB"}, {"direction", "h2d"}});
  measure("copy", {{"bytes", "256MiB"}, {"direction", "d2h"}});
  measure("copy", {{"bytes", "256MiB"}, {"direction", "both"}});
  measure("launch", {{"count", "1000"}});
  measure("fft", {{"size", "4096"}});
  measure("gemm", {{"size", "4096"}});
  return missed;
}

}  // namespace

int main(int argc, char** argv) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    fmt::print("bench_roofline: skipped, no CUDA device\n");
    return 0;
  }
  const bool check = argc > 1 && std::string_view(argv[1]) == "--check";
  const std::string filter = argc > (check ? 2 : 1) ? argv[check ? 2 : 1] : "";
  Peaks peaks;
  {
    // Gives its memory back before the workloads come.
    Card card;
    peaks = measure_peaks(card);
    peaks.fp32_tflops = measure_fp32_peak();
    if (filter.empty()) measure_kernels(card, peaks);
  }
  const int missed = measure_workloads(peaks, filter);
  if (missed == 0) return 0;
  fmt::print(stderr, "bench_roofline: {} of {} targets missed\n", missed, targets().size());
  return check ? 3 : 0;
}
