// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "kts/analysis/load.hpp"
#include "kts/base/files.hpp"
#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"

namespace kts::analysis::fixtures {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kEpoch = 1'763'690'000'000'000'000;  // when the runs of these tests began

// A folder that a test fills file by file.
class Folder {
 public:
  Folder() : directory_(*TemporaryDirectory::create("kts-load-test")) {}

  [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }
  [[nodiscard]] std::string file(const std::string& name) const { return path() / name; }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path() / name).parent_path());
    std::ofstream(path() / name, std::ios::binary) << text;
  }

 private:
  TemporaryDirectory directory_;
};

// One log of v2 records: `n` iterations due every `gap`, each with 1 ms of backlog, 2 of waiting,
// 3 of device time and 4 of notifying.
struct V2Log {
  std::string agent = "router";
  int block = 0;
  std::string phase = "solo";
  std::int64_t start_ns = kEpoch;
  std::int64_t gap_ns = 10 * kMillisecond;
  int n = 100;
  std::string device_uuid = "GPU-1";
  std::string workload = "fft";

  [[nodiscard]] record::Iteration iteration(int k) const {
    const std::int64_t due = start_ns + k * gap_ns;
    return {static_cast<std::uint64_t>(k), due,
            due + 1 * kMillisecond,        due + 3 * kMillisecond,
            due + 6 * kMillisecond,        due + 10 * kMillisecond};
  }
  [[nodiscard]] std::string record_line(const record::Iteration& i) const {
    char line[record::kMaxRecordLine];
    return {line, record::format_v2(line, agent, i)};
  }
  [[nodiscard]] std::string record_line(int k) const { return record_line(iteration(k)); }
  [[nodiscard]] record::BlockMeta meta() const {
    record::BlockMeta meta;
    meta.agent = agent;
    meta.block = block;
    meta.phase = phase;
    meta.workload = workload;
    meta.size = 4096;
    meta.arrival = "saturate";
    meta.device = "cuda";
    meta.device_name = "NVIDIA H200";
    meta.device_uuid = device_uuid;
    meta.sharing = "time-slicing";
    meta.clock_bound_ns = 2000;
    return meta;
  }
  [[nodiscard]] record::BlockEnd end() const {
    record::BlockEnd end;
    end.agent = agent;
    end.block = block;
    end.iterations = end.emitted = static_cast<std::uint64_t>(n);
    end.generation_start_ns = start_ns;
    end.generation_stop_ns = start_ns + n * gap_ns;
    return end;
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all{record::to_line(meta())};
    for (int k = 0; k < n; ++k) all.push_back(record_line(k));
    all.push_back(record::to_line(end()));
    return all;
  }
};

// One log of LLM requests: `n` of them due every 10 ms; the first token comes 4 ms after the due
// instant, two more each 2 ms later, done is the last one's instant.
struct RequestLog {
  V2Log base;
  int tokens = 3;

  [[nodiscard]] record::Iteration iteration(int k) const {
    record::Iteration i = base.iteration(k);
    i.done_ns = i.due_ns + (4 + 2 * (tokens - 1)) * kMillisecond;
    i.input_tokens = 100;
    i.output_tokens = tokens;
    i.first_token_ns = i.due_ns + 4 * kMillisecond;
    return i;
  }
  [[nodiscard]] std::string token_line(int k, int index) const {
    char line[record::kMaxRecordLine];
    const record::Token token{static_cast<std::uint64_t>(k), static_cast<std::uint64_t>(index),
                              iteration(k).first_token_ns + index * 2 * kMillisecond};
    return {line, record::format_token(line, base.agent, token)};
  }
  [[nodiscard]] record::BlockEnd end() const {
    record::BlockEnd end = base.end();
    end.tokens = end.tokens_emitted = static_cast<std::uint64_t>(base.n * (tokens - 1));
    return end;
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all{record::to_line(base.meta())};
    for (int k = 0; k < base.n; ++k) {
      all.push_back(base.record_line(iteration(k)));
      for (int index = 1; index < tokens; ++index) all.push_back(token_line(k, index));
    }
    all.push_back(record::to_line(end()));
    return all;
  }
};

inline std::string join(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line;
  return text;
}

