// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/memory.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "kts/base/units.hpp"
#include "kts/runner/foreign.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/workload/cost.hpp"
#include "kts/workload/memory.hpp"

namespace kts::runner {

namespace {

using Json = nlohmann::ordered_json;

// Of the agents' parts, "router 1.0 GiB, thinker 15.0 GiB": the largest first, when there are many.
template <typename Bytes>
std::string parts_of(std::vector<AgentMemory> agents, Bytes bytes_of) {
  constexpr std::size_t kTold = 8;
  if (agents.size() > kTold) {
    std::ranges::stable_sort(agents, std::ranges::greater(), bytes_of);
  }
  std::string parts;
  for (std::size_t i = 0; i < std::min(agents.size(), kTold); ++i) {
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", agents[i].agent,
                         format_bytes(bytes_of(agents[i])));
  }
  if (agents.size() > kTold) parts += fmt::format(" and {} more", agents.size() - kTold);
  return parts;
}

// "23.0 GiB, 2.1 GiB of it in use", "21.2 GiB free"
std::string size_of(const DeviceMemory& device) {
  std::string text = format_bytes(*device.total_bytes);
  if (device.is_what_is_free) return text + " free";
  const std::uint64_t used = device.used_bytes.value_or(0);
  return text + (used > 0 ? fmt::format(", {} of it in use", format_bytes(used)) : "");
}

std::uint64_t left_of(const DeviceMemory& device) {
  return *device.total_bytes - std::min(device.used_bytes.value_or(0), *device.total_bytes);
}

}  // namespace

std::vector<AgentMemory> predict_memory(const scenario::Scenario& scenario) {
  const std::string_view kind = device_kind(scenario.device);
  std::vector<AgentMemory> agents;
  for (const scenario::AgentSpec& agent : scenario.agents) {
    AgentMemory memory;
    memory.agent = agent.name;
    memory.plan = workload::memory_of(agent.workload, kind);
    const bool on_gpu = kind == "cuda";
    const std::size_t sharers = scenario.sharing == "streams" ? scenario.agents.size() : 1;
    memory.context_bytes =
        (on_gpu ? workload::kCudaContextBytes : workload::kCpuProgramBytes) / sharers +
        (on_gpu ? 0 : workload::kCpuAgentBytes);
    agents.push_back(std::move(memory));
  }
  return agents;
}

std::string to_json(const std::vector<AgentMemory>& agents) {
  Json out = Json::array();
  for (const AgentMemory& agent : agents) {
    const workload::MemoryPlan& plan = agent.plan;
    Json predicted{{"weights", plan.weights},
                   {"kv_cache", plan.kv_cache},
                   {"activations", plan.activations},
                   {"operands", plan.operands},
                   {"workspace", plan.workspace}};
    if (agent.context_bytes) predicted["context"] = *agent.context_bytes;
    Json one{{"agent", agent.agent},
             {"predicted_bytes", agent.predicted_bytes()},
             {"predicted", std::move(predicted)}};
    if (plan.grows) one["grows"] = true;
    if (agent.allocated_bytes) one["allocated_bytes"] = *agent.allocated_bytes;
    if (agent.measured_bytes) {
      one["measured_bytes"] = *agent.measured_bytes;
      one["measured_by"] = agent.measured_by;
    } else if (!agent.missing.empty()) {
      one["missing"] = agent.missing;
    }
    out.push_back(std::move(one));
  }
  return out.dump();
}

DeviceMemory device_memory(const std::string& device, device::GpuSource* gpus) {
  if (device_kind(device) == "cpu") {
    return {"this machine", workload::available_memory(), {}, true};
  }
  DeviceMemory memory{"the card", {}, {}};
  if (gpus == nullptr) return memory;
  const auto cards = gpus->gpus();
  if (!cards || cards->empty()) return memory;
  const device::Gpu& first = cards->front();
  const bool alike = std::ranges::all_of(
      *cards, [&](const device::Gpu& gpu) { return gpu.memory_bytes == first.memory_bytes; });
  // A part of a card has a part of its memory.
  const bool parted = std::ranges::any_of(
      *cards, [](const device::Gpu& gpu) { return gpu.mig_enabled.value_or(false); });
  if (!alike || parted) return memory;
  memory.name = first.name;
  memory.total_bytes = first.memory_bytes;
  if (cards->size() == 1) {
    if (const auto sample = gpus->sample(first.index))
      memory.used_bytes = sample->memory_used_bytes;
  }
  return memory;
}

Status check_memory(const std::vector<AgentMemory>& agents, const DeviceMemory& device) {
  if (!device.total_bytes) return {};
  const auto allocates = [](const AgentMemory& agent) { return agent.plan.total(); };
  std::uint64_t sum = 0;
  for (const AgentMemory& agent : agents) sum += allocates(agent);
  if (sum <= left_of(device)) return {};
  return environment_lacks(
      fmt::format("the agents need {} together ({}), {} has {}", format_bytes(sum),
                  parts_of(agents, allocates), device.name, size_of(device)),
      "take smaller shapes or fewer agents; what the driver needs comes on top", "memory");
}

MemoryOutlook memory_outlook(const std::vector<AgentMemory>& agents, const DeviceMemory& device) {
  const auto predicted = [](const AgentMemory& agent) { return agent.predicted_bytes(); };
  std::uint64_t sum = 0;
  for (const AgentMemory& agent : agents) sum += predicted(agent);
  std::string text =
      agents.size() == 1
          ? fmt::format("memory: {} will hold about {}", agents.front().agent, format_bytes(sum))
          : fmt::format("memory: the agents will hold about {} ({})", format_bytes(sum),
                        parts_of(agents, predicted));
  for (const AgentMemory& agent : agents) {
    if (agent.plan.grows) text += fmt::format(", and {} takes more as it runs", agent.agent);
  }
  if (!device.total_bytes) return {std::move(text)};
  text += fmt::format("; {} has {}", device.name, size_of(device));
  if (sum <= left_of(device)) return {std::move(text)};
  return {text + ", so that one of them may be refused", true};
}

CardsUse use_of_cards(device::GpuSource& gpus) {
  CardsUse use;
  const auto cards = gpus.gpus();
  for (const device::Gpu& card : cards ? *cards : std::vector<device::Gpu>{}) {
    // What others hold they may give back meanwhile.
    const auto there = gpus.compute_processes(card.index);
    if (!there || !foreign_processes(*there, {}).empty()) continue;
    const auto sample = gpus.sample(card.index);
    if (sample && sample->memory_used_bytes) use[card.uuid] = *sample->memory_used_bytes;
  }
  return use;
}

std::optional<std::uint64_t> taken_of_card(device::GpuSource& gpus, const device::Gpu& card,
                                           const CardsUse& before,
                                           std::span<const std::int64_t> ours) {
  const auto then = before.find(card.uuid);
  const auto there = gpus.compute_processes(card.index);
  const auto now = gpus.sample(card.index);
  if (then == before.end() || !there || !foreign_processes(*there, ours).empty() || !now ||
      now->memory_used_bytes.value_or(0) <= then->second) {
    return std::nullopt;
  }
  return *now->memory_used_bytes - then->second;
}

std::optional<std::uint64_t> resident_bytes(std::int64_t pid, const std::filesystem::path& root) {
  std::ifstream in(root / "proc" / fmt::format("{}", pid) / "statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  if (!(in >> size >> resident)) return std::nullopt;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace kts::runner
