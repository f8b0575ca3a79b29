// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/record/block_log.hpp"

namespace kts::timeline {

// A finished block as its folder tells it.
struct BlockFiles {
  int number = 0;
  std::filesystem::path folder;
  std::string phase;
  std::string neighbours;
  std::optional<int> cycle;
  std::vector<std::string> active;
  std::int64_t window_start_ns = 0;
  std::int64_t window_stop_ns = 0;
};
// By number. What isn't finished or is damaged is not there; the analysis tells of it.
[[nodiscard]] std::vector<BlockFiles> find_blocks(const std::filesystem::path& run);

// The first META and the last END of a log; looked for near its beginning and its end alone.
[[nodiscard]] std::optional<record::BlockMeta> meta_of(const std::filesystem::path& log);
[[nodiscard]] std::optional<record::BlockEnd> end_of(const std::filesystem::path& log);

// One column of a file in telemetry/, and what it is of: "nvml GPU 0".
struct Counter {
  std::string of;
  std::string column;
  std::int64_t at_ns = 0;
  std::string value;  // a JSON number
};
// Streams the readings of a CSV whose columns are epoch_ns, those that say what a row is of (gpu,
// uuid, …), and numbers; 0x… is a number too. What isn't is passed over, as are empty cells and
// columns of instants and spans (…_ns).
class CounterReader {
 public:
  explicit CounterReader(const std::filesystem::path& csv);
  ~CounterReader();
  CounterReader(const CounterReader&) = delete;
  CounterReader& operator=(const CounterReader&) = delete;
  [[nodiscard]] bool next(Counter& counter);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kts::timeline
