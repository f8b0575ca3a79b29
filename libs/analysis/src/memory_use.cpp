// SPDX-License-Identifier: Apache-2.0
#include "memory_use.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

namespace kts::analysis {
namespace {

using MemoryJson = nlohmann::json;
using Bytes = std::optional<std::uint64_t>;

const MemoryJson& field_of(const MemoryJson& object, const char* key) {
  static const MemoryJson kNothing;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? *found : kNothing;
}
Bytes bytes_in(const MemoryJson& object, const char* key) {
  const MemoryJson& value = field_of(object, key);
  return value.is_number_unsigned() ? Bytes(value.get<std::uint64_t>()) : std::nullopt;
}
std::string word_in(const MemoryJson& object, const char* key) {
  const MemoryJson& value = field_of(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::optional<double> share_of_bytes(const Bytes& part, const Bytes& whole) {
  if (!part || !whole || *whole == 0) return std::nullopt;
  return static_cast<double>(*part) / static_cast<double>(*whole);
}
std::optional<double> error_of(const Bytes& measured, const Bytes& predicted) {
  const auto ratio = share_of_bytes(measured, predicted);
  return ratio ? std::optional(*ratio - 1) : std::nullopt;
}

AgentMemory agent_memory(const MemoryJson& entry) {
  AgentMemory agent;
  agent.agent = word_in(entry, "agent");
  const MemoryJson& predicted = field_of(entry, "predicted");
  for (const auto& [key, to] :
       {std::pair("weights", &agent.weights), std::pair("kv_cache", &agent.kv_cache),
        std::pair("activations", &agent.activations), std::pair("operands", &agent.operands),
        std::pair("workspace", &agent.workspace), std::pair("context", &agent.context)}) {
    *to = bytes_in(predicted, key);
  }
  // Before its parts were told, it was of allocations alone.
  if (predicted.is_object()) agent.predicted = bytes_in(entry, "predicted_bytes");
  agent.allocated = bytes_in(entry, "allocated_bytes");
  agent.measured = bytes_in(entry, "measured_bytes");
  agent.measured_by = word_in(entry, "measured_by");
  if (!agent.measured) agent.missing = word_in(entry, "missing");
  const MemoryJson& grows = field_of(entry, "grows");
  agent.grows = grows.is_boolean() && grows.get<bool>();
  if (!agent.grows) agent.error_ratio = error_of(agent.measured, agent.predicted);
  return agent;
}

Bytes sum_of(const std::vector<AgentMemory>& agents, Bytes AgentMemory::*part) {
  std::uint64_t sum = 0;
  for (const AgentMemory& agent : agents) {
    if (!(agent.*part)) return std::nullopt;
    sum += *(agent.*part);
  }
  return sum;
}

}  // namespace

std::optional<MemoryUse> memory_use(const nlohmann::json& environment) {
  const MemoryJson& entries = field_of(environment, "memory");
  if (!entries.is_array() || entries.empty()) return std::nullopt;
  MemoryUse use;
  for (const MemoryJson& entry : entries) use.agents.push_back(agent_memory(entry));
  use.predicted = sum_of(use.agents, &AgentMemory::predicted);
  use.measured = bytes_in(environment, "memory_in_use_bytes");
  use.measured_by = word_in(environment, "memory_in_use_by");
  if (!use.measured) use.measured = sum_of(use.agents, &AgentMemory::measured);
  // Runs that don't say had no other way.
  if (use.measured && use.measured_by.empty()) use.measured_by = "processes";
  const MemoryJson& device = field_of(environment, "device");
  const bool on_cpu = word_in(device, "kind") == "cpu";
  use.device = bytes_in(on_cpu ? field_of(environment, "cpu") : device, "memory_bytes");
  use.predicted_share = share_of_bytes(use.predicted, use.device);
  use.measured_share = share_of_bytes(use.measured, use.device);
  if (std::ranges::none_of(use.agents, &AgentMemory::grows)) {
    use.error_ratio = error_of(use.measured, use.predicted);
  }
  return use;
}

}  // namespace kts::analysis
