// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/datasheet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace kts::analysis {
namespace {

using SheetJson = nlohmann::ordered_json;
constexpr std::string_view kSheetSchema = "kts.datasheet/1";
constexpr std::size_t kMaxSheetEntries = 100'000;

SheetJson text_or_null(const std::string& text) {
  return text.empty() ? SheetJson(nullptr) : SheetJson(text);
}
SheetJson number_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? SheetJson(*value) : SheetJson(nullptr);
}

// One object of the document; every key is taken once, and none may be left. After the first thing
// wrong it answers with nothing more, and says what it was.
class SheetReader {
 public:
  SheetReader(const SheetJson& object, std::string path, std::string& problem)
      : object_(object), path_(std::move(path)), problem_(problem) {
    if (!object_.is_object()) complain(path_.empty() ? "the document" : path_, "is no object");
  }

  void take(const char* key, std::string& to) {
    const SheetJson* value = find(key);
    if (value == nullptr || value->is_null()) return;
    if (!value->is_string()) return complain(name(key), "is no text");
    to = value->get<std::string>();
  }
  void take(const char* key, bool& to) {
    const SheetJson* value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return complain(name(key), "is neither true nor false");
    to = value->get<bool>();
  }
  void take(const char* key, std::optional<double>& to) {
    const SheetJson* value = find(key);
    if (value == nullptr || value->is_null()) return;
    if (!value->is_number() || !std::isfinite(value->get<double>())) {
      return complain(name(key), "is no number");
    }
    to = value->get<double>();
  }
  void take(const char* key, double& to) {
    std::optional<double> value;
    take(key, value);
    if (problem_.empty() && !value) return complain(name(key), "is no number");
    to = value.value_or(0);
  }
  void take(const char* key, std::uint64_t& to) {
    const SheetJson* value = find(key);
    if (value == nullptr) return;
    if (!value->is_number_unsigned()) return complain(name(key), "is no count");
    to = value->get<std::uint64_t>();
  }
  // A list, each item of which `read` takes with its path.
  template <typename Read>
  void take_all(const char* key, Read read) {
    const SheetJson* value = find(key);
    if (value == nullptr) return;
    if (!value->is_array()) return complain(name(key), "is no list");
    if (value->size() > kMaxSheetEntries) return complain(name(key), "is too long");
    for (std::size_t i = 0; i < value->size() && problem_.empty(); ++i) {
      read((*value)[i], fmt::format("{}[{}]", name(key), i));
    }
  }
  void take_object(const char* key, const SheetJson*& to) { to = find(key); }
  void end() {
    if (!problem_.empty()) return;
    for (const auto& [key, unused] : object_.items()) {
      if (std::ranges::find(taken_, key) == taken_.end()) {
        return complain(name(key), "is unknown");
      }
    }
  }
  void need(const char* key, bool good, std::string_view what) {
    if (problem_.empty() && !good) complain(name(key), what);
  }

 private:
  [[nodiscard]] std::string name(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }
  const SheetJson* find(const char* key) {
    if (!problem_.empty()) return nullptr;
    taken_.emplace_back(key);
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    complain(name(key), "is missing");
    return nullptr;
  }
  void complain(std::string_view what, std::string_view is) {
    if (problem_.empty()) problem_ = fmt::format("{} {}", what, is);
  }

  const SheetJson& object_;
  std::string path_;
  std::string& problem_;
  std::vector<std::string> taken_;
};

Figure figure_from(const SheetJson& json, const std::string& path, std::string& problem) {
  Figure figure;
  SheetReader reader(json, path, problem);
  reader.take("key", figure.key);
  reader.take("unit", figure.unit);
  reader.take("value", figure.value.value);
  reader.take("ci_low", figure.value.ci_low);
  reader.take("ci_high", figure.value.ci_high);
  reader.take("n", figure.n);
  reader.take("method", figure.method);
  reader.take("note", figure.note);
  reader.need("key", !figure.key.empty(), "is empty");
  reader.end();
  return figure;
}

