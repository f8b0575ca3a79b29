// SPDX-License-Identifier: Apache-2.0
#include "kts/record/codec.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

namespace kts::record::codec_test {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

std::string v2(std::string_view agent, const Iteration& i) {
  char line[kMaxRecordLine];
  return {line, format_v2(line, agent, i)};
}
std::string v1(std::string_view kind, std::string_view phase, const Iteration& i,
               std::int64_t gpu_time_ns) {
  char line[kMaxRecordLine];
  return {line, format_v1(line, kind, phase, i, gpu_time_ns)};
}
Line parsed(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  return parse_line(line);
}
std::string_view reason(std::string_view line) {
  const Line result = parse_line(line);
  const auto* malformed = std::get_if<MalformedLine>(&result);
  return malformed ? malformed->reason : "(not malformed)";
}

constexpr Iteration kIteration{.seq = 17,
                               .due_ns = 1763690000000000001,
                               .submit_ns = 1763690000000010002,
                               .gpu_start_ns = 1763690000000200003,
                               .gpu_end_ns = 1763690000003800004,
                               .done_ns = 1763690000003805005};
constexpr std::string_view kGoldenV2 =
    "KTS_APP,v2,router,17,1763690000000000001,1763690000000010002,1763690000000200003,"
    "1763690000003800004,1763690000003805005";
constexpr std::string_view kGoldenV1 =
    "KTS_APP,v1,FFT,17,1763690000000010002,1763690000003805005,3.600001,solo";

TEST(FormatV2, GoldenLine) { EXPECT_EQ(v2("router", kIteration), std::string(kGoldenV2) + "\n"); }

TEST(FormatV2, UnavailableInstantIsAnEmptyField) {
  Iteration i = kIteration;
  i.gpu_start_ns = i.gpu_end_ns = kUnavailable;
  EXPECT_EQ(v2("a", i),
            "KTS_APP,v2,a,17,1763690000000000001,1763690000000010002,,,1763690000003805005\n");
}

TEST(FormatV2, WidestRecordFitsItsLine) {
  const Iteration widest{std::numeric_limits<std::uint64_t>::max(), kMax, kMax, kMax, kMax, kMax};
  EXPECT_LE(v2(std::string(100, 'a'), widest).size(), kMaxRecordLine);
  EXPECT_LE(v1(std::string(100, 'a'), std::string(100, 'p'), widest, kMax).size(), kMaxRecordLine);
}

TEST(FormatV1, GoldenLine) {
  EXPECT_EQ(v1("FFT", "solo", kIteration, 3'600'001), std::string(kGoldenV1) + "\n");
  EXPECT_EQ(v1("GEMM", "", kIteration, 20'677'000),
            "KTS_APP,v1,GEMM,17,1763690000000010002,1763690000003805005,20.677000,\n");
}

TEST(FormatV1, HostTimeStandsInForAMissingDeviceTime) {
  EXPECT_EQ(v1("FFT", "", kIteration, kUnavailable),
            "KTS_APP,v1,FFT,17,1763690000000010002,1763690000003805005,3.795003,\n");
}

TEST(ParseV2, GoldenLine) {
  const Line line = parsed(kGoldenV2);
  const auto* record = std::get_if<V2Record>(&line);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->agent, "router");
  EXPECT_EQ(record->iteration, kIteration);
}

TEST(ParseV2, CarriageReturnIsTolerated) {
  EXPECT_TRUE(std::holds_alternative<V2Record>(parse_line(std::string(kGoldenV2) + "\r")));
}

TEST(ParseV2, RandomRecordsRoundTrip) {
  std::mt19937_64 random(20261121);
  const auto instant = [&] { return static_cast<std::int64_t>(random() >> (1 + random() % 63)); };
  for (int k = 0; k < 20000; ++k) {
    Iteration i{
        random() >> (1 + random() % 63), instant(), instant(), instant(), instant(), instant()};
    if (k % 5 == 0) i.gpu_start_ns = i.gpu_end_ns = kUnavailable;
    const std::string text = v2("agent-7", i);
    const Line line = parsed(text);
    const auto* record = std::get_if<V2Record>(&line);
    ASSERT_NE(record, nullptr) << text;
    ASSERT_EQ(record->iteration, i) << text;
    ASSERT_EQ(record->agent, "agent-7");
  }
}

