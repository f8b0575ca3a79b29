// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/datasheet.hpp"
#include "kts/base/error.hpp"

namespace kts::probe {

struct ProbeSpec {
  std::filesystem::path worker;  // kts-worker
  std::string device = "cpu";    // "cpu", "cuda", "cuda:N"
  int core = 0;                  // CPU device: the core that contexts share
  bool quick = false;
  // Where raw traces go, one file a context and measurement; empty: nowhere.
  std::filesystem::path traces;
  std::optional<std::filesystem::path> mps_program;  // nvidia-cuda-mps-control
  int interrupt_fd = -1;                             // readable: stop
  std::function<void(std::string_view)> progress;    // a line for each part; may be empty
};

struct Probed {
  analysis::DataSheet sheet;
  bool interrupted = false;  // the sheet holds what was measured until then
};
// Measures, a minute and a half on a GPU (quick: ten seconds). What can't be had is listed in the
// sheet with its reason; an error only when the device can't be used at all. `measured_at` and the
// driver are the caller's to fill in.
[[nodiscard]] Result<Probed> probe(const ProbeSpec& spec);

}  // namespace kts::probe
