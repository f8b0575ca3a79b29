// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/connection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "http_server.hpp"
#include "kts/base/files.hpp"
#include "kts/kube/client.hpp"
#include "kubectl.hpp"

namespace kts::kube::connection_test {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

// Scripts that play kubectl's part.
class ConnectionTest : public testing::Test {
 protected:
  ConnectionOptions with(const std::string& script) {
    const auto path = folder_.path() / "kubectl";
    std::ofstream(path) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    ConnectionOptions options;
    options.kubectl = {path.string()};
    return options;
  }
  static std::string line_of(const Result<std::unique_ptr<Connection>>& connection) {
    return connection ? "opened" : to_line(connection.error());
  }
  TemporaryDirectory folder_ = *TemporaryDirectory::create("kts-test");
};

TEST_F(ConnectionTest, AnUnknownContextIsSaid) {
  const auto connection =
      Connection::open(with("echo 'error: context \"zz\" does not exist' >&2; exit 1"));
  EXPECT_EQ(line_of(connection),
            "the kubeconfig has no such context (error: context \"zz\" does not exist); kubectl "
            "config get-contexts lists them");
  EXPECT_EQ(exit_code(connection.error()), 4);
}

TEST_F(ConnectionTest, AnUnreadableKubeconfigIsSaid) {
  const auto connection =
      Connection::open(with("echo 'error: stat /nope: no such file or directory' >&2; exit 1"));
  EXPECT_THAT(line_of(connection), HasSubstr("the kubeconfig can't be read (error: stat /nope"));
}

TEST_F(ConnectionTest, AnyOtherEndIsSaidInItsOwnWords) {
  EXPECT_THAT(line_of(Connection::open(with("echo 'it is Monday' >&2; exit 3"))),
              HasSubstr("kubectl proxy ended (exit status 3): it is Monday"));
}

TEST_F(ConnectionTest, AProxyThatNeverServesIsEnded) {
  ConnectionOptions options = with("exec sleep 1000");
  options.start_timeout = 50ms;
  EXPECT_THAT(line_of(Connection::open(options)), HasSubstr("didn't begin to serve within 50ms"));
}

TEST_F(ConnectionTest, TheUsersWishToEndIsObeyedWhileItStarts) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  ConnectionOptions options = with("exec sleep 1000");
  options.interrupt_fd = ends[0];
  const auto connection = Connection::open(options);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, ErrorCode::kInterrupted);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(ConnectionTest, AMissingProgramIsSaid) {
  ConnectionOptions options;
  options.kubectl = {"/nope/kubectl"};
  EXPECT_THAT(line_of(Connection::open(options)), HasSubstr("/nope/kubectl: cannot be executed"));
}

// The script hands its socket's path to the test, whose own server then listens there.
class ServedTest : public ConnectionTest {
 protected:
  ConnectionOptions served(const std::string& afterwards) {
    ConnectionOptions options = with(
        "for a; do case $a in --unix-socket=*) s=${a#*=};; esac; done\n"
        "echo \"$@\" > " +
        arguments().string() +
        "\n"
        "echo \"$s\" > " +
        note().string() + ".part && mv " + note().string() + ".part " + note().string() +
        "\n"
        "while ! [ -S \"$s\" ]; do sleep 0.01; done\n"
        "echo \"Starting to serve on $s\"\n" +
        afterwards + "\n");
    return options;
  }
  void serve_when_asked(HttpServer::Handler handler) {
    thread_ = std::thread([this, handler = std::move(handler)] {
      wait_for(note());
      std::string socket;
      std::ifstream(note()) >> socket;
      server_ = std::make_unique<HttpServer>(socket, handler);
      socket_ = socket;
    });
  }
  static void wait_for(const std::filesystem::path& file) {
    for (int i = 0; i < 6000 && !std::filesystem::exists(file); ++i) {
      std::this_thread::sleep_for(10ms);
    }
  }
  void TearDown() override {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] std::filesystem::path note() const { return folder_.path() / "socket"; }
  [[nodiscard]] std::filesystem::path arguments() const { return folder_.path() / "arguments"; }
  std::thread thread_;
  std::unique_ptr<HttpServer> server_;
  std::filesystem::path socket_;
};

