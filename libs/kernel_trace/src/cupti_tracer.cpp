// SPDX-License-Identifier: Apache-2.0
#include <cupti.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "cupti_library.hpp"
#include "kts/base/files.hpp"
#include "kts/kernel_trace/activity.hpp"
#include "kts/kernel_trace/tracer.hpp"

namespace kts::kernel_trace {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kLargestChunk = std::size_t{4} << 20;
constexpr std::size_t kLeastChunks = 8;
constexpr std::size_t kFlushAt = std::size_t{256} * 1024;
// A CUPTI that places GPU instants worse than this is of no use.
constexpr std::int64_t kClockSlackNs = 1'000'000;
constexpr std::array kKinds{CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY,
                            CUPTI_ACTIVITY_KIND_MEMSET, CUPTI_ACTIVITY_KIND_SYNCHRONIZATION,
                            CUPTI_ACTIVITY_KIND_OVERHEAD};

// Memory for records, all of it allocated and touched when it is made. CUPTI's threads take and
// give back chunks of it while a block runs. Thread-safe.
class Chunks {
 public:
  struct Filled {
    std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
  };

  explicit Chunks(std::size_t total)
      : size_(std::min(kLargestChunk, total / kLeastChunks) / kAlignment * kAlignment) {
    const std::size_t count = total / size_;
    memory_.reset(
        static_cast<std::uint8_t*>(::operator new(count* size_, std::align_val_t(kAlignment))));
    std::memset(memory_.get(), 0, count * size_);
    free_.reserve(count);
    filled_.reserve(count);
    for (std::size_t k = count; k > 0; --k) free_.push_back(memory_.get() + (k - 1) * size_);
  }

  [[nodiscard]] std::size_t chunk_bytes() const { return size_; }
  // Null when all are in use.
  std::uint8_t* take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return nullptr;
    std::uint8_t* const chunk = free_.back();
    free_.pop_back();
    return chunk;
  }
  void give(std::uint8_t* chunk, std::size_t valid) {
    const std::lock_guard lock(mutex_);
    if (chunk == nullptr) return;
    if (valid == 0) {
      free_.push_back(chunk);
    } else {
      filled_.push_back({chunk, valid});
    }
  }
  // Those that hold records; they stay the caller's until recycle.
  std::vector<Filled> take_filled() {
    const std::lock_guard lock(mutex_);
    std::vector<Filled> taken = filled_;
    filled_.clear();
    return taken;
  }
  void recycle(const std::vector<Filled>& chunks) {
    const std::lock_guard lock(mutex_);
    for (const Filled& chunk : chunks) free_.push_back(chunk.bytes);
  }

 private:
  struct Release {
    void operator()(std::uint8_t* memory) const {
      ::operator delete(memory, std::align_val_t(kAlignment));
    }
  };
  std::size_t size_;
  std::unique_ptr<std::uint8_t, Release> memory_;
  std::mutex mutex_;
  std::vector<std::uint8_t*> free_;
  std::vector<Filled> filled_;
};

// CUPTI's callbacks carry nothing of ours.
std::atomic<Chunks*> active_chunks{nullptr};

void CUPTIAPI on_buffer_requested(std::uint8_t** buffer, std::size_t* size,
                                  std::size_t* most_records) {
  Chunks* const chunks = active_chunks.load();
  *buffer = chunks == nullptr ? nullptr : chunks->take();
  *size = *buffer == nullptr ? 0 : chunks->chunk_bytes();
  *most_records = 0;
}

void CUPTIAPI on_buffer_completed(CUcontext, std::uint32_t, std::uint8_t* buffer, std::size_t,
                                  std::size_t valid) {
  if (Chunks* const chunks = active_chunks.load()) chunks->give(buffer, valid);
}

std::uint64_t CUPTIAPI monotonic_ns() {
  return static_cast<std::uint64_t>(MonotonicTimeline::now().time_since_epoch().count());
}

std::optional<std::uint32_t> known(std::uint32_t value, std::uint32_t unknown) {
  return value == unknown ? std::nullopt : std::optional(value);
}

const char* copy_name(std::uint8_t kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
      return "host to device";
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
      return "device to host";
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOD:
      return "device to device";
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOH:
      return "host to host";
    case CUPTI_ACTIVITY_MEMCPY_KIND_PTOP:
      return "device to another device";
    default:
      return "other";
  }
}

const char* sync_name(CUpti_ActivitySynchronizationType type) {
  switch (type) {
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_EVENT_SYNCHRONIZE:
      return "event";
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_WAIT_EVENT:
      return "stream waits for event";
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_SYNCHRONIZE:
      return "stream";
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_CONTEXT_SYNCHRONIZE:
      return "context";
    default:
      return "other";
  }
}

