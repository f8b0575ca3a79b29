// SPDX-License-Identifier: Apache-2.0
#include "fake_transport.hpp"

#include <sstream>

namespace kts::kube {

void FakeTransport::answer(const std::string& method, const std::string& path, int status,
                           std::string body) {
  answers_[method + " " + path].emplace_back(Response{status, std::move(body)});
}

void FakeTransport::refuse_to_connect(const std::string& method, const std::string& path) {
  answers_[method + " " + path].emplace_back(environment_lacks("no connection"));
}

std::string FakeTransport::status_body(const std::string& reason, const std::string& message,
                                       int code) {
  return R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":")" + reason +
         R"(","message":")" + message + R"(","code":)" + std::to_string(code) + "}";
}

FakeTransport::Answers::iterator FakeTransport::find(const std::string& method,
                                                     const std::string& path) {
  const auto found = answers_.find(method + " " + path);
  if (found != answers_.end()) return found;
  return answers_.find(method + " " + path.substr(0, path.find('?')));
}

Result<Response> FakeTransport::send(const Request& request) {
  requests.push_back(request);
  const auto found = find(request.method, request.path);
  if (found == answers_.end()) {
    return Response{404, status_body("NotFound", "the fake knows no " + request.path, 404)};
  }
  Result<Response> response = found->second.front();
  if (found->second.size() > 1) found->second.pop_front();
  return response;
}

StreamId FakeTransport::open(const std::string& path, StreamListener& listener,
                             const StreamOptions& options) {
  opened.push_back({opened.size() + 1, path, options, &listener, now(), false});
  return opened.back().id;
}

void FakeTransport::close(StreamId stream) { opened.at(stream - 1).closed = true; }

Status FakeTransport::wait(MonotonicTime deadline, int /*wake_fd*/) {
  bool happened = false;
  // By number: listeners open more.
  for (std::size_t i = 0; i < opened.size(); ++i) {
    const Opened stream = opened[i];
    const auto found = find("STREAM", stream.path);
    if (stream.closed || found == answers_.end()) continue;
    happened = true;
    opened[i].closed = true;
    StreamEnd end;
    if (const auto& answer = found->second.front(); !answer) {
      end.broken = tl::unexpected(answer.error());
    } else if (answer->status != 200) {
      end.response = *answer;
    } else {
      end.response.status = 200;
      std::istringstream lines(answer->body);
      for (std::string line; std::getline(lines, line);) stream.listener->on_line(stream.id, line);
    }
    stream.listener->on_end(stream.id, end);
  }
  if (happened) return {};
  clock.sleep_until(deadline);
  for (std::size_t i = 0; i < opened.size(); ++i) {
    const Opened stream = opened[i];
    const Nanoseconds limit = stream.options.idle_timeout;
    if (stream.closed || limit.count() == 0 || stream.at + limit > now()) continue;
    opened[i].closed = true;
    stream.listener->on_end(stream.id, {environment_lacks("nothing came"), {}});
  }
  return {};
}

void FakeTransport::feed(const std::string& line) {
  if (!last().closed) last().listener->on_line(last().id, line);
}

void FakeTransport::end(const StreamEnd& how) {
  if (last().closed) return;
  last().closed = true;
  last().listener->on_end(last().id, how);
}

}  // namespace kts::kube