TEST_F(ServedTest, OpensAndLeavesNothingBehind) {
  serve_when_asked(
      [](const HttpRequest&, HttpPeer& peer) { peer.reply(200, R"({"gitVersion":"v1.31.4"})"); });
  ConnectionOptions options = served("exec sleep 1000");
  options.context = "prod";
  options.kubeconfig = "/some/where";
  std::filesystem::path folder;
  {
    const auto connection = Connection::open(options);
    ASSERT_TRUE(connection) << line_of(connection);
    EXPECT_EQ((*connection)->server_version(), "v1.31.4");
    thread_.join();
    folder = socket_.parent_path();
    EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms::owner_all);
    EXPECT_LT(socket_.native().size(), 108U);
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_THAT(*read_file(arguments()), HasSubstr("--context=prod --kubeconfig=/some/where proxy"));
}

TEST_F(ServedTest, ALongTmpdirIsGotAround) {
  const auto deep = folder_.path() / std::string(100, 'd');
  ASSERT_TRUE(make_directories(deep));
  setenv("TMPDIR", deep.c_str(), 1);
  serve_when_asked([](const HttpRequest&, HttpPeer& peer) { peer.reply(200, "{}"); });
  const auto connection = Connection::open(served("exec sleep 1000"));
  unsetenv("TMPDIR");
  EXPECT_TRUE(connection) << line_of(connection);
}

TEST_F(ServedTest, LastWordsOfAProxyThatDiesAreReported) {
  const auto asked = folder_.path() / "asked";
  const auto dying = folder_.path() / "dying";
  serve_when_asked([=](const HttpRequest& request, HttpPeer& peer) {
    if (request.path == "/version") {
      peer.reply(200, "{}");
      return;
    }
    std::ofstream(asked) << "";
    wait_for(dying);
    peer.cut();
  });
  const auto connection =
      Connection::open(served("while ! [ -e " + asked.string() + " ]; do sleep 0.01; done\n" +
                              "echo 'token expired' >&2; : > " + dying.string() + "; exit 1"));
  ASSERT_TRUE(connection) << line_of(connection);
  const auto response = (*connection)->send({.path = "/api"});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().message, "kubectl proxy ended (exit status 1): token expired");
}

TEST_F(ConnectionTest, TheNamespaceIsThatOfTheContext) {
  ConnectionOptions options = with(
      "[ \"$*\" = '--context=prod config view --minify "
      "--output=jsonpath={.contexts[0].context.namespace}' ] && printf agents");
  options.context = "prod";
  EXPECT_EQ(current_namespace(options).value_or("?"), "agents");
}

TEST_F(ConnectionTest, WithoutANamespaceOrAContextItIsDefault) {
  EXPECT_EQ(current_namespace(with("exit 0")).value_or("?"), "default");
  EXPECT_EQ(
      current_namespace(with("echo 'error: current-context must exist' >&2; exit 1")).value_or("?"),
      "default");
}

TEST(FindKubectl, WithoutAnyTheWayToGetOneIsSaid) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nope", 1);
  const auto found = find_kubectl();
  setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(found);
  EXPECT_EQ(exit_code(found.error()), 4);
  EXPECT_THAT(found.error().hint, HasSubstr("kubernetes-client"));
}

TEST(FindKubectl, K3sHasOneInside) {
  const auto folder = *TemporaryDirectory::create("kts-test");
  std::ofstream(folder.path() / "k3s") << "";
  std::filesystem::permissions(folder.path() / "k3s", std::filesystem::perms::owner_all);
  const std::string path = std::getenv("PATH");
  setenv("PATH", folder.path().c_str(), 1);
  const auto found = find_kubectl();
  setenv("PATH", path.c_str(), 1);
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, testing::ElementsAre((folder.path() / "k3s").string(), "kubectl"));
}

}  // namespace
}  // namespace kts::kube::connection_test
