// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/watch.hpp"

namespace kts::kube {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// Between two attempts; also after an end in good order, so that a server which ends every watch
// at once isn't asked without pause.
constexpr Nanoseconds kPause = 250ms;

ApiError error_of(const std::string& path, const Value& status) {
  return to_error("GET", path, static_cast<int>(status["code"].integer().value_or(500)),
                  status.dump());
}

}  // namespace

Watch::Watch(Client& client, std::string path, Options options, Listener& listener)
    : client_(client), path_(std::move(path)), options_(std::move(options)), listener_(listener) {}

Watch::~Watch() {
  if (stream_) client_.transport().close(*stream_);
}

Answer<void> Watch::start() {
  auto state = client_.list(path_, options_.list);
  if (!state) return tl::unexpected(std::move(state).error());
  resource_version_ = state->resource_version;
  listener_.on_state(state->items);
  open(0ms);
  return {};
}

void Watch::open(Nanoseconds delay) {
  Query query{{"watch", "true"},
              {"allowWatchBookmarks", "true"},
              {"resourceVersion", resource_version_},
              {"timeoutSeconds", std::to_string(options_.renew_every.count())}};
  if (!options_.list.label_selector.empty()) {
    query.emplace_back("labelSelector", options_.list.label_selector);
  }
  if (!options_.list.field_selector.empty()) {
    query.emplace_back("fieldSelector", options_.list.field_selector);
  }
  StreamOptions how;
  how.start_at = client_.transport().now() + delay;
  // A connection that died without a word is noticed by the end that doesn't come.
  how.idle_timeout = options_.renew_every + 10s;
  stream_ = client_.transport().open(with_query(path_, query), *this, how);
}

void Watch::failed(const ApiError& error) {
  stream_.reset();
  const MonotonicTime now = client_.transport().now();
  if (!failing_since_) failing_since_ = now;
  const bool final = error.http_status >= 400 && error.http_status < 500 && !error.gone() &&
                     error.http_status != 429;
  if (final || error.code == ErrorCode::kInterrupted ||
      now - *failing_since_ >= options_.give_up_after) {
    listener_.on_failure(error);
    return;
  }
  open(kPause);
}

void Watch::list_again() {
  auto state = client_.list(path_, options_.list);
  if (!state) {
    failed(state.error());
    return;
  }
  resource_version_ = state->resource_version;
  failing_since_.reset();
  open(kPause);
  listener_.on_state(state->items);
}

void Watch::on_line(StreamId /*stream*/, std::string_view line) {
  const auto event = Value::parse(line);
  const std::string type = event ? (*event)["type"].text() : std::string();
  if (type == "ERROR") {
    client_.transport().close(*stream_);
    stream_.reset();
    const ApiError error = error_of(path_, (*event)["object"]);
    if (error.gone()) {
      list_again();
    } else {
      failed(error);
    }
    return;
  }
  const std::string version =
      event ? (*event)["object"]["metadata"]["resourceVersion"].text() : std::string();
  if (version.empty()) {
    client_.transport().close(*stream_);
    failed(
        Error{ErrorCode::kEnvironment, "an event of a watch is not to be understood", {}, path_});
    return;
  }
  resource_version_ = version;
  failing_since_.reset();
  using Change = Listener::Change;
  const Value object = (*event)["object"];
  if (type == "ADDED") listener_.on_change(Change::kAdded, object);
  if (type == "MODIFIED") listener_.on_change(Change::kModified, object);
  if (type == "DELETED") listener_.on_change(Change::kDeleted, object);
}

void Watch::on_end(StreamId /*stream*/, const StreamEnd& end) {
  stream_.reset();
  const int status = end.response.status;
  if (!end.broken) {
    failed(end.broken.error());
  } else if (status == 410) {
    list_again();
  } else if (status < 200 || status >= 300) {
    failed(to_error("GET", with_query(path_, {{"watch", "true"}}), status, end.response.body));
  } else {
    open(kPause);
  }
}

}  // namespace kts::kube
