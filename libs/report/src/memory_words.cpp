// SPDX-License-Identifier: Apache-2.0
#include "memory_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "format.hpp"
#include "kts/base/units.hpp"
#include "matrix_words.hpp"

namespace kts::report {
namespace {

using analysis::AgentMemory;
using analysis::MemoryUse;

std::string size_text(const std::optional<std::uint64_t>& bytes) {
  return bytes ? format_bytes(*bytes) : std::string(kAbsent);
}
std::string error_text(const std::optional<double>& ratio) {
  return ratio ? percent(*ratio) : std::string(kAbsent);
}

// "weights 15.0 GiB, context 560.0 MiB": what isn't nothing.
std::string made_up_of(const AgentMemory& agent) {
  std::string text;
  for (const auto& [what, bytes] :
       {std::pair("weights", agent.weights), std::pair("KV cache", agent.kv_cache),
        std::pair("activations", agent.activations), std::pair("operands", agent.operands),
        std::pair("workspace", agent.workspace), std::pair("context", agent.context)}) {
    if (bytes.value_or(0) == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", what, format_bytes(*bytes));
  }
  if (text.empty()) return std::string(kAbsent);
  return agent.grows ? text + ", before it grows" : text;
}

std::string source_of(const AgentMemory& agent) {
  if (!agent.measured) return agent.missing;
  return agent.measured_by == "nvml" ? "the driver (NVML)" : agent.measured_by;
}

std::string of_device(const analysis::DeviceInfo& device, const MemoryUse& memory) {
  if (!memory.device) return {};
  const std::string name = device.kind == "cpu"  ? "the machine"
                           : device.name.empty() ? "the card"
                                                 : device.name;
  return fmt::format(" of {}'s {}", name, format_bytes(*memory.device));
}

// Where processes' own figures are not to be had.
constexpr const char* kByCard = "by what the card holds more than before the run";
bool by_card(const MemoryUse& memory) { return memory.measured_by == "card"; }

std::string share_text(const std::optional<double>& share) {
  return share ? fmt::format("{}\u00a0%", number(100 * *share, 2)) : std::string(kAbsent);
}

}  // namespace

std::vector<std::vector<std::string>> memory_table(const analysis::Summary& summary) {
  if (!summary.memory) return {};
  const MemoryUse& memory = *summary.memory;
  std::vector<std::vector<std::string>> rows{
      {"agent", "predicted from", "measured by", "predicted", "allocated", "measured", "error"}};
  for (const AgentMemory& agent : memory.agents) {
    rows.push_back({agent.agent, made_up_of(agent), source_of(agent), size_text(agent.predicted),
                    size_text(agent.allocated), size_text(agent.measured),
                    error_text(agent.error_ratio)});
  }
  if (memory.agents.size() > 1) {
    rows.push_back({"all", "", by_card(memory) ? kByCard : "", size_text(memory.predicted), "",
                    size_text(memory.measured), error_text(memory.error_ratio)});
  }
  return rows;
}

std::string memory_sentence(const analysis::Summary& summary) {
  if (!summary.memory) return {};
  const MemoryUse& memory = *summary.memory;
  const auto& sum = memory.measured ? memory.measured : memory.predicted;
  if (!sum) return {};
  const auto& share = memory.measured ? memory.measured_share : memory.predicted_share;
  const bool alone = memory.agents.size() == 1;
  std::string text = fmt::format(
      "{} {} {}{}", alone ? memory.agents.front().agent : std::string("The agents together"),
      memory.measured ? "held" : (alone ? "is predicted to hold" : "are predicted to hold"),
      format_bytes(*sum), of_device(summary.device, memory));
  if (share) text += fmt::format(" ({})", share_text(share));
  if (memory.measured) {
    if (memory.error_ratio) {
      text += fmt::format(", {} against the prediction", percent(*memory.error_ratio));
    }
    for (const AgentMemory& agent : memory.agents) {
      if (agent.grows) text += fmt::format("; how far {} grows isn't predicted", agent.agent);
    }
    return text + (by_card(memory) ? fmt::format("; {}.", kByCard) : ".");
  }
  const auto unmeasured = std::ranges::find_if(
      memory.agents, [](const AgentMemory& agent) { return !agent.missing.empty(); });
  if (unmeasured != memory.agents.end()) {
    text += fmt::format("; not measured: {}", unmeasured->missing);
  }
  return text + ".";
}

std::vector<std::vector<std::string>> memory_table(const analysis::Matrix& matrix) {
  if (!matrix.header.memory) return {};
  analysis::Summary originals = matrix.header;
  std::erase_if(originals.memory->agents, [&](const AgentMemory& agent) {
    return std::ranges::find(matrix.header.agents, agent.agent, &analysis::AgentInfo::name) ==
           matrix.header.agents.end();
  });
  std::vector<std::vector<std::string>> rows = memory_table(originals);
  const std::size_t processes = matrix.header.memory->agents.size();
  if (originals.memory->agents.size() > 1 && processes > originals.memory->agents.size()) {
    rows.back().front() = fmt::format("all {} processes", processes);
  }
  return rows;
}

std::string memory_sentence(const analysis::Matrix& matrix) {
  if (!matrix.header.memory || !matrix.largest) return {};
  const MemoryUse& memory = *matrix.header.memory;
  std::string text = fmt::format(
      "The largest set, {}, is predicted to hold {}{}", together(matrix.largest->agents),
      format_bytes(matrix.largest->predicted), of_device(matrix.header.device, memory));
  if (matrix.largest->share) text += fmt::format(" ({})", share_text(matrix.largest->share));
  if (memory.measured) {
    text += fmt::format("; all processes together held {}", format_bytes(*memory.measured));
  }
  return text + ".";
}

std::vector<std::vector<std::string>> memory_table(const analysis::ModesSummary& modes) {
  std::vector<std::vector<std::string>> rows;
  for (const analysis::CompanyResult& company : modes.companies) {
    for (const analysis::ModeResult& mode : company.modes) {
      if (!mode.memory) continue;
      const MemoryUse& memory = *mode.memory;
      const auto unmeasured = std::ranges::find_if(
          memory.agents, [](const AgentMemory& agent) { return !agent.missing.empty(); });
      const bool untold = memory.measured || unmeasured == memory.agents.end();
      rows.push_back({mode.entry.way, company.company,
                      by_card(memory) ? kByCard
                      : untold        ? std::string()
                                      : "not measured: " + unmeasured->missing,
                      size_text(memory.predicted), size_text(memory.measured),
                      size_text(memory.device),
                      share_text(memory.measured ? memory.measured_share : memory.predicted_share),
                      error_text(memory.error_ratio)});
    }
  }
  if (!rows.empty()) {
    rows.insert(rows.begin(),
                {"way", "beside", "", "predicted", "measured", "the device has", "share", "error"});
  }
  return rows;
}

}  // namespace kts::report
