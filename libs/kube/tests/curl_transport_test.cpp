// SPDX-License-Identifier: Apache-2.0
#include "curl_transport.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "http_server.hpp"
#include "kts/base/files.hpp"
#include "kts/kube/client.hpp"
#include "kts/kube/watch.hpp"
#include "line_buffer.hpp"

namespace kts::kube::curl_transport_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr auto kPlenty = 60s;

class Lines final : public StreamListener {
 public:
  void on_line(StreamId stream, std::string_view line) override {
    lines[stream].emplace_back(line);
  }
  void on_end(StreamId stream, const StreamEnd& end) override { ends.emplace(stream, end); }
  std::map<StreamId, std::vector<std::string>> lines;
  std::map<StreamId, StreamEnd> ends;
};

class CurlTest : public testing::Test {
 protected:
  void serve(HttpServer::Handler handler) {
    server_ = std::make_unique<HttpServer>(folder_.path() / "s", std::move(handler));
    http_ = *CurlTransport::create(folder_.path() / "s");
  }
  void run_until_ended(std::size_t streams) {
    const MonotonicTime deadline = MonotonicTimeline::now() + kPlenty;
    while (lines_.ends.size() < streams && MonotonicTimeline::now() < deadline) {
      ASSERT_TRUE(http_->wait(deadline, -1));
    }
    ASSERT_EQ(lines_.ends.size(), streams);
  }
  TemporaryDirectory folder_ = *TemporaryDirectory::create("kts-test");
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<CurlTransport> http_;
  Lines lines_;
};

TEST_F(CurlTest, BodiesGoBothWays) {
  std::string head;
  serve([&](const HttpRequest& request, HttpPeer& peer) {
    head = request.head;
    peer.reply(201, request.method + " " + request.path + " " + request.body);
  });
  const auto response = http_->send(
      {.method = "PATCH", .path = "/a/b?c=d", .content_type = "application/json", .body = "{}"});
  ASSERT_TRUE(response) << to_line(response.error());
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "PATCH /a/b?c=d {}");
  EXPECT_THAT(head, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(head, HasSubstr("Host: localhost"));
  EXPECT_THAT(head, testing::Not(HasSubstr("Expect")));
}

TEST_F(CurlTest, EveryStatusIsAnAnswer) {
  serve([](const HttpRequest& request, HttpPeer& peer) {
    peer.reply(std::stoi(request.path.substr(1)), "why");
  });
  for (const int status : {200, 403, 404, 409, 410, 422, 500}) {
    const auto response = http_->send({.path = "/" + std::to_string(status)});
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, status);
    EXPECT_EQ(response->body, "why");
  }
}

TEST_F(CurlTest, ASlowServerIsAnErrorInTime) {
  serve([](const HttpRequest&, HttpPeer& peer) { peer.wait_for_hang_up(); });
  const auto response = http_->send({.path = "/", .timeout = 30ms});
  ASSERT_FALSE(response);
  EXPECT_EQ(exit_code(response.error()), 4);
  EXPECT_EQ(response.error().message, "the API server gave no answer within 30ms");
}

TEST_F(CurlTest, ACutAnswerIsAnError) {
  serve([](const HttpRequest&, HttpPeer& peer) {
    peer.raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":");
    peer.cut();
  });
  const auto response = http_->send({.path = "/"});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().message, "the connection to the API server was cut");
}

TEST_F(CurlTest, NobodyListeningIsAnError) {
  http_ = *CurlTransport::create(folder_.path() / "nobody");
  http_->explain_failures([](Error& error) { error.message += ", and why"; });
  const auto response = http_->send({.path = "/"});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().message, "kubectl proxy doesn't take connections, and why");
}

TEST_F(CurlTest, TheUsersWishToEndEndsAWait) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  serve([](const HttpRequest&, HttpPeer& peer) { peer.wait_for_hang_up(); });
  http_ = *CurlTransport::create(folder_.path() / "s", ends[0]);
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  const auto response = http_->send({.path = "/", .timeout = kPlenty});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kInterrupted);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(CurlTest, AnInterruptionAmidStreamsIsTheWakersAffair) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  serve([](const HttpRequest&, HttpPeer& peer) { peer.wait_for_hang_up(); });
  http_->open("/", lines_, {});
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  ASSERT_TRUE(http_->wait(MonotonicTimeline::now() + kPlenty, ends[0]));
  EXPECT_TRUE(lines_.ends.empty());
  close(ends[0]);
  close(ends[1]);
}

