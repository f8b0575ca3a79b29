// SPDX-License-Identifier: Apache-2.0
// A library with CUPTI's entry points that plays records: those that a test hands it, in the
// buffers that the tracer gives, as CUPTI would. FAKE_CUPTI_VERSION and FAKE_CUPTI_REFUSES (a
// function's name) change its answers.
#include "fake_cupti.hpp"

#include <cupti.h>

#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

CUpti_BuffersCallbackRequestFunc request = nullptr;
CUpti_BuffersCallbackCompleteFunc complete = nullptr;
CUpti_TimestampCallbackFunc timestamp = nullptr;
std::vector<CUpti_ActivityKind> enabled;
std::uint8_t* buffer = nullptr;
std::size_t capacity = 0;
std::size_t used = 0;
std::size_t dropped = 0;

bool refuses(std::string_view function) {
  const char* const named = std::getenv("FAKE_CUPTI_REFUSES");
  return named != nullptr && function == named;
}
CUptiResult answer(std::string_view function) {
  return refuses(function) ? CUPTI_ERROR_INSUFFICIENT_PRIVILEGES : CUPTI_SUCCESS;
}

void hand_over() {
  if (buffer == nullptr) return;
  complete(nullptr, 0, buffer, capacity, used);
  buffer = nullptr;
  used = 0;
}

std::size_t size_of(CUpti_ActivityKind kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
      return sizeof(CUpti_ActivityKernel10);
    case CUPTI_ACTIVITY_KIND_MEMCPY:
      return sizeof(CUpti_ActivityMemcpy6);
    case CUPTI_ACTIVITY_KIND_MEMSET:
      return sizeof(CUpti_ActivityMemset4);
    case CUPTI_ACTIVITY_KIND_SYNCHRONIZATION:
      return sizeof(CUpti_ActivitySynchronization2);
    case CUPTI_ACTIVITY_KIND_OVERHEAD:
      return sizeof(CUpti_ActivityOverhead3);
    default:
      return 0;
  }
}

template <typename Record>
void put(const Record& record) {
  static_assert(sizeof(Record) % 8 == 0);
  bool wanted = false;
  for (const CUpti_ActivityKind kind : enabled) wanted |= kind == record.kind;
  if (!wanted) return;
  if (buffer != nullptr && used + sizeof record > capacity) hand_over();
  if (buffer == nullptr) {
    std::size_t most = 0;
    request(&buffer, &capacity, &most);
    if (buffer == nullptr) {
      ++dropped;
      return;
    }
  }
  std::memcpy(buffer + used, &record, sizeof record);
  used += sizeof record;
}

}  // namespace

extern "C" {

CUptiResult CUPTIAPI cuptiGetVersion(std::uint32_t* version) {
  const char* const told = std::getenv("FAKE_CUPTI_VERSION");
  *version = told == nullptr ? CUPTI_API_VERSION : static_cast<std::uint32_t>(std::atoi(told));
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiGetResultString(CUptiResult result, const char** text) {
  *text = result == CUPTI_ERROR_INSUFFICIENT_PRIVILEGES ? "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES"
                                                        : "CUPTI_ERROR_UNKNOWN";
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc requested,
                                                    CUpti_BuffersCallbackCompleteFunc completed) {
  request = requested;
  complete = completed;
  return answer("cuptiActivityRegisterCallbacks");
}
CUptiResult CUPTIAPI cuptiActivityRegisterTimestampCallback(CUpti_TimestampCallbackFunc function) {
  timestamp = function;
  return answer("cuptiActivityRegisterTimestampCallback");
}
CUptiResult CUPTIAPI cuptiActivityEnable(CUpti_ActivityKind kind) {
  if (!refuses("cuptiActivityEnable")) enabled.push_back(kind);
  return answer("cuptiActivityEnable");
}
CUptiResult CUPTIAPI cuptiActivityDisable(CUpti_ActivityKind kind) {
  std::erase(enabled, kind);
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityFlushAll(std::uint32_t) {
  hand_over();
  return answer("cuptiActivityFlushAll");
}
CUptiResult CUPTIAPI cuptiActivityGetNextRecord(std::uint8_t* records, std::size_t valid,
                                                CUpti_Activity** record) {
  std::uint8_t* next = records;
  if (*record != nullptr) {
    next = reinterpret_cast<std::uint8_t*>(*record) + size_of((*record)->kind);
  }
  if (next >= records + valid) return CUPTI_ERROR_MAX_LIMIT_REACHED;
  *record = reinterpret_cast<CUpti_Activity*>(next);
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityGetNumDroppedRecords(CUcontext, std::uint32_t,
                                                       std::size_t* count) {
  *count = dropped;
  dropped = 0;
  return CUPTI_SUCCESS;
}

std::int64_t fake_cupti_now() { return static_cast<std::int64_t>(timestamp()); }
void fake_cupti_kernel(const char* name, std::int64_t start_ns, std::int64_t end_ns,
                       std::uint32_t stream) {
  CUpti_ActivityKernel10 kernel{};
  kernel.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
  kernel.name = name;
  kernel.start = static_cast<std::uint64_t>(start_ns);
  kernel.end = static_cast<std::uint64_t>(end_ns);
  kernel.streamId = stream;
  kernel.correlationId = 11;
  kernel.gridX = 32;
  kernel.gridY = kernel.gridZ = 1;
  kernel.blockX = 256;
  kernel.blockY = kernel.blockZ = 1;
  put(kernel);
}
void fake_cupti_others(std::int64_t start_ns, std::int64_t end_ns) {
  const auto start = static_cast<std::uint64_t>(start_ns);
  const auto end = static_cast<std::uint64_t>(end_ns);
  CUpti_ActivityMemcpy6 copy{};
  copy.kind = CUPTI_ACTIVITY_KIND_MEMCPY;
  copy.copyKind = CUPTI_ACTIVITY_MEMCPY_KIND_DTOH;
  copy.bytes = 4096;
  copy.start = start;
  copy.end = end;
  copy.streamId = 7;
  put(copy);
  CUpti_ActivityMemset4 set{};
  set.kind = CUPTI_ACTIVITY_KIND_MEMSET;
  set.bytes = 64;
  set.start = start + 1;
  set.end = end;
  set.streamId = 7;
  put(set);
  CUpti_ActivitySynchronization2 sync{};
  sync.kind = CUPTI_ACTIVITY_KIND_SYNCHRONIZATION;
  sync.type = CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_CONTEXT_SYNCHRONIZE;
  sync.start = start + 2;
  sync.end = end;
  sync.streamId = CUPTI_SYNCHRONIZATION_INVALID_VALUE;
  put(sync);
  CUpti_ActivityOverhead3 overhead{};
  overhead.kind = CUPTI_ACTIVITY_KIND_OVERHEAD;
  overhead.overheadKind = CUPTI_ACTIVITY_OVERHEAD_CUPTI_BUFFER_FLUSH;
  overhead.start = start + 3;
  overhead.end = end;
  put(overhead);
}

}  // extern "C"
