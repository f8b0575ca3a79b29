// SPDX-License-Identifier: Apache-2.0
// Workloads that move memory, launch or only hold.
#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "cuda_error.hpp"
#include "device_memory.hpp"
#include "kernels/memory.hpp"
#include "kts/workload/memory_operands.hpp"
#include "kts/workload/verify.hpp"
#include "whole_device.hpp"
#include "work.hpp"

namespace kts::workload_cuda {
namespace {

using workload::EngineSpec;
using workload::RequestShape;
using workload::Verification;

constexpr const char* kSmaller = "a smaller --bytes";

// Streams as memory_operands.hpp numbers them.
constexpr std::uint64_t kTriadB = 50;
constexpr std::uint64_t kTriadC = 51;
constexpr std::uint64_t kSweep = 52;
constexpr std::uint64_t kDeviceToHost = 54;
constexpr std::uint64_t kHold = 55;

class TriadWork final : public Work {
 public:
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    stream_ = stream;
    seed_ = spec.seed;
    count_ = workload::triad_elements(spec.workload.number("bytes"));
    KTS_CHECK_OK(require_memory(bytes(), kSmaller));
    KTS_TRY(a_, allocate(array_bytes()));
    KTS_TRY(b_, allocate(array_bytes()));
    KTS_TRY(c_, allocate(array_bytes()));
    KTS_CUDA(cudaMemsetAsync(a_.get(), 0xff, array_bytes(), stream_), "cannot clear the result");
    KTS_CUDA(fill_floats(at(b_), count_, {seed_, kTriadB}, stream_), "cannot fill the operands");
    KTS_CUDA(fill_floats(at(c_), count_, {seed_, kTriadC}, stream_), "cannot fill the operands");
    return {};
  }
  Status launch(const RequestShape&) noexcept override {
    KTS_CUDA(triad(at(a_), at(b_), at(c_), workload::kTriadScalar, count_, stream_),
             "cannot run the triad");
    return {};
  }
  Result<Verification> verify() override {
    std::vector<float> a(static_cast<std::size_t>(count_));
    KTS_CUDA(cudaMemcpy(a.data(), a_.get(), array_bytes(), cudaMemcpyDeviceToHost),
             "cannot copy the result");
    return workload::verify_triad(seed_, a);
  }
  std::uint64_t bytes() const override { return 3 * array_bytes(); }
  Result<bool> results_finite() override {
    return all_finite(a_.get(), static_cast<std::size_t>(count_));
  }

 private:
  static float* at(const DeviceMemory& memory) { return static_cast<float*>(memory.get()); }
  [[nodiscard]] std::size_t array_bytes() const {
    return static_cast<std::size_t>(count_) * sizeof(float);
  }

  cudaStream_t stream_ = nullptr;
  std::uint64_t seed_ = 0;
  std::int64_t count_ = 0;
  DeviceMemory a_, b_, c_;
};

class SweepWork final : public Work {
 public:
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    stream_ = stream;
    seed_ = spec.seed;
    set_bytes_ = spec.workload.number("bytes");
    sweeps_ = spec.workload.number("sweeps");
    count_ = workload::sweep_words(set_bytes_);
    KTS_CHECK_OK(require_memory(bytes(), kSmaller));
    KTS_TRY(words_, allocate(bytes()));
    KTS_TRY(sum_, allocate(sizeof(unsigned long long)));
    KTS_CUDA(fill_floats(static_cast<float*>(words_.get()), count_, {seed_, kSweep}, stream_),
             "cannot fill the operands");
    return {};
  }
  Status launch(const RequestShape&) noexcept override {
    auto* const sum = static_cast<unsigned long long*>(sum_.get());
    KTS_CUDA(cudaMemsetAsync(sum, 0, sizeof *sum, stream_), "cannot clear the result");
    KTS_CUDA(sweep(static_cast<const std::uint32_t*>(words_.get()), count_, sweeps_, sum, stream_),
             "cannot sweep the working set");
    return {};
  }
  Result<Verification> verify() override {
    std::uint64_t sum = 0;
    KTS_CUDA(cudaMemcpy(&sum, sum_.get(), sizeof sum, cudaMemcpyDeviceToHost),
             "cannot copy the result");
    return workload::verify_sweep(set_bytes_, sweeps_, seed_, sum);
  }
  std::uint64_t bytes() const override {
    return static_cast<std::uint64_t>(count_) * sizeof(std::uint32_t);
  }
  Result<bool> results_finite() override { return true; }  // integers

