// SPDX-License-Identifier: Apache-2.0
#include "fake_kubernetes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "kts/kube/paths.hpp"
#include "kts/kubernetes/manifest.hpp"
#include "kts/pod/frames.hpp"
#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"

namespace kts::kubernetes {
namespace {

using Json = nlohmann::json;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr std::int64_t kNodeAheadNs = 7'000'000'000'000;
constexpr std::int64_t kEpochNs = 1'700'000'000'000'000'000;
constexpr Nanoseconds kStreamPause = 50ms;  // until an open stream says its first

kube::Response failure(int status, const std::string& reason, const std::string& message) {
  return {status, Json{{"kind", "Status"}, {"reason", reason}, {"message", message}}.dump()};
}

}  // namespace

FakeKubernetes::FakeKubernetes() = default;

std::int64_t FakeKubernetes::node_ns() const {
  return now().time_since_epoch().count() + kNodeAheadNs;
}

FakeKubernetes::Pod* FakeKubernetes::find(const std::string& name) {
  const auto found =
      std::ranges::find_if(pods, [&](const auto& pod) { return pod->name == name && !pod->over; });
  return found == pods.end() ? nullptr : found->get();
}

FakeKubernetes::Pod& FakeKubernetes::pod(const std::string& agent) {
  const auto found =
      std::ranges::find_if(pods, [&](const auto& pod) { return pod->agent == agent; });
  if (found == pods.end()) std::abort();
  return **found;
}

// --- requests

Result<kube::Response> FakeKubernetes::send(const kube::Request& request) {
  if (away) return environment_lacks("connection refused");
  const kube::Target target = kube::parse_target(request.path);
  const std::string what = kube::verb_of(request.method, request.path) + " " + target.resource;
  if (request.method != "GET") writes.push_back(what);
  if (denied.contains(what)) return failure(403, "Forbidden", "RBAC says no");
  if (const auto found = refused.find(what); found != refused.end()) {
    return failure(403, "Forbidden", found->second);
  }
  return answer(request);
}

kube::Response FakeKubernetes::answer(const kube::Request& request) {
  const kube::Target target = kube::parse_target(request.path);
  if (target.resource == "selfsubjectaccessreviews") {
    const Json attributes = Json::parse(request.body)["spec"]["resourceAttributes"];
    const std::string what = attributes["verb"].get<std::string>() + " " +
                             attributes["resource"].get<std::string>() +
                             (attributes.contains("subresource") ? "/log" : "");
    return {201, Json{{"status", {{"allowed", !denied.contains(what)}}}}.dump()};
  }
  if (target.resource == "nodes" && target.name.empty()) {
    if (request.path.find("labelSelector") == std::string::npos) std::abort();
    Json items = Json::array();
    for (const std::string& node : nodes) {
      items.push_back(
          {{"metadata",
            {{"name", node}, {"labels", {{"kubernetes.io/hostname", "host-" + node}}}}}});
    }
    return {200, Json{{"metadata", {{"resourceVersion", "1"}}}, {"items", items}}.dump()};
  }
  if (target.resource == "nodes") {
    return {200, Json{{"spec", {{"unschedulable", cordoned}}},
                      {"status",
                       {{"conditions", Json::array({{{"type", "Ready"},
                                                     {"status", node_ready ? "True" : "Unknown"},
                                                     {"reason", "NodeStatusUnknown"},
                                                     {"message", "Kubelet stopped posting."}}})}}}}
                     .dump()};
  }
  if (target.resource == "jobs") {
    if (request.method == "POST") return create_job(request.body);
    const auto job = jobs.find(target.name);
    if (job == jobs.end()) return failure(404, "NotFound", "no such job");
    const Json object = job->second;
    if (request.method == "DELETE") {
      // In the foreground it stays as long as its pods.
      if (request.body.find("Foreground") == std::string::npos) jobs.erase(job);
      after(1s, [this, name = target.name] {
        for (const auto& pod : pods) {
          if (pod->job == name) remove_pod(*pod);
        }
        jobs.erase(name);
      });
    }
    return {200, object.dump()};
  }
  if (target.resource == "pods" && request.method == "PATCH") {
    Pod* const pod = find(target.name);
    if (pod == nullptr) return failure(404, "NotFound", "no such pod");
    const Json annotations = Json::parse(request.body)["metadata"]["annotations"];
    const Nanoseconds delay = delivery(*pod);
    if (annotations.contains(kPlanAnnotation)) {
      after(delay, [this, pod, text = annotations[kPlanAnnotation].get<std::string>()] {
        if (!pod->over) take_plan(*pod, text);
      });
    }
    if (annotations.contains(kAckAnnotation)) {
      after(delay, [this, pod, text = annotations[kAckAnnotation].get<std::string>()] {
        const auto ack = pod::parse_ack(text);
        if (!ack || !pod->outbox.acknowledge(*ack, now())) std::abort();
        print(*pod);
      });
    }
    return {200, pod->object.dump()};
  }
  Json items = Json::array();
  if (target.resource == "pods" && request.path.find("fieldSelector") == std::string::npos) {
    for (const auto& pod : pods) {
      if (!pod->over) items.push_back(pod->object);
    }
  }
  const std::string version = std::to_string(history_.size());
  return {200, Json{{"metadata", {{"resourceVersion", version}}}, {"items", items}}.dump()};
}

kube::Response FakeKubernetes::create_job(const std::string& body) {
  const Json job = Json::parse(body);
  const std::string name = job["metadata"]["name"];
  jobs[name] = job;
  auto made = std::make_unique<Pod>();
  Pod& pod = *made;
  pod.job = name;
  pod.agent = job["spec"]["template"]["metadata"]["labels"][kAgentLabel];
  pod.name = name + "-x";
  pod.card = cards[pods.size() % cards.size()];
  pod.object = {{"metadata",
                 {{"name", pod.name},
                  {"namespace", "default"},
                  {"uid", fmt::format("uid-{}", next_uid_++)},
                  {"ownerReferences", Json::array({{{"kind", "Job"}, {"name", name}}})}}},
                {"spec", job["spec"]["template"]["spec"]},
                {"status", {{"phase", "Pending"}}}};
  const bool fits = pods.size() < slots;
  pods.push_back(std::move(made));
  after(until_told, [this, &pod, fits] {
    if (pod.over) return;
    announce(Topic::kPods, "ADDED", pod.object);
    if (on_created) return on_created(pod);
    if (fits) return start(pod);
    set_status(pod, {{"phase", "Pending"},
                     {"conditions", Json::array({{{"type", "PodScheduled"},
                                                  {"status", "False"},
                                                  {"reason", "Unschedulable"},
                                                  {"message",
                                                   "0/1 nodes are available: 1 "
                                                   "Insufficient nvidia.com/gpu."}}})}});
  });
  return {201, job.dump()};
}

// --- pods

// A kubelet that has looked at a pod, as it does after each change, looks again a second later.
Nanoseconds FakeKubernetes::delivery(Pod& pod) {
  pod.looked_at = std::max(now(), pod.looked_at + 1s);
  return pod.looked_at - now() + 150ms;
}

void FakeKubernetes::start(Pod& pod) {
  set_status(pod, {{"phase", "Running"},
                   {"containerStatuses",
                    Json::array({{{"state", {{"running", {{"startedAt", "now"}}}}}}})}});
  beat(pod);
  after(start_up, [this, &pod] {
    pod::Ready ready;
    ready.agent = pod.agent;
    ready.device = "cpu";
    ready.device_name = "a CPU";
    ready.uuid = pod.card;
    ready.uuid_source = "visible-devices";
    ready.median_iteration_ns = 1'000'000;
    ready.pod = pod.name;
    ready.node = "node1";
    ready.monotonic_ns = node_ns();
    ready.epoch_ns = kEpochNs + node_ns();
    say(pod, to_line(pod::Frame(ready)));
  });
}

void FakeKubernetes::beat(Pod& pod) {
  if (pod.over) return;
  pod::Beat frame;
  frame.monotonic_ns = node_ns();
  frame.state = "ready";
  frame.printed = pod.outbox.printed_chunks();
  frame.prints = pod.outbox.prints();
  frame.acknowledged = pod.outbox.acknowledged_chunks();
  frame.planned = pod.plan.blocks.size();
  for (const auto& [block, reason] : pod.missed) frame.missed.push_back({block, reason});
  say(pod, to_line(pod::Frame(frame)));
  print(pod);
  const bool left =
      pod.plan.end && pod.seen.size() == pod.plan.blocks.size() && pod.outbox.all_acknowledged();
  if (!left) {
    after(1s, [this, &pod] { beat(pod); });
    return;
  }
  set_status(pod, {{"phase", "Succeeded"},
                   {"containerStatuses",
                    Json::array({{{"state", {{"terminated", {{"exitCode", 0}}}}}}})}});
}

void FakeKubernetes::take_plan(Pod& pod, const std::string& text) {
  auto plan = pod::parse_plan(text);
  if (!plan) std::abort();
  pod.plan = *std::move(plan);
  for (const pod::Block& block : pod.plan.blocks) {
    if (!pod.seen.insert(block.index).second) continue;
    const bool active = pod::place_of(block, pod.agent).has_value();
    if (block.calibrate_ns < node_ns() || late.contains({pod.agent, block.index})) {
      pod.missed[block.index] = "late";
      say(pod, to_line(pod::Frame(pod::Missed{block.index, "late"})));
    } else if (active) {
      at(MonotonicTime(Nanoseconds(pod::end_ns(block) - kNodeAheadNs)) + 10ms,
         [this, &pod, block] { finish_block(pod, block); });
    }
  }
}

void FakeKubernetes::finish_block(Pod& pod, const pod::Block& block) {
  if (on_block) on_block(pod, block.index);
  if (pod.over) return;
  const std::int64_t offset = pod.plan.epoch_offset_ns;
  pod.outbox.open(block.index);
  record::BlockMeta meta;
  meta.agent = pod.agent;
  meta.block = block.index;
  meta.phase = block.phase;
  meta.neighbours = block.neighbours;
  meta.workload = "fft";
  meta.size = 64;
  meta.arrival = "poisson";
  meta.sync = "block";
  meta.device = "cpu";
  pod.outbox.add(to_line(meta));
  const std::int64_t step =
      (block.stop_ns - block.start_ns) / static_cast<std::int64_t>(records_per_block);
  std::array<char, record::kMaxRecordLine> line{};
  for (std::size_t i = 0; i < records_per_block; ++i) {
    record::Iteration it;
    it.seq = i;
    it.due_ns = offset + block.start_ns + static_cast<std::int64_t>(i) * step;
    it.submit_ns = it.due_ns + 1000;
    it.gpu_start_ns = it.due_ns + 2000;
    it.gpu_end_ns = it.due_ns + 3000;
    it.done_ns = it.due_ns + 4000;
    const char* end = record::format_v2(line.data(), pod.agent, it);
    pod.outbox.add({line.data(), end});
  }
  record::BlockEnd end;
  end.agent = pod.agent;
  end.block = block.index;
  end.iterations = end.emitted = records_per_block;
  end.generation_start_ns = offset + block.start_ns;
  end.generation_stop_ns = offset + block.stop_ns;
  end.last_done_ns = end.generation_stop_ns;
  pod.outbox.add(to_line(end));
  pod.outbox.close({.complete = true, .late_ns = 1000});
  print(pod);
}

void FakeKubernetes::print(Pod& pod) {
  if (pod.over || pod.silent) return;
  while (const auto chunk = pod.outbox.next(now(), false)) {
    std::string text = pod.outbox.print(*chunk, now());
    if (pod.spoil) text = pod.spoil(std::move(text));
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t newline = text.find('\n', begin);
      say(pod, text.substr(begin, newline - begin));
      begin = newline == std::string::npos ? text.size() : newline + 1;
    }
  }
}