DataSheet sheet_from(const SheetJson& document, std::string& problem) {
  DataSheet sheet;
  SheetReader reader(document, "", problem);
  std::string schema;
  reader.take("schema", schema);
  reader.need("schema", schema == kSheetSchema, fmt::format("is not {}", kSheetSchema));
  const SheetJson* device = nullptr;
  reader.take_object("device", device);
  if (device != nullptr) {
    SheetReader of_device(*device, "device", problem);
    of_device.take("kind", sheet.device.kind);
    of_device.take("name", sheet.device.name);
    of_device.take("uuid", sheet.device.uuid);
    of_device.take("driver", sheet.device.driver);
    of_device.end();
  }
  reader.take("measured_at", sheet.measured_at);
  reader.take("sharing", sheet.sharing);
  reader.take("quick", sheet.quick);
  reader.take_all("figures", [&](const SheetJson& json, const std::string& path) {
    Figure figure = figure_from(json, path, problem);
    if (problem.empty() && find_figure(sheet, figure.key) != nullptr) {
      problem = fmt::format("{}.key '{}' was there before", path, figure.key);
    }
    sheet.figures.push_back(std::move(figure));
  });
  reader.take_all("agreements", [&](const SheetJson& json, const std::string& path) {
    Agreement agreement;
    SheetReader entry(json, path, problem);
    bool agrees = false;
    entry.take("key", agreement.key);
    entry.take("other", agreement.other);
    entry.take("difference_ratio", agreement.difference_ratio);
    entry.take("limit_ratio", agreement.limit_ratio);
    entry.take("agrees", agrees);
    entry.need("agrees", agrees == agreement.agrees(), "contradicts difference_ratio");
    entry.end();
    sheet.agreements.push_back(std::move(agreement));
  });
  reader.take_all("spreads", [&](const SheetJson& json, const std::string& path) {
    Spread spread;
    SheetReader entry(json, path, problem);
    std::uint64_t contexts = 0;
    entry.take("key", spread.key);
    entry.take("unit", spread.unit);
    entry.take("contexts", contexts);
    entry.take("n", spread.n);
    entry.need("contexts", contexts <= 1'000'000, "is too large");
    spread.contexts = static_cast<int>(contexts);
    entry.take_all("values", [&](const SheetJson& value, const std::string& at) {
      if (!value.is_number()) {
        problem = fmt::format("{} is no number", at);
        return;
      }
      spread.values.push_back(value.get<double>());
      if (!std::is_sorted(
              spread.values.end() - std::min<std::ptrdiff_t>(2, std::ssize(spread.values)),
              spread.values.end())) {
        problem = fmt::format("{} is less than the one before", at);
      }
    });
    entry.end();
    sheet.spreads.push_back(std::move(spread));
  });
  reader.take_all("unavailable", [&](const SheetJson& json, const std::string& path) {
    Missing missing;
    SheetReader entry(json, path, problem);
    entry.take("key", missing.key);
    entry.take("reason", missing.reason);
    entry.end();
    sheet.unavailable.push_back(std::move(missing));
  });
  reader.take_all("warnings", [&](const SheetJson& json, const std::string& path) {
    if (!json.is_string()) {
      problem = fmt::format("{} is no text", path);
      return;
    }
    sheet.warnings.push_back(json.get<std::string>());
  });
  reader.end();
  return sheet;
}

}  // namespace

const Figure* find_figure(const DataSheet& sheet, std::string_view key) {
  const auto found = std::ranges::find(sheet.figures, key, &Figure::key);
  return found == sheet.figures.end() ? nullptr : &*found;
}

const Missing* find_missing(const DataSheet& sheet, std::string_view key) {
  const auto found = std::ranges::find(sheet.unavailable, key, &Missing::key);
  return found == sheet.unavailable.end() ? nullptr : &*found;
}

std::vector<std::string> inconclusive(const DataSheet& sheet) {
  std::vector<std::string> out;
  for (const char* key : {"time_slice_ms", "context_switch_ms"}) {
    if (const Missing* missing = find_missing(sheet, key)) {
      out.push_back(fmt::format("{} was not found: {}", key, missing->reason));
    }
  }
  for (const Agreement& agreement : sheet.agreements) {
    if (agreement.agrees()) continue;
    out.push_back(fmt::format("{} and {} differ by {:.1f} %, more than the {:.0f} % that are good",
                              agreement.key, agreement.other, agreement.difference_ratio * 100,
                              agreement.limit_ratio * 100));
  }
  return out;
}

std::string to_json(const DataSheet& sheet) {
  SheetJson figures = SheetJson::array();
  for (const Figure& figure : sheet.figures) {
    figures.push_back({{"key", figure.key},
                       {"unit", figure.unit},
                       {"value", number_or_null(figure.value.value)},
                       {"ci_low", number_or_null(figure.value.ci_low)},
                       {"ci_high", number_or_null(figure.value.ci_high)},
                       {"n", figure.n},
                       {"method", figure.method},
                       {"note", text_or_null(figure.note)}});
  }
  SheetJson agreements = SheetJson::array();
  for (const Agreement& agreement : sheet.agreements) {
    agreements.push_back({{"key", agreement.key},
                          {"other", agreement.other},
                          {"difference_ratio", agreement.difference_ratio},
                          {"limit_ratio", agreement.limit_ratio},
                          {"agrees", agreement.agrees()}});
  }
  SheetJson spreads = SheetJson::array();
  for (const Spread& spread : sheet.spreads) {
    spreads.push_back({{"key", spread.key},
                       {"unit", spread.unit},
                       {"contexts", spread.contexts},
                       {"n", spread.n},
                       {"values", spread.values}});
  }
  SheetJson unavailable = SheetJson::array();
  for (const Missing& missing : sheet.unavailable) {
    unavailable.push_back({{"key", missing.key}, {"reason", missing.reason}});
  }
  const SheetJson out{{"schema", kSheetSchema},
                      {"device",
                       {{"kind", text_or_null(sheet.device.kind)},
                        {"name", text_or_null(sheet.device.name)},
                        {"uuid", text_or_null(sheet.device.uuid)},
                        {"driver", text_or_null(sheet.device.driver)}}},
                      {"measured_at", text_or_null(sheet.measured_at)},
                      {"sharing", text_or_null(sheet.sharing)},
                      {"quick", sheet.quick},
                      {"figures", std::move(figures)},
                      {"agreements", std::move(agreements)},
                      {"spreads", std::move(spreads)},
                      {"unavailable", std::move(unavailable)},
                      {"warnings", sheet.warnings}};
  return out.dump(2, ' ', false, SheetJson::error_handler_t::replace) + "\n";
}

Result<DataSheet> parse_datasheet(std::string_view text, std::string_view where) {
  constexpr const char* kHint = "make it with kts probe; kts schema datasheet says its form";
  const SheetJson document = SheetJson::parse(text, nullptr, false);
  if (document.is_discarded()) return bad_input("is no JSON", kHint, std::string(where));
  std::string problem;
  DataSheet sheet = sheet_from(document, problem);
  if (!problem.empty()) return bad_input(std::move(problem), kHint, std::string(where));
  return sheet;
}

}  // namespace kts::analysis
