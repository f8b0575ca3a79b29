// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "kts/analysis/summary.hpp"

namespace kts::report::fixtures {

struct Fixture {
  std::string_view name;
  analysis::Summary (*make)();
};

analysis::Summary one_agent();           // nothing shared
analysis::Summary two_agents();          // as measured on a GPU: hurt, and event time misses it
analysis::Summary six_agents();          // long names, an equal baseline, an SLO missed and one met
analysis::Summary missing_values();      // everything that may be empty is
analysis::Summary cannot_conclude();     // too few blocks for intervals
analysis::Summary within_run_only();     // the study's v1 logs
analysis::Summary overloaded();          // arrivals above capacity
analysis::Summary special_characters();  // names and warnings that every format must escape
analysis::Summary traced();              // kernels joined to iterations
analysis::Summary llm_requests();        // time to first token, gaps between tokens

const std::vector<Fixture>& all();

}  // namespace kts::report::fixtures
