// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "commands.hpp"
#include "kts/base/units.hpp"
#include "kts/workload/cost.hpp"
#include "kts/workload/limits.hpp"
#include "workload_flags.hpp"

namespace kts::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "kts.workload/1";

struct WorkloadOptions {
  std::string kind;
  WorkloadFlags parameters;
  std::string device = "cuda";
  std::string peak_tflops, peak_gb_per_s;
  bool json = false;
};

// "1.23 G", decimal.
std::string scaled(double value) {
  constexpr std::array<std::string_view, 6> kPrefixes{"", "k", "M", "G", "T", "P"};
  std::size_t prefix = 0;
  while (value >= 1000 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  return fmt::format("{:.4g} {}", value, kPrefixes[prefix]);
}

Json to_json(const workload::Value& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

Json to_json(const workload::ParameterInfo& parameter) {
  Json out{{"name", parameter.name},
           {"flag", workload::flag_of(parameter.name)},
           {"meaning", parameter.meaning}};
  out["default"] = parameter.default_value ? to_json(*parameter.default_value) : Json();
  if (parameter.type == workload::ParameterType::kWord) {
    out["words"] = parameter.words;
  } else {
    out["unit"] = parameter.type == workload::ParameterType::kBytes ? Json("bytes") : Json();
    out["min"] = parameter.min;
    out["max"] = parameter.max;
  }
  if (parameter.of_custom_model) out["only_with"] = {{"model", "custom"}};
  return out;
}

int list(const WorkloadOptions& options) {
  if (!options.json) {
    for (const workload::WorkloadInfo& info : workload::workloads()) {
      fmt::print("{:<10} {}\n", info.kind, info.meaning);
      std::string flags;
      for (const workload::ParameterInfo& parameter : info.parameters) {
        if (parameter.of_custom_model) continue;
        flags += fmt::format("{}{}{}", flags.empty() ? "" : "  ", workload::flag_of(parameter.name),
                             parameter.default_value
                                 ? fmt::format(" {}", workload::to_text(*parameter.default_value))
                                 : " –");
      }
      fmt::print("           {}\n", flags);
    }
    return 0;
  }
  Json workloads = Json::array();
  for (const workload::WorkloadInfo& info : workload::workloads()) {
    Json parameters = Json::array();
    for (const auto& parameter : info.parameters) parameters.push_back(to_json(parameter));
    workloads.push_back({{"kind", info.kind},
                         {"v1_kind", info.v1_kind},
                         {"meaning", info.meaning},
                         {"parameters", std::move(parameters)}});
  }
  fmt::print("{}\n", Json{{"schema", kSchema}, {"workloads", std::move(workloads)}}.dump(2));
  return 0;
}

// Peaks as given; both or none.
Result<std::optional<workload::Roofline>> floor_of(const workload::Cost& cost,
                                                   const WorkloadOptions& options) {
  if (options.peak_tflops.empty() && options.peak_gb_per_s.empty()) {
    return std::optional<workload::Roofline>();
  }
  const auto peak = [](const std::string& text, const char* flag) -> Result<double> {
    const auto value = parse_double(text);
    if (value && *value > 0) return *value;
    return bad_input(
        text.empty() ? "a floor needs both peaks" : fmt::format("'{}' is no peak", text),
        "give a number above 0, as in --peak-tflops 989 --peak-gbs 4800", flag);
  };
  KTS_TRY(const double tflops, peak(options.peak_tflops, "--peak-tflops"));
  KTS_TRY(const double gb_per_s, peak(options.peak_gb_per_s, "--peak-gbs"));
  return std::optional(workload::roofline(cost, tflops, gb_per_s));
}

Json to_json(const workload::WorkloadSpec& spec, const workload::Cost& cost,
             const workload::MemoryPlan& memory, const std::optional<workload::Roofline>& floor,
             const std::string& device) {
  Json parameters = Json::object();
  for (const auto& parameter : spec.parameters()) {
    parameters[parameter.name] = to_json(parameter.value);
  }
  Json matrices = Json::array();
  for (const auto& matrix : cost.matrices) {
    matrices.push_back({{"name", matrix.name},
                        {"rows", matrix.rows},
                        {"columns", matrix.columns},
                        {"count", matrix.count}});
  }
  Json out{{"schema", kSchema},
           {"workload", spec.kind()},
           {"parameters", std::move(parameters)},
           {"device", device},
           {"iteration",
            {{"flops", cost.flops},
             {"bytes_read", cost.bytes_read},
             {"bytes_written", cost.bytes_written},
             {"intensity_flops_per_byte", cost.intensity() ? Json(*cost.intensity()) : Json()},
             {"launches", cost.launches ? Json(*cost.launches) : Json()}}},
           {"matrices", std::move(matrices)},
           {"memory_bytes",
            {{"weights", memory.weights},
             {"kv_cache", memory.kv_cache},
             {"activations", memory.activations},
             {"operands", memory.operands},
             {"workspace", memory.workspace},
             {"total", memory.total()}}}};
  if (floor) {
    out["floor_ms"] = {{"compute", floor->compute_s * 1e3},
                       {"memory", floor->memory_s * 1e3},
                       {"floor", floor->floor_s() * 1e3}};
  }
  return out;
}

void print(const workload::WorkloadSpec& spec, const workload::Cost& cost,
           const workload::MemoryPlan& memory, const std::optional<workload::Roofline>& floor,
           const std::string& device) {
  const auto line = [](std::string_view what, const std::string& value) {
    fmt::print("  {:<14} {}\n", what, value);
  };
  fmt::print("{} ({})\n", describe(spec), workload::find_workload(spec.kind())->meaning);
  for (const auto& matrix : cost.matrices) {
    line(matrix.name,
         fmt::format("{} x {}{}", matrix.rows, matrix.columns,
                     matrix.count > 1 ? fmt::format(", {} layers", matrix.count) : ""));
  }
  fmt::print("an iteration on {}, at least\n", device);
  line("work", scaled(cost.flops) + "FLOP");
  line("read", scaled(cost.bytes_read) + "B");
  line("written", scaled(cost.bytes_written) + "B");
  if (cost.intensity()) line("intensity", fmt::format("{:.4g} FLOP/B", *cost.intensity()));
  if (cost.launches) line("launches", fmt::format("{}", *cost.launches));
  if (floor) {
    line("floor", fmt::format("{:.4g} ms: compute {:.4g}, memory {:.4g}", floor->floor_s() * 1e3,
                              floor->compute_s * 1e3, floor->memory_s * 1e3));
  }
  fmt::print("device memory{}\n",
             device == "cuda" ? ", without the process's context" : std::string_view());
  const auto part = [&line](std::string_view what, std::uint64_t bytes) {
    if (bytes > 0) line(what, format_bytes(bytes));
  };
  part("weights", memory.weights);
  part("KV cache", memory.kv_cache);
  part("activations", memory.activations);
  part("operands", memory.operands);
  part("workspace", memory.workspace);
  line("total", format_bytes(memory.total()));
}

Result<int> show(const WorkloadOptions& options) {
  KTS_TRY(const workload::WorkloadSpec spec,
          workload::complete(options.kind, given_parameters(options.parameters), "KIND"));
  const workload::Cost cost = workload::cost_of(spec, options.device);
  const workload::MemoryPlan memory = workload::memory_of(spec, options.device);
  KTS_TRY(const auto floor, floor_of(cost, options));
  if (options.json) {
    fmt::print("{}\n", to_json(spec, cost, memory, floor, options.device).dump(2));
  } else {
    print(spec, cost, memory, floor, options.device);
    if (const auto problem = workload::problem_on(options.device, spec, 1)) {
      fmt::print("not on a GPU: {}; {}\n", problem->message, problem->hint);
    }
  }
  return 0;
}

}  // namespace

Command add_workload(CLI::App& root) {
  auto options = std::make_shared<WorkloadOptions>();
  CLI::App* parser = root.add_subcommand(
      "workload", "What agents can compute: shapes, FLOPs, bytes and memory of an iteration");
  parser->require_subcommand(1);
  CLI::App* lister = parser->add_subcommand("list", "All workloads with their flags and defaults");
  CLI::App* shower = parser->add_subcommand(
      "show",
      "One workload, its parameters as flags: kts workload show decode --model llama-3.1-8b");
  for (CLI::App* one : {lister, shower}) one->add_flag("--json", options->json, "For programs");
  shower->add_option("kind", options->kind, "A name of kts workload list")->required();
  shower
      ->add_option("--device", options->device,
                   "Whose numbers: cuda (models in bf16, vectors in fp16) or cpu (float)")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  shower->add_option("--peak-tflops", options->peak_tflops,
                     "A device's arithmetic peak, for the shortest time an iteration can take");
  shower->add_option("--peak-gbs", options->peak_gb_per_s, "Its memory's, GB/s");
  add_workload_flags(*shower, options->parameters);
  return {parser, [options, lister]() -> Result<int> {
            return lister->parsed() ? list(*options) : show(*options);
          }};
}

}  // namespace kts::app