TEST_F(CurlTest, LinesAreWholeHoweverTheyWereCut) {
  serve([](const HttpRequest&, HttpPeer& peer) {
    peer.begin_chunks();
    for (const char* piece : {"one\ntw", "o\r\n", "", "thr", "ee\n\nlast"}) {
      if (*piece != '\0') peer.chunk(piece);
    }
    peer.end_chunks();
  });
  const StreamId id = http_->open("/", lines_, {});
  run_until_ended(1);
  EXPECT_THAT(lines_.lines[id], ElementsAre("one", "two", "three", "", "last"));
  EXPECT_TRUE(lines_.ends.at(id).broken);
  EXPECT_EQ(lines_.ends.at(id).response.status, 200);
}

TEST_F(CurlTest, ACutStreamSaysSo) {
  serve([](const HttpRequest&, HttpPeer& peer) {
    peer.begin_chunks();
    peer.chunk("one\nha");
    peer.cut();
  });
  const StreamId id = http_->open("/", lines_, {});
  run_until_ended(1);
  EXPECT_THAT(lines_.lines[id], ElementsAre("one", "ha"));
  ASSERT_FALSE(lines_.ends.at(id).broken);
  EXPECT_EQ(lines_.ends.at(id).broken.error().message, "the connection to the API server was cut");
}

TEST_F(CurlTest, ARefusedStreamKeepsItsReason) {
  serve([](const HttpRequest&, HttpPeer& peer) { peer.reply(410, "{\"kind\":\n\"Status\"}"); });
  const StreamId id = http_->open("/", lines_, {});
  run_until_ended(1);
  EXPECT_TRUE(lines_.lines.empty());
  EXPECT_TRUE(lines_.ends.at(id).broken);
  EXPECT_EQ(lines_.ends.at(id).response.status, 410);
  EXPECT_EQ(lines_.ends.at(id).response.body, "{\"kind\":\n\"Status\"}");
}

TEST_F(CurlTest, ASilentStreamIsCut) {
  serve([](const HttpRequest&, HttpPeer& peer) {
    peer.begin_chunks();
    peer.chunk("one\n");
    peer.wait_for_hang_up();
  });
  const StreamId id = http_->open("/", lines_, {.idle_timeout = 50ms});
  run_until_ended(1);
  EXPECT_THAT(lines_.lines[id], ElementsAre("one"));
  EXPECT_EQ(lines_.ends.at(id).broken.error().message, "nothing came for 50ms");
}

TEST_F(CurlTest, AHugeLineEndsItsStreamAlone) {
  serve([](const HttpRequest& request, HttpPeer& peer) {
    peer.begin_chunks();
    const std::string block(1 << 20, 'x');
    const int blocks = request.path == "/huge" ? 18 : 15;
    for (int i = 0; i < blocks && !peer.is_cut(); ++i) peer.chunk(block);
    peer.chunk("\n");
    peer.end_chunks();
  });
  const StreamId huge = http_->open("/huge", lines_, {});
  const StreamId long_one = http_->open("/long", lines_, {});
  run_until_ended(2);
  EXPECT_THAT(lines_.ends.at(huge).broken.error().message, HasSubstr("16 MiB"));
  EXPECT_TRUE(lines_.ends.at(long_one).broken);
  ASSERT_EQ(lines_.lines[long_one].size(), 1U);
  EXPECT_EQ(lines_.lines[long_one][0].size(), 15U << 20);
}

TEST_F(CurlTest, ManyStreamsFlowAtOnce) {
  constexpr std::size_t kStreams = 64;
  serve([](const HttpRequest& request, HttpPeer& peer) {
    peer.begin_chunks();
    for (int i = 0; i < 100; ++i) peer.chunk(request.path + "\n");
    peer.end_chunks();
  });
  for (std::size_t i = 0; i < kStreams; ++i) {
    http_->open("/" + std::to_string(i), lines_, {});
  }
  run_until_ended(kStreams);
  for (const auto& [id, lines] : lines_.lines) {
    EXPECT_EQ(lines, std::vector<std::string>(100, "/" + std::to_string(id - 1)));
  }
}