 private:
  cudaStream_t stream_ = nullptr;
  std::uint64_t seed_ = 0;
  std::int64_t set_bytes_ = 0;
  std::int64_t sweeps_ = 0;
  std::int64_t count_ = 0;
  DeviceMemory words_, sum_;
};

struct HostFree {
  void operator()(void* p) const { cudaFreeHost(p); }
};
using PinnedMemory = std::unique_ptr<void, HostFree>;

Result<PinnedMemory> allocate_pinned(std::size_t bytes) {
  void* p = nullptr;
  KTS_CUDA(cudaMallocHost(&p, std::max<std::size_t>(bytes, 1)),
           "cannot allocate page-locked host memory");
  return PinnedMemory(p);
}

// Both at once: a second stream, between two events of the first, so that the card's two copy
// engines work side by side.
class CopyWork final : public Work {
 public:
  ~CopyWork() override {
    if (fork_) cudaEventDestroy(fork_);
    if (join_) cudaEventDestroy(join_);
    if (other_) cudaStreamDestroy(other_);
  }
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    stream_ = stream;
    seed_ = spec.seed;
    const std::string& direction = spec.workload.word("direction");
    in_ = direction != "d2h";
    out_ = direction != "h2d";
    count_ = workload::copy_elements(spec.workload.number("bytes"));
    KTS_CHECK_OK(require_memory(bytes(), kSmaller));
    if (in_) {
      KTS_TRY(host_from_, allocate_pinned(way_bytes()));
      KTS_TRY(device_to_, allocate(way_bytes()));
      workload::h2d_stream(seed_).fill(
          {static_cast<float*>(host_from_.get()), static_cast<std::size_t>(count_)});
      KTS_CUDA(cudaMemsetAsync(device_to_.get(), 0xff, way_bytes(), stream_),
               "cannot clear the result");
    }
    if (out_) {
      KTS_TRY(device_from_, allocate(way_bytes()));
      KTS_TRY(host_to_, allocate_pinned(way_bytes()));
      KTS_CUDA(fill_floats(static_cast<float*>(device_from_.get()), count_, {seed_, kDeviceToHost},
                           stream_),
               "cannot fill the operands");
      std::fill_n(static_cast<std::byte*>(host_to_.get()), way_bytes(), std::byte{0xff});
    }
    if (in_ && out_) {
      KTS_CUDA(cudaStreamCreateWithFlags(&other_, cudaStreamNonBlocking), "cannot create a stream");
      for (cudaEvent_t* event : {&fork_, &join_}) {
        KTS_CUDA(cudaEventCreateWithFlags(event, cudaEventDisableTiming), "cannot create an event");
      }
    }
    return {};
  }
  Status launch(const RequestShape&) noexcept override {
    const cudaStream_t outward = other_ ? other_ : stream_;
    if (other_) {
      KTS_CUDA(cudaEventRecord(fork_, stream_), "cannot record an event");
      KTS_CUDA(cudaStreamWaitEvent(other_, fork_), "cannot join streams");
    }
    if (in_) {
      KTS_CUDA(cudaMemcpyAsync(device_to_.get(), host_from_.get(), way_bytes(),
                               cudaMemcpyHostToDevice, stream_),
               "cannot copy to the device");
    }
    if (out_) {
      KTS_CUDA(cudaMemcpyAsync(host_to_.get(), device_from_.get(), way_bytes(),
                               cudaMemcpyDeviceToHost, outward),
               "cannot copy from the device");
    }
    if (other_) {
      KTS_CUDA(cudaEventRecord(join_, other_), "cannot record an event");
      KTS_CUDA(cudaStreamWaitEvent(stream_, join_), "cannot join streams");
    }
    return {};
  }
  Result<Verification> verify() override {
    Verification all;
    const auto add = [&all](const Verification& one) {
      all.checksum += one.checksum;
      all.reference += one.reference;
    };
    const auto count = static_cast<std::size_t>(count_);
    if (in_) {
      std::vector<float> arrived(count);
      KTS_CUDA(cudaMemcpy(arrived.data(), device_to_.get(), way_bytes(), cudaMemcpyDeviceToHost),
               "cannot copy the result");
      KTS_TRY(const Verification one, verify_copy(workload::h2d_stream(seed_), arrived));
      add(one);
    }
    if (out_) {
      KTS_TRY(const Verification one,
              verify_copy(workload::d2h_stream(seed_),
                          {static_cast<const float*>(host_to_.get()), count}));
      add(one);
    }
    return all;
  }
  std::uint64_t bytes() const override { return (in_ && out_ ? 2 : 1) * way_bytes(); }
  Result<bool> results_finite() override {
    return all_finite(in_ ? device_to_.get() : device_from_.get(),
                      static_cast<std::size_t>(count_));
  }

 private:
  [[nodiscard]] std::size_t way_bytes() const {
    return static_cast<std::size_t>(count_) * sizeof(float);
  }

  cudaStream_t stream_ = nullptr;
  cudaStream_t other_ = nullptr;
  cudaEvent_t fork_ = nullptr;
  cudaEvent_t join_ = nullptr;
  std::uint64_t seed_ = 0;
  bool in_ = false;
  bool out_ = false;
  std::int64_t count_ = 0;
  PinnedMemory host_from_, host_to_;
  DeviceMemory device_from_, device_to_;
};