TEST(ParseV2, EveryProperPrefixIsMalformedOrANumberCutShort) {
  // Only a cut inside the last number can't be told from a whole line; that is the reader's part.
  const std::size_t last_comma = kGoldenV2.rfind(',');
  for (std::size_t n = 4; n <= last_comma + 1; ++n) {
    EXPECT_TRUE(std::holds_alternative<MalformedLine>(parse_line(kGoldenV2.substr(0, n))))
        << kGoldenV2.substr(0, n);
  }
}

TEST(ParseV2, CutShortIsSaid) {
  EXPECT_EQ(reason("KTS_APP,v2,router,17,1763690000000"), "cut short");
  EXPECT_EQ(reason("KTS_APP,v2,router,17,1,2,3,4,"), "cut short");
  EXPECT_EQ(reason("KTS_APP,v2,router"), "cut short");
  EXPECT_EQ(reason("KTS_APP,v"), "cut short");
  EXPECT_EQ(reason("KTS_AP"), "an unknown kind of KTS_ line");
}

TEST(ParseV2, LettersInANumberAreMalformed) {
  for (const std::string_view line :
       {"KTS_APP,v2,a,1x,1,2,3,4,5", "KTS_APP,v2,a,1,17636900000O0000001,2,3,4,5",
        "KTS_APP,v2,a,1,1,2,3,4,nan", "KTS_APP,v2,a,1,1,2,nan,nan,5", "KTS_APP,v2,a,1,1,-2,3,4,5",
        "KTS_APP,v2,a,1,1,+2,3,4,5", "KTS_APP,v2,a,1,1, 2,3,4,5", "KTS_APP,v2,a,1,1,2,3,4,5 ",
        "KTS_APP,v2,a,1,1,2.5,3,4,5", "KTS_APP,v2,a,1,1e3,2,3,4,5", "KTS_APP,v2,a,1,0x1,2,3,4,5",
        "KTS_APP,v2,a,1,1,2,3,4,12345678:"}) {
    EXPECT_EQ(reason(line), "a field that is not a whole number") << line;
  }
}

TEST(ParseV2, EmptyRequiredFieldsAreMalformed) {
  for (const std::string_view line :
       {"KTS_APP,v2,a,,1,2,3,4,5", "KTS_APP,v2,a,1,,2,3,4,5", "KTS_APP,v2,a,1,1,,3,4,5"}) {
    EXPECT_EQ(reason(line), "an empty field") << line;
  }
  EXPECT_NE(reason("KTS_APP,v2,,1,1,2,3,4,5").find("name"), std::string_view::npos);
}

TEST(ParseV2, OneDeviceInstantWithoutTheOtherIsMalformed) {
  EXPECT_EQ(reason("KTS_APP,v2,a,1,1,2,,4,5"), "only one of gpu_start and gpu_end");
  EXPECT_EQ(reason("KTS_APP,v2,a,1,1,2,3,,5"), "only one of gpu_start and gpu_end");
}

TEST(ParseV2, OverflowIsMalformed) {
  EXPECT_TRUE(std::holds_alternative<V2Record>(
      parse_line("KTS_APP,v2,a,9999999999999999999,1,2,3,4,9223372036854775807")));
  for (const std::string_view line :
       {"KTS_APP,v2,a,1,1,2,3,4,9223372036854775808", "KTS_APP,v2,a,1,99999999999999999999,2,3,4,5",
        "KTS_APP,v2,a,1,1,2,3,4,123456781234567812345678",
        "KTS_APP,v2,a,00000000000000000001,1,2,3,4,5"}) {
    EXPECT_EQ(reason(line), "a number that is too large") << line;
  }
}