const char* overhead_name(CUpti_ActivityOverheadKind kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_OVERHEAD_DRIVER_COMPILER:
      return "driver compiles";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_BUFFER_FLUSH:
      return "CUPTI flushes";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_INSTRUMENTATION:
      return "CUPTI instruments";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_RESOURCE:
      return "CUPTI allocates";
    case CUPTI_ACTIVITY_OVERHEAD_RUNTIME_TRIGGERED_MODULE_LOADING:
      return "module is loaded";
    case CUPTI_ACTIVITY_OVERHEAD_LAZY_FUNCTION_LOADING:
      return "function is loaded";
    case CUPTI_ACTIVITY_OVERHEAD_COMMAND_BUFFER_FULL:
      return "command buffer is full";
    case CUPTI_ACTIVITY_OVERHEAD_ACTIVITY_BUFFER_REQUEST:
      return "CUPTI asks for a buffer";
    default:
      return "other";
  }
}

// Instants as CUPTI gave them. nullopt: a record of no kind that was asked for.
std::optional<Activity> read(const CUpti_Activity* record) {
  Activity out;
  const auto times = [&out](std::uint64_t start, std::uint64_t end) {
    out.start_ns = static_cast<std::int64_t>(start);
    out.end_ns = static_cast<std::int64_t>(end);
  };
  switch (record->kind) {
    case CUPTI_ACTIVITY_KIND_KERNEL:
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
      const auto* kernel = reinterpret_cast<const CUpti_ActivityKernel10*>(record);
      const auto dim = [](std::int32_t x, std::int32_t y, std::int32_t z) {
        return Dim{static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y),
                   static_cast<std::uint32_t>(z)};
      };
      out.kind = Kind::kKernel;
      out.name = kernel->name == nullptr ? "" : kernel->name;
      times(kernel->start, kernel->end);
      out.stream = kernel->streamId;
      out.correlation = kernel->correlationId;
      out.grid = dim(kernel->gridX, kernel->gridY, kernel->gridZ);
      out.block = dim(kernel->blockX, kernel->blockY, kernel->blockZ);
      return out;
    }
    case CUPTI_ACTIVITY_KIND_MEMCPY: {
      const auto* copy = reinterpret_cast<const CUpti_ActivityMemcpy6*>(record);
      out.kind = Kind::kCopy;
      out.name = copy_name(copy->copyKind);
      times(copy->start, copy->end);
      out.stream = copy->streamId;
      out.correlation = copy->correlationId;
      out.bytes = copy->bytes;
      return out;
    }
    case CUPTI_ACTIVITY_KIND_MEMSET: {
      const auto* set = reinterpret_cast<const CUpti_ActivityMemset4*>(record);
      out.kind = Kind::kSet;
      out.name = "memory";
      times(set->start, set->end);
      out.stream = set->streamId;
      out.correlation = set->correlationId;
      out.bytes = set->bytes;
      return out;
    }
    case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION: {
      const auto* sync = reinterpret_cast<const CUpti_ActivitySynchronization2*>(record);
      out.kind = Kind::kSync;
      out.name = sync_name(sync->type);
      times(sync->start, sync->end);
      out.stream = known(sync->streamId, CUPTI_SYNCHRONIZATION_INVALID_VALUE);
      out.correlation = sync->correlationId;
      return out;
    }
    case CUPTI_ACTIVITY_KIND_OVERHEAD: {
      const auto* overhead = reinterpret_cast<const CUpti_ActivityOverhead3*>(record);
      out.kind = Kind::kOverhead;
      out.name = overhead_name(overhead->overheadKind);
      times(overhead->start, overhead->end);
      out.correlation = known(overhead->correlationId, 0);
      return out;
    }
    default:
      return std::nullopt;
  }
}

class CuptiTracer final : public Tracer {
 public:
  CuptiTracer(Cupti cupti, std::uint64_t buffer_bytes)
      : cupti_(std::move(cupti)), chunks_(buffer_bytes) {}
  CuptiTracer(const CuptiTracer&) = delete;
  CuptiTracer& operator=(const CuptiTracer&) = delete;
  ~CuptiTracer() override {
    if (active_chunks.load() != &chunks_) return;
    for (const CUpti_ActivityKind kind : enabled_) cupti_.disable(kind);
    cupti_.flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    active_chunks.store(nullptr);
  }