class LaunchWork final : public Work {
 public:
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    stream_ = stream;
    count_ = spec.workload.number("count");
    KTS_CHECK_OK(require_memory(bytes(), "another card"));
    KTS_TRY(counter_, allocate(sizeof(unsigned long long)));
    KTS_CUDA(cudaMemsetAsync(counter_.get(), 0, sizeof(unsigned long long), stream_),
             "cannot clear the counter");
    return {};
  }
  Status launch(const RequestShape&) noexcept override {
    for (std::int64_t i = 0; i < count_; ++i) {
      KTS_CUDA(count_up(static_cast<unsigned long long*>(counter_.get()), stream_),
               "cannot launch a kernel");
    }
    launched_ += count_;
    return {};
  }
  Result<Verification> verify() override {
    std::int64_t counted = 0;
    KTS_CUDA(cudaMemcpy(&counted, counter_.get(), sizeof counted, cudaMemcpyDeviceToHost),
             "cannot copy the counter");
    return workload::verify_count("launch count's", launched_, counted);
  }
  std::uint64_t bytes() const override { return sizeof(unsigned long long); }
  Result<bool> results_finite() override { return true; }  // an integer

 private:
  cudaStream_t stream_ = nullptr;
  std::int64_t count_ = 0;
  std::int64_t launched_ = 0;
  DeviceMemory counter_;
};

// Of some of many pages, evenly spread: how many still begin with their mark. Adds to `looked_at`.
Result<std::int64_t> count_kept(const DeviceMemory& memory, std::int64_t pages, std::uint64_t seed,
                                std::int64_t& looked_at) {
  constexpr std::int64_t kMost = 16384;
  const std::int64_t stride = (pages + kMost - 1) / kMost;
  std::vector<float> marks(static_cast<std::size_t>((pages + stride - 1) / stride));
  KTS_CUDA(cudaMemcpy2D(marks.data(), sizeof(float), memory.get(),
                        static_cast<std::size_t>(stride * workload::kHoldPage), sizeof(float),
                        marks.size(), cudaMemcpyDeviceToHost),
           "cannot look at the memory");
  std::int64_t kept = 0;
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const std::uint64_t page = i * static_cast<std::uint64_t>(stride);
    if (marks[i] == workload::hold_stream(seed)[page]) ++kept;
  }
  looked_at += static_cast<std::int64_t>(marks.size());
  return kept;
}

