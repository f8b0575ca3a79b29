// SPDX-License-Identifier: Apache-2.0
#include "run_on_kubernetes.hpp"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "kts/base/units.hpp"
#include "kts/cluster/status.hpp"
#include "kts/image/build.hpp"
#include "kts/kube/connection.hpp"
#include "kts/kubernetes/run.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/scenario/built_in.hpp"

namespace kts::app {
namespace {

using std::chrono_literals::operator""s;

constexpr const char* kGroup = "On Kubernetes";
constexpr Nanoseconds kRequestTimeout = 10s;

Result<std::map<std::string, std::string>> parse_selector(const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> out;
  for (const std::string& pair : pairs) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return bad_input(fmt::format("'{}' is not LABEL=VALUE", pair), {}, "--node-selector");
    }
    out[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return out;
}

// A server that doesn't know claims would drop them without a word.
Status check_claims(kube::Client& client) {
  const auto group = client.get("/apis/resource.k8s.io");
  if (group) return {};
  if (!group.error().not_found()) return tl::unexpected<Error>(group.error());
  return environment_lacks("this cluster has no ResourceClaims",
                           "dynamic resource allocation is part of Kubernetes 1.34, or a feature "
                           "gate before; without it, leave --claim out");
}

Status check_chains(const scenario::Scenario& scenario) {
  if (scenario.chains.empty()) return {};
  return bad_input("pods can't hand requests on to each other yet",
                   "remove the chains, or leave --on kubernetes out",
                   fmt::format("chain {}", scenario.chains.front().name));
}

}  // namespace

// `auto` is a GPU: pods that share a card are what this is about, and a machine without one says
// so.
Result<scenario::Scenario> load_cluster_scenario(const RunChoice& choice,
                                                 runner::Progress& progress) {
  const bool built_in = scenario::is_built_in(choice.scenario);
  scenario::Scenario scenario;
  if (!built_in) {
    std::error_code ec;
    if (std::filesystem::exists(choice.scenario, ec)) {
      KTS_TRY(scenario, scenario::load(choice.scenario));
    } else {
      KTS_CHECK_OK(scenario::load_built_in(choice.scenario, "cpu"));
    }
  }
  std::string device = choice.device.empty() ? scenario.device : choice.device;
  if (device == "auto") {
    device = "cuda";
    progress.note("device: cuda, as pods that get a GPU have it; --device cpu runs without");
  }
  if (device != "cpu" && device != "cuda") {
    return bad_input(
        fmt::format("'{}' is no device for pods: the device plugin chooses the card", device),
        "there are auto, cpu and cuda", "--device");
  }
  if (built_in) {
    KTS_TRY(scenario, scenario::load_built_in(choice.scenario, device));
  }
  scenario.device = device;
  KTS_CHECK_OK(scenario::check_engines(scenario, device));
  if (!choice.sharing.empty()) scenario.sharing = choice.sharing;
  for (const scenario::AgentSpec& agent : scenario.agents) {
    if (!agent.mps && !agent.stream) continue;
    return bad_input("pods aren't given what an agent asks of MPS or of its stream",
                     "remove mps: and stream:, or run it locally",
                     fmt::format("agent {}", agent.name));
  }
  if (choice.quick) scenario = scenario::quickened(std::move(scenario));
  KTS_CHECK_OK(check_chains(scenario));
  KTS_TRY(const std::vector<scenario::TraceNote> traces, scenario::read_traces(scenario));
  for (const auto& [agent, text] : traces) progress.note(fmt::format("{}: {}", agent, text));
  return scenario;
}

Status fill_in(const KubernetesOptions& options, kubernetes::ClusterRun& run) {
  run.image = options.image.empty() ? image::default_name() : options.image;
  // No registry has what is called localhost/….
  run.pull_policy = !options.pull_policy.empty()          ? options.pull_policy
                    : run.image.starts_with("localhost/") ? "Never"
                                                          : "IfNotPresent";
  // GPU nodes are often tainted so, to keep others away.
  run.tolerations.push_back({"nvidia.com/gpu", {}, {}});
  for (const std::string& text : options.tolerations) {
    KTS_TRY(kubernetes::Toleration toleration, kubernetes::parse_toleration(text));
    run.tolerations.push_back(std::move(toleration));
  }
  auto timeout = parse_duration(options.start_timeout);
  if (!timeout || *timeout < 1s) {
    return bad_input(fmt::format("'{}' is no time of a second or more", options.start_timeout),
                     "write it as 90s or 5min", "--start-timeout");
  }
  run.start_timeout = *timeout;
  run.keep = options.keep;
  run.allow_neighbours = options.allow_neighbours;
  return {};
}

Result<Reached> reach_cluster(const KubernetesOptions& options, process::SignalWatch& signals) {
  kube::ConnectionOptions where;
  where.context = options.context;
  where.kubeconfig = options.kubeconfig;
  where.interrupt_fd = signals.fd();
  Reached reached;
  KTS_TRY(reached.connection, kube::Connection::open(where));
  reached.name_space = options.name_space;
  if (reached.name_space.empty()) {
    KTS_TRY(reached.name_space, kube::current_namespace(where));
  }
  return reached;
}

void add_kubernetes_options(CLI::App& parser, KubernetesOptions& options) {
  const auto add = [&](const char* flag, auto& to, const char* meaning) {
    return parser.add_option(flag, to, meaning)->group(kGroup);
  };
  add("--context", options.context, "Of the kubeconfig; default: its current one");
  add("--kubeconfig", options.kubeconfig, "Default: kubectl's own choice");
  add("--namespace,-n", options.name_space, "Where the Jobs are made; default: the context's");
  add("--image", options.image,
      fmt::format("With kts-worker in it; default {}", image::default_name()).c_str());
  add("--pull-policy", options.pull_policy,
      "Never, IfNotPresent, Always; default Never for localhost/…, else IfNotPresent")
      ->check(CLI::IsMember({"Never", "IfNotPresent", "Always"}));
  add("--resource", options.resource,
      "Each pod gets one of; default: what the node shares, such as nvidia.com/gpu");
  add("--claim", options.claim,
      "An existing ResourceClaim (DRA) that all pods share, instead of a resource")
      ->type_name("NAME");
  CLI::Option* const nodes =
      add("--nodes", options.nodes,
          "On every node with these labels, as kubectl -l takes them: a run each, compared")
          ->type_name("SELECTOR");
  add("--at-once", options.at_once, "How many nodes of --nodes are measured side by side")
      ->needs(nodes)
      ->type_name("N")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  add("--node", options.node, "Default: the one with most free slots")
      ->type_name("NAME")
      ->excludes(nodes);
  add("--node-selector", options.node_selector, "Among nodes with this label; repeatable")
      ->type_name("LABEL=VALUE")
      ->excludes(nodes);
  add("--toleration", options.tolerations, "Beside that of nvidia.com/gpu; repeatable")
      ->type_name("KEY[=VALUE][:EFFECT]");
  add("--runtime-class", options.runtime_class, "Default: nvidia where the cluster has it");
  add("--start-timeout", options.start_timeout, "How long pods may take until they are ready")
      ->type_name("TIME")
      ->capture_default_str();
  parser
      .add_flag("--allow-neighbours", options.allow_neighbours,
                "Measure beside others' pods on the node's GPUs; the report says so")
      ->group(kGroup);
  parser.add_flag("--keep", options.keep, "Leave Jobs and pods there afterwards")->group(kGroup);
  parser
      .add_flag("--print-manifests", options.print_manifests,
                "Print the Jobs as YAML and do nothing")
      ->group(kGroup)
      ->excludes(nodes);
  parser.get_option("--claim")->excludes(nodes);
}

Status check_unused(const CLI::App& parser) {
  for (const CLI::Option* option : parser.get_options()) {
    if (option->get_group() == kGroup && option->count() > 0) {
      return bad_input(fmt::format("{} has a meaning on Kubernetes only", option->get_name()),
                       "add --on kubernetes");
    }
  }
  return {};
}

Result<std::filesystem::path> measure_on_kubernetes(const RunChoice& choice,
                                                    const KubernetesOptions& options,
                                                    process::SignalWatch& signals,
                                                    runner::Progress& progress) {
  kubernetes::ClusterRun run;
  KTS_CHECK_OK(fill_in(options, run));
  kubernetes::Wishes wishes;
  KTS_TRY(wishes.node_selector, parse_selector(options.node_selector));
  if (!choice.out.empty()) KTS_CHECK_OK(runner::check_folder(choice.out));
  KTS_TRY(run.scenario, load_cluster_scenario(choice, progress));
  KTS_TRY(run.traces, kubernetes::load_pod_traces(run.scenario));
  wishes.agents = run.scenario.agents.size();
  wishes.sharing = run.scenario.sharing;
  wishes.node = options.node;
  wishes.resource = options.resource;
  wishes.claim = options.claim;
  wishes.runtime_class = options.runtime_class;
  wishes.allow_neighbours = options.allow_neighbours;
  if (run.scenario.device == "cuda") wishes.memory = runner::predict_memory(run.scenario);

  KTS_TRY(const Reached reached, reach_cluster(options, signals));
  kube::Connection* const connection = reached.connection.get();
  run.name_space = reached.name_space;
  kube::Client client(*connection, kRequestTimeout);
  run.server_version = connection->server_version();
  if (!wishes.claim.empty()) KTS_CHECK_OK(check_claims(client));
  KTS_TRY(const cluster::Snapshot snapshot, cluster::look(client, {run.server_version, {}}));
  KTS_TRY(run.place, choose_place(cluster::judge(snapshot), snapshot, wishes));

  const auto now = std::chrono::time_point_cast<Nanoseconds>(std::chrono::system_clock::now());
  run.run = kubernetes::new_run_id(now);
  run.signals = &signals;
  if (options.print_manifests) {
    fmt::print("{}", to_yaml(kubernetes::manifests(run)));
    return std::filesystem::path();
  }
  run.folder = choice.out.empty() ? runner::default_folder(now, run.scenario.name)
                                  : std::filesystem::path(choice.out);
  KTS_CHECK_OK(runner::prepare_folder(run.folder));
  if (auto measured = run_on_cluster(client, run, progress); !measured) {
    Error error = std::move(measured).error();
    std::error_code ec;
    if (!std::filesystem::is_empty(run.folder / "blocks", ec) && !ec) {
      error.hint += fmt::format("{}what was measured is in {}", error.hint.empty() ? "" : "; ",
                                run.folder.string());
    }
    return tl::unexpected(std::move(error));
  }
  return run.folder;
}

}  // namespace kts::app
