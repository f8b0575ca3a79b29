// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/kube/client.hpp"

namespace kts::kube {

// Follows a collection: its state, then every change, across cut connections and forgotten
// versions (410 Gone), until destroyed. The transport's wait() drives it.
class Watch final : private StreamListener {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // All there are: at start, and again whenever changes may have been missed.
    virtual void on_state(const std::vector<Value>& objects) = 0;
    enum class Change { kAdded, kModified, kDeleted };
    virtual void on_change(Change change, const Value& object) = 0;
    // Given up; nothing follows.
    virtual void on_failure(const ApiError& error) = 0;
  };
  struct Options {
    ListOptions list{};
    Nanoseconds give_up_after = std::chrono::seconds(30);  // of failures in a row
    std::chrono::seconds renew_every{290};                 // the server ends it then
  };

  Watch(Client& client, std::string path, Options options, Listener& listener);
  ~Watch() override;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Lists, calls on_state, and begins to watch.
  [[nodiscard]] Answer<void> start();

 private:
  void on_line(StreamId stream, std::string_view line) override;
  void on_end(StreamId stream, const StreamEnd& end) override;
  void open(Nanoseconds delay);
  void list_again();
  // Tries again a little later, or gives up.
  void failed(const ApiError& error);

  Client& client_;
  std::string path_;
  Options options_;
  Listener& listener_;
  std::string resource_version_;
  std::optional<StreamId> stream_;
  std::optional<MonotonicTime> failing_since_;
};

}  // namespace kts::kube
