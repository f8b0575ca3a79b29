// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string_view>

#include "host.hpp"
#include "join.hpp"
#include "options.hpp"
#include "pod.hpp"
#include "probe.hpp"
#include "run_agent.hpp"

namespace kts::worker_app {
namespace {

int leave(const Status& status) {
  if (status) return 0;
  say(STDERR_FILENO, "{}", to_line(status.error()));
  return exit_code(status.error());
}

int main(int argc, const char* const* argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "pod") return leave(run_as_pod(argc - 1, argv + 1));
  if (command == "host") return leave(run_as_host(argc - 1, argv + 1));
  if (command == "probe") return leave(run_as_prober(argc - 1, argv + 1));
  if (command == "join") {
    const auto code = join_host(argc - 1, argv + 1);
    return code ? *code : leave(tl::unexpected(code.error()));
  }
  Status status;
  const auto options = parse_options(argc, argv);
  if (!options) {
    status = tl::unexpected(options.error());
  } else if (*options) {
    status = run_agent(**options, {});
  }
  return leave(status);
}

}  // namespace
}  // namespace kts::worker_app

int main(int argc, char** argv) { return kts::worker_app::main(argc, argv); }
