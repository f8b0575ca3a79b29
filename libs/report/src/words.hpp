// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kts/analysis/summary.hpp"

namespace kts::report {

// Iterations per second. The study's logs are told by its proxy, 1000 / mean ms of gpu_time: their
// completions per second are mostly the sleeps between them.
struct Rates {
  bool achieved = true;  // completions per second; else the proxy
  std::optional<double> solo, shared, ratio;
};

// What the renderers need to know of one agent, looked up once; pointers into the Summary, null
// where it has nothing.
struct AgentView {
  const analysis::AgentInfo* info = nullptr;
  const analysis::MeasureResult* solo = nullptr;    // latency
  const analysis::MeasureResult* shared = nullptr;  // latency
  const analysis::Degradation* df = nullptr;        // p99 of latency
  // Of p95 or p50, the highest that is surely not what it is alone.
  const analysis::Degradation* df_lower = nullptr;
  const analysis::Degradation* df_gpu_time = nullptr;  // p99 of gpu_time
  const analysis::Load* overload = nullptr;            // the phase in which it was overloaded
  const analysis::Finding* change = nullptr;
  Rates rates;
};
std::vector<AgentView> views(const analysis::Summary& summary);
std::vector<AgentView> views(analysis::Summary&&) = delete;

// What the time between gpu_start and gpu_end is called: CUDA events, of which a CPU has none.
struct DeviceWords {
  std::string_view time, time_first, column;  // within a sentence, at its begin, over a column
};
DeviceWords device_words(const analysis::DeviceInfo& device);
bool is_cpu(const analysis::DeviceInfo& device);
std::string_view cause_words(const analysis::DeviceInfo& device, analysis::Cause cause);

// "n 610 solo, 608 shared": samples of latency, or of the measure that the results are of.
std::string sample_counts(const AgentView& view);
std::string sample_counts(const analysis::MeasureResult* solo,
                          const analysis::MeasureResult* shared);

// Whether a row of these says anything; either may be null.
bool has_values(const analysis::MeasureResult* solo, const analysis::MeasureResult* shared);
bool has_values(const analysis::Attribution& attribution);

// The finding as a page's headline: why a run can't conclude stands in full right below.
std::string headline(const analysis::Summary& summary);

// "hurt", "free", "helped", "cannot conclude", "overloaded"; "not shared" without a shared phase.
std::string verdict_words(const AgentView& view);

// Plain sentences; names in them are as the Summary has them, not escaped.
std::string overload_sentence(const AgentView& view);  // empty unless it is
std::string averages_sentence(const AgentView& view);
// Empty where there is nothing to say.
std::string event_time_sentence(const analysis::Summary& summary, const AgentView& view);
std::string token_rate_sentence(const AgentView& view);  // empty without LLM requests
std::string growth_sentence(const analysis::Attribution& attribution);
// Whom an agent waited for longer than alone, at the highest place that the samples tell of; empty
// where nobody.
std::string wait_sentence(const analysis::Summary& summary, std::string_view agent);
// How long turns are and how well that tells the waits; empty where agents take none.
std::string turn_sentence(const analysis::Summary& summary);
// What the cells of wait_table are.
std::string_view wait_caption(const analysis::Summary& summary);
// Rows of cells, the head first; nothing where nothing is known. What a part's growth is made of;
// who waits for whom how much longer than alone (the row waits) at one place; whether that
// goes away without the other; what the model of turns says of gpu_wait.
std::vector<std::vector<std::string>> cause_table(const analysis::Summary& summary);
std::vector<std::vector<std::string>> wait_table(const analysis::Summary& summary,
                                                 std::string_view at);
std::vector<std::vector<std::string>> left_out_table(const analysis::Summary& summary);
std::string left_out_sentence(const analysis::Summary& summary);  // empty where none was
std::vector<std::vector<std::string>> turn_table(const analysis::Summary& summary);
std::string cannot_conclude_sentence(const AgentView& view);  // empty unless it can't
std::string slo_sentence(const analysis::Summary& summary, const analysis::SloOutcome& slo);
// Lists for a reader of many agents: of those that can't be concluded the first three, of
// objectives that can't be judged the first, and how many more there are.
std::vector<std::string> open_questions(const std::vector<AgentView>& all);
std::vector<std::string> objective_sentences(const analysis::Summary& summary);
std::string method_sentence(const analysis::Summary& summary);

// What the GPU did by its own records: an agent's phases; its kernels alone beside shared, those
// that added most first, at most ten an agent; which of them grew most (empty where that isn't
// known).
std::vector<std::vector<std::string>> kernel_use_table(const analysis::Summary& summary);
std::vector<std::vector<std::string>> kernel_change_table(const analysis::Summary& summary);
std::vector<std::string> kernel_sentences(const analysis::Summary& summary);

// What the card did meanwhile: a row of cells a phase, the head first; nothing where nothing is
// known.
std::string_view covariate_sentence();
std::vector<std::vector<std::string>> covariate_table(const analysis::Summary& summary);

// Label and value of what is known of the run.
std::vector<std::pair<std::string, std::string>> run_facts(const analysis::Summary& summary);

}  // namespace kts::report
