// SPDX-License-Identifier: Apache-2.0
#include "curl_transport.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "kts/base/units.hpp"
#include "kts/process/wait.hpp"
#include "line_buffer.hpp"

namespace kts::kube {
namespace {

constexpr std::size_t kLargestAnswer = 256U << 20;
constexpr std::size_t kKeptOfARefusal = 64U << 10;

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
struct HeadersDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, HeadersDeleter>;

int status_of(CURL* easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

bool succeeded(int status) { return status >= 200 && status < 300; }

void set_target(CURL* easy, const std::filesystem::path& socket, const std::string& path) {
  curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(easy, CURLOPT_URL, ("http://localhost" + path).c_str());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
  // ".." in a proxied path is the other server's affair.
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
}

using WriteFunction = std::size_t (*)(char*, std::size_t, std::size_t, void*);

struct Collected {
  std::string body;
  bool too_large = false;
};
std::size_t collect(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& collected = *static_cast<Collected*>(user);
  if (collected.body.size() + size * count > kLargestAnswer) {
    collected.too_large = true;
    return 0;
  }
  collected.body.append(bytes, size * count);
  return size * count;
}

}  // namespace

struct CurlTransport::Multi {
  Multi() : handle(curl_multi_init()) {}
  ~Multi() { curl_multi_cleanup(handle); }
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;
  CURLM* handle;
};

struct CurlTransport::Stream {
  Stream(StreamListener& to, const StreamOptions& how, CURLM* in)
      : listener(to), options(how), multi(in) {}
  ~Stream() {
    if (started) curl_multi_remove_handle(multi, easy.get());
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  static std::size_t take(char* bytes, std::size_t size, std::size_t count, void* user) {
    auto& stream = *static_cast<Stream*>(user);
    const std::string_view piece(bytes, size * count);
    stream.last_byte = MonotonicTimeline::now();
    if (succeeded(status_of(stream.easy.get()))) {
      stream.too_long = !stream.lines.add(piece);
      return stream.too_long ? 0 : piece.size();
    }
    stream.refusal += piece.substr(0, kKeptOfARefusal - stream.refusal.size());
    return piece.size();
  }

  StreamListener& listener;
  StreamOptions options;
  CURLM* multi;
  Easy easy;
  LineBuffer lines{kMaxLine};
  std::string refusal;
  MonotonicTime last_byte{};
  bool started = false;
  bool too_long = false;
  bool silent = false;
  std::optional<int> result;  // libcurl's, once it is over
};

Result<std::unique_ptr<CurlTransport>> CurlTransport::create(std::filesystem::path socket,
                                                             int interrupt_fd) {
  // A unix socket's path has 108 bytes with its end.
  if (socket.native().size() >= 108) {
    return environment_lacks("the socket's path is too long", "set TMPDIR to a short path",
                             socket.string());
  }
  std::unique_ptr<CurlTransport> transport(new CurlTransport(std::move(socket), interrupt_fd));
  if (transport->requests_->handle == nullptr || transport->stream_multi_->handle == nullptr) {
    return fail(ErrorCode::kInternal, "libcurl can't be initialised");
  }
  return transport;
}

CurlTransport::CurlTransport(std::filesystem::path socket, int interrupt_fd)
    : socket_(std::move(socket)),
      interrupt_fd_(interrupt_fd),
      requests_(std::make_unique<Multi>()),
      stream_multi_(std::make_unique<Multi>()) {}

CurlTransport::~CurlTransport() { streams_.clear(); }

Error CurlTransport::failure(int curl_code, Nanoseconds timeout) const {
  Error error{ErrorCode::kEnvironment, {}, "see whether kubectl get nodes works", {}};
  switch (curl_code) {
    case CURLE_OPERATION_TIMEDOUT:
      error.message =
          fmt::format("the API server gave no answer within {}", format_duration(timeout));
      break;
    case CURLE_COULDNT_CONNECT:
      error.message = "kubectl proxy doesn't take connections";
      break;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      error.message = "the connection to the API server was cut";
      break;
    default:
      error.message = fmt::format("can't speak with the API server: {}",
                                  curl_easy_strerror(static_cast<CURLcode>(curl_code)));
  }
  if (explain_) explain_(error);
  return error;
}

Result<Response> CurlTransport::send(const Request& request) {
  const Easy easy(curl_easy_init());
  if (easy == nullptr) return fail(ErrorCode::kInternal, "libcurl can't be initialised");
  Collected collected;
  set_target(easy.get(), socket_, request.path);
  curl_easy_setopt(easy.get(), CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, static_cast<WriteFunction>(collect));
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &collected);
  Headers headers(curl_slist_append(nullptr, "Accept: application/json, */*"));
  if (!request.body.empty()) {
    curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    const std::string type = "Content-Type: " + request.content_type;
    curl_slist_append(headers.get(), type.c_str());
    curl_slist_append(headers.get(), "Expect:");
  }
  curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());

