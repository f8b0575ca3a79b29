// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "kts/workload/cost.hpp"
#include "kts/workload/llm_operands.hpp"

namespace kts::workload::spec_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kMostTokens = 1 << 20;

std::string error_of(std::string_view kind, std::vector<GivenParameter> given) {
  for (GivenParameter& parameter : given) parameter.where = flag_of(parameter.name);
  const auto spec = complete(kind, given, "WORKLOAD");
  if (spec) return "no error";
  EXPECT_EQ(spec.error().code, ErrorCode::kBadInput);
  return to_line(spec.error());
}

// A custom model, some of whose dimensions are replaced.
std::vector<GivenParameter> custom(const std::vector<GivenParameter>& changes) {
  std::vector<GivenParameter> given{{"model", "custom"}, {"layers", "2"}, {"hidden", "64"},
                                    {"ffn", "128"},      {"heads", "4"},  {"kv_heads", "2"},
                                    {"vocab", "256"}};
  for (const GivenParameter& change : changes) {
    std::erase_if(given, [&](const GivenParameter& g) { return g.name == change.name; });
    given.push_back(change);
  }
  return given;
}

TEST(Registry, KindsAreFoundByNameAndHaveOneOfTheirOwn) {
  std::set<std::string_view> kinds;
  for (const WorkloadInfo& info : workloads()) {
    EXPECT_EQ(find_workload(info.kind), &info);
    EXPECT_TRUE(kinds.insert(info.kind).second) << info.kind;
    EXPECT_FALSE(info.parameters.empty()) << info.kind;
  }
  EXPECT_EQ(find_workload("FFT"), nullptr);
}

TEST(Spec, EveryKindIsCompleteWithoutAnythingGiven) {
  for (const WorkloadInfo& info : workloads()) {
    const auto spec = complete(info.kind);
    ASSERT_TRUE(spec) << to_line(spec.error());
    EXPECT_EQ(spec->kind(), info.kind);
  }
}

TEST(Spec, ArgumentsAreReadBackToTheSameSpec) {
  std::vector<WorkloadSpec> specs;
  for (const WorkloadInfo& info : workloads()) specs.push_back(complete(info.kind).value());
  specs.push_back(complete("encoder", custom({})).value());
  for (const WorkloadSpec& spec : specs) {
    const auto words = arguments_of(spec);
    std::vector<GivenParameter> given;
    for (std::size_t i = 1; i < words.size(); i += 2) {
      std::string name = words[i].substr(2);
      std::ranges::replace(name, '-', '_');
      given.push_back({name, words[i + 1]});
    }
    EXPECT_EQ(complete(words[0], given).value(), spec) << words[0];
  }
}

TEST(Spec, ArgumentsAreTheKindAndItsFlags) {
  EXPECT_THAT(arguments_of(complete("request", {{"output", "3"}}).value()),
              ElementsAre("request", "--model", "tiny", "--input", "16", "--output", "3",
                          "--max-context", "19", "--launch", "eager"));
}

TEST(Spec, DescriptionNamesWhatMatters) {
  const auto text = [](std::string_view kind, const std::vector<GivenParameter>& given) {
    return describe(complete(kind, given).value());
  };
  EXPECT_EQ(text("fft", {{"size", "4096"}}), "fft 4096");
  EXPECT_EQ(text("decode", {{"model", "llama-3.1-8b"}, {"context", "2048"}}),
            "decode llama-3.1-8b, batch 1, context 2048");
  EXPECT_EQ(text("prefill", {{"launch", "graph"}}),
            "prefill tiny, tokens 16, batch 1, launch graph");
  EXPECT_EQ(text("copy", {{"bytes", "64MiB"}, {"direction", "both"}}),
            "copy 64MiB, direction both");
  EXPECT_THAT(text("encoder", custom({})),
              HasSubstr("encoder custom, tokens 64, batch 1, layers 2"));
}

TEST(Spec, ParametersAreReadByNameAndType) {
  const auto spec = complete("membw", {{"bytes", "2GiB"}}).value();
  EXPECT_EQ(spec.number("bytes"), std::int64_t{2} << 30);
  EXPECT_TRUE(spec.has("bytes"));
  EXPECT_FALSE(spec.has("size"));
  EXPECT_EQ(complete("decode").value().word("launch"), "eager");
}

