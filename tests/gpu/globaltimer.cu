// SPDX-License-Identifier: Apache-2.0
#include "globaltimer.hpp"

namespace {

__device__ std::uint64_t read_globaltimer() {
  std::uint64_t t;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t));
  return t;
}

__global__ void answer(volatile Mailbox* box, std::uint32_t turn) {
  while (box->go != turn) {
  }
  box->globaltimer = read_globaltimer();
  __threadfence_system();
  box->seen = turn;
}

__global__ void stamp(std::uint64_t* out) { *out = read_globaltimer(); }

}  // namespace

void enqueue_answer(cudaStream_t stream, Mailbox* box, std::uint32_t turn) {
  answer<<<1, 1, 0, stream>>>(box, turn);
}

void enqueue_stamp(cudaStream_t stream, std::uint64_t* out) { stamp<<<1, 1, 0, stream>>>(out); }