  CURLM* multi = requests_->handle;
  curl_multi_add_handle(multi, easy.get());
  const MonotonicTime deadline = now() + request.timeout;
  std::optional<int> result;
  bool interrupted = false;
  while (!result && !interrupted && now() < deadline) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) result = message->data.result;
    }
    if (result) break;
    curl_waitfd wake{interrupt_fd_, CURL_WAIT_POLLIN, 0};
    curl_multi_poll(multi, &wake, interrupt_fd_ >= 0 ? 1 : 0, process::poll_timeout_ms(deadline),
                    nullptr);
    interrupted = interrupt_fd_ >= 0 && wake.revents != 0;
  }
  curl_multi_remove_handle(multi, easy.get());
  if (interrupted) return fail(ErrorCode::kInterrupted, "interrupted");
  if (collected.too_large) {
    return environment_lacks("the API server's answer is larger than 256 MiB", "", request.path);
  }
  if (!result) return tl::unexpected(failure(CURLE_OPERATION_TIMEDOUT, request.timeout));
  if (*result != CURLE_OK) return tl::unexpected(failure(*result, request.timeout));
  return Response{status_of(easy.get()), std::move(collected.body)};
}

StreamId CurlTransport::open(const std::string& path, StreamListener& listener,
                             const StreamOptions& options) {
  const StreamId id = ++last_id_;
  auto stream = std::make_unique<Stream>(listener, options, stream_multi_->handle);
  stream->easy = Easy(curl_easy_init());
  if (stream->easy == nullptr) {
    stream->result = CURLE_FAILED_INIT;
  } else {
    CURL* easy = stream->easy.get();
    set_target(easy, socket_, path);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, static_cast<WriteFunction>(Stream::take));
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, stream.get());
  }
  streams_.emplace(id, std::move(stream));
  return id;
}

void CurlTransport::close(StreamId stream) { streams_.erase(stream); }

void CurlTransport::start_due_streams() {
  const MonotonicTime time = now();
  for (const auto& [id, stream] : streams_) {
    if (stream->started || stream->result || stream->options.start_at > time) continue;
    stream->last_byte = time;
    stream->started = true;
    curl_multi_add_handle(stream_multi_->handle, stream->easy.get());
  }
}

void CurlTransport::collect_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(stream_multi_->handle, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    for (const auto& [id, stream] : streams_) {
      if (stream->easy.get() == message->easy_handle) stream->result = message->data.result;
    }
  }
}

void CurlTransport::cut_silent_streams() {
  const MonotonicTime time = now();
  for (const auto& [id, stream] : streams_) {
    const Nanoseconds limit = stream->options.idle_timeout;
    if (!stream->started || stream->result || limit.count() == 0) continue;
    if (time - stream->last_byte < limit) continue;
    stream->silent = true;
    stream->result = CURLE_OPERATION_TIMEDOUT;
  }
}

MonotonicTime CurlTransport::next_timer(MonotonicTime deadline) const {
  for (const auto& [id, stream] : streams_) {
    if (stream->result) continue;
    if (!stream->started) {
      deadline = std::min(deadline, stream->options.start_at);
    } else if (stream->options.idle_timeout.count() > 0) {
      deadline = std::min(deadline, stream->last_byte + stream->options.idle_timeout);
    }
  }
  return deadline;
}

// Listeners may open and close streams, this one too: it is looked up anew after each call.
bool CurlTransport::dispatch() {
  std::vector<StreamId> ids;
  for (const auto& [id, stream] : streams_) ids.push_back(id);
  bool happened = false;
  for (const StreamId id : ids) {
    for (auto found = streams_.find(id); found != streams_.end(); found = streams_.find(id)) {
      Stream& stream = *found->second;
      auto line = stream.lines.next();
      if (!line && stream.result) {
        if (std::string rest = stream.lines.rest(); !rest.empty()) line = std::move(rest);
      }
      if (line) {
        happened = true;
        stream.listener.on_line(id, *line);
        continue;
      }
      if (!stream.result) break;
      happened = true;
      StreamEnd end;
      end.response = {stream.easy == nullptr ? 0 : status_of(stream.easy.get()),
                      std::move(stream.refusal)};
      if (stream.too_long) {
        end.broken = environment_lacks("a line of more than 16 MiB came from the API server");
      } else if (stream.silent) {
        end.broken = environment_lacks(
            fmt::format("nothing came for {}", format_duration(stream.options.idle_timeout)));
      } else if (*stream.result != CURLE_OK) {
        end.broken = tl::unexpected(failure(*stream.result, stream.options.idle_timeout));
      }
      StreamListener& listener = stream.listener;
      streams_.erase(found);
      listener.on_end(id, end);
      break;
    }
  }
  return happened;
}

Status CurlTransport::wait(MonotonicTime deadline, int wake_fd) {
  for (;;) {
    start_due_streams();
    int running = 0;
    curl_multi_perform(stream_multi_->handle, &running);
    collect_finished();
    cut_silent_streams();
    if (dispatch() || now() >= deadline) return {};
    curl_waitfd wake{wake_fd, CURL_WAIT_POLLIN, 0};
    const CURLMcode code = curl_multi_poll(stream_multi_->handle, &wake, wake_fd >= 0 ? 1 : 0,
                                           process::poll_timeout_ms(next_timer(deadline)), nullptr);
    if (code != CURLM_OK) {
      return fail(ErrorCode::kInternal,
                  fmt::format("libcurl can't wait: {}", curl_multi_strerror(code)));
    }
    if (wake_fd >= 0 && wake.revents != 0) return {};
  }
}

}  // namespace kts::kube
