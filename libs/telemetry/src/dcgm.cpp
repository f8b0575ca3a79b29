// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/dcgm.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kts/telemetry/prometheus.hpp"

namespace kts::telemetry {
namespace {

constexpr int kRenewalsToHurry = 5;

}  // namespace

std::string dcgm_csv_header() {
  std::string line = "epoch_ns,uuid";
  for (const DcgmField& field : kDcgmFields) line += fmt::format(",{}", field.column);
  return line + "\n";
}

std::string csv_row(std::int64_t epoch_ns, std::string_view uuid, const DcgmReading& reading) {
  return fmt::format("{},{}{}\n", epoch_ns, uuid, csv_cells(reading));
}

std::string csv_cells(const DcgmReading& reading) {
  std::string cells;
  for (const auto& value : reading.values) {
    cells += ',';
    if (value) cells += fmt::format("{}", *value);
  }
  return cells;
}

Nanoseconds ScrapePace::next(bool renewed) {
  renewed_in_a_row_ = renewed ? renewed_in_a_row_ + 1 : 0;
  if (renewed_in_a_row_ >= kRenewalsToHurry) {
    period_ = std::max(std::min(kFastest, slowest_), period_ / 2);
    renewed_in_a_row_ = 0;
  } else if (!renewed) {
    period_ = std::min(slowest_, period_ * 2);
  }
  return period_;
}

void DcgmPage::take(std::string_view line) {
  if (!line.starts_with("DCGM_")) return;
  const auto sample = parse_metric(line);
  if (!sample) return;
  const auto* const field = std::ranges::find(kDcgmFields, sample->name, &DcgmField::metric);
  const auto uuid = sample->labels.find("UUID");
  if (field == kDcgmFields.end() || uuid == sample->labels.end()) return;
  // A MIG instance's line has the card's UUID as well.
  if (sample->labels.contains("GPU_I_ID")) return;
  auto& value = cards_[uuid->second].values[static_cast<std::size_t>(field - kDcgmFields.begin())];
  if (!value) value = sample->value;
}

bool RenewalRate::see(MonotonicTime when, const DcgmReading& reading) {
  const bool first = !last_;
  const bool renewed = !first && *last_ != reading;
  last_ = reading;
  if (renewed) changes_.push_back(when);
  return renewed;
}

std::optional<Nanoseconds> RenewalRate::interval() const {
  if (changes_.size() < 2) return std::nullopt;
  std::vector<Nanoseconds> steps;
  for (std::size_t i = 1; i < changes_.size(); ++i) {
    steps.push_back(changes_[i] - changes_[i - 1]);
  }
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::ranges::nth_element(steps, middle);
  return *middle;
}

}  // namespace kts::telemetry
