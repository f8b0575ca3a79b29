// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kts/kube/transport.hpp"
#include "kts/pod/outbox.hpp"
#include "kts/pod/plan.hpp"

namespace kts::kubernetes {

// A cluster of one node in which a Job's pod starts, speaks as `kts-worker pod` does, does its
// blocks and leaves, all in a time that passes only when somebody waits.
class FakeKubernetes final : public kube::Transport {
 public:
  struct Pod {
    nlohmann::json object;
    std::string name, agent, job, card;
    std::vector<std::string> log;  // with time stamps
    pod::Outbox outbox{pod::OutboxLimits{}};
    pod::Plan plan;
    std::set<int> seen;  // blocks
    std::map<int, std::string> missed;
    bool silent = false;  // alive, and nothing comes
    bool over = false;
    MonotonicTime looked_at{};                      // by its kubelet, last
    std::function<std::string(std::string)> spoil;  // what becomes of a printed chunk's lines
  };

  FakeKubernetes();

  [[nodiscard]] Result<kube::Response> send(const kube::Request& request) override;
  kube::StreamId open(const std::string& path, kube::StreamListener& listener,
                      const kube::StreamOptions& options) override;
  void close(kube::StreamId stream) override;
  [[nodiscard]] Status wait(MonotonicTime deadline, int wake_fd = -1) override;
  [[nodiscard]] MonotonicTime now() const override { return clock_.now(); }

  // To be done at, or that much after now.
  void at(MonotonicTime when, std::function<void()> what) {
    agenda_.emplace(when, std::move(what));
  }
  void after(Nanoseconds delay, std::function<void()> what) { at(now() + delay, std::move(what)); }

  // What tests do to it.
  [[nodiscard]] Pod& pod(const std::string& agent);  // its first
  void set_status(Pod& pod, nlohmann::json status);
  void remove_pod(Pod& pod);
  void add_stranger(const std::string& name);
  void warn_of(const std::string& object, const std::string& reason, const std::string& message);
  void say(Pod& pod, const std::string& line);

  std::vector<std::string> cards{"GPU-1"};  // given to pods in turn
  std::size_t slots = 100;                  // more pods stay Pending
  std::size_t records_per_block = 40;
  Nanoseconds start_up = std::chrono::milliseconds(800);
  Nanoseconds until_told = std::chrono::milliseconds(50);  // by a watch, of a pod that was made
  std::set<std::string> denied;                            // "create jobs", by RBAC
  std::map<std::string, std::string> refused;              // when tried, with that message (403)
  std::set<std::pair<std::string, int>> late;              // agent and block, to be missed
  std::function<void(Pod&)> on_created;                    // instead of starting
  std::function<void(Pod&, int block)> on_block;           // when one is over, before it prints
  bool away = false;                                       // nothing answers
  bool node_ready = true, cordoned = false;
  std::vector<std::string> nodes;            // what a list of nodes answers
  std::function<kube::Response()> exporter;  // what a proxied pod answers

  std::map<std::string, nlohmann::json> jobs;  // by name
  std::vector<std::unique_ptr<Pod>> pods;      // all that ever were
  std::vector<std::string> writes;

 private:
  struct Stream {
    std::string path;
    kube::StreamListener* listener = nullptr;
    kube::StreamOptions options;
    MonotonicTime last{};
    std::size_t next = 0;  // line of its pod's log, or event
    bool closed = false;
  };
  [[nodiscard]] kube::Response answer(const kube::Request& request);
  [[nodiscard]] kube::Response create_job(const std::string& body);
  // Until an annotation that is written now is in the pod's file.
  [[nodiscard]] Nanoseconds delivery(Pod& pod);
  void start(Pod& pod);
  void beat(Pod& pod);
  void take_plan(Pod& pod, const std::string& text);
  void finish_block(Pod& pod, const pod::Block& block);
  void print(Pod& pod);
  // Whose watch it is: of the run's pods, of others' pods, of events.
  enum class Topic { kPods, kOthers, kEvents };
  void announce(Topic topic, const char* type, nlohmann::json object);
  void move_streams();
  void move_page(kube::StreamId id);
  void move_log(kube::StreamId id);
  void move_watch(kube::StreamId id);
  void end_stream(kube::StreamId id, const kube::StreamEnd& how);
  [[nodiscard]] static Topic topic_of(const std::string& path);
  [[nodiscard]] std::int64_t node_ns() const;
  [[nodiscard]] Pod* find(const std::string& name);

  FakeClock clock_{MonotonicTime(std::chrono::seconds(1000))};
  std::multimap<MonotonicTime, std::function<void()>> agenda_;
  std::vector<Stream> streams_;
  std::vector<std::pair<Topic, std::string>> history_;  // an object's version is its place here
  int next_uid_ = 1;
};

}  // namespace kts::kubernetes