TEST(ParseV2, TooManyFieldsAreMalformed) {
  EXPECT_EQ(reason("KTS_APP,v2,a,1,1,2,3,4,5,6,7,8,9"), "too many fields");
  EXPECT_EQ(reason("KTS_APP,v2,a,1,1,2,3,4,5,6,7,8,"), "too many fields");
}

TEST(ParseV2, RequestHasItsTokensAndTheFirstOnesInstant) {
  Iteration request = kIteration;
  request.input_tokens = 4808;
  request.output_tokens = 10;
  request.first_token_ns = kIteration.done_ns - 5;
  const std::string text = v2("router", request);
  EXPECT_EQ(text,
            std::string(kGoldenV2) + ",4808,10," + std::to_string(request.first_token_ns) + "\n");
  const Line line = parsed(text);
  const auto* record = std::get_if<V2Record>(&line);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->iteration, request);
  EXPECT_TRUE(is_request(record->iteration));
  EXPECT_FALSE(is_request(kIteration));
}

TEST(ParseV2, RequestsFieldsComeTogether) {
  for (const std::string_view more : {",", ",6", ",6,", ",6,7", ",6,7,"}) {
    EXPECT_EQ(reason("KTS_APP,v2,a,1,1,2,3,4,5" + std::string(more)), "cut short") << more;
  }
  EXPECT_EQ(reason("KTS_APP,v2,a,1,1,2,3,4,5,,7,8"), "an empty field");
  EXPECT_EQ(reason("KTS_APP,v2,a,1,1,2,3,4,5,x,7,8"), "a field that is not a whole number");
  EXPECT_EQ(reason("KTS_APP,v2,a,1,1,2,3,4,5,6,0,8"), "a request without output tokens");
  EXPECT_EQ(reason("KTS_APP,v2,a,1,1,2,3,4,5,2147483648,7,8"), "a number that is too large");
}

TEST(ParseToken, LineIsReadBack) {
  const Token token{17, 3, 1763690000000010002};
  char buffer[kMaxRecordLine];
  const std::string text(buffer, format_token(buffer, "thinker", token));
  EXPECT_EQ(text, "KTS_TOKEN,v2,thinker,17,3,1763690000000010002\n");
  const Line line = parse_line(std::string_view(text).substr(0, text.size() - 1));
  const auto* record = std::get_if<TokenRecord>(&line);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->agent, "thinker");
  EXPECT_EQ(record->token, token);
}

TEST(ParseToken, WhatIsWrongIsSaid) {
  for (const std::string_view line :
       {"KTS_TOKEN,", "KTS_TOKEN,v", "KTS_TOKEN,v2,a", "KTS_TOKEN,v2,a,1", "KTS_TOKEN,v2,a,1,1",
        "KTS_TOKEN,v2,a,1,1,"}) {
    EXPECT_EQ(reason(line), "cut short") << line;
  }
  EXPECT_EQ(reason("KTS_TOKEN,v1,a,1,1,1"), "a token of an unknown version");
  EXPECT_EQ(reason("KTS_TOKEN,v2,a b,1,1,1"),
            "an agent's name that is empty, too long or has odd characters");
  EXPECT_EQ(reason("KTS_TOKEN,v2,a,1,x,1"), "a field that is not a whole number");
  EXPECT_EQ(reason("KTS_TOKEN,v2,a,1,,1"), "an empty field");
  EXPECT_EQ(reason("KTS_TOKEN,v2,a,1,0,1"), "a token of index 0, which its request's line has");
  EXPECT_EQ(reason("KTS_TOKEN,v2,a,1,1,1,1"), "too many fields");
}

TEST(ParseStep, LineIsReadBack) {
  const Step step{17, 41, 5, 3};
  char buffer[kMaxRecordLine];
  const std::string text(buffer, format_step(buffer, "thinker", "answer", step));
  EXPECT_EQ(text, "KTS_STEP,v2,thinker,17,answer,41,3\n");
  const Line line = parse_line(std::string_view(text).substr(0, text.size() - 1));
  const auto* record = std::get_if<StepRecord>(&line);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->agent, "thinker");
  EXPECT_EQ(record->chain, "answer");
  EXPECT_EQ(record->step, (Step{17, 41, 0, 3}));
}

