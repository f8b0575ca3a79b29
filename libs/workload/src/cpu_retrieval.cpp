// SPDX-License-Identifier: Apache-2.0
#include <cblas.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "cpu_work.hpp"
#include "kts/workload/memory_operands.hpp"
#include "kts/workload/verify.hpp"

namespace kts::workload {
namespace {

// A flat scan: every vector's score, then the k best.
class TopkWork final : public CpuWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    seed_ = spec.seed;
    vectors_ = spec.workload.number("vectors");
    dimensions_ = spec.workload.number("dimensions");
    const auto n = static_cast<std::size_t>(vectors_);
    const auto d = static_cast<std::size_t>(dimensions_);
    const auto k = static_cast<std::size_t>(spec.workload.number("k"));
    base_ = allocate_floats(n * d);
    query_ = allocate_floats(d);
    scores_ = allocate_floats(n);
    if (!base_ || !query_ || !scores_) return out_of_memory();
    vectors_stream(seed_).fill({base_.get(), n * d});
    query_stream(seed_).fill({query_.get(), d});
    std::fill_n(scores_.get(), n, std::numeric_limits<float>::quiet_NaN());
    ids_.resize(k);
    best_.assign(k, std::numeric_limits<float>::quiet_NaN());
    openblas_set_num_threads(spec.threads);
    return {};
  }

  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override {
    const auto n = static_cast<blasint>(vectors_);
    const auto d = static_cast<blasint>(dimensions_);
    cblas_sgemv(CblasRowMajor, CblasNoTrans, n, d, 1.0F, base_.get(), d, query_.get(), 1, 0.0F,
                scores_.get(), 1);
    const float* const scores = scores_.get();
    const auto better = [scores](std::int64_t a, std::int64_t b) { return scores[a] > scores[b]; };
    // A heap whose root is the worst of the best so far.
    std::iota(ids_.begin(), ids_.end(), std::int64_t{0});
    std::make_heap(ids_.begin(), ids_.end(), better);
    for (auto id = static_cast<std::int64_t>(ids_.size()); id < vectors_; ++id) {
      if (!better(id, ids_.front())) continue;
      std::pop_heap(ids_.begin(), ids_.end(), better);
      ids_.back() = id;
      std::push_heap(ids_.begin(), ids_.end(), better);
    }
    std::sort_heap(ids_.begin(), ids_.end(), better);
    for (std::size_t i = 0; i < ids_.size(); ++i) best_[i] = scores[ids_[i]];
  }

  Result<Verification> verify() override {
    return verify_topk(vectors_, dimensions_, seed_, VectorFormat::kFloat, ids_, best_);
  }
  std::span<const float> result() const override { return best_; }

 private:
  std::uint64_t seed_ = 0;
  std::int64_t vectors_ = 0;
  std::int64_t dimensions_ = 0;
  Floats base_, query_, scores_;
  std::vector<std::int64_t> ids_;  // best first
  std::vector<float> best_;        // their scores
};

}  // namespace

std::unique_ptr<CpuWork> make_retrieval_work(std::string_view kind) {
  return kind == "topk" ? std::make_unique<TopkWork>() : nullptr;
}

}  // namespace kts::workload
