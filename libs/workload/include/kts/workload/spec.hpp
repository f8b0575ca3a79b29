// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"

namespace kts::workload {

using Value = std::variant<std::int64_t, std::string>;
// As complete() reads it back.
[[nodiscard]] std::string to_text(const Value& value);

// A workload and its parameters, all filled in and in range: what a scenario, a command line and
// META say. Made by complete(); one that isn't is of no kind, and nothing runs it.
class WorkloadSpec {
 public:
  struct Parameter {
    std::string name;
    Value value;
    friend bool operator==(const Parameter&, const Parameter&) = default;
  };

  WorkloadSpec() = default;
  [[nodiscard]] const std::string& kind() const { return kind_; }
  // In the registry's order.
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  [[nodiscard]] bool has(std::string_view name) const;
  // Of a parameter that the kind has and whose type is this one; anything else is a bug.
  [[nodiscard]] std::int64_t number(std::string_view name) const;
  [[nodiscard]] const std::string& word(std::string_view name) const;

  friend bool operator==(const WorkloadSpec&, const WorkloadSpec&) = default;

 private:
  friend class SpecBuilder;
  std::string kind_;
  std::vector<Parameter> parameters_;
};

// "fft 4096", "decode llama-3.1-8b, batch 1, context 2048".
[[nodiscard]] std::string describe(const WorkloadSpec& spec);

enum class ParameterType { kNumber, kBytes, kWord };

// One parameter of a workload, for whoever reads, checks or explains it.
struct ParameterInfo {
  std::string_view name;     // "max_context"; its flag is --max-context
  std::string_view meaning;  // one phrase
  ParameterType type = ParameterType::kNumber;
  // Empty: follows from others (`meaning` says how), or must be given.
  std::optional<Value> default_value = {};
  std::int64_t min = 1;  // numbers and bytes
  std::int64_t max = 1;
  std::vector<std::string_view> words = {};  // the values of a word
  bool of_custom_model = false;              // only with model `custom`, and then it must be given
  bool secondary = false;                    // described only when it isn't the default
};

// One entry of the list of workloads: what help texts, scenarios and v1 records say.
struct WorkloadInfo {
  std::string_view kind;     // "fft"
  std::string_view v1_kind;  // "FFT"
  std::string_view meaning;  // what one iteration is, a phrase
  Nanoseconds study_think;   // the study's SLEEP_MS; for kinds that it hadn't, as its FFT's
  std::vector<ParameterInfo> parameters;  // the first is the one that describes the workload best
};
[[nodiscard]] std::span<const WorkloadInfo> workloads();
[[nodiscard]] const WorkloadInfo* find_workload(std::string_view kind);
[[nodiscard]] std::vector<std::string_view> workload_kinds();

// "--max-context" of "max_context".
[[nodiscard]] std::string flag_of(std::string_view parameter);
// What makes kts-worker run it: the kind and a flag for each parameter.
[[nodiscard]] std::vector<std::string> arguments_of(const WorkloadSpec& spec);

// A parameter as somebody wrote it, and the place for errors: "--size", "s.yaml:7: workload.size".
struct GivenParameter {
  std::string name;
  std::string text;
  std::string where = {};
};
// Defaults filled in, values checked, one by one and together. kBadInput names the place, and for
// an unknown name the nearest known one. Bytes are a number, or one with KiB, MiB or GiB. `where`
// stands for what no single parameter is to blame for.
[[nodiscard]] Result<WorkloadSpec> complete(std::string_view kind,
                                            const std::vector<GivenParameter>& given = {},
                                            std::string_view where = {});

inline constexpr std::int64_t kMaxSize = 1 << 20;

}  // namespace kts::workload