TEST(ParseStep, OneThatWaitedForSeveralSaysWhichWasLast) {
  const Step step{17, 41, 0, 3, 1};
  char buffer[kMaxRecordLine];
  const std::string text(buffer, format_step(buffer, "thinker", "answer", step));
  EXPECT_EQ(text, "KTS_STEP,v2,thinker,17,answer,41,3,1\n");
  const Line line = parse_line({text.data(), text.size() - 1});
  EXPECT_EQ(std::get<StepRecord>(line).step, step);
}

TEST(ParseStep, WhatIsWrongIsSaid) {
  for (const std::string_view line :
       {"KTS_STEP,", "KTS_STEP,v", "KTS_STEP,v2,a", "KTS_STEP,v2,a,1", "KTS_STEP,v2,a,1,",
        "KTS_STEP,v2,a,1,c", "KTS_STEP,v2,a,1,c,1", "KTS_STEP,v2,a,1,c,1,",
        "KTS_STEP,v2,a,1,c,1,1,"}) {
    EXPECT_EQ(reason(line), "cut short") << line;
  }
  EXPECT_EQ(reason("KTS_STEP,v1,a,1,c,1,1"), "a step of an unknown version");
  EXPECT_EQ(reason("KTS_STEP,v2,a b,1,c,1,1"),
            "an agent's name that is empty, too long or has odd characters");
  EXPECT_EQ(reason("KTS_STEP,v2,a,1,c d,1,1"),
            "a chain's name that is empty, too long or has odd characters");
  EXPECT_EQ(reason("KTS_STEP,v2,a,1,c,x,1"), "a field that is not a whole number");
  EXPECT_EQ(reason("KTS_STEP,v2,a,1,c,1,4294967296"), "a number that is too large");
  EXPECT_EQ(reason("KTS_STEP,v2,a,1,c,1,2,1,1"), "too many fields");
  EXPECT_EQ(reason("KTS_STEP,v2,a,1,c,1,2,-1"), "a field that is not a whole number");
  for (const char* step :
       {"KTS_STEP,v2,a,1,c,1,1,1", "KTS_STEP,v2,a,1,c,1,0,0", "KTS_STEP,v2,a,1,c,1,1,2147483647"}) {
    EXPECT_EQ(reason(step), "a step that waited for itself or a later one") << step;
  }
}

TEST(ParseV2, TwoLinesRunTogetherAreMalformed) {
  EXPECT_EQ(reason("KTS_APP,v2,a,1,1,2,3,4,5KTS_APP,v2,a,2,1,2,3,4,5"),
            "a field that is not a whole number");
}

TEST(ParseV2, OddAgentNamesAreMalformed) {
  EXPECT_NE(reason("KTS_APP,v2,a b,1,1,2,3,4,5").find("name"), std::string_view::npos);
  EXPECT_NE(reason("KTS_APP,v2," + std::string(64, 'a') + ",1,1,2,3,4,5").find("name"),
            std::string_view::npos);
}

TEST(ParseV1, StudyLine) {
  const Line line = parse_line(kGoldenV1);
  const auto* record = std::get_if<V1Record>(&line);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->kind, "FFT");
  EXPECT_EQ(record->phase, "solo");
  EXPECT_EQ(record->gpu_time_ns, 3'600'001);
  const Iteration& i = record->iteration;
  EXPECT_EQ(i.seq, 17u);
  EXPECT_EQ(i.due_ns, 1763690000000010002);
  EXPECT_EQ(i.submit_ns, i.due_ns);
  EXPECT_EQ(i.done_ns, 1763690000003805005);
  EXPECT_EQ(i.gpu_start_ns, kUnavailable);
  EXPECT_EQ(i.gpu_end_ns, kUnavailable);
}

