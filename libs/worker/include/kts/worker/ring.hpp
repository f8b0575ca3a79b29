// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <vector>

namespace kts::worker {

// Bounded queue from one thread to one other, without locks. Everything is allocated and touched by
// the constructor.
template <typename T>
class Ring {  // NOLINT(clang-analyzer-optin.performance.Padding): the padding is the point
 public:
  // Rounded up to a power of two.
  explicit Ring(std::size_t capacity) : cells_(std::bit_ceil(capacity)) {}

  [[nodiscard]] std::size_t capacity() const { return cells_.size(); }

  // False when full. One thread only.
  [[nodiscard]] bool push(const T& value) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - seen_head_ == cells_.size()) {
      seen_head_ = head_.load(std::memory_order_acquire);
      if (tail - seen_head_ == cells_.size()) return false;
    }
    cells_[tail & (cells_.size() - 1)] = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // False when empty. One other thread only.
  [[nodiscard]] bool pop(T& value) noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == seen_tail_) {
      seen_tail_ = tail_.load(std::memory_order_acquire);
      if (head == seen_tail_) return false;
    }
    value = cells_[head & (cells_.size() - 1)];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

 private:
  std::vector<T> cells_;
  // Each side on its own cache line, with what it last saw of the other.
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::size_t seen_head_ = 0;
  alignas(64) std::atomic<std::size_t> head_{0};
  std::size_t seen_tail_ = 0;
};

}  // namespace kts::worker
