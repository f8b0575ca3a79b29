// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/recorder.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <semaphore>
#include <span>
#include <thread>

#include "kts/base/files.hpp"
#include "kts/telemetry/sources.hpp"
#include "pace.hpp"
#include "places.hpp"

namespace kts::telemetry::recorder_test {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

const std::string kEventful = in_source("libs/device/tests/data/eventful.json");
const std::string kH200 = in_source("libs/device/tests/data/h200_shared.json");

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::vector<std::string> lines(1);
  const std::string text = read_file(path).value_or("");
  for (const char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  lines.pop_back();
  return lines;
}

const SourceFacts& facts_of(const std::vector<SourceFacts>& all, std::string_view name) {
  return *std::ranges::find(all, name, &SourceFacts::name);
}

// Passes on to a recording, and says when each source was asked.
class Watched final : public device::GpuSource {
 public:
  explicit Watched(const std::string& recording)
      : source_(device::open_recording(recording).value()) {}
  Result<device::DriverInfo> driver() override { return source_->driver(); }
  Result<std::vector<device::Gpu>> gpus() override { return source_->gpus(); }
  Result<device::GpuSample> sample(int index) override {
    auto answer = source_->sample(index);
    samples.release();
    return answer;
  }
  Result<std::vector<device::GpuProcess>> compute_processes(int index) override {
    auto answer = source_->compute_processes(index);
    listed.release();
    return answer;
  }
  Result<device::GpuCounters> counters(int index) override {
    auto answer = source_->counters(index);
    counted.release();
    return answer;
  }
  Result<std::optional<device::GpmSample>> gpm(int index) override {
    auto answer = source_->gpm(index);
    gpms.release();
    return answer;
  }
  Result<std::vector<device::ProcessUse>> process_use(int index, std::int64_t since_us) override {
    asked_since.push_back(since_us);
    auto answer = uses ? *uses : source_->process_use(index, 0);
    used.release();
    return answer;
  }
  Result<std::vector<std::uint64_t>> xid_errors(int index) override {
    auto answer = source_->xid_errors(index);
    xids.release();
    return answer;
  }
  std::map<std::string, std::string> refusals(int index) override {
    return source_->refusals(index);
  }
  std::counting_semaphore<> samples{0}, counted{0}, gpms{0}, listed{0}, used{0}, xids{0};
  std::optional<std::vector<device::ProcessUse>> uses;  // instead of the recording's
  std::vector<std::int64_t> asked_since;                // of the thread until the recorder stopped

