// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// Readings of the GPU's own clock.
struct Mailbox {
  std::uint32_t go;
  std::uint32_t seen;
  std::uint64_t globaltimer;
};

// Enqueues: wait until `box->go` is `turn`, read %globaltimer, answer in `box->seen`. The reading
// lies between the host's stamps around its two words.
void enqueue_answer(cudaStream_t stream, Mailbox* box, std::uint32_t turn);
// Enqueues: write %globaltimer to `out`.
void enqueue_stamp(cudaStream_t stream, std::uint64_t* out);
