// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kts/workload/spec.hpp"

namespace kts {

// Workloads' parameters as given on a command line, by name.
using WorkloadFlags = std::map<std::string, std::string, std::less<>>;

// One flag a name, whichever workloads have it; workload::complete tells which. They are in no
// group of the help text: a list by workload says more than one line could.
inline void add_workload_flags(CLI::App& app, WorkloadFlags& flags) {
  for (const workload::WorkloadInfo& info : workload::workloads()) {
    for (const workload::ParameterInfo& parameter : info.parameters) {
      const std::string flag = workload::flag_of(parameter.name);
      if (app.get_option_no_throw(flag)) continue;
      const std::string name(parameter.name);
      app.add_option_function<std::string>(
             flag, [&flags, name](const std::string& text) { flags[name] = text; })
          ->group("");
    }
  }
}

inline std::vector<workload::GivenParameter> given_parameters(const WorkloadFlags& flags) {
  std::vector<workload::GivenParameter> given;
  for (const auto& [name, text] : flags) given.push_back({name, text, workload::flag_of(name)});
  return given;
}

}  // namespace kts
