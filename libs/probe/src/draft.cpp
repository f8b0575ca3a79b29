// SPDX-License-Identifier: Apache-2.0
#include "draft.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kts::probe {

using analysis::Blocks;
using analysis::Estimate;

double from_ns(std::string_view unit) {
  if (unit == "ms") return 1e-6;
  if (unit == "us") return 1e-3;
  return 1;
}

std::vector<double> doubles(const std::vector<std::int64_t>& numbers) {
  return {numbers.begin(), numbers.end()};
}

void Draft::miss(std::string key, std::string reason) {
  if (has(key) || analysis::find_missing(sheet, key) != nullptr) return;
  sheet.unavailable.push_back({std::move(key), std::move(reason)});
}

bool Draft::has(std::string_view key) const { return analysis::find_figure(sheet, key) != nullptr; }

void Draft::add(std::string key, std::string unit, const Estimate& value, std::uint64_t n,
                std::string method, std::string note) {
  if (!value.value || !std::isfinite(*value.value)) {
    return miss(std::move(key), "too few samples");
  }
  if (has(key)) return;
  sheet.figures.push_back(
      {std::move(key), std::move(unit), value, n, std::move(method), std::move(note)});
}

void Draft::add_quantile(std::string key, std::string unit, const Blocks& ns, std::string method,
                         std::string note, double p, double step_ns) {
  const Estimate value = analysis::scaled(analysis::quantile_of(ns, p, step_ns), from_ns(unit));
  add(std::move(key), std::move(unit), value, analysis::count(ns), std::move(method),
      std::move(note));
}

void Draft::add_spread(std::string key, std::string unit, int contexts, const Blocks& ns) {
  std::vector<double> values = analysis::spread_of(ns);
  if (values.empty()) return;
  for (double& value : values) value *= from_ns(unit);
  sheet.spreads.push_back(
      {std::move(key), std::move(unit), contexts, analysis::count(ns), std::move(values)});
}

Estimate Draft::value(std::string_view key) const {
  const analysis::Figure* figure = analysis::find_figure(sheet, key);
  return figure == nullptr ? Estimate{} : figure->value;
}

void Draft::agree(std::string_view key, std::string_view other, double limit_ratio) {
  const Estimate a = value(key);
  const Estimate b = value(other);
  if (!a.value || !b.value || *a.value == 0) return;
  sheet.agreements.push_back({std::string(key), std::string(other),
                              std::abs(*a.value - *b.value) / std::abs(*a.value), limit_ratio});
}

void Draft::part(std::string_view name, const std::vector<std::string>& keys,
                 const std::function<Status()>& measure) {
  std::string reason = "interrupted";
  if (!interrupted_) {
    if (progress_) progress_(name);
    const Status status = measure();
    interrupted_ = !status && status.error().code == ErrorCode::kInterrupted;
    reason = status ? "the probe found nothing that shows it" : to_line(status.error());
  }
  for (const std::string& key : keys) miss(key, reason);
}

}  // namespace kts::probe
