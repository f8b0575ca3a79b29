// SPDX-License-Identifier: Apache-2.0
// kts run --on kubernetes --nodes SELECTOR.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/kubernetes/access.hpp"
#include "kts/kubernetes/fleet_run.hpp"
#include "kts/kubernetes/image_check.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/runner/traces.hpp"
#include "run_on_kubernetes.hpp"

namespace kts::app {
namespace {

using std::chrono_literals::operator""s;

constexpr Nanoseconds kFleetRequestTimeout = 10s;

// The arguments that were given, less those that differ from node to node.
std::vector<std::string> arguments_given(const CLI::App& parser) {
  const std::set<std::string> ours{"--nodes", "--at-once", "--out", "--json"};
  std::vector<std::string> words;
  for (const CLI::Option* option : parser.get_options()) {
    const std::string name = option->get_name();
    if (option->count() == 0 || ours.contains(name)) continue;
    if (option->get_positional()) {
      words.insert(words.begin(), option->results().front());
    } else if (option->get_items_expected_max() == 0) {
      words.push_back(name);
    } else {
      for (const std::string& value : option->results()) {
        words.push_back(fmt::format("{}={}", name, value));
      }
    }
  }
  return words;
}

struct Nodes {
  std::vector<kubernetes::NodeName> names;
  std::vector<std::optional<Error>> without_image;
};

// Which nodes, and on which the image starts. The connection ends with it: each node's run has its
// own.
Result<Nodes> look_at_nodes(const KubernetesOptions& options, kubernetes::ClusterRun& run,
                            process::SignalWatch& signals, runner::Progress& progress) {
  KTS_TRY(const Reached reached, reach_cluster(options, signals));
  kube::Client client(*reached.connection, kFleetRequestTimeout);
  run.name_space = reached.name_space;
  Nodes nodes;
  KTS_TRY(nodes.names, kubernetes::find_nodes(client, options.nodes));
  KTS_CHECK_OK(kubernetes::check_access(client, run.name_space));
  progress.note(fmt::format("{} node{}: does image {} start there?", nodes.names.size(),
                            nodes.names.size() == 1 ? "" : "s", run.image));
  kubernetes::ImageCheck check;
  check.run = run.run;
  check.name_space = run.name_space;
  check.image = run.image;
  check.pull_policy = run.pull_policy;
  check.tolerations = run.tolerations;
  check.timeout = run.start_timeout;
  check.signals = &signals;
  KTS_TRY(nodes.without_image, kubernetes::check_image(client, check, nodes.names));
  return nodes;
}

}  // namespace

Result<std::filesystem::path> measure_fleet(const RunChoice& choice,
                                            const KubernetesOptions& options,
                                            const CLI::App& parser, process::SignalWatch& signals,
                                            runner::Progress& progress) {
  kubernetes::ClusterRun run;
  KTS_CHECK_OK(fill_in(options, run));
  KTS_TRY(run.scenario, load_cluster_scenario(choice, progress));
  KTS_TRY(run.traces, kubernetes::load_pod_traces(run.scenario));
  const auto now = std::chrono::time_point_cast<Nanoseconds>(std::chrono::system_clock::now());
  run.run = kubernetes::new_run_id(now);
  KTS_TRY(const Nodes nodes, look_at_nodes(options, run, signals, progress));

  const std::filesystem::path folder = choice.out.empty()
                                           ? runner::default_folder(now, run.scenario.name)
                                           : std::filesystem::path(choice.out);
  KTS_CHECK_OK(runner::prepare_folder(folder));
  KTS_CHECK_OK(make_directories(folder / "nodes"));
  scenario::Scenario kept = run.scenario;
  KTS_CHECK_OK(runner::bring_traces(kept, folder));
  KTS_CHECK_OK(write_file(folder / "scenario.yaml", to_yaml(kept)));

  std::error_code ec;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ec);
  if (ec) return environment_lacks(with_errno("cannot find this program's file", ec.value()));
  const std::vector<std::string> given = arguments_given(parser);

  analysis::Fleet fleet;
  fleet.id = std::filesystem::absolute(folder).lexically_normal().filename().string();
  fleet.scenario = run.scenario.name;
  fleet.started = utc_iso8601(now);
  fleet.selector = options.nodes;
  fleet.name_space = run.name_space;
  fleet.image = run.image;
  std::vector<kubernetes::NodeRun> runs;
  for (std::size_t i = 0; i < nodes.names.size(); ++i) {
    const std::string& node = nodes.names[i].name;
    if (const auto& error = nodes.without_image[i]) {
      progress.note(fmt::format("{}: not measured: {}", node, to_line(*error)));
      fleet.nodes.push_back({node, exit_code(*error), to_line(*error)});
      continue;
    }
    fleet.nodes.push_back({node, exit_code(Error{ErrorCode::kInterrupted, {}, {}, {}}),
                           "not over when this was written"});
    std::vector<std::string> words{self.string(), "run"};
    words.insert(words.end(), given.begin(), given.end());
    words.push_back("--node=" + node);
    words.push_back("--out=" + analysis::node_folder(folder, node).string());
    runs.push_back({node, {std::move(words), {}}});
  }
  // As soon as it is known: should this program be killed, kts report takes what there is.
  const auto keep = [&](const analysis::FleetNode& ended) {
    *std::ranges::find(fleet.nodes, ended.node, &analysis::FleetNode::node) = ended;
    return write_file(folder / analysis::kFleetFile, to_json(fleet));
  };
  KTS_CHECK_OK(write_file(folder / analysis::kFleetFile, to_json(fleet)));
  kubernetes::FleetRunOptions how;
  how.at_once = options.at_once;
  how.signals = &signals;
  how.ended = keep;
  KTS_TRY(const std::vector<analysis::FleetNode> ended, run_nodes(runs, how, progress));
  for (const analysis::FleetNode& node : ended) KTS_CHECK_OK(keep(node));
  return folder;
}

}  // namespace kts::app