  Status start() {
    Chunks* none = nullptr;
    if (!active_chunks.compare_exchange_strong(none, &chunks_)) {
      return fail(ErrorCode::kInternal, "this process traces kernels already");
    }
    KTS_CHECK_OK(cupti_.check(cupti_.register_callbacks(on_buffer_requested, on_buffer_completed),
                              "be handed buffers"));
    // Before any kind is enabled, so that all records are on the run's clock.
    KTS_CHECK_OK(
        cupti_.check(cupti_.register_timestamp_callback(monotonic_ns), "take the run's clock"));
    enabled_.reserve(kKinds.size());
    for (const CUpti_ActivityKind kind : kKinds) {
      KTS_CHECK_OK(cupti_.check(cupti_.enable(kind), "trace"));
      enabled_.push_back(kind);
    }
    return {};
  }

  std::string name() const override { return "CUPTI " + cupti_.version; }
  std::string limits() const override {
    return "context switches are not traced: they came with CUPTI 13.1, and this build knows " +
           fmt::format("{}.{}", CUPTI_API_VERSION / 10000, CUPTI_API_VERSION / 100 % 100);
  }

  Status begin_block() override {
    KTS_CHECK_OK(flush());
    chunks_.recycle(chunks_.take_filled());
    KTS_TRY(const std::uint64_t of_before, dropped());
    (void)of_before;
    began_ns_ = static_cast<std::int64_t>(monotonic_ns());
    return {};
  }

  Result<TraceCounts> end_block(const std::filesystem::path& csv,
                                const EpochOffset& epoch) override {
    KTS_CHECK_OK(flush());
    const auto ended_ns = static_cast<std::int64_t>(monotonic_ns());
    TraceCounts counts;
    KTS_TRY(counts.lost, dropped());
    const std::vector<Chunks::Filled> filled = chunks_.take_filled();
    const Status written = write(filled, csv, epoch, ended_ns, counts);
    chunks_.recycle(filled);
    KTS_CHECK_OK(written);
    return counts;
  }

 private:
  Status flush() const {
    // What is complete first: a forced flush hands out records without instants, too.
    KTS_CHECK_OK(cupti_.check(cupti_.flush_all(0), "hand its records out"));
    return cupti_.check(cupti_.flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED), "hand its records out");
  }

  // Since it was last asked.
  Result<std::uint64_t> dropped() const {
    std::size_t count = 0;
    KTS_CHECK_OK(
        cupti_.check(cupti_.get_dropped(nullptr, 0, &count), "tell how many records it dropped"));
    return count;
  }

  Status write(const std::vector<Chunks::Filled>& filled, const std::filesystem::path& csv,
               const EpochOffset& epoch, std::int64_t ended_ns, TraceCounts& counts) const {
    // By start; CUPTI hands records out as they were completed.
    std::vector<std::pair<std::int64_t, const CUpti_Activity*>> order;
    for (const Chunks::Filled& chunk : filled) {
      CUpti_Activity* record = nullptr;
      while (cupti_.get_next_record(chunk.bytes, chunk.size, &record) == CUPTI_SUCCESS) {
        const auto activity = read(record);
        if (!activity) continue;
        if (activity->start_ns <= 0 || activity->end_ns < activity->start_ns) {
          ++counts.lost;
        } else if (activity->start_ns < began_ns_ - kClockSlackNs ||
                   activity->end_ns > ended_ns + kClockSlackNs) {
          ++counts.outside;
        } else {
          order.emplace_back(activity->start_ns, record);
        }
      }
    }
    std::ranges::stable_sort(order, {}, [](const auto& entry) { return entry.first; });
    KTS_TRY(OutputFile file, OutputFile::create(csv));
    std::string text = std::string(kCsvSchema) + std::string(kCsvHeader);
    for (const auto& [start_ns, record] : order) {
      Activity activity = *read(record);
      activity.start_ns += epoch.value.count();
      activity.end_ns += epoch.value.count();
      append_csv(text, activity);
      ++counts.rows;
      if (text.size() < kFlushAt) continue;
      KTS_CHECK_OK(file.write(text));
      text.clear();
    }
    KTS_CHECK_OK(file.write(text));
    return file.close();
  }

  Cupti cupti_;
  Chunks chunks_;
  std::vector<CUpti_ActivityKind> enabled_;
  std::int64_t began_ns_ = 0;
};

}  // namespace

Result<std::unique_ptr<Tracer>> open_cupti(const TracerSpec& spec) {
  KTS_TRY(Cupti cupti, Cupti::load(spec.library));
  auto tracer = std::make_unique<CuptiTracer>(
      std::move(cupti), std::clamp(spec.buffer_bytes, kLeastBufferBytes, kMostBufferBytes));
  KTS_CHECK_OK(tracer->start());
  return tracer;
}

}  // namespace kts::kernel_trace