class Closer final : public StreamListener {
 public:
  explicit Closer(CurlTransport& http) : http_(http) {}
  void on_line(StreamId stream, std::string_view /*line*/) override {
    ++lines;
    http_.close(stream);
    http_.open("/", *this, {.start_at = http_.now() + 1h});
  }
  void on_end(StreamId /*stream*/, const StreamEnd& /*end*/) override { ++ends; }
  int lines = 0, ends = 0;

 private:
  CurlTransport& http_;
};

TEST_F(CurlTest, AListenerMayCloseItsStreamAndOpenAnother) {
  serve([](const HttpRequest&, HttpPeer& peer) {
    peer.begin_chunks();
    peer.chunk("one\ntwo\n");
    peer.wait_for_hang_up();
  });
  Closer closer(*http_);
  http_->open("/", closer, {});
  ASSERT_TRUE(http_->wait(MonotonicTimeline::now() + kPlenty, -1));
  ASSERT_TRUE(http_->wait(MonotonicTimeline::now(), -1));
  EXPECT_EQ(closer.lines, 1);
  EXPECT_EQ(closer.ends, 0);
}

class Names final : public Watch::Listener {
 public:
  void on_state(const std::vector<Value>& objects) override { states.push_back(objects.size()); }
  void on_change(Change /*change*/, const Value& object) override {
    names.push_back(object["metadata"]["name"].text());
  }
  void on_failure(const ApiError& error) override { failure = error.message; }
  std::vector<std::size_t> states;
  std::vector<std::string> names;
  std::string failure;
};

// What an API server does to a watch in its life: events, a cut, a forgotten version, an end.
TEST_F(CurlTest, AWatchLivesThroughCutsAndForgottenVersions) {
  std::atomic<int> watches{0};
  serve([&](const HttpRequest& request, HttpPeer& peer) {
    if (request.path.find("watch=true") == std::string::npos) {
      peer.reply(200, R"({"metadata":{"resourceVersion":"1"},"items":[{}]})");
      return;
    }
    const auto event = [&](const char* name, const char* version) {
      peer.chunk(std::string(R"({"type":"ADDED","object":{"metadata":{"name":")") + name +
                 R"(","resourceVersion":")" + version + "\"}}}\n");
    };
    peer.begin_chunks();
    switch (++watches) {
      case 1:
        event("a", "2");
        peer.chunk(R"({"type":"ADDED","obj)");
        peer.cut();
        break;
      case 2:
        event(request.path.find("resourceVersion=2&") != std::string::npos ? "b" : "?", "3");
        peer.chunk(R"({"type":"ERROR","object":{"kind":"Status","code":410}})"
                   "\n");
        peer.end_chunks();
        break;
      default:
        event("c", "4");
        peer.wait_for_hang_up();
    }
  });
  Client client(*http_);
  Names names;
  Watch watch(client, "/api/v1/pods", {}, names);
  ASSERT_TRUE(watch.start());
  const MonotonicTime deadline = MonotonicTimeline::now() + kPlenty;
  while (names.names.size() < 3 && names.failure.empty() && MonotonicTimeline::now() < deadline) {
    ASSERT_TRUE(http_->wait(deadline, -1));
  }
  EXPECT_THAT(names.names, ElementsAre("a", "b", "c"));
  EXPECT_THAT(names.states, ElementsAre(1U, 1U));
}

TEST(CurlTransport, TooLongASocketPathIsRefused) {
  EXPECT_FALSE(CurlTransport::create("/" + std::string(120, 'x')));
}

TEST(LineBuffer, TakesBytesInPiecesOfAnySize) {
  LineBuffer lines(8);
  EXPECT_TRUE(lines.add("ab"));
  EXPECT_FALSE(lines.next());
  EXPECT_TRUE(lines.add("c\nd"));
  EXPECT_EQ(lines.next(), "abc");
  EXPECT_FALSE(lines.next());
  EXPECT_TRUE(lines.add("1234567"));
  EXPECT_FALSE(lines.add("8"));
  EXPECT_EQ(lines.rest(), "d1234567");
  EXPECT_EQ(lines.rest(), "");
}

}  // namespace
}  // namespace kts::kube::curl_transport_test
