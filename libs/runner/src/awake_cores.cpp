// SPDX-License-Identifier: Apache-2.0
#include "awake_cores.hpp"

#include <sched.h>

#include <stop_token>
#include <system_error>

namespace kts::runner {
namespace {

// Leaves the other hyperthread of the core, if it has one, nearly all of it.
void rest() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

bool yield_to_everybody() {
  const sched_param lowest{};
  return sched_setscheduler(0, SCHED_IDLE, &lowest) == 0;
}

void keep_awake(const std::stop_token& stop, int core) {
  constexpr int kRestsALook = 100;
  cpu_set_t here;
  CPU_ZERO(&here);
  if (core >= CPU_SETSIZE) return;
  CPU_SET(static_cast<std::size_t>(core), &here);
  if (!yield_to_everybody() || sched_setaffinity(0, sizeof here, &here) != 0) return;
  while (!stop.stop_requested()) {
    for (int i = 0; i < kRestsALook; ++i) rest();
  }
}

}  // namespace

AwakeCores::AwakeCores(const std::vector<int>& cores) {
  try {
    for (const int core : cores) threads_.emplace_back(keep_awake, core);
  } catch (const std::system_error&) {  // no more threads to be had: the others sleep
    return;
  }
}

}  // namespace kts::runner
