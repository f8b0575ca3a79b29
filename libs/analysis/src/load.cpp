// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/load.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "load_sources.hpp"

namespace kts::analysis {

Result<RunData> load(const std::filesystem::path& run, const LoadOptions& options) {
  std::error_code ec;
  if (!std::filesystem::exists(run, ec)) {
    return bad_input("there is no such folder", "name a run's folder or a folder of v1 logs",
                     run.string());
  }
  if (!std::filesystem::is_directory(run, ec)) {
    return bad_input("is not a folder", "name the folder that the logs are in", run.string());
  }
  if (!std::filesystem::is_directory(run / "blocks", ec)) {
    if (!options.datasheet.empty()) {
      return bad_input("v1 logs don't say when the device began, which a data sheet explains",
                       "leave --datasheet to folders of kts run", run.string());
    }
    return load_study_logs(run, options);
  }
  if (!options.phases.empty() || !options.agents.empty()) {
    return bad_input("a run's folder says phases and agents by itself",
                     "leave --phase and --agent to folders of v1 logs", run.string());
  }
  return load_run_folder(run, options);
}

std::string folder_name(const std::filesystem::path& folder) {
  std::error_code ec;
  std::filesystem::path whole = std::filesystem::weakly_canonical(folder, ec);
  if (ec) whole = folder.lexically_normal();
  return whole.filename().string();
}

void report_counts(const LogCounts& counts, Summary& header) {
  header.malformed_lines = counts.malformed;
  header.foreign_lines = counts.foreign;
  header.duplicate_records = counts.duplicates;
  if (counts.malformed > 0) {
    header.warnings.push_back(
        fmt::format("{} malformed line{} left out: {}{}", counts.malformed,
                    counts.malformed == 1 ? "" : "s", fmt::join(counts.malformed_places, ", "),
                    counts.malformed > counts.malformed_places.size() ? ", …" : ""));
  }
  if (counts.duplicates > 0) {
    header.warnings.push_back(
        fmt::format("{} duplicate record{}, identical to the first of the same seq, left out",
                    counts.duplicates, counts.duplicates == 1 ? "" : "s"));
  }
}

void find_baselines(RunData& data, const std::function<bool(std::size_t, std::size_t)>& equal) {
  auto& agents = data.header.agents;
  const auto measured_alone = [&](const AgentInfo& agent) {
    return std::any_of(data.blocks.begin(), data.blocks.end(), [&](const AgentBlock& block) {
      return block.phase == Phase::kSolo && block.agent == agent.name;
    });
  };
  for (std::size_t i = 0; i < agents.size(); ++i) {
    agents[i].baseline = agents[i].name;
    for (std::size_t k = 0; k < agents.size() && !measured_alone(agents[i]); ++k) {
      if (k != i && measured_alone(agents[k]) && equal(i, k)) {
        agents[i].baseline = agents[k].name;
        break;
      }
    }
    data.baseline[agents[i].name] = agents[i].baseline;
  }
}

void leave_out_shared_block(RunData& data, int block) {
  std::erase_if(data.blocks, [&](const AgentBlock& candidate) {
    return candidate.phase == Phase::kShared && candidate.block == block;
  });
}

}  // namespace kts::analysis