inline std::string block_json(const std::string& phase, const std::vector<std::string>& active,
                              std::int64_t start_ns, std::int64_t stop_ns,
                              const std::string& more = {}) {
  std::string names;
  for (const auto& agent : active) names += (names.empty() ? "\"" : ",\"") + agent + "\"";
  return "{\"phase\":\"" + phase + "\",\"active\":[" + names +
         "],\"window_start_ns\":" + std::to_string(start_ns) +
         ",\"window_stop_ns\":" + std::to_string(stop_ns) + more + "}\n";
}

// A run of `cycles` cycles of router alone, thinker alone, both; a second each.
inline void write_run(const Folder& folder, int cycles = 1) {
  folder.write("environment.json", R"({"device":{"driver":"580.105"},"sharing":"time-slicing"})");
  int number = 0;
  std::int64_t start = kEpoch;
  const auto add = [&](const std::string& phase, const std::vector<std::string>& active) {
    const std::string prefix = (number < 10 ? "0" : "") + std::to_string(number);
    const std::string block =
        "blocks/" + prefix + "-" + (phase == "solo" ? "solo-" + active.front() : phase) + "/";
    folder.write(block + "block.json",
                 block_json(phase, active, start, start + 1000 * kMillisecond,
                            phase == "solo" ? R"(,"neighbours":"parked","parked":["x"])" : ""));
    for (const auto& agent : active) {
      const V2Log log{.agent = agent,
                      .block = number,
                      .phase = phase,
                      .start_ns = start,
                      .workload = agent == "router" ? "fft" : "gemm"};
      folder.write(block + agent + ".log", join(log.lines()));
    }
    ++number;
    start += 2000 * kMillisecond;
  };
  for (int cycle = 0; cycle < cycles; ++cycle) {
    add("solo", {"router"});
    add("solo", {"thinker"});
    add("shared", {"router", "thinker"});
  }
}

// One line, and what it has to say.
inline void expect_error(const Result<RunData>& result, const std::string& where,
                         const std::string& message, ErrorCode code = ErrorCode::kBadInput) {
  ASSERT_FALSE(result) << "was read without an error";
  const std::string line = to_line(result.error());
  EXPECT_EQ(line.find('\n'), std::string::npos) << line;
  EXPECT_NE(line.find(message), std::string::npos) << line;
  EXPECT_EQ(result.error().where, where) << line;
  EXPECT_EQ(result.error().code, code) << line;
  EXPECT_EQ(exit_code(result.error()), static_cast<int>(code));
}

// The block of the damaged file (`where`, with its line) is left out and named, the rest is read.
inline void expect_left_out(const Result<RunData>& result, const std::string& where,
                            const std::string& message) {
  ASSERT_TRUE(result) << to_line(result.error());
  std::string place = where.substr(where.find("/blocks/") + 1);
  const std::size_t end = place.find('/', place.find('/') + 1);
  const std::string block = place.substr(0, end);
  place = end == std::string::npos ? "" : place.substr(end + 1) + ": ";
  ASSERT_EQ(result->damage.size(), 1U);
  EXPECT_TRUE(result->damage[0].ends_with(" is damaged and left out: " + block));
  const std::string told = block + " left out: " + place;
  EXPECT_TRUE(std::ranges::any_of(result->header.warnings,
                                  [&](const std::string& line) {
                                    return line.starts_with(told) &&
                                           line.find(message) != std::string::npos &&
                                           line.find('\n') == std::string::npos;
                                  }))
      << told << message << ::testing::PrintToString(result->header.warnings);
  ASSERT_FALSE(result->header.inconclusive.empty());
  EXPECT_EQ(result->header.inconclusive.back(), result->damage[0]);
  EXPECT_EQ(exit_code(result->header), 5);
  for (const AgentBlock& kept : result->blocks) {
    EXPECT_NE(kept.block, std::stoi(block.substr(block.find('/') + 1)));
  }
}

inline bool mentions(const std::vector<std::string>& texts, const std::string& what) {
  for (const auto& text : texts) {
    if (text.find(what) != std::string::npos) return true;
  }
  ADD_FAILURE() << "nothing mentions '" << what << "' among " << ::testing::PrintToString(texts);
  return false;
}

}  // namespace kts::analysis::fixtures
