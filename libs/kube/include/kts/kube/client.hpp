// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kts/kube/api_error.hpp"
#include "kts/kube/paths.hpp"
#include "kts/kube/transport.hpp"
#include "kts/kube/value.hpp"

namespace kts::kube {

struct ListOptions {
  std::string label_selector{}, field_selector{};
  int page = 500;  // objects an answer
};
struct ListResult {
  std::vector<Value> items;
  std::string resource_version;  // to watch from
};

enum class PatchType { kMerge, kJson, kStrategicMerge };
enum class Propagation { kBackground, kForeground, kOrphan };

// What RBAC is asked about; `resource` is the plural, `name_space` empty for the whole cluster.
struct Access {
  std::string verb{}, group{}, resource{}, subresource{}, name_space{}, name{};
};

// The API server's verbs. Paths are those of paths.hpp; bodies are JSON. Every request is bounded
// by `timeout`; every error has exit code 4 and Kubernetes' own reason and message.
class Client {
 public:
  explicit Client(Transport& transport, Nanoseconds timeout = std::chrono::seconds(30))
      : transport_(transport), timeout_(timeout) {}

  [[nodiscard]] Answer<Value> get(const std::string& path);
  // All pages; begins anew, once, when the server forgot the list between two pages (410).
  [[nodiscard]] Answer<ListResult> list(const std::string& path, const ListOptions& options = {});
  [[nodiscard]] Answer<Value> create(const std::string& path, std::string body);
  [[nodiscard]] Answer<Value> patch(const std::string& path, PatchType type, std::string body);
  [[nodiscard]] Answer<Value> remove(const std::string& path,
                                     Propagation propagation = Propagation::kBackground);
  // A body that isn't JSON: logs, what a proxied pod says.
  [[nodiscard]] Answer<std::string> text(const std::string& path);
  [[nodiscard]] Answer<bool> may(const Access& access);

  [[nodiscard]] Transport& transport() { return transport_; }

 private:
  [[nodiscard]] Answer<std::string> ask(Request request);
  [[nodiscard]] Answer<Value> ask_json(Request request);
  [[nodiscard]] Answer<ListResult> list_once(const std::string& path, const ListOptions& options);

  Transport& transport_;
  Nanoseconds timeout_;
};

}  // namespace kts::kube