 private:
  std::unique_ptr<device::GpuSource> source_;
};

void await(std::counting_semaphore<>& looks, int count) {
  for (int i = 0; i < count; ++i) looks.acquire();
}

class Recorded : public testing::Test {
 protected:
  // All at once, the sources of a recording.
  RecorderOptions options(device::GpuSource* source) {
    RecorderOptions options;
    options.gpus = source;
    options.offset = EpochOffset::measure();
    options.folder = folder_.path();
    options.paces = {1ms, 1ms, 1ms, 1ms, 1ms, 1ms};
    options.thread_cpu = [] { return 0ns; };  // free: a busy machine doesn't slow them
    return options;
  }
  std::vector<std::string> lines(const std::string& file) {
    return lines_of(folder_.path() / file);
  }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
};

std::string without_time(const std::string& line) { return line.substr(line.find(',') + 1); }

TEST_F(Recorded, EveryAnswerIsALineAndARefusedLookIsAGap) {
  Watched source(kEventful);
  auto recorder = Recorder::start(options(&source)).value();
  await(source.samples, 5);
  const auto facts = recorder->stop().value();
  const auto nvml = lines("nvml.csv");
  EXPECT_EQ(nvml[0] + "\n", csv_header(*find_source("nvml")));
  EXPECT_EQ(without_time(nvml[1]), "0,1980,3201,412.500,41,0x0,97,2000000000");
  EXPECT_EQ(without_time(nvml[2]), "0,1980,3201,,43,0x0,98,2000000000");
  EXPECT_EQ(without_time(nvml[3]), "0,1755,3201,699.900,63,0x4,100,2000000000");
  EXPECT_EQ(facts_of(facts, "nvml").gaps, 1U);
  EXPECT_EQ(facts_of(facts, "nvml").file, "nvml.csv");
  EXPECT_EQ(facts_of(facts, "nvml").readings, nvml.size() - 1);
  EXPECT_TRUE(facts_of(facts, "nvml").renewed_every.has_value());
}

TEST_F(Recorded, TheSlowSourcesHaveFilesOfTheirOwn) {
  Watched source(kEventful);
  auto recorder = Recorder::start(options(&source)).value();
  await(source.gpms, 4);
  await(source.counted, 2);
  await(source.xids, 2);
  const auto facts = recorder->stop().value();
  EXPECT_EQ(without_time(lines("gpm.csv").at(1)), "0,200000000,94.600,91.500,40.250,0.000,3.000");
  EXPECT_EQ(without_time(lines("gpm.csv").at(2)), "0,200000000,93.600,90.500,40.000,,3.000");
  EXPECT_EQ(without_time(lines("nvml_counters.csv").at(1)), "0,1200,54000,4294967290,,0");
  EXPECT_EQ(without_time(lines("xid.csv").at(1)), "0,31");
  EXPECT_EQ(facts_of(facts, "gpm").gaps, 1U);
  EXPECT_EQ(facts_of(facts, "nvml_counters").refused.at("ecc_corrected"), "Not Supported");
}

TEST_F(Recorded, ASourceThatNeverAnswersIsGivenUpAndSaysWhy) {
  Watched source(kH200);
  auto recorder = Recorder::start(options(&source)).value();
  await(source.gpms, 3);
  await(source.samples, 5);
  const auto facts = recorder->stop().value();
  EXPECT_FALSE(source.gpms.try_acquire());
  EXPECT_THAT(facts_of(facts, "gpm").missing, HasSubstr("GPM"));
  EXPECT_THAT(facts_of(facts, "gpm").file, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(folder() / "gpm.csv"));
  EXPECT_THAT(facts_of(facts, "nvml").missing, IsEmpty());
}

// Looks that weren't over before; the first may have begun before.
void await_new(std::counting_semaphore<>& looks, int count) {
  while (looks.try_acquire()) {
  }
  await(looks, count);
}

TEST_F(Recorded, AProcessIsAnAgentOnlyWhileItIsKnownAsOne) {
  Watched source(kEventful);
  auto recorder = Recorder::start(options(&source)).value();
  recorder->know({{486, "router"}, {488, "thinker"}});
  await_new(source.used, 3);
  recorder->know({});
  await_new(source.used, 3);
  const auto facts = recorder->stop().value();
  const auto rows = lines("processes.csv");
  EXPECT_THAT(rows, testing::Contains(HasSubstr(",486,router,trainer,1073741824,,,")));
  EXPECT_THAT(rows.back(), HasSubstr(",486,,trainer,"));
  // Use of a process that the driver lists no more.
  EXPECT_THAT(rows, testing::Contains(HasSubstr(",999,,,,9.000,1.000,")));
  // Each look asks for what is newer than all it saw.
  EXPECT_TRUE(std::ranges::is_sorted(source.asked_since));
}

TEST_F(Recorded, UseFromBeforeAnAgentWasThereIsNotItsOwn) {
  Watched source(kEventful);
  auto recorder = Recorder::start(options(&source)).value();
  await(source.used, 1);
  recorder->know({{999, "router"}});
  await(source.used, 4);
  ASSERT_TRUE(recorder->stop());
  for (const std::string& line : lines("processes.csv")) {
    EXPECT_THAT(line, testing::Not(HasSubstr(",999,router,,,9.000")));
  }
}

TEST_F(Recorded, WhereFiguresOfOneProcessSayNothingTheyStayEmptyAndTheFactsSayWhy) {
  Watched source(kEventful);
  RecorderOptions given = options(&source);
  given.no_figures_of_processes = "they are the server's";
  auto recorder = Recorder::start(std::move(given)).value();
  recorder->know({{486, "router"}});
  await_new(source.listed, 3);
  const auto facts = recorder->stop().value();
  const auto rows = lines("processes.csv");
  EXPECT_THAT(rows, testing::Contains(EndsWith(",486,router,trainer,,,,")));
  for (const std::string& line : std::span(rows).subspan(1)) {
    EXPECT_THAT(line, EndsWith(",,,,")) << line;
  }
  EXPECT_THAT(source.asked_since, IsEmpty());
  EXPECT_THAT(facts_of(facts, "processes").refused,
              ElementsAre(testing::Pair("memory_bytes", "they are the server's"),
                          testing::Pair("memory_percent", "they are the server's"),
                          testing::Pair("sm_percent", "they are the server's")));
}

TEST_F(Recorded, UseIsTheMeanOfTheNewestPeriodsAlone) {
  Watched source(kEventful);
  source.uses = {{7, 3'000'000, 10, 1}, {7, 5'800'000, 60, 4}, {7, 6'000'000, 80, 6}};
  auto recorder = Recorder::start(options(&source)).value();
  await(source.used, 1);
  ASSERT_TRUE(recorder->stop());
  EXPECT_THAT(lines("processes.csv").at(1), HasSubstr(",7,,,,70.000,5.000,6000000000"));
}

TEST_F(Recorded, StoppingDoesNotWaitForThePeriod) {
  Watched source(kEventful);
  RecorderOptions given = options(&source);
  given.paces = {10h, 10h, 10h, 10h, 10h, 10h};
  auto recorder = Recorder::start(std::move(given)).value();
  await(source.samples, 1);
  EXPECT_TRUE(recorder->stop());
}

TEST_F(Recorded, AFullDiskIsToldWithTheFile) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  std::filesystem::create_symlink("/dev/full", folder() / "nvml.csv");
  Watched source(kEventful);
  auto recorder = Recorder::start(options(&source)).value();
  await(source.samples, 1);
  const auto facts = recorder->stop();
  ASSERT_FALSE(facts);
  EXPECT_THAT(to_line(facts.error()), HasSubstr("nvml.csv"));
}

