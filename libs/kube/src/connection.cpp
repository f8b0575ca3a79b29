// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/connection.hpp"

#include <fmt/format.h>

#include <optional>

#include "curl_transport.hpp"
#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/kube/client.hpp"
#include "kts/process/fleet.hpp"
#include "kts/process/run.hpp"
#include "kts/process/wait.hpp"
#include "kubectl.hpp"

namespace kts::kube {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr std::size_t kLongestSocketPath = 90;
constexpr std::string_view kServing = "Starting to serve on";

// A folder whose path leaves room for a socket's name, whatever TMPDIR says.
Result<TemporaryDirectory> make_folder() {
  KTS_TRY(TemporaryDirectory folder, TemporaryDirectory::create("kts-kube"));
  if (folder.path().native().size() < kLongestSocketPath) return folder;
  return TemporaryDirectory::create("kts-kube", "/tmp");
}

// kubectl and which cluster it is to ask.
Result<std::vector<std::string>> kubectl_command(const ConnectionOptions& options) {
  std::vector<std::string> argv = options.kubectl;
  if (argv.empty()) {
    KTS_TRY(argv, find_kubectl());
  }
  if (!options.context.empty()) argv.push_back("--context=" + options.context);
  if (!options.kubeconfig.empty()) argv.push_back("--kubeconfig=" + options.kubeconfig);
  return argv;
}

class ProxyListener final : public process::Fleet::Listener {
 public:
  void on_stdout(std::size_t /*child*/, std::string_view line) override {
    serving |= line.starts_with(kServing);
  }
  void on_stderr(std::size_t /*child*/, std::string_view line) override {
    // Without klog's header.
    if (const auto header = line.find("] "); header != std::string_view::npos) {
      line.remove_prefix(header + 2);
    }
    newest = line.substr(0, line.find('\n'));
  }
  void on_exit(std::size_t /*child*/, const process::ExitStatus& status) override { exit = status; }
  bool serving = false;
  std::string newest;  // line of its stderr
  std::optional<process::ExitStatus> exit;
};

}  // namespace

Result<std::string> current_namespace(const ConnectionOptions& options) {
  KTS_TRY(std::vector<std::string> argv, kubectl_command(options));
  argv.insert(argv.end(),
              {"config", "view", "--minify", "--output=jsonpath={.contexts[0].context.namespace}"});
  process::RunOptions limits;
  limits.timeout = options.start_timeout;
  limits.interrupt_fd = options.interrupt_fd;
  KTS_TRY(const process::Ran ran, process::run({std::move(argv), {}}, limits));
  return ran.status.success() && !ran.output.empty() ? ran.output : "default";
}

struct Connection::State {
  explicit State(TemporaryDirectory directory) : folder(std::move(directory)) {}

  TemporaryDirectory folder;
  ProxyListener proxy;
  process::Fleet fleet{proxy};
  std::size_t child = 0;
  std::unique_ptr<CurlTransport> http;
  std::string server_version;
  int interrupt_fd = -1;
  MonotonicTime waited_for_its_end{};

  // Takes what the proxy said meanwhile, so that it never blocks on a full pipe.
  void listen() { (void)fleet.wait(MonotonicTimeline::now()); }
  [[nodiscard]] Error ended() const {
    return explain_kubectl(process::describe(*proxy.exit), fleet.last_words(child));
  }
  void explain(Error& error) {
    // It may be ending just now; of many streams that were cut at once only the first waits.
    const MonotonicTime begin = MonotonicTimeline::now();
    if (begin - waited_for_its_end > 2s) {
      while (!proxy.exit && MonotonicTimeline::now() < begin + 250ms) {
        (void)fleet.wait(begin + 250ms);
      }
      waited_for_its_end = MonotonicTimeline::now();
    }
    if (proxy.exit) {
      error = ended();
    } else if (!proxy.newest.empty()) {
      error.message += fmt::format(" (kubectl proxy: {})", proxy.newest);
    }
  }
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
// The proxy keeps no state: it is killed, with whatever it started, and its folder removed.
Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::open(const ConnectionOptions& options) {
  KTS_TRY(std::vector<std::string> argv, kubectl_command(options));
  KTS_TRY(TemporaryDirectory folder, make_folder());
  std::unique_ptr<Connection> connection(
      new Connection(std::make_unique<State>(std::move(folder))));
  State& state = *connection->state_;
  const auto socket = state.folder.path() / "s";

  argv.insert(argv.end(), {"proxy", "--unix-socket=" + socket.string()});
  KTS_TRY(state.child, state.fleet.start({argv, {}}));
  // A question for a password finds no one, and ends at once.
  state.fleet.close_input(state.child);

  state.interrupt_fd = options.interrupt_fd;
  KTS_TRY(state.http, CurlTransport::create(socket, options.interrupt_fd));
  const MonotonicTime deadline = MonotonicTimeline::now() + options.start_timeout;
  while (!state.proxy.serving && !state.proxy.exit) {
    if (MonotonicTimeline::now() >= deadline) {
      return environment_lacks(fmt::format("kubectl proxy didn't begin to serve within {}",
                                           format_duration(options.start_timeout)),
                               "kubectl get nodes must work");
    }
    KTS_CHECK_OK(state.fleet.wait(deadline, options.interrupt_fd));
    if (process::is_readable(options.interrupt_fd))
      return fail(ErrorCode::kInterrupted, "interrupted");
  }
  if (state.proxy.exit) return tl::unexpected(state.ended());

  state.http->explain_failures([&state](Error& error) { state.explain(error); });
  Client client(*connection, options.start_timeout);
  auto version = client.get("/version");
  if (!version) return tl::unexpected<Error>(std::move(version).error());
  state.server_version = (*version)["gitVersion"].text();
  return connection;
}

const std::string& Connection::server_version() const { return state_->server_version; }

Result<Response> Connection::send(const Request& request) {
  state_->listen();
  return state_->http->send(request);
}
StreamId Connection::open(const std::string& path, StreamListener& listener,
                          const StreamOptions& options) {
  return state_->http->open(path, listener, options);
}
void Connection::close(StreamId stream) { state_->http->close(stream); }
Status Connection::wait(MonotonicTime deadline, int wake_fd) {
  state_->listen();
  const int interrupt_fd = state_->interrupt_fd;
  KTS_CHECK_OK(state_->http->wait(deadline, wake_fd >= 0 ? wake_fd : interrupt_fd));
  if (wake_fd < 0 && process::is_readable(interrupt_fd))
    return fail(ErrorCode::kInterrupted, "interrupted");
  return {};
}
MonotonicTime Connection::now() const { return state_->http->now(); }

}  // namespace kts::kube
