// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>

#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"
#include "property.hpp"

namespace {

using namespace kts::record;

std::string_view body(std::string_view line, std::string_view prefix) {
  KTS_PROPERTY(line.starts_with(prefix) && line.ends_with('\n'));
  return line.substr(prefix.size(), line.size() - prefix.size() - 1);
}

void check_line(std::string_view text) {
  const Line line = parse_line(text);
  char buffer[kMaxRecordLine];
  if (const auto* v2 = std::get_if<V2Record>(&line)) {
    const char* end = format_v2(buffer, v2->agent, v2->iteration);
    const Line again = parse_line({buffer, static_cast<std::size_t>(end - buffer) - 1});
    const auto* back = std::get_if<V2Record>(&again);
    KTS_PROPERTY(back && back->agent == v2->agent && back->iteration == v2->iteration);
  } else if (const auto* token = std::get_if<TokenRecord>(&line)) {
    const char* end = format_token(buffer, token->agent, token->token);
    const Line again = parse_line({buffer, static_cast<std::size_t>(end - buffer) - 1});
    const auto* back = std::get_if<TokenRecord>(&again);
    KTS_PROPERTY(back && back->agent == token->agent && back->token == token->token);
  } else if (const auto* step = std::get_if<StepRecord>(&line)) {
    const char* end = format_step(buffer, step->agent, step->chain, step->step);
    const Line again = parse_line({buffer, static_cast<std::size_t>(end - buffer) - 1});
    const auto* back = std::get_if<StepRecord>(&again);
    KTS_PROPERTY(back && back->agent == step->agent && back->chain == step->chain &&
                 back->step == step->step);
  } else if (const auto* v1 = std::get_if<V1Record>(&line)) {
    const char* end = format_v1(buffer, v1->kind, v1->phase, v1->iteration, v1->gpu_time_ns);
    const Line again = parse_line({buffer, static_cast<std::size_t>(end - buffer) - 1});
    const auto* back = std::get_if<V1Record>(&again);
    KTS_PROPERTY(back && back->kind == v1->kind && back->phase == v1->phase &&
                 back->iteration == v1->iteration && back->gpu_time_ns == v1->gpu_time_ns);
  } else if (const auto* meta_line = std::get_if<MetaLine>(&line)) {
    if (const auto meta = parse_meta(meta_line->json)) {
      const std::string written = to_line(*meta);
      const auto again = parse_meta(body(written, "KTS_META,v2,"));
      KTS_PROPERTY(again && to_line(*again) == written);
    }
  } else if (const auto* end_line = std::get_if<EndLine>(&line)) {
    if (const auto end = parse_end(end_line->json)) {
      const std::string written = to_line(*end);
      const auto again = parse_end(body(written, "KTS_END,v2,"));
      KTS_PROPERTY(again && to_line(*again) == written);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    check_line(text.substr(0, newline));
    text = newline == std::string_view::npos ? std::string_view{} : text.substr(newline + 1);
  }
  return 0;
}
