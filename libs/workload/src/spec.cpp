// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "kts/base/units.hpp"
#include "kts/workload/cost.hpp"
#include "kts/workload/limits.hpp"
#include "kts/workload/model.hpp"

namespace kts::workload {

// Reads what was given for one kind, parameter after parameter.
class SpecBuilder {
 public:
  SpecBuilder(const WorkloadInfo& info, const std::vector<GivenParameter>& given,
              std::string_view where)
      : info_(info), given_(given), where_(where) {
    spec_.kind_ = info.kind;
  }

  Result<WorkloadSpec> build() {
    KTS_CHECK_OK(check_names());
    for (const ParameterInfo& parameter : info_.parameters) {
      KTS_CHECK_OK(take(parameter));
    }
    KTS_CHECK_OK(check_together());
    return std::move(spec_);
  }

 private:
  [[nodiscard]] const GivenParameter* find(std::string_view name) const {
    const auto found = std::ranges::find(given_, name, &GivenParameter::name);
    return found == given_.end() ? nullptr : &*found;
  }
  // Where `name` was given, or the workload as a whole when it wasn't.
  [[nodiscard]] std::string place(std::string_view name) const {
    const GivenParameter* const given = find(name);
    return given ? given->where : where_;
  }

  [[nodiscard]] Status check_names() const {
    std::vector<std::string_view> known;
    for (const ParameterInfo& parameter : info_.parameters) known.push_back(parameter.name);
    for (const GivenParameter& given : given_) {
      if (std::ranges::find(known, given.name) == known.end()) {
        const std::string near = nearest_word(given.name.substr(0, 64), known);
        return bad_input(fmt::format("{} has no parameter '{}'", info_.kind, given.name),
                         near.empty() ? fmt::format("it has {}", fmt::join(known, ", "))
                                      : fmt::format("did you mean '{}'?", near),
                         given.where);
      }
      if (find(given.name) != &given) {
        return bad_input(fmt::format("'{}' is given twice", given.name), "keep one", given.where);
      }
    }
    return {};
  }

  [[nodiscard]] Status take(const ParameterInfo& parameter) {
    const GivenParameter* const given = find(parameter.name);
    if (parameter.of_custom_model && spec_.word("model") != "custom") {
      if (!given) return {};
      return bad_input(
          fmt::format("model {} has a '{}' of its own", spec_.word("model"), given->name),
          "remove it, or take model custom", given->where);
    }
    Value value;
    if (given) {
      KTS_TRY(value, read(parameter, *given));
    } else if (parameter.default_value) {
      value = *parameter.default_value;
    } else if (parameter.name == "max_context") {
      value = spec_.number("input") + spec_.number("output");
    } else {
      return bad_input(fmt::format("model custom needs '{}'", parameter.name), "add it",
                       place("model"));
    }
    spec_.parameters_.push_back({std::string(parameter.name), std::move(value)});
    return {};
  }

  [[nodiscard]] static Result<Value> read(const ParameterInfo& parameter,
                                          const GivenParameter& given) {
    if (parameter.type == ParameterType::kWord) {
      if (std::ranges::find(parameter.words, given.text) != parameter.words.end()) {
        return Value(given.text);
      }
      const std::string near = nearest_word(given.text.substr(0, 64), parameter.words);
      return bad_input(fmt::format("'{}' is not one of {}", given.text.substr(0, 64),
                                   fmt::join(parameter.words, ", ")),
                       near.empty() ? "" : fmt::format("did you mean '{}'?", near), given.where);
    }
    const bool in_bytes = parameter.type == ParameterType::kBytes;
    const auto number = in_bytes ? parse_bytes(given.text) : parse_int64(given.text);
    if (!number) {
      return bad_input(number.error().message,
                       number.error().hint.empty()
                           ? fmt::format("give {} to {}", parameter.min, parameter.max)
                           : number.error().hint,
                       given.where);
    }
    if (*number < parameter.min || *number > parameter.max) {
      return bad_input(fmt::format("{} is out of range", *number),
                       fmt::format("give {} to {}", parameter.min, parameter.max), given.where);
    }
    return Value(*number);
  }

  [[nodiscard]] Status check_together() const {
    if (spec_.has("max_context")) {
      const std::int64_t least = spec_.number("input") + spec_.number("output");
      if (spec_.number("max_context") < least) {
        return bad_input(fmt::format("input and output are {} tokens together", least),
                         fmt::format("give {} or more", least), place("max_context"));
      }
    }
    if (spec_.has("k") && spec_.number("k") > spec_.number("vectors")) {
      return bad_input(
          fmt::format("the best {} of {} vectors", spec_.number("k"), spec_.number("vectors")),
          "give a k of at most the vectors", place("k"));
    }
    if (spec_.has("limit") && spec_.number("limit") < spec_.number("step")) {
      return bad_input(fmt::format("a limit of {} has no room for a step of {}",
                                   spec_.number("limit"), spec_.number("step")),
                       "give a larger one", place("limit"));
    }
    if (spec_.has("limit") && spec_.number("limit") / spec_.number("step") > kMostGrowSteps) {
      return bad_input(fmt::format("a limit of {} is {} steps", exact_bytes(spec_.number("limit")),
                                   spec_.number("limit") / spec_.number("step")),
                       fmt::format("give a larger step: {} are the most", kMostGrowSteps),
                       place("step"));
    }
    if (!spec_.has("model")) return {};
    if (spec_.word("model") == "custom") KTS_CHECK_OK(check_custom());
    return check_extent();
  }