TEST(Spec, NamesThatAreNotKnownAreRefusedWithTheNearest) {
  EXPECT_EQ(error_of("decod", {}),
            "WORKLOAD: there is no workload 'decod'; did you mean 'decode'?");
  EXPECT_THAT(error_of("sorting", {}), HasSubstr("choose one of fft, gemm, prefill"));
  EXPECT_EQ(error_of("decode", {{"contxt", "8"}}),
            "--contxt: decode has no parameter 'contxt'; did you mean 'context'?");
  EXPECT_EQ(error_of("fft", {{"model", "tiny"}}),
            "--model: fft has no parameter 'model'; it has size");
  EXPECT_EQ(error_of("decode", {{"model", "llama-3.1-7b"}}),
            "--model: 'llama-3.1-7b' is not one of tiny, llama-3.2-1b, llama-3.2-3b, qwen2.5-7b, "
            "llama-3.1-8b, custom; did you mean 'llama-3.1-8b'?");
  EXPECT_THAT(error_of("encoder", {{"model", "tiny"}}),
              HasSubstr("'tiny' is not one of bert-tiny"));
  EXPECT_THAT(error_of("fft", {{"size", "8"}, {"size", "9"}}), HasSubstr("given twice"));
}

TEST(Spec, NumbersOutOfRangeAreRefused) {
  EXPECT_EQ(error_of("fft", {{"size", "0"}}), "--size: 0 is out of range; give 1 to 1048576");
  EXPECT_THAT(error_of("fft", {{"size", "-4"}}), HasSubstr("-4 is out of range"));
  EXPECT_THAT(error_of("fft", {{"size", "4.5"}}), HasSubstr("'4.5' is not a whole number"));
  EXPECT_THAT(error_of("fft", {{"size", ""}}), HasSubstr("'' is not a whole number"));
  EXPECT_THAT(error_of("decode", {{"batch", "0"}}), HasSubstr("--batch: 0 is out of range"));
  EXPECT_THAT(error_of("decode", {{"context", "0"}}), HasSubstr("--context: 0 is out of range"));
  EXPECT_THAT(error_of("topk", {{"dimensions", "99999999999999999999"}}),
              HasSubstr("--dimensions: '99999999999999999999' is not a whole number"));
  EXPECT_THAT(error_of("membw", {{"bytes", "1"}}), HasSubstr("--bytes: 1 is out of range"));
  EXPECT_THAT(error_of("membw", {{"bytes", "3 GB"}}), HasSubstr("write it like 4096, 64KiB"));
  EXPECT_THAT(error_of("membw", {{"bytes", "9999999999GiB"}}), HasSubstr("is no number of bytes"));
}

TEST(Spec, ShapesThatDoNotDivideNameTheField) {
  EXPECT_EQ(error_of("decode", custom({{"hidden", "66"}})),
            "--hidden: 66 can't be divided by 4 heads; give a multiple of heads");
  EXPECT_EQ(error_of("decode", custom({{"kv_heads", "3"}})),
            "--kv-heads: 4 heads can't be divided by 3 kv_heads; give a divisor of heads");
  EXPECT_EQ(error_of("decode", custom({{"hidden", "48"}})),
            "--hidden: 48 over 4 heads makes heads of 12; a head is a multiple of 8, at most 256");
  EXPECT_THAT(error_of("decode", custom({{"hidden", "2048"}})), HasSubstr("makes heads of 512"));
  EXPECT_THAT(error_of("decode", custom({{"ffn", "100"}})), HasSubstr("--ffn: 100 is no multiple"));
}

TEST(Spec, ShapesBeyondAnyDeviceAreRefusedBeforeTheyOverflow) {
  const auto most = std::to_string(kMostTokens);
  EXPECT_THAT(error_of("decode", custom({{"batch", "4096"},
                                         {"context", most},
                                         {"layers", "1024"},
                                         {"hidden", "65536"},
                                         {"heads", "1024"},
                                         {"kv_heads", "1024"}})),
              HasSubstr("--model: decode custom, batch 4096"));
  EXPECT_EQ(
      error_of("prefill", {{"tokens", most}, {"batch", "4096"}}),
      "--tokens: 4096 sequences of 1048576 tokens are too many; give a smaller batch or fewer "
      "tokens");
}