void FakeKubernetes::say(Pod& pod, const std::string& line) {
  if (pod.over || pod.silent) return;
  const std::string text = line.ends_with('\n') ? line.substr(0, line.size() - 1) : line;
  // Any rising stamps do.
  const std::size_t n = pod.log.size();
  pod.log.push_back(fmt::format("2026-11-21T{:02}:{:02}:{:02}.000000000Z {}", n / 3600, n / 60 % 60,
                                n % 60, text));
}

void FakeKubernetes::set_status(Pod& pod, Json status) {
  pod.object["status"] = std::move(status);
  pod.looked_at = now();
  announce(Topic::kPods, "MODIFIED", pod.object);
}

void FakeKubernetes::remove_pod(Pod& pod) {
  if (std::exchange(pod.over, true)) return;
  announce(Topic::kPods, "DELETED", pod.object);
}

void FakeKubernetes::warn_of(const std::string& object, const std::string& reason,
                             const std::string& message) {
  announce(Topic::kEvents, "ADDED",
           {{"metadata", {{"uid", fmt::format("event-{}", next_uid_++)}}},
            {"involvedObject", {{"name", object}}},
            {"reason", reason},
            {"message", message}});
}

void FakeKubernetes::add_stranger(const std::string& name) {
  announce(
      Topic::kOthers, "ADDED",
      {{"metadata", {{"name", name}, {"namespace", "theirs"}, {"uid", "stranger-" + name}}},
       {"spec",
        {{"containers", Json::array({{{"resources", {{"limits", {{"nvidia.com/gpu", "1"}}}}}}})}}},
       {"status", {{"phase", "Running"}}}});
}

