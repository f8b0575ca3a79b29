// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// C++17: see CMakeLists.txt.
namespace kts::workload_cuda {

// A stretch in which a kernel that reads its clocks without pause didn't run.
struct SpinGap {
  std::uint64_t begin_ns;  // %globaltimer
  std::uint64_t length_ns;
  std::int64_t cycles;  // by which clock64 went on
};

struct SpinResult {
  std::uint64_t begin_ns;
  std::uint64_t end_ns;
  std::int64_t cycles;    // clock64, from begin to end
  std::uint64_t steps;    // of its loop
  std::uint64_t step_ns;  // least advance of %globaltimer that was seen
  std::uint32_t gaps;     // all, also those that had no room
};

struct SpinPlan {
  std::uint64_t length_ns;
  std::uint64_t threshold_ns;
  std::uint64_t most_steps;  // it ends even if %globaltimer stands still
  std::uint32_t room;        // for gaps
  bool without_gaps;         // length_ns is of the time outside gaps: always the same work
};

// One thread that spins for a while and notes gaps.
cudaError_t spin(SpinResult* result, SpinGap* gaps, const SpinPlan& plan, cudaStream_t on) noexcept;

// The same in a block on each multiprocessor, whose other threads fill its shared memory and most
// of its registers, which all stay until it is over. Block 0 tells.
struct FullShape {
  int blocks = 0;
  int threads = 0;
  int shared_bytes = 0;  // a block
  int registers = 0;     // a thread
  int block_registers_limit = 0;
  int multiprocessor_shared_bytes = 0;
};
cudaError_t prepare_full(int device, FullShape& shape) noexcept;
cudaError_t spin_full(SpinResult* result, SpinGap* gaps, const SpinPlan& plan,
                      const FullShape& shape, float* sink, cudaStream_t on) noexcept;

// %globaltimer before and after `length_ns` of spinning (0: at once), to mapped host memory.
struct WorkSpan {
  std::uint64_t begin_ns;
  std::uint64_t end_ns;
};
cudaError_t work_for(WorkSpan* span, std::uint64_t length_ns, cudaStream_t on) noexcept;

// Reads %globaltimer `reads` times: the time that took.
cudaError_t read_timer(WorkSpan* span, int reads, cudaStream_t on) noexcept;

// Waits until the host writes `turn` to `go`, reads %globaltimer, and answers in `seen`; gives up
// after some 10 ms, leaving `seen` as it is.
struct Mailbox {
  std::uint32_t go;
  std::uint32_t seen;
  std::uint64_t globaltimer;
};
cudaError_t answer(Mailbox* box, std::uint32_t turn, cudaStream_t on) noexcept;

// Loads one after the other, each at a page's and a line's distance from the one before, round and
// round in pages * page_bytes bytes.
struct Chase {
  std::uint64_t pages;       // at least 1
  std::uint64_t page_bytes;  // a power of two
  std::uint64_t page_step;   // of the order of pages: coprime with them
  std::uint64_t laps;        // lines used of each page, at most page_bytes / 128
};
// Writes the addresses that loads follow.
cudaError_t link_chase(unsigned char* memory, const Chase& chase, cudaStream_t on) noexcept;
// By %globaltimer how long `first` loads took and how long `second` ones after them, to mapped host
// memory.
struct ChaseTimes {
  std::uint64_t first_ns;
  std::uint64_t second_ns;
  bool whole;  // whole rounds ended where they began
};
cudaError_t follow_chase(const unsigned char* memory, const Chase& chase, std::uint64_t first,
                         std::uint64_t second, ChaseTimes* times, cudaStream_t on) noexcept;

}  // namespace kts::workload_cuda
