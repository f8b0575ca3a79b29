// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/image_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kts/base/units.hpp"
#include "kts/kubernetes/pod_state.hpp"
#include "watch_sink.hpp"

namespace kts::kubernetes {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Nanoseconds kLook = 200ms;
constexpr const char* kAgent = "image-check";

class Check {
 public:
  Check(kube::Client& client, const ImageCheck& check, const std::vector<NodeName>& nodes)
      : client_(client),
        check_(check),
        nodes_(nodes),
        states_(nodes.size()),
        errors_(nodes.size()),
        sink_([this](const kube::Value& pod) { on_pod(pod); }, [](const kube::Value&) {},
              [this](const kube::ApiError& error) { lost_ = static_cast<const Error&>(error); }) {}

  Result<std::vector<std::optional<Error>>> run() {
    Status status = start();
    const MonotonicTime deadline = now() + check_.timeout;
    while (status && pending() && now() < deadline) {
      status = client_.transport().wait(std::min(deadline, now() + kLook), wake_fd());
      if (status && check_.signals != nullptr && check_.signals->take()) {
        status = fail(ErrorCode::kInterrupted, "interrupted while the image was looked for");
      }
      if (status && lost_) status = tl::unexpected(*lost_);
    }
    watch_.reset();
    remove();
    KTS_CHECK_OK(status);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!states_[i] || !done(*states_[i])) errors_[i] = late(i);
    }
    return errors_;
  }

 private:
  using Stage = PodState::Stage;

  Status start() {
    kube::Watch::Options options;
    options.give_up_after = kWatchPatience;
    options.list.label_selector = fmt::format("{}={}", kRunLabel, check_.run);
    watch_.emplace(client_, kube::collection(kube::kPods, check_.name_space), options, sink_);
    if (auto begun = watch_->start(); !begun) return tl::unexpected<Error>(begun.error());
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      auto answer =
          client_.create(kube::collection(kube::kJobs, check_.name_space), to_json(job_of(i)));
      if (!answer) return tl::unexpected<Error>(std::move(answer).error());
      ++made_;
    }
    return {};
  }

  [[nodiscard]] std::string job_name_of(std::size_t node) const {
    return job_name(check_.run, node, kAgent);
  }

  [[nodiscard]] JobSpec job_of(std::size_t node) const {
    JobSpec job;
    job.name = job_name_of(node);
    job.name_space = check_.name_space;
    job.run = check_.run;
    job.agent = kAgent;
    job.image = check_.image;
    job.pull_policy = check_.pull_policy;
    job.command = {"kts-worker", "--version"};
    job.node_selector["kubernetes.io/hostname"] = nodes_[node].hostname;
    job.tolerations = check_.tolerations;
    job.deadline = std::chrono::ceil<std::chrono::seconds>(check_.timeout + 60s);
    return job;
  }

  void on_pod(const kube::Value& pod) {
    const auto owners = pod["metadata"]["ownerReferences"].items();
    if (owners.empty()) return;
    for (std::size_t i = 0; i < made_ && i < nodes_.size(); ++i) {
      if (owners.front()["name"].text() != job_name_of(i)) continue;
      if (states_[i] && done(*states_[i])) return;
      states_[i] = read_pod(pod);
      const PodState& state = *states_[i];
      if (state.stage == Stage::kFailed || state.hopeless) {
        errors_[i] = Error{ErrorCode::kEnvironment,
                           fmt::format("image {} doesn't start: {}", check_.image, state.words()),
                           hint_for(state.reason, state.message),
                           {}};
      }
      return;
    }
  }

  static bool done(const PodState& state) {
    return state.hopeless || state.stage == Stage::kSucceeded || state.stage == Stage::kFailed;
  }
  [[nodiscard]] bool pending() const {
    return std::ranges::any_of(states_, [](const auto& state) { return !state || !done(*state); });
  }
  [[nodiscard]] Error late(std::size_t node) const {
    const PodState state = states_[node].value_or(PodState{});
    return {ErrorCode::kEnvironment,
            fmt::format("image {} hasn't started within {}: {}", check_.image,
                        format_duration(check_.timeout),
                        states_[node] ? state.words() : "the Job controller has made no pod"),
            hint_for(state.reason, state.message),
            {}};
  }

  void remove() {
    // What can't be removed now the Jobs' own deadline and time to live see to.
    for (std::size_t i = 0; i < made_; ++i) {
      (void)client_.remove(kube::object(kube::kJobs, check_.name_space, job_name_of(i)));
    }
  }

  [[nodiscard]] MonotonicTime now() const { return client_.transport().now(); }
  [[nodiscard]] int wake_fd() const {
    return check_.signals != nullptr ? check_.signals->fd() : -1;
  }

  kube::Client& client_;
  const ImageCheck& check_;
  const std::vector<NodeName>& nodes_;
  std::size_t made_ = 0;
  std::vector<std::optional<PodState>> states_;
  std::vector<std::optional<Error>> errors_;
  std::optional<Error> lost_;
  WatchSink sink_;
  std::optional<kube::Watch> watch_;
};

}  // namespace

Result<std::vector<NodeName>> find_nodes(kube::Client& client, const std::string& selector) {
  kube::ListOptions options;
  options.label_selector = selector;
  auto listed = client.list(kube::collection(kube::kNodes, {}), options);
  if (!listed) {
    kube::ApiError error = std::move(listed).error();
    if (error.http_status == 400) {
      return bad_input(fmt::format("'{}' selects no nodes: {}", selector, error.message),
                       "write it as kubectl get nodes -l takes it", "--nodes");
    }
    if (error.forbidden()) {
      error.hint = "the ClusterRole of deploy/rbac/look.yaml permits to list nodes";
    }
    return tl::unexpected<Error>(std::move(error));
  }
  std::vector<NodeName> nodes;
  for (const kube::Value& object : listed->items) {
    NodeName node;
    node.name = object["metadata"]["name"].text();
    node.hostname = object["metadata"]["labels"]["kubernetes.io/hostname"].text();
    if (node.hostname.empty()) node.hostname = node.name;
    nodes.push_back(std::move(node));
  }
  if (nodes.empty()) {
    return environment_lacks(fmt::format("no node has the labels '{}'", selector),
                             "kubectl get nodes --show-labels", "--nodes");
  }
  std::ranges::sort(nodes, {}, &NodeName::name);
  return nodes;
}

Result<std::vector<std::optional<Error>>> check_image(kube::Client& client, const ImageCheck& check,
                                                      const std::vector<NodeName>& nodes) {
  return Check(client, check, nodes).run();
}

}  // namespace kts::kubernetes
