// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>

namespace kts::analysis {

// work(i) for each i < n, in no particular order, on this thread and one more if there can be one.
template <typename Work>
void for_each_index(std::size_t n, Work work) {
  std::atomic<std::size_t> next{0};
  const auto take = [&] {
    for (std::size_t i = next++; i < n; i = next++) work(i);
  };
  std::thread helper;
  if (n > 1) {
    try {
      helper = std::thread(take);
    } catch (const std::system_error&) {
      // No thread to be had: this one does it all.
    }
  }
  take();
  if (helper.joinable()) helper.join();
}

}  // namespace kts::analysis
