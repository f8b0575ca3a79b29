// SPDX-License-Identifier: Apache-2.0
#include "pod.hpp"

#include <fmt/format.h>
#include <string.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "cores.hpp"
#include "kts/base/units.hpp"
#include "kts/pod/pod_agent.hpp"
#include "options.hpp"
#include "usage.hpp"

namespace kts::worker_app {
namespace {

constexpr const char* kPodFooter =
    R"(What follows -- is given to the worker, which is driven block by block:
  kts-worker pod --plan /etc/kts/plan --ack /etc/kts/ack -- fft --arrival poisson --rate 200

Lines and files are described in docs/pods.md.

Exit status: 0 the plan has ended and all is acknowledged, 1 the worker crashed or hung, 2 bad usage
or a plan that can't be, 4 the device, memory or the log's reader is missing, 130 interrupted.)";

Result<std::size_t> bytes(const std::string& text, std::size_t least, std::size_t most,
                          const char* flag) {
  const auto value = parse_int64(text);
  if (value && *value >= static_cast<std::int64_t>(least) &&
      *value <= static_cast<std::int64_t>(most)) {
    return static_cast<std::size_t>(*value);
  }
  return bad_input(fmt::format("'{}' is no number of bytes from {} to {}", text, least, most), {},
                   flag);
}

// The worker's own command line, checked here so that a wrong one ends the pod at once.
Status take_worker(std::vector<std::string> words, pod::PodOptions& options, bool& done) {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  words.insert(words.begin(), failed ? "/proc/self/exe" : self.string());
  words.insert(words.end(), {"--controlled"});
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  KTS_TRY(const auto worker, parse_options(static_cast<int>(argv.size()), argv.data()));
  done = !worker;
  if (done) return {};
  options.agent = worker->agent.name;
  options.open = is_open(worker->agent.arrival.process);
  options.in_flight = worker->agent.engine.in_flight;
  options.worker.argv = std::move(words);
  return stay_on(worker->host_cores);
}

}  // namespace

Status run_as_pod(int argc, const char* const* argv) {
  const auto separator =
      std::find_if(argv, argv + argc, [](const char* word) { return strcmp(word, "--") == 0; });
  pod::PodOptions options;
  std::string plan = "/etc/kts/plan";
  std::string ack = "/etc/kts/ack";
  std::string chunk = fmt::format("{}", options.outbox.chunk_bytes);
  std::string window = fmt::format("{}", options.outbox.window_bytes);
  std::string memory = fmt::format("{}", options.outbox.memory_bytes);

  CLI::App app(
      "One agent as a pod: drives its worker by a plan in a file and gets the records out through "
      "the log.",
      "kts-worker pod");
  app.footer(kPodFooter);
  app.option_defaults()->take_last();
  app.add_option("--plan", plan, "File of the plan (/etc/kts/plan)")->type_name("FILE");
  app.add_option("--ack", ack, "File of the acknowledgement (/etc/kts/ack)")->type_name("FILE");
  app.add_option("--chunk-bytes", chunk, "Records printed at a time (262144)")->type_name("N");
  app.add_option("--window-bytes", window, "Records printed and not acknowledged (2097152)")
      ->type_name("N");
  app.add_option("--memory-bytes", memory, "Records kept; what is beyond is lost (1073741824)")
      ->type_name("N");
  try {
    app.parse(static_cast<int>(separator - argv), argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return {};
  } catch (const CLI::ParseError& e) {
    return tl::unexpected(kts::app::usage_error(app, e, "kts-worker pod --help lists the flags"));
  }
  if (separator == argv + argc) {
    return bad_input("no worker", "write it after --, such as: kts-worker pod -- fft --size 512");
  }
  constexpr std::size_t kLeastChunk = 1024;
  constexpr std::size_t kMost = std::size_t{1} << 40;
  KTS_TRY(options.outbox.chunk_bytes,
          bytes(chunk, kLeastChunk, pod::kMaxChunkBytes, "--chunk-bytes"));
  KTS_TRY(options.outbox.window_bytes, bytes(window, kLeastChunk, kMost, "--window-bytes"));
  KTS_TRY(options.outbox.memory_bytes, bytes(memory, kLeastChunk, kMost, "--memory-bytes"));
  options.plan_file = plan;
  options.ack_file = ack;
  options.pod_uid = environment("KTS_POD_UID");
  options.pod = environment("KTS_POD_NAME");
  options.node = environment("KTS_NODE_NAME");

  bool done = false;
  KTS_CHECK_OK(take_worker({separator + 1, argv + argc}, options, done));
  return done ? Status{} : pod::run_pod(options);
}

}  // namespace kts::worker_app
