// SPDX-License-Identifier: Apache-2.0
// Workloads that move memory, launch or only hold.
#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "cpu_work.hpp"
#include "kts/workload/memory.hpp"
#include "kts/workload/memory_operands.hpp"
#include "kts/workload/verify.hpp"

namespace kts::workload {
namespace {

constexpr float kNotComputed = std::numeric_limits<float>::quiet_NaN();

class TriadWork final : public CpuWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    seed_ = spec.seed;
    count_ = static_cast<std::size_t>(triad_elements(spec.workload.number("bytes")));
    a_ = allocate_floats(count_);
    b_ = allocate_floats(count_);
    c_ = allocate_floats(count_);
    if (!a_ || !b_ || !c_) return out_of_memory();
    std::fill_n(a_.get(), count_, kNotComputed);
    triad_b_stream(seed_).fill({b_.get(), count_});
    triad_c_stream(seed_).fill({c_.get(), count_});
    return {};
  }
  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override {
    float* const a = a_.get();
    const float* const b = b_.get();
    const float* const c = c_.get();
    for (std::size_t i = 0; i < count_; ++i) a[i] = b[i] + kTriadScalar * c[i];
  }
  Result<Verification> verify() override { return verify_triad(seed_, result()); }
  std::span<const float> result() const override { return {a_.get(), count_}; }

 private:
  std::uint64_t seed_ = 0;
  std::size_t count_ = 0;
  Floats a_, b_, c_;
};

class SweepWork final : public CpuWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    seed_ = spec.seed;
    bytes_ = spec.workload.number("bytes");
    sweeps_ = spec.workload.number("sweeps");
    const auto count = static_cast<std::size_t>(sweep_words(bytes_));
    words_.reset(static_cast<std::uint32_t*>(std::malloc(count * sizeof(std::uint32_t))));
    if (!words_) return out_of_memory();
    for (std::size_t i = 0; i < count; ++i) words_.get()[i] = sweep_word(seed_, i);
    return {};
  }
  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override {
    sum_ = 0;
    // Read through a volatile pointer, lest all sweeps become one.
    const std::uint32_t* volatile from = words_.get();
    for (std::int64_t sweep = 0; sweep < sweeps_; ++sweep) {
      const std::uint32_t* const words = from;
      std::uint64_t sum = 0;
      for (std::int64_t i = 0; i < sweep_words(bytes_); ++i) sum += words[i];
      sum_ += sum;
    }
  }
  Result<Verification> verify() override { return verify_sweep(bytes_, sweeps_, seed_, sum_); }
  std::span<const float> result() const override { return {}; }

 private:
  struct FreeWords {
    void operator()(std::uint32_t* p) const { std::free(p); }
  };
  std::uint64_t seed_ = 0;
  std::int64_t bytes_ = 0;
  std::int64_t sweeps_ = 0;
  std::unique_ptr<std::uint32_t, FreeWords> words_;
  std::uint64_t sum_ = 0;
};

// One buffer plays the host, the other the device; a core does one direction after the other.
class CopyWork final : public CpuWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    const std::string& direction = spec.workload.word("direction");
    count_ = static_cast<std::size_t>(copy_elements(spec.workload.number("bytes")));
    for (const auto& [word, stream] :
         {std::pair("h2d", h2d_stream(spec.seed)), std::pair("d2h", d2h_stream(spec.seed))}) {
      if (direction != word && direction != "both") continue;
      Way way{stream, allocate_floats(count_), allocate_floats(count_)};
      if (!way.from || !way.to) return out_of_memory();
      stream.fill({way.from.get(), count_});
      std::fill_n(way.to.get(), count_, kNotComputed);
      ways_.push_back(std::move(way));
    }
    return {};
  }
  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override {
    for (const Way& way : ways_) {
      std::memcpy(way.to.get(), way.from.get(), count_ * sizeof(float));
    }
  }
  Result<Verification> verify() override {
    Verification all;
    for (const Way& way : ways_) {
      KTS_TRY(const Verification v, verify_copy(way.stream, {way.to.get(), count_}));
      all.checksum += v.checksum;
      all.reference += v.reference;
    }
    return all;
  }
  std::span<const float> result() const override { return {ways_.back().to.get(), count_}; }

 private:
  struct Way {
    OperandStream stream;
    Floats from, to;
  };
  std::size_t count_ = 0;
  std::vector<Way> ways_;
};