// --- streams

void FakeKubernetes::announce(Topic topic, const char* type, Json object) {
  object["metadata"]["resourceVersion"] = std::to_string(history_.size() + 1);
  history_.emplace_back(topic, Json{{"type", type}, {"object", std::move(object)}}.dump());
}

FakeKubernetes::Topic FakeKubernetes::topic_of(const std::string& path) {
  return path.find("/events?") != std::string::npos                      ? Topic::kEvents
         : path.find("fieldSelector=spec.nodeName") != std::string::npos ? Topic::kOthers
                                                                         : Topic::kPods;
}

kube::StreamId FakeKubernetes::open(const std::string& path, kube::StreamListener& listener,
                                    const kube::StreamOptions& options) {
  const MonotonicTime begin = std::max(now(), options.start_at);
  Stream stream{path, &listener, options, begin};
  stream.options.start_at = begin;
  const std::string version = "resourceVersion=";
  if (const auto at = path.find(version); at != std::string::npos) {
    stream.next = std::stoul(path.substr(at + version.size()));
  }
  streams_.push_back(std::move(stream));
  return streams_.size() - 1;
}

void FakeKubernetes::close(kube::StreamId stream) { streams_[stream].closed = true; }

void FakeKubernetes::end_stream(kube::StreamId id, const kube::StreamEnd& how) {
  streams_[id].closed = true;
  streams_[id].listener->on_end(id, how);
}

