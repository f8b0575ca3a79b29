// SPDX-License-Identifier: Apache-2.0
// usage: generate_run OUT RECORDS [SEED]
// Writes a run's folder of v2 records as `kts run` would leave it: ten cycles of two agents, whose
// lengths have tails. Same arguments, same bytes.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <string>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"

namespace {

using namespace kts;

constexpr int kCycles = 10;
constexpr std::int64_t kLogs = kCycles * 4;
constexpr std::int64_t kEpoch = 1'763'690'000'000'000'000;
constexpr std::int64_t kGapNs = 1'000'000;

constexpr std::string_view kScenario = R"(schema: kts.scenario/1
name: generated
device: cpu
sharing: time-slicing
agents:
  - name: router
    workload: {kind: fft, size: 4096}
    arrival: {process: poisson, rate: 1000}
  - name: thinker
    workload: {kind: gemm, size: 4096}
    arrival: {process: saturate}
)";

// splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  double uniform() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  std::int64_t exponential_ns(double mean_ns) {
    return std::llround(-mean_ns * std::log1p(-uniform()));
  }

 private:
  std::uint64_t state_;
};

Status write_log(const std::filesystem::path& path, std::string_view agent, int block,
                 std::string_view phase, std::int64_t start_ns, std::int64_t records,
                 Random& random) {
  KTS_TRY(OutputFile file, OutputFile::create(path));
  record::BlockMeta meta;
  meta.agent = agent;
  meta.block = block;
  meta.phase = phase;
  meta.neighbours = phase == "solo" ? "parked" : "";
  meta.workload = agent == "router" ? "fft" : "gemm";
  meta.size = 4096;
  meta.arrival = agent == "router" ? "poisson" : "saturate";
  meta.device = "cpu";
  meta.device_uuid = "cpu:0";
  KTS_CHECK_OK(file.write(record::to_line(meta)));
  const double slowdown = phase == "solo" ? 1 : 3;
  std::string buffer(1 << 20, '\0');
  char* at = buffer.data();
  for (std::int64_t k = 0; k < records; ++k) {
    if (at + record::kMaxRecordLine > buffer.data() + buffer.size()) {
      KTS_CHECK_OK(file.write({buffer.data(), static_cast<std::size_t>(at - buffer.data())}));
      at = buffer.data();
    }
    record::Iteration i;
    i.seq = static_cast<std::uint64_t>(k);
    i.due_ns = start_ns + k * kGapNs;
    i.submit_ns = i.due_ns + 5'000 + random.exponential_ns(20'000 * slowdown);
    i.gpu_start_ns = i.submit_ns + 8'000 + random.exponential_ns(100'000 * slowdown);
    i.gpu_end_ns = i.gpu_start_ns + 200'000 + random.exponential_ns(10'000 * slowdown);
    i.done_ns = i.gpu_end_ns + 6'000 + random.exponential_ns(2'000);
    at = record::format_v2(at, agent, i);
  }
  KTS_CHECK_OK(file.write({buffer.data(), static_cast<std::size_t>(at - buffer.data())}));
  record::BlockEnd end;
  end.agent = agent;
  end.block = block;
  end.iterations = end.emitted = static_cast<std::uint64_t>(records);
  end.generation_start_ns = start_ns;
  end.generation_stop_ns = start_ns + records * kGapNs;
  KTS_CHECK_OK(file.write(record::to_line(end)));
  return file.close();
}

Status generate(const std::filesystem::path& out, std::int64_t records, std::uint64_t seed) {
  KTS_CHECK_OK(make_directories(out));
  KTS_CHECK_OK(write_file(out / "scenario.yaml", kScenario));
  KTS_CHECK_OK(write_file(out / "environment.json",
                          R"({"device":{"kind":"cpu","name":"generated","uuid":"cpu:0"}})"));
  struct Kind {
    std::string_view folder, phase, active;
  };
  constexpr std::array kKinds{Kind{"solo-router", "solo", "\"router\""},
                              Kind{"solo-thinker", "solo", "\"thinker\""},
                              Kind{"shared", "shared", "\"router\",\"thinker\""}};
  Random random(seed);
  const std::int64_t length_ns = records / kLogs * kGapNs;
  std::int64_t start_ns = kEpoch;
  for (int number = 0; number < kCycles * 3; ++number) {
    const Kind& kind = kKinds[static_cast<std::size_t>(number) % kKinds.size()];
    const auto folder = out / "blocks" / fmt::format("{:02}-{}", number, kind.folder);
    KTS_CHECK_OK(make_directories(folder));
    for (const std::string_view agent : {"router", "thinker"}) {
      if (kind.active.find(agent) == std::string_view::npos) continue;
      KTS_CHECK_OK(write_log(folder / fmt::format("{}.log", agent), agent, number, kind.phase,
                             start_ns, records / kLogs, random));
    }
    KTS_CHECK_OK(write_file(
        folder / "block.json",
        fmt::format(R"({{"phase":"{}","active":[{}],"neighbours":"{}","window_start_ns":{},)"
                    R"("window_stop_ns":{}}})",
                    kind.phase, kind.active, kind.phase == "solo" ? "parked" : "", start_ns,
                    start_ns + length_ns)));
    start_ns += length_ns + 1'000'000'000;
  }
  return {};
}

int fail_with(const Error& error) {
  fmt::print(stderr, "generate_run: {}\n", to_line(error));
  return exit_code(error);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    fmt::print(stderr, "usage: generate_run OUT RECORDS [SEED]\n");
    return 2;
  }
  const auto records = parse_int64(argv[2]);
  if (!records) return fail_with(records.error());
  const auto seed = parse_int64(argc == 4 ? argv[3] : "1");
  if (!seed) return fail_with(seed.error());
  if (*records < kLogs || *records > 1'000'000'000) {
    fmt::print(stderr, "generate_run: RECORDS must be between {} and 1000000000\n", kLogs);
    return 2;
  }
  const Status status = generate(argv[1], *records, static_cast<std::uint64_t>(*seed));
  return status ? 0 : fail_with(status.error());
}