// What a launch is on a CPU: the host wakes the device thread for next to nothing.
class LaunchWork final : public CpuWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    count_ = spec.workload.number("count");
    return {};
  }
  std::int64_t pieces() const override { return count_; }
  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override { ++done_; }
  // Of all iterations until now; one that is lost shifts it for good.
  Result<Verification> verify() override {
    const std::int64_t whole = (done_ + count_ / 2) / count_ * count_;
    return verify_count("launch count's", whole, done_);
  }
  std::span<const float> result() const override { return {}; }

 private:
  std::int64_t count_ = 0;
  std::int64_t done_ = 0;
};

class HoldWork final : public CpuWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    bytes_ = static_cast<std::size_t>(spec.workload.number("bytes"));
    seed_ = spec.seed;
    held_ = allocate_floats((bytes_ + sizeof(float) - 1) / sizeof(float));
    if (!held_) return out_of_memory();
    for (std::int64_t p = 0; p < pages(); ++p) *page(p) = hold_stream(seed_)[as_index(p)];
    return {};
  }
  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override {}
  Result<Verification> verify() override {
    std::int64_t kept = 0;
    for (std::int64_t p = 0; p < pages(); ++p) {
      if (*page(p) == hold_stream(seed_)[as_index(p)]) ++kept;
    }
    return verify_count("held memory's", pages(), kept);
  }
  std::span<const float> result() const override { return {}; }

 private:
  static std::uint64_t as_index(std::int64_t p) { return static_cast<std::uint64_t>(p); }
  [[nodiscard]] std::int64_t pages() const {
    return (static_cast<std::int64_t>(bytes_) + kHoldPage - 1) / kHoldPage;
  }
  [[nodiscard]] float* page(std::int64_t p) const {
    return held_.get() + p * kHoldPage / static_cast<std::int64_t>(sizeof(float));
  }
  std::size_t bytes_ = 0;
  std::uint64_t seed_ = 0;
  Floats held_;
};

// An iteration takes a further step and touches it, until the machine or the control group has no
// more to give, or the limit is reached; from then on an iteration does nothing.
class GrowWork final : public CpuWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    seed_ = spec.seed;
    step_ = static_cast<std::uint64_t>(spec.workload.number("step"));
    limit_ = static_cast<std::uint64_t>(spec.workload.number("limit"));
    steps_.reserve(limit_ / step_);
    return {};
  }
  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override {
    if (refused_) return;
    // The kernel promises more than there is; who believes it is killed, and maybe a neighbour.
    const auto available = available_memory();
    const bool fits =
        (steps_.size() + 1) * step_ <= limit_ && (!available || *available >= step_ + kReserve);
    Floats memory = fits ? allocate_floats(step_ / sizeof(float)) : nullptr;
    if (!memory) {
      refused_ = true;
      return;
    }
    for (std::uint64_t page = 0; page < pages(); ++page) *word(memory, page) = expected(page);
    steps_.push_back(std::move(memory));
  }
  Result<Verification> verify() override {
    std::int64_t kept = 0;
    for (const Floats& memory : steps_) {
      for (std::uint64_t page = 0; page < pages(); ++page) {
        if (*word(memory, page) == expected(page)) ++kept;
      }
    }
    return verify_count("grown memory's", static_cast<std::int64_t>(steps_.size() * pages()), kept);
  }
  std::span<const float> result() const override { return {}; }
  std::optional<Growth> growth() const override {
    Growth growth{steps_.size() * step_, {}};
    if (refused_) growth.refused_bytes = step_;
    return growth;
  }

 private:
  static constexpr std::uint64_t kReserve = std::uint64_t{64} << 20;  // lest the machine stall

  [[nodiscard]] std::uint64_t pages() const { return (step_ + kHoldPage - 1) / kHoldPage; }
  [[nodiscard]] static float* word(const Floats& memory, std::uint64_t page) {
    return memory.get() + page * kHoldPage / sizeof(float);
  }
  [[nodiscard]] float expected(std::uint64_t page) const { return hold_stream(seed_)[page]; }

  std::uint64_t seed_ = 0;
  std::uint64_t step_ = 0;
  std::uint64_t limit_ = 0;
  std::vector<Floats> steps_;
  bool refused_ = false;
};

}  // namespace

std::unique_ptr<CpuWork> make_memory_work(std::string_view kind) {
  if (kind == "membw") return std::make_unique<TriadWork>();
  if (kind == "l2") return std::make_unique<SweepWork>();
  if (kind == "copy") return std::make_unique<CopyWork>();
  if (kind == "launch") return std::make_unique<LaunchWork>();
  if (kind == "idle-hold") return std::make_unique<HoldWork>();
  if (kind == "grow") return std::make_unique<GrowWork>();
  return nullptr;
}

}  // namespace kts::workload
