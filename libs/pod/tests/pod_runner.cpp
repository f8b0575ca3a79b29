// SPDX-License-Identifier: Apache-2.0
// run_pod with short time-outs: pod_runner PLAN ACK AGENT open|closed WORKER [ARGUMENTS]
#include <cstdio>
#include <string>

#include "kts/pod/pod_agent.hpp"

int main(int argc, char** argv) {
  using namespace kts;
  using std::chrono_literals::operator""s;
  using std::chrono_literals::operator""ms;
  if (argc < 6) return 2;
  pod::PodOptions options;
  options.plan_file = argv[1];
  options.ack_file = argv[2];
  options.agent = argv[3];
  options.open = std::string(argv[4]) == "open";
  options.worker.argv.assign(argv + 5, argv + argc);
  options.timeouts = {5s, 2s, 1s, 2s, 200ms, 4s, 2s};
  options.outbox.chunk_bytes = 4096;
  const Status status = pod::run_pod(options);
  if (status) return 0;
  std::fprintf(stderr, "pod_runner: %s\n", to_line(status.error()).c_str());
  return exit_code(status.error());
}
