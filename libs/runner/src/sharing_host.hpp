// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kts/base/error.hpp"
#include "kts/device/gpu.hpp"
#include "kts/mps/control.hpp"
#include "kts/process/fleet.hpp"
#include "kts/runner/local_run.hpp"

namespace kts::runner {

// What a sharing mode needs beside the workers: there before the first of them starts, and until
// the last has left.
class SharingHost {
 public:
  virtual ~SharingHost() = default;
  // A worker's command as the mode needs it.
  [[nodiscard]] virtual process::Command adapt(process::Command command,
                                               std::size_t agent) const = 0;
  // Once all are ready: kEnvironment, with what was seen, unless they share as the mode says.
  [[nodiscard]] virtual Status verify(std::span<const mps::Member> workers) = 0;
  // After the last worker has left.
  [[nodiscard]] virtual Status stop() = 0;
  // A worker's failure, with what the mode has to do with it.
  [[nodiscard]] virtual Error explain(Error error) { return error; }
};

// The card whose instances mode mig hands out: that of NVML's index N for "cuda:N", as CUDA doesn't
// number instances, else the first that has any. nullptr: MIG isn't enabled there.
[[nodiscard]] const device::Gpu* card_of_instances(std::span<const device::Gpu> gpus,
                                                   std::string_view device);

// kEnvironment when the mode can't be had here.
[[nodiscard]] Result<std::unique_ptr<SharingHost>> make_sharing_host(const LocalRun& run);

}  // namespace kts::runner
