// SPDX-License-Identifier: Apache-2.0
#include "kts/record/block_log.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "kts/record/codec.hpp"

namespace kts::record::block_log_test {
namespace {

std::string json_of(const std::string& line, std::string_view prefix) {
  EXPECT_TRUE(line.starts_with(prefix)) << line;
  EXPECT_TRUE(line.ends_with("}\n")) << line;
  return line.substr(prefix.size(), line.size() - prefix.size() - 1);
}

BlockMeta full_meta() {
  BlockMeta meta;
  meta.agent = "router";
  meta.block = 3;
  meta.phase = "solo";
  meta.neighbours = "parked";
  meta.workload = "fft";
  meta.size = 4096;
  meta.parameters = {{"model", "tiny"}, {"batch", 3}};
  meta.algorithms = "64x64 rows 3: algorithm 21";
  meta.arrival = "poisson";
  meta.rate_per_s = 200.5;
  meta.think_ns = 2'000'000;
  meta.cycle = 2;
  meta.cv = 2.5;
  meta.on_ns = 1;
  meta.off_ns = 2;
  meta.phases = "fixed";
  meta.trace = "traces/t.csv";
  meta.trace_scale = 2;
  meta.trace_wrap = false;
  meta.trace_from_ns = 3;
  meta.trace_length_ns = 4;
  meta.trace_requests = 5;
  meta.trace_failed = 6;
  meta.trace_clamped = 7;
  meta.in_flight = 4;
  meta.sync = "spin";
  meta.seed = std::numeric_limits<std::uint64_t>::max();
  meta.device = "cuda";
  meta.device_name = "NVIDIA H200";
  meta.device_uuid = "GPU-1";
  meta.gpu_uuid = "GPU-1";
  meta.uuid_source = "driver";
  meta.pod_uid = "6f1c";
  meta.node = "worker-1";
  meta.sharing = "time-slicing";
  meta.pid = 4711;
  meta.epoch_offset_ns = -5;
  meta.checksum = 1.25;
  meta.checksum_reference = 1.250001;
  meta.checksum_tolerance = 1e-4;
  meta.clock_bound_ns = 1800;
  meta.kts_version = "0.1.0";
  meta.kts_commit = "abc";
  return meta;
}

TEST(Meta, RoundTrips) {
  const std::string line = to_line(full_meta());
  const auto back = parse_meta(json_of(line, "KTS_META,v2,"));
  ASSERT_TRUE(back) << to_line(back.error());
  EXPECT_EQ(to_line(*back), line);
  EXPECT_EQ(back->seed, full_meta().seed);
  EXPECT_EQ(back->epoch_offset_ns, -5);
  EXPECT_EQ(back->rate_per_s, 200.5);
  EXPECT_EQ(back->size, 4096);
  EXPECT_EQ(back->parameters, full_meta().parameters);
  EXPECT_EQ(back->algorithms, full_meta().algorithms);
  EXPECT_EQ(back->cycle, 2);
  EXPECT_EQ(back->trace_wrap, false);
  EXPECT_EQ(back->trace_clamped, 7U);
}

TEST(Meta, WhatDoesNotApplyIsLeftOut) {
  BlockMeta meta;
  meta.agent = "a";
  meta.checksum = std::numeric_limits<double>::quiet_NaN();
  const std::string line = to_line(meta);
  for (const auto* absent :
       {"rate_per_s", "think_ns", "checksum", "neighbours", "sharing", "cycle", "trace"}) {
    EXPECT_EQ(line.find(absent), std::string::npos) << line;
  }
}

TEST(Meta, BytesThatAreNotUtf8DoNotBreakTheLine) {
  BlockMeta meta;
  meta.agent = "a";
  meta.device_name = "GPU\xff\n";
  const std::string line = to_line(meta);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_TRUE(parse_meta(json_of(line, "KTS_META,v2,")));
}

TEST(Meta, UnknownFieldsAreLeftAlone) {
  EXPECT_TRUE(parse_meta(R"({"agent":"a","block":0,"weather":"x","moon":null})"));
}

TEST(Meta, MissingFieldIsNamed) {
  const auto meta = parse_meta(R"({"block":0})");
  ASSERT_FALSE(meta);
  EXPECT_EQ(meta.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(meta.error().message, "META lacks 'agent'");
}

TEST(Meta, NobodyIsNoAgent) {
  const auto meta = parse_meta(R"({"agent":"","block":0})");
  ASSERT_FALSE(meta);
  EXPECT_EQ(meta.error().message, "META has an empty 'agent'");
}

TEST(Meta, WrongTypeOrRangeIsNamed) {
  for (const auto* text :
       {R"({"agent":"a","block":"0"})", R"({"agent":"a","block":1e3})",
        R"({"agent":"a","block":99999999999})", R"({"agent":"a","block":null})"}) {
    const auto meta = parse_meta(text);
    ASSERT_FALSE(meta) << text;
    EXPECT_EQ(meta.error().message, "META has a 'block' of the wrong type or range");
  }
  const auto seed = parse_meta(R"({"agent":"a","block":0,"seed":-1})");
  ASSERT_FALSE(seed);
  EXPECT_EQ(seed.error().message, "META has a 'seed' of the wrong type or range");
}

TEST(Meta, WhatIsNotAnObjectIsBadInput) {
  for (const auto* text : {"", "{", "[]", "nan", "{\"agent\":\"a\""}) {
    const auto meta = parse_meta(text);
    ASSERT_FALSE(meta) << text;
    EXPECT_EQ(meta.error().message, "META is not a JSON object");
  }
}

TEST(End, RoundTrips) {
  BlockEnd end;
  end.agent = "router";
  end.block = 7;
  end.iterations = 400;
  end.emitted = 399;
  end.abandoned = 12;
  end.first_due_ns = 1763690000000000001;
  end.last_done_ns = 1763690002000000001;
  end.generation_start_ns = 1763690000000000000;
  end.generation_stop_ns = 1763690002000000000;
  end.drain_ns = 1;
  end.pacing_late_p50_ns = 900;
  end.pacing_late_max_ns = 90000;
  end.device_cpu_ns = 1'999'000'000;
  end.clock_error_ns = -300;
  end.clock_drift_ppm = -0.25;
  end.out_of_bracket = 2;
  end.kernels = 4000;
  end.kernels_lost = 3;
  end.finite = false;
  end.interrupted = true;
  const std::string line = to_line(end);
  const auto back = parse_end(json_of(line, "KTS_END,v2,"));
  ASSERT_TRUE(back) << to_line(back.error());
  EXPECT_EQ(to_line(*back), line);
  EXPECT_EQ(back->clock_error_ns, -300);
  EXPECT_EQ(back->pacing_late_p99_ns, std::nullopt);
  EXPECT_EQ(back->abandoned, 12U);
  EXPECT_EQ(back->kernels, 4000U);
  EXPECT_EQ(back->kernels_outside, std::nullopt);
  EXPECT_FALSE(back->finite);
  EXPECT_TRUE(back->interrupted);
}

TEST(End, CountsAreRequired) {
  const auto end = parse_end(R"({"agent":"a","block":0,"emitted":3})");
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().message, "END lacks 'iterations'");
}

TEST(End, LinesOfTheCodecFindTheJson) {
  BlockEnd end;
  end.agent = "a";
  std::string line = to_line(end);
  line.pop_back();
  const Line parsed = parse_line(line);
  ASSERT_TRUE(std::holds_alternative<EndLine>(parsed));
  EXPECT_TRUE(parse_end(std::get<EndLine>(parsed).json));
}

}  // namespace
}  // namespace kts::record::block_log_test
