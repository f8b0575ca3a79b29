// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>

#include "arrival_options.hpp"
#include "chain_options.hpp"
#include "kts/base/units.hpp"
#include "kts/base/version.hpp"
#include "kts/record/codec.hpp"
#include "kts/workload/registry.hpp"
#include "usage.hpp"
#include "workload_flags.hpp"

namespace kts::worker_app {

std::string environment(const char* variable) {
  const char* const text = std::getenv(variable);
  return text ? text : "";
}

namespace {

constexpr const char* kFooter = R"(The study's environment variables work, and flags win:
  ITERATIONS=800  MATRIX_SIZE=4096  SLEEP_MS (fft 100, gemm 150)

Records go to standard output, one line an iteration, and a summary to standard error:
  v2  KTS_APP,v2,<agent>,<seq>,<due>,<submit>,<gpu_start>,<gpu_end>,<done>   ns since the epoch,
      between KTS_META and KTS_END; of LLM requests with ,<input_tokens>,<output_tokens>,
      <first_token> at its end, then for each token after the first
      KTS_TOKEN,v2,<agent>,<seq>,<index>,<done>
      and of a step of a chain KTS_STEP,v2,<agent>,<seq>,<chain>,<request>,<step>[,<last>]
  v1  KTS_APP,v1,<KIND>,<i>,<start>,<end>,<gpu_time in ms>,<phase>           the study's line alone

Examples:
  kts-worker fft --duration 5s --size 512 --device cpu
  kts-worker fft --size 128 --arrival poisson --rate 200 --duration 10s
  kts-worker decode --model llama-3.1-8b --context 2048 --arrival saturate --duration 10s
  kts-worker fft --size 128 --arrival gamma --rate 200 --cv 3 --duration 10s
  kts-worker fft --size 128 --arrival trace --trace azure-code.csv --time-scale 2 --duration 10s
  kts-worker gemm --arrival saturate --in-flight 4 --duration 10s
  ITERATIONS=100 SLEEP_MS=0 kts-worker gemm --record v1 --phase solo
  kts-worker host SOCKET        a process whose threads agents are; each joins it by
  kts-worker join SOCKET fft --controlled
  kts-worker pod --help         one agent as a Kubernetes pod, driven by a plan in a file
  kts-worker probe --help       one context of kts probe

Exit status: 0 done, 1 internal error or wrong results, 2 bad usage, 4 the device, its libraries or
memory are missing, 130 interrupted.)";

// Instants further from the epoch can overflow when they are added up.
constexpr std::int64_t kLastInstant = 4'000'000'000'000'000'000;
constexpr auto kLongest = std::chrono::hours(24 * 365);

struct Texts {
  std::string kind;
  WorkloadFlags parameters;
  std::string iterations, duration, sync = "auto";
  std::string record = "v2", device = "auto", host_cores, seed, epoch_offset;
  std::string stream_priority = "normal";
  bool trace_kernels = false;
  std::string trace_buffer;
  ArrivalTexts arrival;
  std::vector<std::string> roles;
};

Result<std::int64_t> whole(std::string_view text, std::int64_t least, std::int64_t most,
                           std::string_view where) {
  const auto value = parse_int64(text);
  if (value && *value >= least && *value <= most) return *value;
  return bad_input(fmt::format("'{}' is no whole number from {} to {}", text, least, most), {},
                   std::string(where));
}

Result<Nanoseconds> duration(std::string_view text, Nanoseconds least, std::string_view where) {
  const auto value = parse_duration(text);
  if (value && *value >= least && *value <= kLongest) return *value;
  return bad_input(fmt::format("'{}' is no duration", text), "write it like 5s, 100ms or 250us",
                   std::string(where));
}

// The flag's text, or the variable's, and where it comes from.
struct Given {
  std::string text;
  std::string where;
};
std::optional<Given> given(const std::string& flag_text, const char* flag, const char* variable) {
  if (!flag_text.empty()) return Given{flag_text, flag};
  const char* const text = std::getenv(variable);
  if (text && *text) return Given{text, variable};
  return std::nullopt;
}

// "0-2,5".
Result<std::vector<int>> core_list(const std::string& text) {
  const auto wrong = [&] {
    return bad_input(fmt::format("'{}' is no list of cores", text), "write it like 0-2,5",
                     "--host-cores");
  };
  std::vector<int> cores;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, comma - begin);
    const std::size_t dash = std::min(part.find('-'), part.size());
    const auto first = parse_int64(part.substr(0, dash));
    const auto last = dash == part.size() ? first : parse_int64(part.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last >= CPU_SETSIZE) return wrong();
    for (auto core = *first; core <= *last; ++core) cores.push_back(static_cast<int>(core));
    begin = comma + 1;
  }
  return cores;
}

bool is_name(std::string_view text) {
  return text.size() <= record::kMaxAgentName && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_' || c == '.';
         });
}

