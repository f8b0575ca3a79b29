// SPDX-License-Identifier: Apache-2.0
#include "kts/record/block_log.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace kts::record {
namespace {

using nlohmann::ordered_json;

enum class Need { kRequired, kOptional };

// The one list of META's fields; `visit(name, member, need)` reads or writes.
template <typename Meta, typename Visit>
void visit_meta(Meta& meta, Visit&& visit) {
  visit("agent", meta.agent, Need::kRequired);
  visit("block", meta.block, Need::kRequired);
  visit("phase", meta.phase, Need::kOptional);
  visit("neighbours", meta.neighbours, Need::kOptional);
  visit("cycle", meta.cycle, Need::kOptional);
  visit("workload", meta.workload, Need::kOptional);
  visit("size", meta.size, Need::kOptional);
  visit("parameters", meta.parameters, Need::kOptional);
  visit("algorithms", meta.algorithms, Need::kOptional);
  visit("arrival", meta.arrival, Need::kOptional);
  visit("rate_per_s", meta.rate_per_s, Need::kOptional);
  visit("think_ns", meta.think_ns, Need::kOptional);
  visit("cv", meta.cv, Need::kOptional);
  visit("on_ns", meta.on_ns, Need::kOptional);
  visit("off_ns", meta.off_ns, Need::kOptional);
  visit("phases", meta.phases, Need::kOptional);
  visit("trace", meta.trace, Need::kOptional);
  visit("trace_scale", meta.trace_scale, Need::kOptional);
  visit("trace_wrap", meta.trace_wrap, Need::kOptional);
  visit("trace_from_ns", meta.trace_from_ns, Need::kOptional);
  visit("trace_length_ns", meta.trace_length_ns, Need::kOptional);
  visit("trace_requests", meta.trace_requests, Need::kOptional);
  visit("trace_failed", meta.trace_failed, Need::kOptional);
  visit("trace_clamped", meta.trace_clamped, Need::kOptional);
  visit("in_flight", meta.in_flight, Need::kOptional);
  visit("sync", meta.sync, Need::kOptional);
  visit("seed", meta.seed, Need::kOptional);
  visit("device", meta.device, Need::kOptional);
  visit("device_name", meta.device_name, Need::kOptional);
  visit("device_uuid", meta.device_uuid, Need::kOptional);
  visit("gpu_uuid", meta.gpu_uuid, Need::kOptional);
  visit("uuid_source", meta.uuid_source, Need::kOptional);
  visit("pod_uid", meta.pod_uid, Need::kOptional);
  visit("node", meta.node, Need::kOptional);
  visit("sharing", meta.sharing, Need::kOptional);
  visit("pid", meta.pid, Need::kOptional);
  visit("epoch_offset_ns", meta.epoch_offset_ns, Need::kOptional);
  visit("checksum", meta.checksum, Need::kOptional);
  visit("checksum_reference", meta.checksum_reference, Need::kOptional);
  visit("checksum_tolerance", meta.checksum_tolerance, Need::kOptional);
  visit("clock_bound_ns", meta.clock_bound_ns, Need::kOptional);
  visit("kernel_tracer", meta.kernel_tracer, Need::kOptional);
  visit("kts_version", meta.kts_version, Need::kOptional);
  visit("kts_commit", meta.kts_commit, Need::kOptional);
}

template <typename End, typename Visit>
void visit_end(End& end, Visit&& visit) {
  visit("agent", end.agent, Need::kRequired);
  visit("block", end.block, Need::kRequired);
  visit("iterations", end.iterations, Need::kRequired);
  visit("emitted", end.emitted, Need::kRequired);
  visit("abandoned", end.abandoned, Need::kOptional);
  visit("tokens", end.tokens, Need::kOptional);
  visit("tokens_emitted", end.tokens_emitted, Need::kOptional);
  visit("steps", end.steps, Need::kOptional);
  visit("steps_emitted", end.steps_emitted, Need::kOptional);
  visit("chain_requests", end.chain_requests, Need::kOptional);
  visit("first_due_ns", end.first_due_ns, Need::kOptional);
  visit("last_done_ns", end.last_done_ns, Need::kOptional);
  visit("generation_start_ns", end.generation_start_ns, Need::kOptional);
  visit("generation_stop_ns", end.generation_stop_ns, Need::kOptional);
  visit("drain_ns", end.drain_ns, Need::kOptional);
  visit("pacing_late_p50_ns", end.pacing_late_p50_ns, Need::kOptional);
  visit("pacing_late_p99_ns", end.pacing_late_p99_ns, Need::kOptional);
  visit("pacing_late_max_ns", end.pacing_late_max_ns, Need::kOptional);
  visit("device_cpu_ns", end.device_cpu_ns, Need::kOptional);
  visit("clock_bound_ns", end.clock_bound_ns, Need::kOptional);
  visit("clock_error_ns", end.clock_error_ns, Need::kOptional);
  visit("clock_drift_ppm", end.clock_drift_ppm, Need::kOptional);
  visit("out_of_bracket", end.out_of_bracket, Need::kOptional);
  visit("held_bytes", end.held_bytes, Need::kOptional);
  visit("refused_bytes", end.refused_bytes, Need::kOptional);
  visit("kernels", end.kernels, Need::kOptional);
  visit("kernels_lost", end.kernels_lost, Need::kOptional);
  visit("kernels_outside", end.kernels_outside, Need::kOptional);
  visit("finite", end.finite, Need::kOptional);
  visit("interrupted", end.interrupted, Need::kOptional);
}

class Writer {
 public:
  void operator()(const char* field, const std::string& value, Need) {
    if (!value.empty()) object_[field] = value;
  }
  void operator()(const char* field, const std::optional<double>& value, Need) {
    // JSON has no word for what isn't finite.
    if (value && std::isfinite(*value)) object_[field] = *value;
  }
  template <typename Scalar>
  void operator()(const char* field, const std::optional<Scalar>& value, Need) {
    if (value) object_[field] = *value;
  }
  void operator()(const char* field, const Parameters& values, Need) {
    for (const auto& entry : values) {
      std::visit([&](const auto& v) { object_[field][entry.first] = v; }, entry.second);
    }
  }
  template <typename Scalar>
  requires std::is_arithmetic_v<Scalar>
  void operator()(const char* field, Scalar value, Need) { object_[field] = value; }
  [[nodiscard]] std::string text() const {
    return object_.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  }

