// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kts/base/error.hpp"

namespace kts::kernel_trace {

// What a process had the GPU do, or waited for, as CUPTI tells it.
enum class Kind : std::uint8_t { kKernel, kCopy, kSet, kSync, kOverhead };
inline constexpr std::array<std::string_view, 5> kKindNames{"kernel", "memcpy", "memset", "sync",
                                                            "overhead"};
[[nodiscard]] constexpr std::string_view name(Kind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}
// On the GPU, as opposed to the host's threads.
[[nodiscard]] constexpr bool on_device(Kind kind) {
  return kind == Kind::kKernel || kind == Kind::kCopy || kind == Kind::kSet;
}

struct Dim {
  std::uint32_t x = 0, y = 0, z = 0;
  friend bool operator==(const Dim&, const Dim&) = default;
};

struct Activity {
  Kind kind = Kind::kKernel;
  std::string name;           // a kernel's as its compiler mangled it; else what kind of it
  std::int64_t start_ns = 0;  // epoch ns on the run's time line
  std::int64_t end_ns = 0;
  std::optional<std::uint32_t> stream;
  std::optional<std::uint32_t> correlation;
  std::optional<std::uint64_t> bytes;  // of copies and sets
  std::optional<Dim> grid;             // of kernels
  std::optional<Dim> block;

  friend bool operator==(const Activity&, const Activity&) = default;
};

// <agent>.kernels.csv: this line, a line of column names, and a row an activity. A name is quoted
// where it must be, as RFC 4180 has it; what doesn't apply is empty; dimensions are "XxYxZ".
inline constexpr std::string_view kCsvSchema = "# kts.kernels/1\n";
inline constexpr std::string_view kCsvHeader =
    "kind,name,start_ns,end_ns,stream,correlation,bytes,grid,block\n";
inline constexpr std::string_view kFileSuffix = ".kernels.csv";

// Appends a row with its newline; line breaks in a name become blanks.
void append_csv(std::string& out, const Activity& activity);
// `row` without its newline; kBadInput says which field is wrong. An end before its start is.
[[nodiscard]] Result<Activity> parse_csv(std::string_view row);

// A kernel's name as its source has it, without parameters: "gemm<float, 128>"; other names as they
// are.
[[nodiscard]] std::string readable_name(const std::string& name);

}  // namespace kts::kernel_trace