Status take_name(const std::string& text, const char* flag) {
  if (is_name(text)) return {};
  return bad_input(
      fmt::format("'{}' is no name", text),
      fmt::format("take letters, digits, '-', '_' and '.', at most {}", record::kMaxAgentName),
      flag);
}

template <typename Value>
Result<Value> word(const std::string& text, const char* flag,
                   std::initializer_list<std::pair<std::string_view, Value>> words) {
  std::vector<std::string_view> known;
  for (const auto& [name, value] : words) {
    if (name == text) return value;
    known.push_back(name);
  }
  return bad_input(fmt::format("'{}' is none of {}", text, fmt::join(known, ", ")), {}, flag);
}

// The closed arrivals' default, by the workload or the study's variable.
Status take_think(const Texts& texts, Options& options) {
  workload::ArrivalSpec& arrival = options.agent.arrival;
  if (arrival.process != workload::ArrivalProcess::kClosed ||
      !texts.arrival.parameters.at("think").empty()) {
    return {};
  }
  arrival.think = workload::find_workload(options.agent.engine.workload.kind())->study_think;
  if (const auto sleep = given({}, "--think", "SLEEP_MS")) {
    const auto ms = parse_double(sleep->text);
    if (!ms || !(*ms >= 0) || *ms > 1e9) {
      return bad_input(fmt::format("'{}' is no number of milliseconds", sleep->text), {},
                       "SLEEP_MS");
    }
    arrival.think = Nanoseconds(std::llround(*ms * 1e6));
  }
  return {};
}

// Its MATRIX_SIZE is for its workloads alone.
bool is_the_studys(std::string_view kind) { return kind == "fft" || kind == "gemm"; }

Status take_workload(const Texts& texts, Options& options) {
  workload::EngineSpec& engine = options.agent.engine;
  std::vector<workload::GivenParameter> parameters = given_parameters(texts.parameters);
  if (is_the_studys(texts.kind) && !texts.parameters.contains("size")) {
    const auto size = given({}, "--size", "MATRIX_SIZE");
    if (size) parameters.push_back({"size", size->text, size->where});
    options.size_is_default = !size;
  }
  KTS_TRY(engine.workload, workload::complete(texts.kind, parameters, "WORKLOAD"));
  if (options.agent.name.empty()) options.agent.name = texts.kind;
  KTS_CHECK_OK(take_name(options.agent.name, "--agent"));
  KTS_CHECK_OK(take_name(options.phase, "--phase"));
  if (!texts.seed.empty()) {
    KTS_TRY(const std::int64_t seed,
            whole(texts.seed, 0, std::numeric_limits<std::int64_t>::max(), "--seed"));
    engine.seed = static_cast<std::uint64_t>(seed);
  }
  return {};
}

Status take_arrival(const Texts& texts, Options& options) {
  std::optional<workload::Trace> trace;
  KTS_TRY(options.agent.arrival, read_arrival(texts.arrival, trace));
  if (trace) {
    const workload::WorkloadSpec& work = options.agent.engine.workload;
    if (work.has("max_context")) limit_context(*trace, work.number("max_context"));
    options.agent.trace = std::make_shared<const workload::Trace>(*std::move(trace));
  }
  workload::ArrivalSpec& arrival = options.agent.arrival;
  KTS_TRY(options.agent.roles, read_chain_roles(texts.roles));
  const bool in_chains = arrival.process == workload::ArrivalProcess::kChain;
  if (in_chains &&
      (options.agent.roles.empty() || options.chain_inbox < 0 || !options.controlled)) {
    return bad_input("kts run alone can chain agents", "list them under 'chains:' in a scenario",
                     "--arrival chain");
  }
  if (!in_chains && !options.agent.roles.empty()) {
    return bad_input("needs --arrival chain", {}, "--chain");
  }
  if (is_open(arrival.process) && options.agent.engine.in_flight > 1) {
    return bad_input("only closed and saturating agents queue work ahead", {}, "--in-flight");
  }
  KTS_CHECK_OK(take_think(texts, options));
  if (const auto problem = workload::pace_problem(options.agent.engine.workload.kind(), arrival)) {
    return bad_input(problem->message, "take --arrival closed --think 100ms, or an open process",
                     problem->parameter == "think" ? "--think" : "--arrival");
  }
  return {};
}

