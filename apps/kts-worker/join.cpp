// SPDX-License-Identifier: Apache-2.0
#include "join.hpp"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "handover.hpp"

namespace kts::worker_app {

Result<int> join_host(int argc, const char* const* argv) {
  if (argc < 3) {
    return bad_input("no socket, or no agent",
                     "write it like: kts-worker join SOCKET fft --controlled");
  }
  KTS_TRY(const Socket host, connect_to(argv[1]));
  KTS_CHECK_OK(hand_over(host.fd(), std::vector<std::string>(argv + 2, argv + argc)));
  // The host has our streams; it alone decides when they end.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) ::close(fd);
  int code = 0;
  ssize_t n = 0;
  do {
    n = read(host.fd(), &code, sizeof code);
  } while (n < 0 && errno == EINTR);
  if (n == sizeof code) return code;
  return fail(ErrorCode::kInternal, "the agents' common process has ended");
}

}  // namespace kts::worker_app
