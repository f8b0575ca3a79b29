// SPDX-License-Identifier: Apache-2.0
#include "fake_transport.hpp"

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

Result<Response> FakeTransport::send(const Request& request) {
  requests.push_back(request);
  auto found = answers_.find(request.method + " " + request.path);
  if (found == answers_.end()) {
    found = answers_.find(request.method + " " + request.path.substr(0, request.path.find('?')));
  }
  if (found == answers_.end()) {
    return Response{404, status_body("NotFound", "the fake knows no " + request.path, 404)};
  }
  Result<Response> response = found->second.front();
  if (found->second.size() > 1) found->second.pop_front();
  return response;
}

StreamId FakeTransport::open(const std::string& path, StreamListener& listener,
                             const StreamOptions& options) {
  opened.push_back({opened.size() + 1, path, options, &listener, false});
  return opened.back().id;
}

void FakeTransport::close(StreamId stream) { opened.at(stream - 1).closed = true; }

Status FakeTransport::wait(MonotonicTime deadline, int /*wake_fd*/) {
  clock.sleep_until(deadline);
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
