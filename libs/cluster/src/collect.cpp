// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "kts/cluster/snapshot.hpp"
#include "plugin_pod.hpp"
#include "pod_use.hpp"

namespace kts::cluster {
namespace {

using std::chrono_literals::operator""s;

constexpr std::size_t kLogsAtOnce = 16;
constexpr long long kLogLines = 20'000;
constexpr long long kPluginLogBytes = 8LL << 20;
constexpr Nanoseconds kLogTimeout = 20s;

// Which versions of which groups the server serves.
class Served {
 public:
  explicit Served(const kube::Value& groups) {
    for (const kube::Value& group : groups["groups"].items()) {
      for (const kube::Value& version : group["versions"].items()) {
        versions_.insert(version["groupVersion"].text());
      }
    }
  }
  [[nodiscard]] bool has(const kube::Resource& resource) const {
    return resource.group.empty() || versions_.contains(resource.group + "/" + resource.version);
  }

 private:
  std::set<std::string> versions_;
};

// Reads several logs at a time.
class LogReader final : public kube::StreamListener {
 public:
  explicit LogReader(kube::Transport& transport) : transport_(transport) {}
  void add(const std::string& pod, const std::string& path) { waiting_.push_back({pod, path}); }

  Status read(std::map<std::string, kube::Answer<std::string>>& into) {
    into_ = &into;
    while (!waiting_.empty() || !running_.empty()) {
      while (!waiting_.empty() && running_.size() < kLogsAtOnce) {
        kube::StreamOptions options;
        options.idle_timeout = kLogTimeout;
        const kube::StreamId id = transport_.open(waiting_.front().path, *this, options);
        running_.emplace(id, std::move(waiting_.front()));
        waiting_.pop_front();
      }
      KTS_CHECK_OK(transport_.wait(transport_.now() + kLogTimeout));
    }
    return {};
  }

 private:
  struct Log {
    std::string pod, path, text{};
  };
  void on_line(kube::StreamId stream, std::string_view line) override {
    running_.at(stream).text.append(line).append("\n");
  }
  void on_end(kube::StreamId stream, const kube::StreamEnd& end) override {
    Log log = std::move(running_.at(stream));
    running_.erase(stream);
    const int status = end.response.status;
    if (!end.broken) {
      into_->emplace(log.pod, tl::unexpected<kube::ApiError>(end.broken.error()));
    } else if (status < 200 || status >= 300) {
      into_->emplace(log.pod,
                     tl::unexpected(kube::to_error("GET", log.path, status, end.response.body)));
    } else {
      into_->emplace(log.pod, std::move(log.text));
    }
  }

  kube::Transport& transport_;
  std::deque<Log> waiting_;
  std::map<kube::StreamId, Log> running_;
  std::map<std::string, kube::Answer<std::string>>* into_ = nullptr;
};

class Looker {
 public:
  Looker(kube::Client& client, const LookOptions& options) : client_(client), options_(options) {}

  Result<Snapshot> look() {
    const auto groups = client_.get("/apis");
    if (!groups) return tl::unexpected<Error>(groups.error());
    const Served served(*groups);
    out_.server_version = options_.server_version;
    out_.name_space = options_.name_space;
    KTS_TRY(out_.nodes, list(served, kube::kNodes));
    KTS_TRY(out_.pods, list(served, kube::kPods, options_.name_space));
    KTS_TRY(out_.daemon_sets, list(served, kube::kDaemonSets, options_.name_space));
    KTS_TRY(out_.runtime_classes, list(served, kube::kRuntimeClasses));
    KTS_TRY(out_.cluster_policies, list(served, kube::kClusterPolicies));
    KTS_TRY(out_.gpu_clusters, list(served, {"nvidia.com", "v1alpha1", "gpuclusters"}));
    out_.resource_slices = std::vector<kube::Value>();
    for (const char* version : {"v1", "v1beta2", "v1beta1"}) {
      const kube::Resource slices{"resource.k8s.io", version, "resourceslices"};
      if (!served.has(slices)) continue;
      KTS_TRY(out_.resource_slices, list(served, slices));
      break;
    }
    KTS_CHECK_OK(read_config_maps());
    KTS_CHECK_OK(read_logs());
    return std::move(out_);
  }

 private:
  // The outer error: there is no talking to this server any more.
  Result<Listing> list(const Served& served, const kube::Resource& resource,
                       const std::string& name_space = {}) {
    if (!served.has(resource)) return Listing(std::vector<kube::Value>());
    auto found = client_.list(kube::collection(resource, name_space));
    if (found) return Listing(std::move(found->items));
    if (found.error().http_status == 0) return tl::unexpected<Error>(found.error());
    // A group is served without this kind.
    if (found.error().not_found()) return Listing(std::vector<kube::Value>());
    return Listing(tl::unexpected(std::move(found).error()));
  }

  Status read_config_maps() {
    std::set<std::pair<std::string, std::string>> wanted;
    const auto want = [&](const std::string& space, const std::string& name) {
      if (!space.empty() && !name.empty()) wanted.emplace(space, name);
    };
    for (const kube::Value& set : objects(out_.daemon_sets)) {
      want(set["metadata"]["namespace"].text(), plugin_config_map(set["spec"]["template"]["spec"]));
    }
    for (const kube::Value& pod : objects(out_.pods)) {
      if (!is_terminal(pod)) {
        want(pod["metadata"]["namespace"].text(), plugin_config_map(pod["spec"]));
      }
    }
    for (const kube::Value& policy : objects(out_.cluster_policies)) {
      want(policy["status"]["namespace"].text(),
           policy["spec"]["devicePlugin"]["config"]["name"].text());
    }
    for (const auto& [space, name] : wanted) {
      auto map = client_.get(kube::object(kube::kConfigMaps, space, name));
      if (!map && map.error().http_status == 0) return tl::unexpected<Error>(map.error());
      out_.config_maps.emplace(fmt::format("{}/{}", space, name), std::move(map));
    }
    return {};
  }

  Status read_logs() {
    LogReader reader(client_.transport());
    for (const kube::Value& pod : objects(out_.pods)) {
      const kube::Value container = plugin_container(pod["spec"]);
      if (!container.exists() || is_terminal(pod) || pod["spec"]["nodeName"].text().empty()) {
        continue;
      }
      kube::LogOptions options;
      options.container = container["name"].text();
      options.tail_lines = kLogLines;
      options.limit_bytes = kPluginLogBytes;
      reader.add(full_name(pod), kube::pod_log(pod["metadata"]["namespace"].text(),
                                               pod["metadata"]["name"].text(), options));
    }
    return reader.read(out_.plugin_logs);
  }

  static const std::vector<kube::Value>& objects(const Listing& listing) {
    static const std::vector<kube::Value> kNone;
    return listing ? *listing : kNone;
  }

  kube::Client& client_;
  const LookOptions& options_;
  Snapshot out_;
};

}  // namespace

Result<Snapshot> look(kube::Client& client, const LookOptions& options) {
  return Looker(client, options).look();
}

}  // namespace kts::cluster