  [[nodiscard]] Status check_custom() const {
    constexpr std::int64_t kWidestHead = 256;
    const std::int64_t hidden = spec_.number("hidden");
    const std::int64_t heads = spec_.number("heads");
    const std::int64_t kv_heads = spec_.number("kv_heads");
    if (hidden % heads != 0) {
      return bad_input(fmt::format("{} can't be divided by {} heads", hidden, heads),
                       "give a multiple of heads", place("hidden"));
    }
    if (heads % kv_heads != 0) {
      return bad_input(fmt::format("{} heads can't be divided by {} kv_heads", heads, kv_heads),
                       "give a divisor of heads", place("kv_heads"));
    }
    const std::int64_t head_dim = hidden / heads;
    if (head_dim % kModelGrain != 0 || head_dim > kWidestHead) {
      return bad_input(
          fmt::format("{} over {} heads makes heads of {}", hidden, heads, head_dim),
          fmt::format("a head is a multiple of {}, at most {}", kModelGrain, kWidestHead),
          place("hidden"));
    }
    if (spec_.number("ffn") % kModelGrain != 0) {
      return bad_input(fmt::format("{} is no multiple of {}", spec_.number("ffn"), kModelGrain),
                       fmt::format("give a multiple of {}", kModelGrain), place("ffn"));
    }
    return {};
  }

  // What no device has, and what indices of 32 bits can't count.
  [[nodiscard]] Status check_extent() const {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 50;
    const std::int64_t batch = spec_.has("batch") ? spec_.number("batch") : 1;
    const std::int64_t tokens = spec_.has("tokens") ? spec_.number("tokens") : 1;
    if (batch * tokens > std::numeric_limits<std::int32_t>::max()) {
      return bad_input(fmt::format("{} sequences of {} tokens are too many", batch, tokens),
                       "give a smaller batch or fewer tokens", place("tokens"));
    }
    const std::uint64_t bytes = memory_of(spec_, "cpu").total();
    if (bytes > kMost) {
      return bad_input(fmt::format("{} needs {} of memory", describe(spec_), format_bytes(bytes)),
                       "no device has that; give a smaller shape", place(info_.parameters[0].name));
    }
    return {};
  }

  const WorkloadInfo& info_;
  const std::vector<GivenParameter>& given_;
  std::string where_;
  WorkloadSpec spec_;
};

namespace {

const WorkloadSpec::Parameter* find_parameter(const WorkloadSpec& spec, std::string_view name) {
  const auto found = std::ranges::find(spec.parameters(), name, &WorkloadSpec::Parameter::name);
  return found == spec.parameters().end() ? nullptr : &*found;
}

// A caller's bug: there is no value that could stand for what isn't there.
template <typename T>
const T& value_of(const WorkloadSpec& spec, std::string_view name) {
  const auto* const parameter = find_parameter(spec, name);
  if (!parameter || !std::holds_alternative<T>(parameter->value)) std::abort();
  return std::get<T>(parameter->value);
}

}  // namespace

std::string to_text(const Value& value) {
  if (const auto* const number = std::get_if<std::int64_t>(&value))
    return fmt::format("{}", *number);
  return std::get<std::string>(value);
}

bool WorkloadSpec::has(std::string_view name) const { return find_parameter(*this, name); }
std::int64_t WorkloadSpec::number(std::string_view name) const {
  return value_of<std::int64_t>(*this, name);
}
const std::string& WorkloadSpec::word(std::string_view name) const {
  return value_of<std::string>(*this, name);
}

std::string describe(const WorkloadSpec& spec) {
  std::string text = spec.kind();
  const WorkloadInfo* const info = find_workload(spec.kind());
  if (!info) return text;
  for (const ParameterInfo& parameter : info->parameters) {
    const auto* const found = find_parameter(spec, parameter.name);
    if (!found || (parameter.secondary && found->value == parameter.default_value)) continue;
    const bool first = &parameter == &info->parameters.front();
    const bool in_bytes = parameter.type == ParameterType::kBytes;
    text += fmt::format(
        "{} {}", first ? "" : fmt::format(", {}", parameter.name),
        in_bytes ? exact_bytes(std::get<std::int64_t>(found->value)) : to_text(found->value));
  }
  return text;
}

const WorkloadInfo* find_workload(std::string_view kind) {
  const auto found = std::ranges::find(workloads(), kind, &WorkloadInfo::kind);
  return found == workloads().end() ? nullptr : &*found;
}

std::vector<std::string_view> workload_kinds() {
  std::vector<std::string_view> kinds;
  for (const WorkloadInfo& info : workloads()) kinds.push_back(info.kind);
  return kinds;
}

std::string flag_of(std::string_view parameter) {
  std::string flag = fmt::format("--{}", parameter);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::vector<std::string> arguments_of(const WorkloadSpec& spec) {
  std::vector<std::string> words{spec.kind()};
  for (const auto& parameter : spec.parameters()) {
    words.push_back(flag_of(parameter.name));
    words.push_back(to_text(parameter.value));
  }
  return words;
}

Result<WorkloadSpec> complete(std::string_view kind, const std::vector<GivenParameter>& given,
                              std::string_view where) {
  if (const WorkloadInfo* const info = find_workload(kind)) {
    return SpecBuilder(*info, given, where).build();
  }
  const auto kinds = workload_kinds();
  const std::string near = nearest_word(kind.substr(0, 64), kinds);
  return bad_input(fmt::format("there is no workload '{}'", kind.substr(0, 64)),
                   near.empty() ? fmt::format("choose one of {}", fmt::join(kinds, ", "))
                                : fmt::format("did you mean '{}'?", near),
                   std::string(where));
}

}  // namespace kts::workload