// A source by a clock of its own: `cpu(i)` is what look i takes. When it was asked.
template <typename Cpu>
std::vector<MonotonicTime> asked(CostPace& pace, Nanoseconds period, Nanoseconds until, Cpu cpu) {
  std::vector<MonotonicTime> looks;
  FakeClock clock;
  for (MonotonicTime due = clock.now(); due.time_since_epoch() < until;) {
    clock.sleep_until(due);
    looks.push_back(due);
    const Nanoseconds takes = cpu(looks.size() - 1);
    clock.advance(takes);
    due = pace.next(due, clock.now(), takes, period);
  }
  return looks;
}
Nanoseconds sum(const std::vector<Nanoseconds>& costs) {
  return std::accumulate(costs.begin(), costs.end(), Nanoseconds{0});
}

TEST(CostPace, ACheapSourceIsAskedAtItsPeriod) {
  CostPace pace(0.001);
  const auto looks = asked(pace, 100ms, 10s, [](std::size_t) { return 50us; });
  EXPECT_EQ(looks.size(), 100U);
  SourceFacts facts;
  pace.tell(facts, 100ms);
  EXPECT_EQ(facts.asked_every, 100ms);
  EXPECT_THAT(facts.stretched, IsEmpty());
  EXPECT_EQ(facts.look_cpu, 50us);
}

TEST(CostPace, ADearSourceIsSlowedToItsShareAndSaysWhy) {
  CostPace pace(0.001);
  const auto looks = asked(pace, 1s, 100s, [](std::size_t) { return 8ms; });
  ASSERT_EQ(looks.size(), 14U);  // 0 s, 1 s, then as paid
  for (std::size_t i = 3; i < looks.size(); ++i) {
    EXPECT_EQ(looks[i] - looks[i - 1], 8s) << i;
  }
  SourceFacts facts;
  pace.tell(facts, 1s);
  EXPECT_GT(facts.asked_every, 7s);
  EXPECT_THAT(facts.stretched, HasSubstr("takes 8.000 ms of CPU time"));
  EXPECT_THAT(facts.stretched, HasSubstr("0.100 % of a core"));
}

// Whatever the costs: before each look the earlier ones are within the share.
TEST(CostPace, WhatIsSpentIsWithinTheShareAtEveryLook) {
  for (const double share : {0.0001, 0.001, 0.01}) {
    CostPace pace(share);
    std::vector<Nanoseconds> costs;
    std::uint64_t state = 7;
    const auto looks = asked(pace, 100ms, 600s, [&](std::size_t) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      // Most are cheap, some are a hundred times dearer.
      costs.push_back(std::chrono::microseconds((state >> 33) % 50 == 0 ? 5000 : 50));
      return costs.back();
    });
    ASSERT_GT(looks.size(), 100U) << share;
    const MonotonicTime opened = looks[0] + costs[0];
    Nanoseconds spent{0};
    for (std::size_t i = 1; i < looks.size(); ++i) {
      EXPECT_LE(static_cast<double>(spent.count()),
                share * static_cast<double>((looks[i] - opened).count()) + 1)
          << i;
      EXPECT_GE(looks[i] - looks[i - 1], 100ms);
      spent += costs[i];
    }
    // And the share is used where the period leaves it to be.
    if (share < 0.001) {
      EXPECT_GT(sum(costs), share * 590s);
    }
  }
}

TEST(CostPace, TheFirstLookOpensThingsAndIsNotCounted) {
  CostPace pace(0.001);
  const auto looks = asked(pace, 100ms, 1s, [](std::size_t i) { return i == 0 ? 80ms : 10us; });
  EXPECT_EQ(looks.size(), 10U);
  SourceFacts facts;
  pace.tell(facts, 100ms);
  EXPECT_EQ(facts.opening_cpu, 80ms);
  EXPECT_EQ(facts.look_cpu, 10us);
  EXPECT_THAT(facts.stretched, IsEmpty());
}

TEST(CostPace, ASourceThatCostsAllIsAskedNoMore) {
  CostPace pace(1e-9);
  EXPECT_EQ(asked(pace, 1s, std::chrono::hours(24 * 364), [](std::size_t) { return 10s; }).size(),
            2U);
}

