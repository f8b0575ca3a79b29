// SPDX-License-Identifier: Apache-2.0
#include "sharing_yaml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kts/base/units.hpp"

namespace kts::scenario {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

Result<MpsSpec> read_mps(const YamlValue& value) {
  KTS_CHECK_OK(value.check_keys({"threads", "priority", "memory", "partition"}));
  MpsSpec mps;
  if (value.has("threads")) {
    KTS_TRY(const std::int64_t percent, value.at("threads").whole_number(1, 100));
    mps.threads_percent = static_cast<int>(percent);
  }
  if (value.has("priority")) {
    KTS_TRY(const std::string priority, value.at("priority").word({"normal", "below-normal"}));
    mps.below_normal = priority.starts_with("below");
  }
  if (value.has("memory")) {
    const YamlValue memory = value.at("memory");
    KTS_TRY(const std::string text, memory.text());
    const auto bytes = parse_bytes(text);
    if (!bytes || *bytes < kMiB || *bytes % kMiB != 0) {
      return memory.refuse("not a limit of memory", "give whole MiB, as in 512MiB or 8GiB");
    }
    mps.memory_bytes = *bytes;
  }
  if (value.has("partition")) {
    const YamlValue partition = value.at("partition");
    KTS_TRY(const std::int64_t percent, partition.whole_number(1, 100));
    if (mps.threads_percent) {
      return partition.refuse("'threads' has no effect on an agent that has SMs of its own",
                              "remove one of the two");
    }
    mps.partition_percent = static_cast<int>(percent);
  }
  return mps;
}

Result<StreamSpec> read_stream(const YamlValue& value) {
  KTS_CHECK_OK(value.check_keys({"priority"}));
  StreamSpec stream;
  if (value.has("priority")) {
    KTS_TRY(const std::string priority, value.at("priority").word({"high", "normal"}));
    stream.high_priority = priority.starts_with("high");
  }
  return stream;
}

Result<Variant> read_variant(const YamlValue& value, const std::vector<std::string>& agents) {
  KTS_CHECK_OK(value.check_keys({"name", "sharing", "agents"}));
  Variant variant;
  KTS_TRY(const YamlValue name, value.require("name"));
  KTS_TRY(variant.name, name.name());
  KTS_TRY(const YamlValue sharing, value.require("sharing"));
  KTS_TRY(variant.sharing, sharing.word({"mps", "streams"}));
  KTS_TRY(const YamlValue list, value.require("agents"));
  KTS_TRY(const std::vector<YamlValue> items, list.items());
  if (items.empty()) return list.refuse("no agent", "name those that differ from the plain mode");
  for (const YamlValue& item : items) {
    KTS_CHECK_OK(item.check_keys({"name", "mps", "stream"}));
    Variant::Agent agent;
    KTS_TRY(const YamlValue which, item.require("name"));
    const std::vector<std::string_view> known(agents.begin(), agents.end());
    KTS_TRY(agent.name, which.word(known));
    const bool twice = std::ranges::any_of(
        variant.agents, [&](const Variant::Agent& other) { return other.name == agent.name; });
    if (twice) return which.refuse(fmt::format("'{}' stands here twice", agent.name), "keep one");
    KTS_TRY(Demands demands, read_demands(item, variant.sharing));
    agent.mps = demands.mps;
    agent.stream = demands.stream;
    variant.agents.push_back(std::move(agent));
  }
  return variant;
}

}  // namespace

Result<Demands> read_demands(const YamlValue& agent, std::string_view mode) {
  Demands demands;
  if (agent.has("mps")) {
    const YamlValue mps = agent.at("mps");
    if (mode != "mps") {
      return mps.refuse(fmt::format("has no meaning in mode {}", mode),
                        "remove it, or take sharing: mps");
    }
    KTS_TRY(demands.mps, read_mps(mps));
  }
  if (agent.has("stream")) {
    const YamlValue stream = agent.at("stream");
    if (mode != "streams") {
      return stream.refuse(fmt::format("has no meaning in mode {}", mode),
                           "remove it, or take sharing: streams");
    }
    KTS_TRY(demands.stream, read_stream(stream));
  }
  return demands;
}

Result<std::vector<Variant>> read_variants(const YamlValue& value,
                                           const std::vector<std::string>& agents) {
  KTS_TRY(const std::vector<YamlValue> items, value.items());
  std::vector<Variant> variants;
  for (const YamlValue& item : items) {
    KTS_TRY(Variant variant, read_variant(item, agents));
    const bool twice = std::ranges::any_of(
        variants, [&](const Variant& other) { return other.name == variant.name; });
    if (twice) {
      return item.at("name").refuse(fmt::format("two variants are called '{}'", variant.name),
                                    "give each a name of its own");
    }
    variants.push_back(std::move(variant));
  }
  return variants;
}

std::string to_yaml(const MpsSpec& mps) {
  std::string out = "{";
  if (mps.threads_percent) out += fmt::format("threads: {}, ", *mps.threads_percent);
  out += fmt::format("priority: {}", mps.below_normal ? "below-normal" : "normal");
  if (mps.memory_bytes) out += fmt::format(", memory: {}", exact_bytes(*mps.memory_bytes));
  if (mps.partition_percent) out += fmt::format(", partition: {}", *mps.partition_percent);
  return out + "}";
}

std::string to_yaml(const StreamSpec& stream) {
  return fmt::format("{{priority: {}}}", stream.high_priority ? "high" : "normal");
}

std::string to_yaml(const std::vector<Variant>& variants) {
  if (variants.empty()) return {};
  std::string out = "variants:\n";
  for (const Variant& variant : variants) {
    out +=
        fmt::format("  - name: {}\n    sharing: {}\n    agents:\n", variant.name, variant.sharing);
    for (const Variant::Agent& agent : variant.agents) {
      out += fmt::format("      - {{name: {}", agent.name);
      if (agent.mps) out += fmt::format(", mps: {}", to_yaml(*agent.mps));
      if (agent.stream) out += fmt::format(", stream: {}", to_yaml(*agent.stream));
      out += "}\n";
    }
  }
  return out;
}

}  // namespace kts::scenario