 private:
  ordered_json object_ = ordered_json::object();
};

bool read_value(const ordered_json& from, std::string& to) {
  if (!from.is_string()) return false;
  to = from.get_ref<const std::string&>();
  return true;
}
bool read_value(const ordered_json& from, bool& to) {
  if (!from.is_boolean()) return false;
  to = from.get<bool>();
  return true;
}
bool read_value(const ordered_json& from, double& to) {
  if (!from.is_number()) return false;
  to = from.get<double>();
  return true;
}
template <typename Integer>
requires(std::is_integral_v<Integer> &&
         !std::is_same_v<Integer, bool>) bool read_value(const ordered_json& from, Integer& to) {
  if (from.is_number_unsigned()) {
    const auto value = from.get<std::uint64_t>();
    if (!std::in_range<Integer>(value)) return false;
    to = static_cast<Integer>(value);
    return true;
  }
  if (!from.is_number_integer()) return false;
  const auto value = from.get<std::int64_t>();
  if (!std::in_range<Integer>(value)) return false;
  to = static_cast<Integer>(value);
  return true;
}
template <typename Value>
bool read_value(const ordered_json& from, std::optional<Value>& to) {
  Value value{};
  if (!read_value(from, value)) return false;
  to = value;
  return true;
}

bool read_value(const ordered_json& from, Parameters& to) {
  if (!from.is_object()) return false;
  for (const auto& [name, value] : from.items()) {
    std::int64_t number = 0;
    std::string word;
    if (read_value(value, number)) {
      to.emplace_back(name, number);
    } else if (read_value(value, word)) {
      to.emplace_back(name, std::move(word));
    } else {
      return false;
    }
  }
  return true;
}

bool is_empty(const std::string& value) { return value.empty(); }
template <typename Value>
bool is_empty(const Value&) {
  return false;
}

class Reader {
 public:
  Reader(const ordered_json& object, std::string_view line) : object_(object), line_(line) {}

  template <typename Value>
  void operator()(const char* field, Value& value, Need need) {
    if (!problem_.empty()) return;
    const auto found = object_.find(field);
    if (found == object_.end()) {
      if (need == Need::kRequired) problem_ = fmt::format("{} lacks '{}'", line_, field);
    } else if (!read_value(*found, value)) {
      problem_ = fmt::format("{} has a '{}' of the wrong type or range", line_, field);
    } else if (need == Need::kRequired && is_empty(value)) {
      problem_ = fmt::format("{} has an empty '{}'", line_, field);
    }
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  const ordered_json& object_;
  std::string_view line_;
  std::string problem_;
};

Result<ordered_json> parse_object(std::string_view text, std::string_view line) {
  ordered_json object = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return bad_input(fmt::format("{} is not a JSON object", line));
  return object;
}

}  // namespace

std::string to_line(const BlockMeta& meta) {
  Writer writer;
  visit_meta(meta, writer);
  return fmt::format("KTS_META,v2,{}\n", writer.text());
}

std::string to_line(const BlockEnd& end) {
  Writer writer;
  visit_end(end, writer);
  return fmt::format("KTS_END,v2,{}\n", writer.text());
}

Result<BlockMeta> parse_meta(std::string_view text) {
  KTS_TRY(const ordered_json object, parse_object(text, "META"));
  BlockMeta meta;
  Reader reader(object, "META");
  visit_meta(meta, reader);
  if (!reader.problem().empty()) return bad_input(reader.problem());
  return meta;
}

Result<BlockEnd> parse_end(std::string_view text) {
  KTS_TRY(const ordered_json object, parse_object(text, "END"));
  BlockEnd end;
  Reader reader(object, "END");
  visit_end(end, reader);
  if (!reader.problem().empty()) return bad_input(reader.problem());
  return end;
}

}  // namespace kts::record
