// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kts/kube/watch.hpp"

namespace kts::kubernetes {

// How long a watch may fail until it is given up.
inline constexpr Nanoseconds kWatchPatience = std::chrono::seconds(60);

// A watch's state and changes as what is there now and what has gone.
class WatchSink final : public kube::Watch::Listener {
 public:
  using Seen = std::function<void(const kube::Value&)>;
  using Failed = std::function<void(const kube::ApiError&)>;
  WatchSink(Seen seen, Seen gone, Failed failed)
      : seen_(std::move(seen)), gone_(std::move(gone)), failed_(std::move(failed)) {}

  void on_state(const std::vector<kube::Value>& objects) override {
    std::map<std::string, kube::Value> left = std::exchange(known_, {});
    for (const kube::Value& object : objects) {
      left.erase(uid(object));
      known_[uid(object)] = object;
      seen_(object);
    }
    for (const auto& [id, object] : left) gone_(object);
  }
  void on_change(Change change, const kube::Value& object) override {
    if (change == Change::kDeleted) {
      known_.erase(uid(object));
      gone_(object);
    } else {
      known_[uid(object)] = object;
      seen_(object);
    }
  }
  void on_failure(const kube::ApiError& error) override { failed_(error); }

  [[nodiscard]] std::size_t count() const { return known_.size(); }

 private:
  static std::string uid(const kube::Value& object) { return object["metadata"]["uid"].text(); }
  Seen seen_, gone_;
  Failed failed_;
  std::map<std::string, kube::Value> known_;
};

}  // namespace kts::kubernetes
