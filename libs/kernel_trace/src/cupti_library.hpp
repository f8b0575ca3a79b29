// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cupti.h>

#include <string>

#include "kts/base/error.hpp"

namespace kts::kernel_trace {

// The functions of libcupti that are used, by name; loaded until the process ends.
struct Cupti {
  decltype(&cuptiGetVersion) get_version = nullptr;
  decltype(&cuptiGetResultString) get_result_string = nullptr;
  decltype(&cuptiActivityRegisterCallbacks) register_callbacks = nullptr;
  decltype(&cuptiActivityRegisterTimestampCallback) register_timestamp_callback = nullptr;
  decltype(&cuptiActivityEnable) enable = nullptr;
  decltype(&cuptiActivityDisable) disable = nullptr;
  decltype(&cuptiActivityFlushAll) flush_all = nullptr;
  decltype(&cuptiActivityGetNextRecord) get_next_record = nullptr;
  decltype(&cuptiActivityGetNumDroppedRecords) get_dropped = nullptr;

  std::string version;  // "13.0.1"

  // `path` empty: where CUDA toolkits put it.
  [[nodiscard]] static Result<Cupti> load(const std::string& path);
  // kEnvironment with CUPTI's own word for what went wrong.
  [[nodiscard]] Status check(CUptiResult result, const char* what) const;
};

}  // namespace kts::kernel_trace
