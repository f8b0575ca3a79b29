// SPDX-License-Identifier: Apache-2.0
#include "kts/control/protocol.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

namespace kts::control {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kCommandTag = "KTS_CMD,";
constexpr std::string_view kReadyTag = "KTS_READY,";
constexpr std::string_view kAckTag = "KTS_ACK,";
constexpr std::string_view kVersion = "v1,";

// 2096: far enough from the ends of 64 bits that no sum of a run's instants overflows.
constexpr std::int64_t kLastInstant = 4'000'000'000'000'000'000;

constexpr std::array<std::pair<Step, std::string_view>, 3> kSteps{{
    {Step::kPrepared, "prepared"},
    {Step::kDrained, "drained"},
    {Step::kFinished, "finished"},
}};

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string line(std::string_view tag, const ordered_json& body) {
  return fmt::format("{}{}{}\n", tag, kVersion,
                     body.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

// The line's JSON object, after its tag and the version that we speak.
Result<json> body_of(std::string_view line, std::string_view tag) {
  if (line.size() >= kMaxFrame) {
    return bad_input(
        fmt::format("a control line of {} bytes; {} is the most", line.size() + 1, kMaxFrame));
  }
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::string_view name = tag.substr(0, tag.size() - 1);
  line.remove_prefix(tag.size());
  if (!line.starts_with(kVersion)) {
    return bad_input(fmt::format("a {} line of another version: '{}'", name,
                                 line.substr(0, std::min<std::size_t>(line.find(','), 16))),
                     "kts and kts-worker must come from one build");
  }
  json body = json::parse(line.substr(kVersion.size()), nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) return bad_input(fmt::format("a {} line without a JSON object", name));
  return body;
}

// Reads fields of one object; keeps the first thing that was wrong.
class Fields {
 public:
  Fields(const json& object, std::string_view name) : object_(object), name_(name) {}

  template <typename Integer>
  Fields& integer(const char* field, Integer& to) {
    const json* value = find(field);
    if (!value) return *this;
    if (value->is_number_unsigned() && std::in_range<Integer>(value->get<std::uint64_t>())) {
      to = static_cast<Integer>(value->get<std::uint64_t>());
    } else if (value->is_number_integer() && !value->is_number_unsigned() &&
               std::in_range<Integer>(value->get<std::int64_t>())) {
      to = static_cast<Integer>(value->get<std::int64_t>());
    } else {
      wrong(field);
    }
    return *this;
  }
  Fields& text(const char* field, std::string& to) {
    const json* value = find(field);
    if (!value) return *this;
    if (value->is_string()) {
      to = value->get_ref<const std::string&>();
    } else {
      wrong(field);
    }
    return *this;
  }
  template <typename Integer>
  Fields& maybe_integer(const char* field, std::optional<Integer>& to) {
    if (!object_.contains(field)) return *this;
    return integer(field, to.emplace());
  }
  Fields& maybe_text(const char* field, std::string& to) {
    return object_.contains(field) ? text(field, to) : *this;
  }
  [[nodiscard]] Status status() const { return problem_.empty() ? Status{} : bad_input(problem_); }

 private:
  const json* find(const char* field) {
    const auto found = object_.find(field);
    if (found != object_.end()) return &*found;
    if (problem_.empty()) problem_ = fmt::format("{} lacks '{}'", name_, field);
    return nullptr;
  }
  void wrong(const char* field) {
    if (problem_.empty()) {
      problem_ = fmt::format("{} has a '{}' of the wrong type or range", name_, field);
    }
  }

  const json& object_;
  std::string_view name_;
  std::string problem_;
};

Result<std::optional<Answer>> parse_ready(std::string_view line) {
  KTS_TRY(const json body, body_of(line, kReadyTag));
  Ready ready;
  KTS_CHECK_OK(Fields(body, "READY")
                   .text("agent", ready.agent)
                   .integer("pid", ready.pid)
                   .text("device", ready.device)
                   .text("device_name", ready.device_name)
                   .text("device_uuid", ready.device_uuid)
                   .integer("median_iteration_ns", ready.median_iteration_ns)
                   .integer("operand_bytes", ready.operand_bytes)
                   .maybe_text("gpu_uuid", ready.gpu_uuid)
                   .maybe_text("uuid_source", ready.uuid_source)
                   .status());
  return Answer(std::move(ready));
}

Result<std::optional<Answer>> parse_ack(std::string_view line) {
  KTS_TRY(const json body, body_of(line, kAckTag));
  Ack ack;
  std::string step;
  KTS_CHECK_OK(Fields(body, "ACK")
                   .text("step", step)
                   .integer("block", ack.block)
                   .maybe_integer("clock_bound_ns", ack.clock_bound_ns)
                   .status());
  for (const auto& [value, name] : kSteps) {
    if (name != step) continue;
    ack.step = value;
    return Answer(ack);
  }
  return bad_input(fmt::format("ACK has an unknown step '{}'", step));
}

}  // namespace

std::string to_line(const Command& command) {
  const ordered_json body = std::visit(
      Overloaded{
          [](const Prepare& c) -> ordered_json {
            ordered_json prepare{{"command", "prepare"},
                                 {"block", c.block},
                                 {"phase", c.phase},
                                 {"neighbours", c.neighbours}};
            if (c.epoch_offset_ns) prepare["epoch_offset_ns"] = *c.epoch_offset_ns;
            if (c.cycle) prepare["cycle"] = *c.cycle;
            if (!c.kernels.empty()) prepare["kernels"] = c.kernels;
            return prepare;
          },
          [](const Start& c) -> ordered_json {
            return {{"command", "start"}, {"start_ns", c.start_ns}, {"stop_ns", c.stop_ns}};
          },
          [](const Stop&) -> ordered_json {
            return {{"command", "stop"}};
          },
          [](const GiveUp&) -> ordered_json {
            return {{"command", "give_up"}};
          },
          [](const Finish&) -> ordered_json {
            return {{"command", "finish"}};
          },
          [](const Exit&) -> ordered_json {
            return {{"command", "exit"}};
          },
      },
      command);
  return line(kCommandTag, body);
}

std::string to_line(const Answer& answer) {
  if (const auto* ready = std::get_if<Ready>(&answer)) {
    ordered_json fields{{"agent", ready->agent},
                        {"pid", ready->pid},
                        {"device", ready->device},
                        {"device_name", ready->device_name},
                        {"device_uuid", ready->device_uuid},
                        {"median_iteration_ns", ready->median_iteration_ns},
                        {"operand_bytes", ready->operand_bytes}};
    if (!ready->gpu_uuid.empty()) fields["gpu_uuid"] = ready->gpu_uuid;
    if (!ready->uuid_source.empty()) fields["uuid_source"] = ready->uuid_source;
    return line(kReadyTag, fields);
  }
  const Ack& ack = std::get<Ack>(answer);
  ordered_json body;
  for (const auto& [value, name] : kSteps) {
    if (value == ack.step) body["step"] = name;
  }
  body["block"] = ack.block;
  if (ack.clock_bound_ns) body["clock_bound_ns"] = *ack.clock_bound_ns;
  return line(kAckTag, body);
}

Result<Command> parse_command(std::string_view line) {
  if (!line.starts_with(kCommandTag)) {
    return bad_input("a line on the control channel that is no KTS_CMD",
                     "leave --controlled out to run kts-worker by hand");
  }
  KTS_TRY(const json body, body_of(line, kCommandTag));
  std::string name;
  KTS_CHECK_OK(Fields(body, "CMD").text("command", name).status());
  if (name == "prepare") {
    Prepare c;
    KTS_CHECK_OK(Fields(body, "PREPARE")
                     .integer("block", c.block)
                     .text("phase", c.phase)
                     .text("neighbours", c.neighbours)
                     .maybe_integer("epoch_offset_ns", c.epoch_offset_ns)
                     .maybe_integer("cycle", c.cycle)
                     .maybe_text("kernels", c.kernels)
                     .status());
    if (c.epoch_offset_ns && (*c.epoch_offset_ns < 0 || *c.epoch_offset_ns > kLastInstant)) {
      return bad_input("PREPARE has an epoch_offset_ns out of range");
    }
    return c;
  }
  if (name == "start") {
    Start c;
    KTS_CHECK_OK(Fields(body, "START")
                     .integer("start_ns", c.start_ns)
                     .integer("stop_ns", c.stop_ns)
                     .status());
    if (c.start_ns < 0 || c.stop_ns > kLastInstant) {
      return bad_input("START has instants out of range");
    }
    if (c.stop_ns <= c.start_ns) return bad_input("START has a stop_ns that is not after start_ns");
    return c;
  }
  if (name == "stop") return Stop{};
  if (name == "give_up") return GiveUp{};
  if (name == "finish") return Finish{};
  if (name == "exit") return Exit{};
  return bad_input(fmt::format("an unknown command '{}'", name));
}

Result<std::optional<Answer>> parse_answer(std::string_view line) {
  if (line.starts_with(kReadyTag)) return parse_ready(line);
  if (line.starts_with(kAckTag)) return parse_ack(line);
  return std::optional<Answer>();
}

}  // namespace kts::control
