// SPDX-License-Identifier: Apache-2.0
#include "await_loaded.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "kts/base/units.hpp"
#include "kts/cluster/plugin_log.hpp"
#include "operand.hpp"
#include "plugin_pod.hpp"
#include "quantity.hpp"

namespace kts::cluster {
namespace {

using std::chrono_literals::operator""s;

constexpr Nanoseconds kPollEvery = 1s;
constexpr long long kLogBytes = 4LL << 20;

// No answer, or none of sense: it may answer the next time.
bool is_passing(const kube::ApiError& error) {
  return error.code != ErrorCode::kInterrupted &&
         (error.http_status == 0 || error.http_status == 429 || error.http_status >= 500);
}

std::string last_line(std::string_view log) {
  while (!log.empty() && (log.back() == '\n' || log.back() == ' ')) log.remove_suffix(1);
  const auto begin = log.rfind('\n');
  return std::string(begin == std::string_view::npos ? log : log.substr(begin + 1));
}

class Watcher {
 public:
  Watcher(kube::Client& client, const Plan& plan, const std::vector<Offer>& offers,
          const std::set<std::string>& old_pods, const ExecuteOptions& options)
      : client_(client), plan_(plan), old_pods_(old_pods), options_(options) {
    for (const Offer& offer : offers) open_.push_back({&offer, "", {}});
  }

  Status wait() {
    kube::Transport& transport = client_.transport();
    const MonotonicTime deadline = transport.now() + options_.timeout;
    while (true) {
      KTS_CHECK_OK(look());
      if (open_.empty()) return {};
      if (transport.now() >= deadline) return too_late();
      const MonotonicTime next = std::min(deadline, transport.now() + kPollEvery);
      while (transport.now() < next) KTS_CHECK_OK(transport.wait(next));
    }
  }

 private:
  struct Open {
    const Offer* offer;
    std::string state;  // how far it is
    kube::Value pod;
  };

  Status look() {
    const auto pods = client_.list(kube::collection(kube::kPods, plan_.name_space));
    if (!pods) return passing(pods.error());
    for (auto open = open_.begin(); open != open_.end();) {
      kube::Answer<std::string> state = state_of(*open, pods->items);
      if (!state) {
        KTS_CHECK_OK(passing(state.error()));
        return {};
      }
      const bool done = state->empty();
      if (done) *state = fmt::format("offers {} of {}", open->offer->slots, open->offer->resource);
      if (open->state != *state && options_.say) {
        options_.say(fmt::format("{}: {}", open->offer->node, *state));
      }
      open->state = *std::move(state);
      open = done ? open_.erase(open) : open + 1;
    }
    return {};
  }

  Status passing(const kube::ApiError& error) {
    if (!is_passing(error)) return tl::unexpected<Error>(error);
    for (Open& open : open_) open.state = error.message;
    return {};
  }

  // Empty: all is as it should be.
  kube::Answer<std::string> state_of(Open& open, const std::vector<kube::Value>& pods) {
    const Offer& offer = *open.offer;
    open.pod = {};
    std::string old_state;
    for (const kube::Value& pod : pods) {
      if (pod["spec"]["nodeName"].text() != offer.node || owner_of(pod) != plan_.plugin) continue;
      if (old_pods_.contains(pod["metadata"]["uid"].text()) ||
          pod["metadata"]["deletionTimestamp"].exists()) {
        old_state = pod_state(pod);
      } else {
        open.pod = pod;
      }
    }
    if (!open.pod.exists()) {
      return old_state.empty() ? std::string("waits for a new plugin pod")
                               : fmt::format("its old plugin pod is {}", old_state);
    }
    const std::string state = pod_state(open.pod);
    if (state != "Running") return fmt::format("its plugin pod is {}", state);
    kube::LogOptions options;
    options.container = plugin_container(open.pod["spec"])["name"].text();
    options.limit_bytes = kLogBytes;
    const auto text =
        client_.text(kube::pod_log(plan_.name_space, open.pod["metadata"]["name"].text(), options));
    if (!text) {
      // Its container isn't up yet, or the pod has gone since.
      if (text.error().http_status == 400 || text.error().not_found()) {
        return std::string("its plugin starts");
      }
      return tl::unexpected(text.error());
    }
    const PluginLog log = parse_plugin_log(*text);
    if (!log.config) return std::string("its plugin starts");
    if (!log.config->shares_like(offer.config)) {
      return fmt::format("its plugin loaded {}, not yet {}", log.config->summary(),
                         offer.config.summary());
    }
    if (std::find(log.registered.begin(), log.registered.end(), offer.resource) ==
        log.registered.end()) {
      return log.last_error.empty()
                 ? fmt::format("its plugin loaded it and registers {}", offer.resource)
                 : fmt::format("its plugin loaded it and says: {}", log.last_error);
    }
    return offered(offer);
  }

  kube::Answer<std::string> offered(const Offer& offer) {
    const auto node = client_.get(kube::object(kube::kNodes, {}, offer.node));
    if (!node) return tl::unexpected(node.error());
    const auto count = [&](const char* field) {
      return parse_quantity((*node)["status"][field][offer.resource].text()).value_or(0);
    };
    const std::int64_t capacity = count("capacity"), allocatable = count("allocatable");
    if (capacity == offer.slots && allocatable == offer.slots) return std::string();
    return fmt::format("its plugin registered {}; capacity {}, allocatable {} of {}",
                       offer.resource, capacity, allocatable, offer.slots);
  }

  Status too_late() {
    std::string text;
    for (const Open& open : open_) {
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", open.offer->node, open.state);
      const std::string words = own_words(open);
      if (!words.empty()) text += fmt::format(" ({})", words);
    }
    return environment_lacks(
        fmt::format("not loaded within {}: {}", format_duration(options_.timeout), text),
        fmt::format("see kubectl -n {} describe pods, or give it longer with --timeout",
                    plan_.name_space));
  }

  // What the container that doesn't run said last.
  std::string own_words(const Open& open) {
    const kube::Value& status = open.pod["status"];
    for (const char* kind : {"initContainerStatuses", "containerStatuses"}) {
      for (const kube::Value& container : status[kind].items()) {
        if (container["state"]["running"].exists() ||
            container["state"]["terminated"]["exitCode"].integer() == 0) {
          continue;
        }
        kube::LogOptions options;
        options.container = container["name"].text();
        options.previous = container["state"]["waiting"].exists() &&
                           container["restartCount"].integer().value_or(0) > 0;
        options.tail_lines = 5;
        const auto log = client_.text(
            kube::pod_log(plan_.name_space, open.pod["metadata"]["name"].text(), options));
        if (log) {
          if (std::string line = last_line(*log); !line.empty()) {
            return fmt::format("{}: {}", options.container, line);
          }
        }
        std::string message = container["state"]["waiting"]["message"].text();
        if (!message.empty()) return message;
      }
    }
    return {};
  }

  kube::Client& client_;
  const Plan& plan_;
  const std::set<std::string>& old_pods_;
  const ExecuteOptions& options_;
  std::vector<Open> open_;
};

}  // namespace

Status await_loaded(kube::Client& client, const Plan& plan, const std::vector<Offer>& offers,
                    const std::set<std::string>& old_pods, const ExecuteOptions& options) {
  return Watcher(client, plan, offers, old_pods, options).wait();
}

}  // namespace kts::cluster
