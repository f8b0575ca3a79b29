// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kts/kube/transport.hpp"

namespace kts::kube {

struct ConnectionOptions {
  std::string context;     // empty: the kubeconfig's current one
  std::string kubeconfig;  // empty: kubectl's own choice
  // Once readable, requests and waits without a wake_fd give up with kInterrupted; -1: none.
  int interrupt_fd = -1;
  Nanoseconds start_timeout = std::chrono::seconds(10);
  // The command that runs kubectl; empty: looked up on the PATH.
  std::vector<std::string> kubectl;
};

// Where kubectl would make an object: the namespace of the kubeconfig's context, else "default".
// What is wrong with the kubeconfig is for Connection::open to say.
[[nodiscard]] Result<std::string> current_namespace(const ConnectionOptions& options);

// A way to an API server: one `kubectl proxy` of our own on a unix socket in a fresh 0700 folder,
// so that contexts, credential plugins and proxies are kubectl's affair. The process ends with
// this object, and with the thread that made it, even if that is killed.
class Connection final : public Transport {
 public:
  // Open means: the API server answered. kEnvironment, in one line with what to do, when there is
  // no kubectl, no readable kubeconfig, no such context, or no answer.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> open(const ConnectionOptions& options);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] const std::string& server_version() const;  // "v1.31.4"

  [[nodiscard]] Result<Response> send(const Request& request) override;
  StreamId open(const std::string& path, StreamListener& listener,
                const StreamOptions& options) override;
  void close(StreamId stream) override;
  [[nodiscard]] Status wait(MonotonicTime deadline, int wake_fd = -1) override;
  [[nodiscard]] MonotonicTime now() const override;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kts::kube