TEST(Spec, CustomModelsDimensionsBelongToItAlone) {
  EXPECT_EQ(error_of("decode", {{"model", "tiny"}, {"layers", "3"}}),
            "--layers: model tiny has a 'layers' of its own; remove it, or take model custom");
  EXPECT_EQ(error_of("decode", {{"model", "custom"}, {"layers", "3"}}),
            "--model: model custom needs 'hidden'; add it");
  const ModelShape shape = model_of(complete("decode", custom({})).value());
  EXPECT_EQ(shape, (ModelShape{"custom", 2, 64, 128, 4, 2, 16, 256, true, true}));
  EXPECT_FALSE(model_of(complete("rerank", custom({})).value()).causal);
}

TEST(Spec, ParametersThatContradictEachOtherAreRefused) {
  EXPECT_EQ(error_of("request", {{"input", "10"}, {"output", "5"}, {"max_context", "14"}}),
            "--max-context: input and output are 15 tokens together; give 15 or more");
  EXPECT_THAT(error_of("topk", {{"vectors", "5"}, {"k", "6"}}), HasSubstr("--k: the best 6 of 5"));
  EXPECT_THAT(error_of("grow", {{"step", "2MiB"}, {"limit", "1MiB"}}),
              HasSubstr("--limit: a limit"));
  EXPECT_THAT(error_of("grow", {{"step", "1KiB"}, {"limit", "2GiB"}}),
              HasSubstr("--step: a limit of 2GiB is 2097152 steps; give a larger step: 1048576 "));
}

TEST(Model, HeadsAndWidthsFit) {
  for (const ModelShape& model : models()) {
    EXPECT_EQ(model.hidden, model.heads * model.head_dim) << model.name;
    EXPECT_EQ(model.heads % model.kv_heads, 0) << model.name;
    EXPECT_EQ(find_model(model.name), &model);
  }
}

TEST(Memory, OperandsAndResultsOfTheStudyTakeTheseBytes) {
  const auto total = [](const char* kind, std::int64_t size) {
    return memory_of(complete(kind, {{"size", std::to_string(size)}}).value(), "cpu").total();
  };
  EXPECT_EQ(total("fft", 4096), 2U * 4096 * 4096 * 8);
  EXPECT_EQ(total("gemm", 4096), 3U * 4096 * 4096 * 4);
  EXPECT_EQ(total("gemm", kMaxSize), 3ULL << 42);
}

TEST(Memory, ModelsTakeTheirWeightsAndTheirCache) {
  const auto plan = memory_of(
      complete("decode", {{"model", "llama-3.1-8b"}, {"context", "8192"}}).value(), "cuda");
  EXPECT_NEAR(static_cast<double>(plan.weights) * 1e-9, 15.0, 0.05);
  EXPECT_EQ(plan.kv_cache, 128U * 1024 * (8192 + kDecodeGrowth));  // 128 KiB a token
}

TEST(LlmOperands, Bf16RoundsToNearestEven) {
  EXPECT_EQ(rounded_to_bf16(1.0F), 1.0F);
  EXPECT_EQ(rounded_to_bf16(1.0F + 0x1p-8F), 1.0F);            // a tie, down to even
  EXPECT_EQ(rounded_to_bf16(1.0F + 0x3p-8F), 1.0F + 0x1p-6F);  // a tie, up to even
  EXPECT_EQ(rounded_to_bf16(-1.0F - 0x1.8p-8F), -1.0F - 0x1p-7F);
}

TEST(LlmOperands, TokensLieInTheVocabularyAndDiffer) {
  const ModelShape& model = *find_model("tiny");
  std::set<std::int64_t> seen;
  for (std::int64_t p = 0; p < 100; ++p) {
    const std::int64_t token = token_at(model, 1, 0, p);
    EXPECT_GE(token, 0);
    EXPECT_LT(token, model.vocab);
    seen.insert(token);
  }
  EXPECT_GT(seen.size(), 50U);
}

}  // namespace
}  // namespace kts::workload::spec_test