// By a clock on which every look takes an hour of CPU time.
TEST_F(Recorded, ASourceThatTakesTooMuchIsPutOffAndTheFactsSaySo) {
  Watched source(kEventful);
  RecorderOptions given = options(&source);
  given.thread_cpu = [hours = std::make_shared<std::atomic<int>>(0)] {
    return Nanoseconds(std::chrono::hours(++*hours));
  };
  auto recorder = Recorder::start(std::move(given)).value();
  await(source.samples, 2);
  await(source.xids, 2);
  const auto facts = recorder->stop().value();
  EXPECT_FALSE(source.samples.try_acquire());
  EXPECT_FALSE(source.xids.try_acquire());
  EXPECT_THAT(facts_of(facts, "nvml").stretched, HasSubstr("0.120 % of a core"));
  EXPECT_GT(facts_of(facts, "nvml").asked_every, 100h);
}

// An exporter on a port of its own: a page for each connection, the last one again and again.
class Exporter {
 public:
  explicit Exporter(std::vector<std::string> pages) : pages_(std::move(pages)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/metrics";
    thread_ = std::thread([this] { serve(); });
  }
  ~Exporter() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;
  [[nodiscard]] const std::string& url() const { return url_; }
  std::counting_semaphore<> asked{0};

 private:
  void serve() {
    for (std::size_t i = 0;; ++i) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      char request[4096];
      if (read(fd, request, sizeof request) > 0) {
        const std::string& page = pages_[std::min(i, pages_.size() - 1)];
        const std::string reply = (page.empty() ? "HTTP/1.1 503 Busy\r\n" : "HTTP/1.1 200 OK\r\n") +
                                  std::string("Connection: close\r\nContent-Length: ") +
                                  std::to_string(page.size()) + "\r\n\r\n" + page;
        EXPECT_EQ(write(fd, reply.data(), reply.size()), static_cast<ssize_t>(reply.size()));
      }
      close(fd);
      asked.release();
    }
  }
  std::vector<std::string> pages_;
  int listener_ = -1;
  std::string url_;
  std::thread thread_;
};

TEST_F(Recorded, AnExportersPageIsALineOfTheCard) {
  Exporter exporter(
      {"# HELP x\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\"} 97\n"
       "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\",UUID=\"GPU-2\"} 3\n"});
  RecorderOptions given = options(nullptr);
  given.dcgm_url = exporter.url();
  given.card = "GPU-1";
  auto recorder = Recorder::start(std::move(given)).value();
  exporter.asked.acquire();
  exporter.asked.acquire();
  const auto facts = recorder->stop().value();
  ASSERT_EQ(facts.size(), 1U);
  const auto rows = lines("dcgm.csv");
  EXPECT_EQ(rows[0] + "\n", csv_header(*find_source("dcgm")));
  EXPECT_EQ(without_time(rows[1]), "GPU-1,97,,,,,,,");
}

TEST_F(Recorded, APageThatIsNoExportersIsNamedWithItsUrl) {
  for (const char* page : {"", "hello\n", "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\",UUID=\"GPU-2\"} 3\n"}) {
    Exporter exporter({page});
    RecorderOptions given = options(nullptr);
    given.dcgm_url = exporter.url();
    given.card = "GPU-1";
    auto recorder = Recorder::start(std::move(given)).value();
    exporter.asked.acquire();
    exporter.asked.acquire();
    const auto facts = recorder->stop().value();
    EXPECT_THAT(facts.at(0).missing, HasSubstr(exporter.url())) << page;
    EXPECT_THAT(facts.at(0).file, IsEmpty());
  }
}

TEST(Exporters, WhatIsNoUrlIsBadInput) {
  EXPECT_TRUE(check_exporter_url("http://localhost:9400/metrics"));
  for (const char* url : {"", "localhost:9400", "file:///etc/passwd", "http://", "ftp://x/y"}) {
    EXPECT_EQ(check_exporter_url(url).error().code, ErrorCode::kBadInput) << url;
  }
}

TEST(Looking, SaysWhatACardGivesAndWhatItLacks) {
  const auto eventful = look_at_sources(*device::open_recording(kEventful).value(), 0);
  for (const SourceFacts& one : eventful) EXPECT_THAT(one.missing, IsEmpty()) << one.name;
  EXPECT_EQ(facts_of(eventful, "nvml_counters").refused.size(), 1U);
  const auto older = look_at_sources(*device::open_recording(kH200).value(), 0);
  EXPECT_THAT(facts_of(older, "gpm").missing, HasSubstr("GPM"));
  EXPECT_THAT(facts_of(older, "nvml").missing, IsEmpty());
}

}  // namespace
}  // namespace kts::telemetry::recorder_test
