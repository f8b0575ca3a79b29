// SPDX-License-Identifier: Apache-2.0
#include "probe.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/workload/probe.hpp"
#include "kts/workload/registry.hpp"
#include "run_agent.hpp"
#include "usage.hpp"

namespace kts::worker_app {
namespace {

constexpr std::size_t kMostInput = 1 << 16;

// Lines of standard input, read without stdio, which would block for more than is there.
class Lines {
 public:
  [[nodiscard]] std::optional<std::string> next() {
    for (;;) {
      if (const std::size_t end = text_.find('\n'); end != std::string::npos) {
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return line;
      }
      std::array<char, 4096> buffer;
      const ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0 || text_.size() > kMostInput) return std::nullopt;
      text_.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

 private:
  std::string text_;
};

// An engine, and the thread that alone drives it.
class Driver {
 public:
  Driver() : thread_([this] { run(); }) {}
  ~Driver() {
    post({});
    thread_.join();
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  using Answer = Result<workload::ProbeTrace>;
  // Begins `work` on the thread.
  [[nodiscard]] std::future<Answer> begin(
      std::function<Answer(std::unique_ptr<workload::Engine>&)> work) {
    std::packaged_task<Answer()> task([this, work = std::move(work)] { return work(engine_); });
    std::future<Answer> answer = task.get_future();
    post(std::move(task));
    return answer;
  }

 private:
  void post(std::packaged_task<Answer()> task) {
    const std::scoped_lock lock(mutex_);
    waiting_ = std::move(task);
    posted_ = true;
    wake_.notify_one();
  }
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return posted_; });
      posted_ = false;
      std::packaged_task<Answer()> task = std::move(waiting_);
      lock.unlock();
      if (!task.valid()) break;
      task();
    }
    engine_.reset();
  }

  std::unique_ptr<workload::Engine> engine_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::packaged_task<Answer()> waiting_;
  bool posted_ = false;
  std::thread thread_;
};

class Servant {
 public:
  Servant(workload::DeviceChoice device, int core) : device_(std::move(device)), core_(core) {}

  [[nodiscard]] Status begin() {
    KTS_TRY(prober_, workload::make_prober(device_, core_));
    const workload::DeviceIdentity identity = prober_->device();
    write_line(STDOUT_FILENO, fmt::format("{}{}\t{}\t{}\n", workload::kProbeReady, identity.kind,
                                          identity.name, identity.uuid));
    return {};
  }

  void answer(std::string_view line) {
    const auto trace = perform(line);
    write_line(STDOUT_FILENO,
               trace ? to_text(*trace)
                     : fmt::format("{}{}\n", workload::kProbeError, to_line(trace.error())));
  }

 private:
  static constexpr std::int64_t kSlots = 8;

  Result<workload::ProbeTrace> perform(std::string_view line) {
    KTS_TRY(workload::ProbeTask task, workload::parse_probe_task(line));
    if (!task.arguments.contains("start_ns")) {
      task.set("start_ns", MonotonicTimeline::now().time_since_epoch().count());
    }
    if (task.name == "engine") return prepare_engine(task);
    return task.name == "load" ? load(task) : prober_->perform(task);
  }

  // A workload of kts's own to put load on the device with: "engine kind=membw bytes=64MiB". That
  // of each slot has a thread and a stream.
  Result<workload::ProbeTrace> prepare_engine(const workload::ProbeTask& task) {
    std::vector<workload::GivenParameter> given;
    for (const auto& [name, value] : task.arguments) {
      if (name != "kind" && name != "start_ns" && name != "slot") {
        given.push_back({name, value, name});
      }
    }
    workload::EngineSpec spec;
    KTS_TRY(spec.workload, workload::complete(task.word("kind"), given));
    spec.device_core = core_;
    const std::int64_t slot = std::clamp<std::int64_t>(task.number("slot"), 0, kSlots - 1);
    auto& driver = drivers_[static_cast<std::size_t>(slot)];
    if (!driver) driver = std::make_unique<Driver>();
    return driver
        ->begin([this, spec](auto& engine) -> Driver::Answer {
          engine.reset();
          KTS_TRY(engine, workload::make_engine(spec, device_));
          KTS_CHECK_OK(engine->warm_up(3));
          return workload::ProbeTrace{"engine"};
        })
        .get();
  }

  // "load slot=1", or slot=both: of that engine's rate, or of those of slots 0 and 1, "iterations"
  // and "iterations_1" and so on.
  Result<workload::ProbeTrace> load(const workload::ProbeTask& task) {
    std::vector<std::future<Driver::Answer>> answers;
    for (std::int64_t slot = 0; slot < kSlots; ++slot) {
      const auto& driver = drivers_[static_cast<std::size_t>(slot)];
      const bool wanted = task.word("slot") == "both" ? slot < 2 : task.number("slot") == slot;
      if (!driver || !wanted) continue;
      answers.push_back(driver->begin([task](auto& engine) -> Driver::Answer {
        if (!engine) return bad_input("there is no engine", "send the task 'engine' first");
        return workload::load_device(*engine, task);
      }));
    }
    if (answers.empty()) return bad_input("there is no engine", "send the task 'engine' first");
    std::vector<Driver::Answer> traces;
    for (auto& answer : answers) traces.push_back(answer.get());
    workload::ProbeTrace all{task.name};
    for (std::size_t i = 0; i < traces.size(); ++i) {
      if (!traces[i]) return traces[i];
      for (const auto& [name, value] : traces[i]->values) {
        all.values[i == 0 ? name : fmt::format("{}_{}", name, i)] = value;
      }
    }
    return all;
  }

  workload::DeviceChoice device_;
  int core_;
  std::unique_ptr<workload::Prober> prober_;
  std::array<std::unique_ptr<Driver>, kSlots> drivers_;
};

}  // namespace

Status run_as_prober(int argc, const char* const* argv) {
  CLI::App app{"One context of kts probe, which starts and drives it.", "kts-worker probe"};
  std::string device = "auto";
  int core = 0;
  app.add_option("--device", device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--core", core, "CPU device: the core that is shared")
      ->check(CLI::Range(0, 1 << 16))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    app.exit(success);
    return {};
  } catch (const CLI::ParseError& error) {
    return tl::unexpected(kts::app::usage_error(app, error, "see kts-worker probe --help"));
  }
  std::signal(SIGPIPE, SIG_IGN);
  KTS_TRY(workload::DeviceChoice choice, workload::choose_device(device));
  Servant servant(std::move(choice), core);
  KTS_CHECK_OK(servant.begin());
  Lines lines;
  while (const auto line = lines.next()) servant.answer(*line);
  return {};
}

}  // namespace kts::worker_app