class HoldWork final : public Work {
 public:
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    seed_ = spec.seed;
    bytes_ = spec.workload.number("bytes");
    pages_ = (bytes_ + workload::kHoldPage - 1) / workload::kHoldPage;
    KTS_CHECK_OK(require_memory(bytes(), kSmaller));
    KTS_TRY(held_, allocate(bytes()));
    KTS_CUDA(mark_pages(static_cast<float*>(held_.get()), pages_, workload::kHoldPage,
                        {seed_, kHold}, stream),
             "cannot mark the memory");
    return {};
  }
  bool uses_device() const override { return false; }
  Status launch(const RequestShape&) noexcept override { return {}; }
  Result<Verification> verify() override {
    std::int64_t looked_at = 0;
    KTS_TRY(const std::int64_t kept, count_kept(held_, pages_, seed_, looked_at));
    return workload::verify_count("held memory's", looked_at, kept);
  }
  // In whole pages, lest the last one's mark lie outside.
  std::uint64_t bytes() const override {
    return static_cast<std::uint64_t>(pages_ * workload::kHoldPage);
  }
  Result<bool> results_finite() override { return true; }  // there are none

 private:
  std::uint64_t seed_ = 0;
  std::int64_t bytes_ = 0;
  std::int64_t pages_ = 0;
  DeviceMemory held_;
};

// An iteration takes a further step and touches it, until the device refuses or the limit is
// reached; from then on an iteration does nothing.
class GrowWork final : public Work {
 public:
  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    stream_ = stream;
    seed_ = spec.seed;
    step_ = static_cast<std::uint64_t>(spec.workload.number("step"));
    limit_ = static_cast<std::uint64_t>(spec.workload.number("limit"));
    steps_.reserve(limit_ / step_);
    return {};
  }
  Status launch(const RequestShape&) noexcept override {
    if (refused_) return {};
    void* memory = nullptr;
    const std::scoped_lock alone(whole_device());
    const bool wanted = (steps_.size() + 1) * step_ <= limit_;
    const cudaError_t taken =
        wanted ? cudaMalloc(&memory, static_cast<std::size_t>(pages() * workload::kHoldPage))
               : cudaErrorMemoryAllocation;
    if (taken == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();  // not to be found by the next call
      refused_ = true;
      return {};
    }
    KTS_CUDA(taken, "cannot allocate device memory");
    steps_.emplace_back(memory);
    KTS_CUDA(mark_pages(static_cast<float*>(memory), pages(), workload::kHoldPage, {seed_, kHold},
                        stream_),
             "cannot mark the memory");
    return {};
  }
  Result<Verification> verify() override {
    std::int64_t looked_at = 0;
    std::int64_t kept = 0;
    for (const DeviceMemory& memory : steps_) {
      KTS_TRY(const std::int64_t here, count_kept(memory, pages(), seed_, looked_at));
      kept += here;
    }
    return workload::verify_count("grown memory's", looked_at, kept);
  }
  std::uint64_t bytes() const override { return step_; }
  Result<bool> results_finite() override { return true; }  // there are none
  std::optional<workload::Growth> growth() const override {
    workload::Growth growth{steps_.size() * step_, {}};
    if (refused_) growth.refused_bytes = step_;
    return growth;
  }

 private:
  [[nodiscard]] std::int64_t pages() const {
    return (static_cast<std::int64_t>(step_) + workload::kHoldPage - 1) / workload::kHoldPage;
  }

  cudaStream_t stream_ = nullptr;
  std::uint64_t seed_ = 0;
  std::uint64_t step_ = 0;
  std::uint64_t limit_ = 0;
  std::vector<DeviceMemory> steps_;
  bool refused_ = false;
};

}  // namespace

std::unique_ptr<Work> make_membw_work() { return std::make_unique<TriadWork>(); }
std::unique_ptr<Work> make_l2_work() { return std::make_unique<SweepWork>(); }
std::unique_ptr<Work> make_copy_work() { return std::make_unique<CopyWork>(); }
std::unique_ptr<Work> make_launch_work() { return std::make_unique<LaunchWork>(); }
std::unique_ptr<Work> make_idle_hold_work() { return std::make_unique<HoldWork>(); }
std::unique_ptr<Work> make_grow_work() { return std::make_unique<GrowWork>(); }

}  // namespace kts::workload_cuda
