// SPDX-License-Identifier: Apache-2.0
// Prefill, decode, whole requests, encoders and rerankers.
#include <cblas.h>

#include <algorithm>
#include <vector>

#include "cpu_transformer.hpp"
#include "kts/base/clock.hpp"
#include "kts/workload/llm_operands.hpp"
#include "kts/workload/llm_reference.hpp"

namespace kts::workload {
namespace {

using Pass = CpuTransformer::Pass;

std::int64_t now_in_ns() { return MonotonicTimeline::now().time_since_epoch().count(); }

class LanguageWork : public CpuWork {
 protected:
  [[nodiscard]] Status prepare_model(const EngineSpec& spec, const CpuTransformer::Room& room) {
    seed_ = spec.seed;
    model_ = model_of(spec.workload);
    openblas_set_num_threads(spec.threads);
    return transformer_.prepare(model_, spec.seed, room);
  }
  // The last pass, scored for its sequence `sequence` by its row `row`.
  [[nodiscard]] Result<Verification> verify_scored(const Pass& pass, std::int64_t row,
                                                   std::int64_t sequence) {
    KTS_TRY(Verification v, transformer_.verify(pass));
    const auto width = static_cast<std::size_t>(model_.hidden);
    const auto hidden = transformer_.hidden(row + 1).last(width);
    transformer_.score(row, sequence);
    const auto all = transformer_.scores();
    const auto scores = all.subspan(static_cast<std::size_t>(sequence) * head_rows(), head_rows());
    KTS_TRY(const Verification head,
            verify_llm_head(model_, seed_, Precision::kFloat, hidden, scores));
    v.checksum += head.checksum;
    v.reference += head.reference;
    v.relative_error = std::max(v.relative_error, head.relative_error);
    return v;
  }
  [[nodiscard]] virtual std::size_t head_rows() const {
    return static_cast<std::size_t>(model_.vocab);
  }

  std::uint64_t seed_ = 0;
  ModelShape model_;
  CpuTransformer transformer_;
};

class PrefillWork final : public LanguageWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    pass_ = {spec.workload.number("batch"), 0, spec.workload.number("tokens")};
    return prepare_model(spec, {pass_.batch * pass_.tokens, pass_.batch, pass_.tokens,
                                model_of(spec.workload).vocab});
  }
  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override {
    transformer_.run(pass_);
    for (std::int64_t s = 0; s < pass_.batch; ++s) {
      transformer_.score((s + 1) * pass_.tokens - 1, s);
    }
  }
  Result<Verification> verify() override {
    return verify_scored(pass_, pass_.batch * pass_.tokens - 1, pass_.batch - 1);
  }
  std::span<const float> result() const override { return transformer_.scores(); }

 private:
  Pass pass_;
};

class DecodeWork final : public LanguageWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    context_ = spec.workload.number("context");
    const std::int64_t batch = spec.workload.number("batch");
    pass_ = {batch, context_, 1};
    KTS_CHECK_OK(prepare_model(
        spec, {batch, batch, context_ + kDecodeGrowth, model_of(spec.workload).vocab}));
    transformer_.fill_cache(context_);
    return {};
  }
  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override {
    pass_.first = context_ + steps_++ % kDecodeGrowth;
    transformer_.run(pass_);
    for (std::int64_t s = 0; s < pass_.batch; ++s) transformer_.score(s, s);
  }
  Result<Verification> verify() override {
    return verify_scored(pass_, pass_.batch - 1, pass_.batch - 1);
  }
  std::span<const float> result() const override { return transformer_.scores(); }

 private:
  std::int64_t context_ = 0;
  std::int64_t steps_ = 0;
  Pass pass_;
};

// The host only waits: the device thread goes from token to token, and stamps each when it is
// there.
class RequestWork final : public LanguageWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    workload_ = spec.workload;
    const std::int64_t most = workload_.number("max_context");
    times_.resize(static_cast<std::size_t>(spec.in_flight));
    for (auto& times : times_) times.reserve(static_cast<std::size_t>(most));
    return prepare_model(spec, {most, 1, most, model_of(workload_).vocab});
  }
  void run(int slot, const RequestShape& shape) noexcept override {
    const RequestShape request = fitted(shape, workload_);
    auto& times = times_[static_cast<std::size_t>(slot)];
    times.clear();
    Pass pass{1, 0, request.input_tokens};
    for (std::int64_t token = 0; token < request.output_tokens; ++token) {
      if (token > 0) pass = {1, request.input_tokens + token - 1, 1};
      transformer_.run(pass);
      transformer_.score(pass.tokens - 1, 0);
      times.push_back(now_in_ns());
    }
  }
  std::span<const std::int64_t> token_times(int slot) const noexcept override {
    return times_[static_cast<std::size_t>(slot)];
  }
  // Its prefill, then its last step on the cache as the steps before left it.
  Result<Verification> verify() override {
    const RequestShape usual = fitted({}, workload_);
    KTS_TRY(const Verification prefill,
            verify_scored({1, 0, usual.input_tokens}, usual.input_tokens - 1, 0));
    if (usual.output_tokens == 1) return prefill;
    run(0, {});
    return verify_scored({1, usual.input_tokens + usual.output_tokens - 2, 1}, 0, 0);
  }
  std::span<const float> result() const override { return transformer_.scores(); }

 private:
  WorkloadSpec workload_;
  std::vector<std::vector<std::int64_t>> times_;  // one a slot
};

class EncoderWork final : public LanguageWork {
 public:
  // A reranker's head has one row, for the first token of a pair.
  explicit EncoderWork(bool reranks) : scored_(reranks ? 1 : 0) {}

  Status prepare(const EngineSpec& spec) override {
    pass_ = {spec.workload.number("batch"), 0, spec.workload.number("tokens")};
    return prepare_model(spec, {pass_.batch * pass_.tokens, pass_.batch, pass_.tokens,
                                static_cast<std::int64_t>(scored_)});
  }
  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override {
    transformer_.run(pass_);
    for (std::int64_t s = 0; scored_ > 0 && s < pass_.batch; ++s) {
      transformer_.score(s * pass_.tokens, s);
    }
  }
  Result<Verification> verify() override {
    if (scored_ == 0) return transformer_.verify(pass_);
    return verify_scored(pass_, (pass_.batch - 1) * pass_.tokens, pass_.batch - 1);
  }
  std::span<const float> result() const override {
    return scored_ > 0 ? transformer_.scores() : transformer_.hidden(pass_.batch * pass_.tokens);
  }

 private:
  std::size_t head_rows() const override { return scored_; }

  std::size_t scored_;
  Pass pass_;
};

}  // namespace

std::unique_ptr<CpuWork> make_language_work(std::string_view kind) {
  if (kind == "prefill") return std::make_unique<PrefillWork>();
  if (kind == "decode") return std::make_unique<DecodeWork>();
  if (kind == "request") return std::make_unique<RequestWork>();
  if (kind == "encoder") return std::make_unique<EncoderWork>(false);
  if (kind == "rerank") return std::make_unique<EncoderWork>(true);
  return nullptr;
}

}  // namespace kts::workload