void FakeKubernetes::move_watch(kube::StreamId id) {
  while (!streams_[id].closed && streams_[id].next < history_.size()) {
    const auto [topic, event] = history_[streams_[id].next++];
    if (topic != topic_of(streams_[id].path)) continue;
    streams_[id].last = now();
    streams_[id].listener->on_line(id, event);
  }
}

void FakeKubernetes::move_log(kube::StreamId id) {
  const std::string name = kube::parse_target(streams_[id].path).name;
  const Pod& pod = **std::ranges::find_if(pods, [&](const auto& one) { return one->name == name; });
  while (!streams_[id].closed && streams_[id].next < pod.log.size()) {
    streams_[id].last = now();
    const std::string line = pod.log[streams_[id].next++];
    streams_[id].listener->on_line(id, line);
  }
  const std::string phase = pod.object["status"].value("phase", "");
  if (!streams_[id].closed && (pod.over || phase == "Succeeded" || phase == "Failed")) {
    end_stream(id, {{}, {200, {}}});
  }
}

void FakeKubernetes::move_page(kube::StreamId id) {
  const kube::Response page = exporter ? exporter() : kube::Response{404, "no such pod"};
  if (page.status != 200) return end_stream(id, {{}, page});
  std::istringstream lines(page.body);
  for (std::string line; std::getline(lines, line);) streams_[id].listener->on_line(id, line);
  end_stream(id, {{}, {200, {}}});
}

void FakeKubernetes::move_streams() {
  // By number: listeners open more.
  for (kube::StreamId id = 0; id < streams_.size(); ++id) {
    if (streams_[id].closed || now() < streams_[id].options.start_at + kStreamPause) continue;
    if (away) {
      end_stream(id, {environment_lacks("connection refused"), {}});
      continue;
    }
    const std::string subresource = kube::parse_target(streams_[id].path).subresource;
    if (subresource == "proxy") {
      move_page(id);
      continue;
    }
    subresource == "log" ? move_log(id) : move_watch(id);
    const Nanoseconds limit = streams_[id].options.idle_timeout;
    if (!streams_[id].closed && limit.count() > 0 && now() >= streams_[id].last + limit) {
      end_stream(id, {environment_lacks("nothing came"), {}});
    }
  }
}

Status FakeKubernetes::wait(MonotonicTime deadline, int /*wake_fd*/) {
  const MonotonicTime until =
      agenda_.empty() ? deadline : std::min(deadline, agenda_.begin()->first);
  clock_.sleep_until(std::max(now(), std::min(until, now() + 100ms)));
  while (!agenda_.empty() && agenda_.begin()->first <= now()) {
    const auto what = agenda_.extract(agenda_.begin());
    what.mapped()();
  }
  move_streams();
  return {};
}

}  // namespace kts::kubernetes
