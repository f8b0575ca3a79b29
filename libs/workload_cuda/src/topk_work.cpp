// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "cuda_error.hpp"
#include "device_memory.hpp"
#include "kernels/topk.hpp"
#include "kts/workload/limits.hpp"
#include "kts/workload/verify.hpp"
#include "work.hpp"

namespace kts::workload_cuda {
namespace {

using workload::EngineSpec;
using workload::RequestShape;
using workload::Verification;

// Streams as memory_operands.hpp numbers them.
constexpr std::uint64_t kVectors = 48;
constexpr std::uint64_t kQuery = 49;
static_assert(kMostBest == workload::kMostBest);

class TopkWork final : public Work {
 public:
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    stream_ = stream;
    seed_ = spec.seed;
    search_.count = spec.workload.number("vectors");
    search_.k = static_cast<int>(spec.workload.number("k"));
    dimensions_ = static_cast<int>(spec.workload.number("dimensions"));
    search_.width = (dimensions_ + 7) / 8 * 8;
    const auto width = static_cast<std::size_t>(search_.width);
    const std::size_t vectors = static_cast<std::size_t>(search_.count) * width * sizeof(Half);
    const std::size_t query = width * sizeof(Half);
    const std::size_t keys = static_cast<std::size_t>(search_keys(search_.count, search_.k)) *
                             sizeof(unsigned long long);
    const std::size_t found = k() * (sizeof(float) + sizeof(std::uint32_t));
    bytes_ = vectors + query + 2 * keys + found;
    KTS_CHECK_OK(require_memory(bytes_, "fewer --vectors or --dimensions"));
    KTS_TRY(vectors_, allocate(vectors));
    KTS_TRY(query_, allocate(query));
    KTS_TRY(keys_[0], allocate(keys));
    KTS_TRY(keys_[1], allocate(keys));
    KTS_TRY(scores_, allocate(k() * sizeof(float)));
    KTS_TRY(ids_, allocate(k() * sizeof(std::uint32_t)));
    KTS_CUDA(fill_vectors(static_cast<Half*>(vectors_.get()), search_.count, search_.width,
                          dimensions_, {seed_, kVectors}, stream_),
             "cannot fill the vectors");
    KTS_CUDA(fill_vectors(static_cast<Half*>(query_.get()), 1, search_.width, dimensions_,
                          {seed_, kQuery}, stream_),
             "cannot fill the query");
    search_.vectors = static_cast<const Half*>(vectors_.get());
    search_.query = static_cast<const Half*>(query_.get());
    for (int i = 0; i < 2; ++i) {
      search_.keys[i] = static_cast<unsigned long long*>(keys_[i].get());
    }
    return {};
  }

  Status launch(const RequestShape&) noexcept override {
    int answer = 0;
    KTS_CUDA(search(search_, &answer, stream_), "cannot search");
    KTS_CUDA(unpack_best(search_.keys[answer], search_.k, static_cast<float*>(scores_.get()),
                         static_cast<std::uint32_t*>(ids_.get()), stream_),
             "cannot search");
    return {};
  }

  Result<Verification> verify() override {
    std::vector<float> scores(k());
    std::vector<std::uint32_t> ids(k());
    KTS_CUDA(
        cudaMemcpy(scores.data(), scores_.get(), k() * sizeof scores[0], cudaMemcpyDeviceToHost),
        "cannot copy the result");
    KTS_CUDA(cudaMemcpy(ids.data(), ids_.get(), k() * sizeof ids[0], cudaMemcpyDeviceToHost),
             "cannot copy the result");
    const std::vector<std::int64_t> wide(ids.begin(), ids.end());
    return workload::verify_topk(search_.count, dimensions_, seed_, workload::VectorFormat::kFp16,
                                 wide, scores);
  }
  std::uint64_t bytes() const override { return bytes_; }
  Result<bool> results_finite() override { return all_finite(scores_.get(), k()); }

 private:
  using Half = std::uint16_t;
  [[nodiscard]] std::size_t k() const { return static_cast<std::size_t>(search_.k); }

  cudaStream_t stream_ = nullptr;
  std::uint64_t seed_ = 0;
  int dimensions_ = 0;
  Search search_{};
  std::uint64_t bytes_ = 0;
  DeviceMemory vectors_, query_, keys_[2], scores_, ids_;
};

}  // namespace

std::unique_ptr<Work> make_topk_work() { return std::make_unique<TopkWork>(); }

}  // namespace kts::workload_cuda