// A controlled worker is told by the channel how long, so the study's count isn't for it.
Status take_extent(const Texts& texts, Options& options) {
  constexpr std::uint64_t kStudyIterations = 800;
  if (options.controlled) {
    if (texts.iterations.empty() && texts.duration.empty()) return {};
    return bad_input("a controlled worker is told when to start and stop",
                     "leave --iterations and --duration out", "--controlled");
  }
  if (!texts.duration.empty()) {
    KTS_TRY(options.duration, duration(texts.duration, Nanoseconds(1), "--duration"));
  }
  if (const auto count = given(texts.iterations, "--iterations", "ITERATIONS")) {
    KTS_TRY(const std::int64_t iterations,
            whole(count->text, 1, std::numeric_limits<std::int64_t>::max(), count->where));
    options.plan.iterations = static_cast<std::uint64_t>(iterations);
  } else if (!options.duration) {
    options.plan.iterations = kStudyIterations;
  }
  return {};
}

Status take_rest(const Texts& texts, Options& options) {
  options.device = texts.device;
  KTS_TRY(options.agent.record, word<worker::RecordVersion>(texts.record, "--record",
                                                            {{"v1", worker::RecordVersion::kV1},
                                                             {"v2", worker::RecordVersion::kV2}}));
  if (options.controlled && options.agent.record == worker::RecordVersion::kV1) {
    return bad_input("a controlled worker writes v2", {}, "--record");
  }
  const auto automatic = options.own_core ? workload::SyncMode::kSpin : workload::SyncMode::kBlock;
  KTS_TRY(options.agent.engine.sync,
          word<workload::SyncMode>(texts.sync, "--sync",
                                   {{"auto", automatic},
                                    {"spin", workload::SyncMode::kSpin},
                                    {"block", workload::SyncMode::kBlock}}));
  KTS_TRY(options.agent.engine.high_priority, word<bool>(texts.stream_priority, "--stream-priority",
                                                         {{"normal", false}, {"high", true}}));
  if (!texts.host_cores.empty()) {
    KTS_TRY(options.host_cores, core_list(texts.host_cores));
  }
  options.agent.epoch = EpochOffset::measure();
  if (!texts.epoch_offset.empty()) {
    KTS_TRY(const std::int64_t offset,
            whole(texts.epoch_offset, 0, kLastInstant, "--epoch-offset-ns"));
    options.agent.epoch.value = Nanoseconds(offset);
  }
  options.agent.placement = {environment("KTS_POD_UID"), environment("KTS_NODE_NAME"),
                             environment("NVIDIA_VISIBLE_DEVICES")};
  return {};
}

Status take_tracer(const Texts& texts, Options& options) {
  if (!texts.trace_kernels) {
    if (texts.trace_buffer.empty() && options.kernels.empty()) return {};
    return bad_input("it is about a trace of kernels that isn't taken", "add --trace-kernels",
                     texts.trace_buffer.empty() ? "--kernels" : "--trace-buffer");
  }
  if (!options.controlled && options.kernels.empty()) {
    return bad_input("there is no file for the kernels", "name one with --kernels",
                     "--trace-kernels");
  }
  if (options.controlled && !options.kernels.empty()) {
    return bad_input("a controlled worker is told block by block where kernels go",
                     "leave --kernels out", "--controlled");
  }
  kernel_trace::TracerSpec spec;
  spec.library = environment("KTS_CUPTI");
  if (!texts.trace_buffer.empty()) {
    const auto bytes = parse_bytes(texts.trace_buffer);
    if (!bytes || *bytes < static_cast<std::int64_t>(kernel_trace::kLeastBufferBytes) ||
        *bytes > static_cast<std::int64_t>(kernel_trace::kMostBufferBytes)) {
      return bad_input(fmt::format("'{}' is no size of a buffer", texts.trace_buffer),
                       "give 1MiB to 1GiB", "--trace-buffer");
    }
    spec.buffer_bytes = static_cast<std::uint64_t>(*bytes);
  }
  options.tracer = std::move(spec);
  return {};
}

// "default 4096", "tiny (default), llama-3.2-1b, ...".
std::string values_of(const workload::ParameterInfo& parameter) {
  if (parameter.type == workload::ParameterType::kWord) {
    return fmt::format("{}; default {}", fmt::join(parameter.words, ", "),
                       workload::to_text(*parameter.default_value));
  }
  return parameter.default_value
             ? fmt::format("default {}", workload::to_text(*parameter.default_value))
             : "";
}

// Every workload with the flags that it has.
std::string workloads_text() {
  std::string text = "Workloads and their flags:\n";
  for (const workload::WorkloadInfo& info : workload::workloads()) {
    text += fmt::format("  {:<10} {}\n", info.kind, info.meaning);
    for (const workload::ParameterInfo& parameter : info.parameters) {
      if (parameter.of_custom_model) continue;
      const std::string values = values_of(parameter);
      text += fmt::format("    {:<14} {}{}\n", workload::flag_of(parameter.name), parameter.meaning,
                          values.empty() ? "" : fmt::format(" ({})", values));
    }
  }
  return text +
         "  Model custom takes --layers, --hidden, --ffn, --heads, --kv-heads and --vocab.\n\n";
}

}  // namespace

