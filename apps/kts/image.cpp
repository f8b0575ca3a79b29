// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "commands.hpp"
#include "kts/base/files.hpp"
#include "kts/base/version.hpp"
#include "kts/image/build.hpp"
#include "kts/image/load.hpp"
#include "kts/process/signals.hpp"

namespace kts::app {
namespace {

struct Options {
  std::string name, engine, context = ".", to, cluster, push;
  std::vector<std::string> arguments;
  bool cpu = false, dry_run = false;
};

// Shows the steps or does them.
Status carry_out(const std::vector<image::Step>& steps, bool dry_run) {
  if (dry_run) {
    for (const image::Step& step : steps) fmt::print("{}\n", to_line(step));
    return {};
  }
  KTS_TRY(process::SignalWatch signals, process::SignalWatch::create({SIGINT, SIGTERM, SIGHUP}));
  return run_steps(
      steps, [](std::string_view line) { fmt::print(stderr, "{}", line); }, signals.fd());
}

// The default name says which sources are inside, so it is given to no others.
Result<std::string> name_for(const std::string& source_commit) {
  if (source_commit == commit()) return image::default_name();
  return bad_input(
      fmt::format("the sources are of commit {}, this kts is of {}", source_commit, commit()),
      "build kts anew, or name the image with --tag (and kts run with --image)");
}

Result<int> build(const Options& options) {
  for (const std::string& argument : options.arguments) {
    if (argument.find('=') == std::string::npos || argument.starts_with('=')) {
      return bad_input(fmt::format("'{}' is not NAME=VALUE", argument), {}, "--build-arg");
    }
  }
  image::BuildOptions build;
  KTS_TRY(build.source, image::find_source(options.context));
  KTS_TRY(build.commit, image::commit_of(build.source));
  build.image = options.name;
  if (build.image.empty()) {
    KTS_TRY(build.image, name_for(build.commit));
  }
  build.cpu_only = options.cpu;
  build.arguments = options.arguments;
  KTS_TRY(const image::Tool engine, image::find_engine(options.engine));
  KTS_CHECK_OK(carry_out({build_step(engine, build)}, options.dry_run));
  if (!options.dry_run) fmt::print("{}\n", build.image);
  return 0;
}

Result<int> load(const Options& options) {
  if (!options.push.empty() && !(options.to.empty() && options.cluster.empty())) {
    return bad_input("--push sends it to a registry, not into a cluster", "leave --to away");
  }
  const std::string name = options.name.empty() ? image::default_name() : options.name;
  KTS_TRY(const image::Tool engine, image::find_engine(options.engine));
  if (!options.push.empty()) {
    KTS_CHECK_OK(carry_out(push_steps(engine, name, options.push), options.dry_run));
    if (!options.dry_run) fmt::print("{}: pushed as {}\n", name, options.push);
    return 0;
  }
  KTS_TRY(const image::Tool cluster, image::find_cluster(options.to));
  if (!options.dry_run) KTS_CHECK_OK(check_root(cluster, geteuid() == 0));
  KTS_TRY(const TemporaryDirectory folder, TemporaryDirectory::create("kts-image"));
  const image::LoadOptions load{
      name, options.dry_run ? "kts-worker.tar" : folder.path() / "kts-worker.tar", options.cluster};
  KTS_CHECK_OK(carry_out(load_steps(engine, cluster, load), options.dry_run));
  if (!options.dry_run) fmt::print("{}: loaded into {}\n", name, cluster.name);
  return 0;
}

void add_common(CLI::App& parser, Options& options) {
  parser.add_option("--engine", options.engine,
                    "podman, buildah or docker; default: the first of them that is there");
  parser.add_flag("--dry-run", options.dry_run, "Print the commands and run none");
}

}  // namespace

Command add_image(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* parser =
      root.add_subcommand("image", "Make the image of kts-worker and bring it to a cluster");
  parser->require_subcommand(1);
  CLI::App* builder =
      parser->add_subcommand("build", "From the source tree, by deploy/Containerfile");
  builder
      ->add_option("--context", options->context,
                   "The source tree; default: the one that you are in")
      ->type_name("DIR");
  builder->add_option("--tag", options->name,
                      fmt::format("The image's name; default {}", image::default_name()));
  builder->add_flag("--cpu", options->cpu, "Without the CUDA backend: small, for --device cpu");
  builder
      ->add_option("--build-arg", options->arguments,
                   "Of the Containerfile, such as BUILD_BASE=…, RUN_BASE=…; repeatable")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
  add_common(*builder, *options);
  CLI::App* loader = parser->add_subcommand(
      "load", "Into the cluster on this machine, or to a registry with --push");
  loader->add_option("--image", options->name, fmt::format("Default {}", image::default_name()));
  loader->add_option("--to", options->to,
                     "k3s, kind, minikube or containerd; default: what is here");
  loader->add_option("--cluster", options->cluster, "Which of kind's or minikube's clusters");
  loader->add_option("--push", options->push, "To a registry, under this name")->type_name("NAME");
  add_common(*loader, *options);
  return {parser,
          [options, builder] { return builder->parsed() ? build(*options) : load(*options); }};
}

}  // namespace kts::app
