// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/files.hpp"
#include "kts/kubernetes/manifest.hpp"
#include "kts/kubernetes/pod_state.hpp"
#include "kts/pod/log_reader.hpp"
#include "log_follower.hpp"

namespace kts::kubernetes {

// What one pod delivered of one block.
struct BlockLog {
  std::string bytes;
  pod::ChunkHeader header;  // of its last chunk until now
  bool whole = false;
};

// A Job of ours, its pod, and all that is known of it.
struct Slot {
  std::size_t agent = 0;  // place in the scenario
  JobSpec job;
  bool dropped = false;  // of a run on several cards: not needed, being removed

  std::string pod, uid;
  PodState state;
  std::optional<Trouble> trouble;  // the latest
  std::string noted;               // what the user was told last
  std::unique_ptr<LogFollower> log;
  MonotonicTime failed_at = MonotonicTime::max();
  MonotonicTime taken_away_at = MonotonicTime::max();  // deleted, and not by us

  std::optional<pod::Ready> ready;
  std::optional<pod::Beat> beat;
  std::optional<pod::Fail> fail;
  std::optional<std::int64_t> first_beat_ns;
  std::optional<MonotonicTime> told_at;  // when it said that it has a plan

  std::map<std::uint64_t, pod::Chunk> early;  // arrived before one that they follow
  std::uint64_t next_chunk = 0;
  std::map<int, BlockLog> blocks;
  std::int64_t throttled_usec = 0;

  std::string plan, ack;  // as the pod's annotations hold them
  std::size_t unacknowledged_bytes = 0;
  MonotonicTime touched{};  // when it last changed, by us or by its kubelet
  MonotonicTime next_patch{};

  // Chunks in their order, whatever the order in which they came.
  void take(pod::Chunk&& chunk) {
    const std::uint64_t number = chunk.header.chunk;
    early.emplace(number, std::move(chunk));
    for (auto next = early.find(next_chunk); next != early.end(); next = early.find(next_chunk)) {
      BlockLog& block = blocks[next->second.header.block];
      block.bytes += next->second.bytes;
      block.header = next->second.header;
      block.whole = block.header.last;
      if (block.whole) throttled_usec += block.header.throttled_usec.value_or(0);
      early.erase(next);
      ++next_chunk;
    }
  }
};

}  // namespace kts::kubernetes
