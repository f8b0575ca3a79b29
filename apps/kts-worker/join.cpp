// SPDX-License-Identifier: Apache-2.0
#include "join.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "chain_options.hpp"
#include "handover.hpp"
#include "options.hpp"

namespace kts::worker_app {
namespace {

// An agent of no chain is left to the host to read.
Result<std::vector<int>> inboxes_in(const std::vector<std::string>& arguments) {
  if (std::ranges::find(arguments, "--chain") == arguments.end()) return std::vector<int>{};
  KTS_TRY(auto options, parse_options(arguments));
  return options ? distinct(inboxes_of(*options)) : std::vector<int>{};
}

}  // namespace

Result<int> join_host(int argc, const char* const* argv) {
  if (argc < 3) {
    return bad_input("no socket, or no agent",
                     "write it like: kts-worker join SOCKET fft --controlled");
  }
  const std::vector<std::string> arguments(argv + 2, argv + argc);
  KTS_TRY(const std::vector<int> inboxes, inboxes_in(arguments));
  KTS_TRY(const Socket host, connect_to(argv[1]));
  KTS_CHECK_OK(hand_over(host.fd(), arguments, inboxes));
  // The host has our descriptors; it alone decides when they end.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) ::close(fd);
  for (const int fd : inboxes) ::close(fd);
  int code = 0;
  ssize_t n = 0;
  do {
    n = read(host.fd(), &code, sizeof code);
  } while (n < 0 && errno == EINTR);
  if (n == sizeof code) return code;
  return fail(ErrorCode::kInternal, "the agents' common process has ended");
}

}  // namespace kts::worker_app
