// SPDX-License-Identifier: Apache-2.0
#include "host.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "chain_options.hpp"
#include "handover.hpp"
#include "options.hpp"
#include "run_agent.hpp"

namespace kts::worker_app {
namespace {

Status run_hosted(const Handover& handover, const Streams& streams) {
  KTS_TRY(auto options, parse_options(handover.arguments));
  if (!options) return {};
  if (!options->controlled) {
    return bad_input("an agent of a common process is driven by another program",
                     "give --controlled");
  }
  // The arguments name descriptors by the numbers that they have in the other process.
  const std::vector<int*> inboxes = inboxes_of(*options);
  const std::vector<int> theirs = distinct(inboxes);
  if (theirs.size() != handover.others.size()) {
    return bad_input(fmt::format("{} inboxes, and {} descriptors came with them", theirs.size(),
                                 handover.others.size()),
                     "do kts and kts-worker come from the same build?");
  }
  for (int* inbox : inboxes) {
    *inbox =
        handover
            .others[static_cast<std::size_t>(std::ranges::find(theirs, *inbox) - theirs.begin())];
  }
  return run_agent(*options, streams);
}

// One agent, from its arrival to its exit status.
void live(const Socket& caller) {
  int code = 0;
  {
    const auto handover = take_over(caller.fd());
    if (!handover) return;
    const auto& [in, out, err] = handover->streams;
    const Status status = run_hosted(*handover, {in, out, err, true});
    if (!status) {
      say(err, "{}", to_line(status.error()));
      code = exit_code(status.error());
    }
  }
  // Who has gone needs no answer.
  [[maybe_unused]] const ssize_t sent = send(caller.fd(), &code, sizeof code, MSG_NOSIGNAL);
}

}  // namespace

Status run_as_host(int argc, const char* const* argv) {
  if (argc != 2) return bad_input("no socket", "write it like: kts-worker host SOCKET");
  std::signal(SIGPIPE, SIG_IGN);
  KTS_TRY(const Socket listener, listen_at(argv[1]));
  write_line(STDOUT_FILENO, "KTS_HOST,v1\n");

  std::vector<std::thread> agents;
  std::array<pollfd, 2> watched{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{listener.fd(), POLLIN, 0}};
  for (;;) {
    if (poll(watched.data(), watched.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return environment_lacks(with_errno("cannot wait for agents", errno));
    }
    if (watched[1].revents != 0) {
      const int fd = accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) {
        agents.emplace_back([caller = Socket(fd)] { live(caller); });
      }
    }
    if (watched[0].revents != 0) {
      std::array<char, 256> ignored;
      if (read(STDIN_FILENO, ignored.data(), ignored.size()) <= 0) break;
    }
  }
  for (std::thread& agent : agents) agent.join();
  return {};
}

}  // namespace kts::worker_app