Result<std::optional<Options>> parse_options(int argc, const char* const* argv) {
  Options options;
  options.warm_up = 5;
  Texts texts;

  CLI::App app(
      "One agent: performs iterations of a workload on a device and records when each was "
      "due, submitted, begun and ended by the device, and done.",
      "kts-worker");
  app.set_version_flag("--version", fmt::format("kts-worker {} ({})", version(), commit()));
  app.footer(workloads_text() + kFooter);
  app.option_defaults()->take_last();  // so that a wrapper's flags can be overridden
  app.add_option("WORKLOAD", texts.kind, "What it performs; all are listed below")->required();

  const auto value = [&app](const char* group, const char* flag, auto& to, const char* meaning,
                            const char* type) {
    app.add_option(flag, to, meaning)->group(group)->type_name(type);
  };
  constexpr const char* kWork = "Work";
  add_workload_flags(app, texts.parameters);
  value(kWork, "--iterations", texts.iterations,
        "How many; without it 800, or as many as --duration has room for", "N");
  value(kWork, "--duration", texts.duration, "For how long requests become due", "TIME");
  value(kWork, "--seed", texts.seed, "Of operands and arrivals (1)", "N");
  value(kWork, "--warm-up", options.warm_up, "Throw-away iterations before (5)", "N");
  add_arrival_flags(app, texts.arrival);
  value("Arrivals", "--in-flight", options.agent.engine.in_flight,
        "Iterations that a closed agent queues before it waits (1)", "N");
  constexpr const char* kDevice = "Device";
  value(kDevice, "--device", texts.device, "auto, cpu, cuda or cuda:N (auto)", "DEVICE");
  value(kDevice, "--threads", options.agent.engine.threads, "CPU: threads of the work (1)", "N");
  value(kDevice, "--device-core", options.agent.engine.device_core,
        "CPU: core on which the work is done", "N");
  value(kDevice, "--host-cores", texts.host_cores, "Cores for all other threads, such as 0-2,5",
        "LIST");
  app.add_flag("--own-core", options.own_core, "The host thread has a core of its own: it may spin")
      ->group(kDevice);
  value(kDevice, "--sync", texts.sync,
        "Waiting for the device: spin, block, auto (spin only with "
        "--own-core)",
        "MODE");
  value(kDevice, "--stream-priority", texts.stream_priority,
        "CUDA: of its stream among those of one process: normal or high (normal)", "PRIORITY");
  constexpr const char* kRecords = "Records";
  value(kRecords, "--record", texts.record, "Version of the lines: v2, or v1 as the study's", "V");
  value(kRecords, "--agent", options.agent.name, "Name in the records (the workload)", "NAME");
  value(kRecords, "--phase", options.phase, "Phase in the records, such as solo", "NAME");
  value(kRecords, "--sharing", options.agent.sharing, "Sharing mode, for META alone", "MODE");
  constexpr const char* kTrace = "Kernel traces (CUDA)";
  app.add_flag("--trace-kernels", texts.trace_kernels,
               "Collect what the GPU does for this process, by CUPTI")
      ->group(kTrace);
  value(kTrace, "--trace-buffer", texts.trace_buffer,
        "Memory for a block's records; what has no room is lost and counted (128MiB)", "SIZE");
  value(kTrace, "--kernels", options.kernels, "CSV to write them to", "FILE");
  constexpr const char* kDriven = "Driven by another program";
  app.add_flag("--controlled", options.controlled,
               "Obey KTS_CMD lines on standard input, block by block")
      ->group(kDriven);
  value(kDriven, "--epoch-offset-ns", texts.epoch_offset,
        "From CLOCK_MONOTONIC to the epoch, the same for all workers of a run", "N");
  value(kDriven, "--chain-inbox", options.chain_inbox,
        "Open socket from which requests of chains come", "FD");
  app.add_option("--chain", texts.roles, kChainMeaning)
      ->group(kDriven)
      ->type_name("ROLE")
      ->take_all();

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return std::optional<Options>();
  } catch (const CLI::CallForVersion& e) {
    fmt::print("{}\n", e.what());
    return std::optional<Options>();
  } catch (const CLI::ParseError& e) {
    return tl::unexpected(kts::app::usage_error(app, e, "kts-worker --help lists the flags"));
  }

  if (options.warm_up < 0) {
    return bad_input(fmt::format("{} is no number of iterations", options.warm_up), {},
                     "--warm-up");
  }
  KTS_CHECK_OK(take_workload(texts, options));
  KTS_CHECK_OK(take_arrival(texts, options));
  KTS_CHECK_OK(take_extent(texts, options));
  KTS_CHECK_OK(take_rest(texts, options));
  KTS_CHECK_OK(take_tracer(texts, options));
  return options;
}

Result<std::optional<Options>> parse_options(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"kts-worker"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

}  // namespace kts::worker_app
