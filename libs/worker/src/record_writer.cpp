// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/record_writer.hpp"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "kts/record/codec.hpp"

namespace kts::worker {
namespace {

constexpr std::size_t kBuffer = 65536;

std::int64_t shifted(std::int64_t ns, Nanoseconds by) {
  return ns == record::kUnavailable ? ns : ns + by.count();
}

}  // namespace

RecordWriter::RecordWriter(int fd, RecordFormat format, StopFlag& stop, std::size_t capacity)
    : fd_(fd), format_(std::move(format)), stop_(stop), ring_(capacity), buffer_(kBuffer, '\0') {
  thread_ = std::thread([this] { live(); });
}

RecordWriter::~RecordWriter() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Status RecordWriter::drain() {
  std::unique_lock lock(mutex_);
  const std::uint64_t mine = ++asked_;
  wake_.notify_one();
  drained_.wait(lock, [&] { return answered_ >= mine; });
  if (const int error = errno_.load()) {
    return environment_lacks(with_errno("records can't be written", error),
                             error == EPIPE ? "keep the reader of standard output open"
                                            : "make room where standard output goes");
  }
  return {};
}

Status RecordWriter::write_line(std::string_view line) {
  KTS_CHECK_OK(drain());
  write_all(line);
  return errno_.load() == 0 ? Status{} : drain();
}

void RecordWriter::live() {
  pthread_setname_np(pthread_self(), "kts-writer");
  std::unique_lock lock(mutex_);
  while (!leaving_) {
    wake_.wait_for(lock, kFlushEvery, [&] { return leaving_ || answered_ != asked_; });
    const std::uint64_t asked = asked_;
    lock.unlock();
    write_out();
    lock.lock();
    answered_ = asked;
    drained_.notify_all();
  }
}

void RecordWriter::write_out() {
  char* const begin = buffer_.data();
  char* out = begin;
  std::variant<record::Iteration, record::Token, record::Step> next;
  while (ring_.pop(next)) {
    out = std::visit([&](const auto& record) { return take(out, record); }, next);
    if (static_cast<std::size_t>(out - begin) > kBuffer - record::kMaxRecordLine) {
      write_all({begin, static_cast<std::size_t>(out - begin)});
      out = begin;
    }
  }
  write_all({begin, static_cast<std::size_t>(out - begin)});
}

void RecordWriter::write_all(std::string_view bytes) {
  while (!bytes.empty() && errno_.load() == 0) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      errno_.store(errno);
      stop_.raise(StopRequest::kInterrupt);
    }
  }
}

char* RecordWriter::take(char* out, const record::Iteration& iteration) {
  latency_.add(length_ns(iteration, record::Measure::kLatency));
  const std::int64_t gpu_time = length_ns(iteration, record::Measure::kGpuTime);
  if (gpu_time != record::kUnavailable) gpu_time_.add(gpu_time);
  if (is_request(iteration)) {
    ttft_.add(length_ns(iteration, record::Measure::kTtft));
    last_token_ = {iteration.seq, 0, iteration.first_token_ns};
  }

  record::Iteration i = iteration;
  for (std::int64_t* instant :
       {&i.due_ns, &i.submit_ns, &i.gpu_start_ns, &i.gpu_end_ns, &i.done_ns, &i.first_token_ns}) {
    *instant = shifted(*instant, format_.epoch.value);
  }
  if (format_.version == RecordVersion::kV2) return record::format_v2(out, format_.agent, i);
  return record::format_v1(out, format_.kind, format_.phase, i,
                           length_ns(i, record::Measure::kGpuTime));
}

char* RecordWriter::take(char* out, const record::Step& step) const {
  if (format_.version == RecordVersion::kV1) return out;
  return record::format_step(out, format_.agent, format_.chains.at(step.chain), step);
}

char* RecordWriter::take(char* out, const record::Token& token) {
  if (token.seq == last_token_.seq && token.index == last_token_.index + 1) {
    itl_.add(token.done_ns - last_token_.done_ns);
  }
  last_token_ = token;
  if (format_.version == RecordVersion::kV1) return out;
  record::Token t = token;
  t.done_ns += format_.epoch.value.count();
  return record::format_token(out, format_.agent, t);
}

}  // namespace kts::worker