TEST(ParseV1, EmptyPhaseIsFine) {
  const Line line = parse_line("KTS_APP,v1,GEMM,0,10,20,0.00001,");
  const auto* record = std::get_if<V1Record>(&line);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->phase, "");
  EXPECT_EQ(record->gpu_time_ns, 10);
}

TEST(ParseV1, DecimalsAreExactAndRoundedBeyondANanosecond) {
  const auto gpu_time = [](std::string_view ms) {
    const std::string text = "KTS_APP,v1,FFT,0,1,2," + std::string(ms) + ",";
    const Line line = parse_line(text);
    const auto* record = std::get_if<V1Record>(&line);
    return record ? record->gpu_time_ns : -1;
  };
  EXPECT_EQ(gpu_time("3"), 3'000'000);
  EXPECT_EQ(gpu_time("0.000001"), 1);
  EXPECT_EQ(gpu_time("123456.654321"), 123'456'654'321);
  EXPECT_EQ(gpu_time("0.0000014"), 1);
  EXPECT_EQ(gpu_time("0.0000015"), 2);
  EXPECT_EQ(gpu_time("0.999999999999999999999999"), 1'000'000);
  for (const auto bad : {"nan", "inf", "-1.0", "1e3", "1.", ".5", "", "1,5", "1.5x",
                         "9223372036855", "99999999999999999999"}) {
    EXPECT_EQ(gpu_time(bad), -1) << bad;
  }
}

TEST(ParseV1, ShortOrLongLinesAreMalformed) {
  EXPECT_EQ(reason("KTS_APP,v1,FFT,0,1,2,3.5"), "cut short");
  EXPECT_EQ(reason("KTS_APP,v1,FFT,0,1"), "cut short");
  EXPECT_EQ(reason("KTS_APP,v1,FFT,0,1,2,3.5,solo,more"), "too many fields");
}

TEST(ParseV1, OddPhasesAreMalformed) {
  for (const std::string& phase :
       {std::string(64, 'p'), std::string("so\tlo"), std::string("\xff")}) {
    EXPECT_EQ(reason("KTS_APP,v1,FFT,0,1,2,3.5," + phase),
              "a phase that is too long or has odd characters");
  }
}

TEST(ParseLine, ForeignLinesArePassedOver) {
  for (const std::string_view line :
       {"", "Loading cuFFT", "kts_app,v2,a", " KTS_APP,v2,a", "KTS"}) {
    EXPECT_TRUE(std::holds_alternative<ForeignLine>(parse_line(line))) << line;
  }
}

TEST(ParseLine, UnknownKindsAndVersionsAreMalformed) {
  EXPECT_EQ(reason("KTS_APP,v3,a,1"), "an unknown record version");
  EXPECT_EQ(reason("KTS_META,v9,{}"), "META of an unknown version");
  EXPECT_EQ(reason("KTS_END,{}"), "END of an unknown version");
  EXPECT_EQ(reason("KTS_"), "an unknown kind of KTS_ line");
}

TEST(ParseLine, MetaAndEndCarryTheirJson) {
  const Line meta = parse_line("KTS_META,v2,{\"agent\":\"a,b\"}\r");
  ASSERT_TRUE(std::holds_alternative<MetaLine>(meta));
  EXPECT_EQ(std::get<MetaLine>(meta).json, "{\"agent\":\"a,b\"}");
  const Line end = parse_line("KTS_END,v2,{}");
  ASSERT_TRUE(std::holds_alternative<EndLine>(end));
  EXPECT_EQ(std::get<EndLine>(end).json, "{}");
}

TEST(ParseLine, ControlLinesAreKnown) {
  for (const std::string_view line : {"KTS_READY,v1,{}", "KTS_ACK,v1,{}", "KTS_BEAT,v1,{}",
                                      "KTS_MISSED,v1,{}", "KTS_FAIL,v1,{}"}) {
    EXPECT_TRUE(std::holds_alternative<ControlLine>(parse_line(line))) << line;
  }
}

}  // namespace
}  // namespace kts::record::codec_test
