// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/iteration_covariates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kts/base/files.hpp"
#include "kts/record/codec.hpp"
#include "load_lines.hpp"
#include "telemetry_table.hpp"

namespace kts::analysis {
namespace {

namespace fs = std::filesystem;

// What one source of the card says of iterations.
struct Sensor {
  TelemetryTable table;
  std::int64_t interval_ns = 0;  // between two readings, and not less than a renewal
  std::vector<std::size_t> columns;

  // Appends a cell for each column; whether any holds something.
  bool append_to(std::string& line, const record::Iteration& i) const {
    std::vector<std::pair<double, int>> sums(columns.size());
    if (i.done_ns - i.submit_ns >= interval_ns) {
      for (auto row =
               std::ranges::lower_bound(table.rows, i.submit_ns, {}, &TelemetryRow::epoch_ns);
           row != table.rows.end() && row->epoch_ns <= i.done_ns; ++row) {
        for (std::size_t k = 0; k < columns.size(); ++k) {
          const auto& value = row->values[columns[k]];
          if (!value || row->epoch_ns - table.reach_ns(*row, columns[k]) < i.submit_ns) continue;
          sums[k].first += *value;
          ++sums[k].second;
        }
      }
    }
    bool any = false;
    for (const auto& [sum, readings] : sums) {
      line += ',';
      if (readings == 0) continue;
      line += fmt::format("{}", sum / readings);
      any = true;
    }
    return any;
  }
};

std::int64_t spacing_of(const std::vector<TelemetryRow>& rows) {
  std::vector<std::int64_t> steps;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    steps.push_back(rows[i].epoch_ns - rows[i - 1].epoch_ns);
  }
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::ranges::nth_element(steps, middle);
  return *middle;
}

Result<std::vector<Sensor>> read_sensors(const fs::path& run, const std::string& card_uuid) {
  std::vector<Sensor> sensors;
  for (const telemetry::Source& source : telemetry::sources()) {
    if (source.scope != "card") continue;
    auto read = read_telemetry(run, source, card_uuid);
    // What isn't telemetry has been warned of when the run was loaded.
    if (!read && read.error().code == ErrorCode::kBadInput) continue;
    if (!read) return tl::unexpected(std::move(read).error());
    TelemetryTable table = *std::move(read);
    if (table.rows.size() < 2 || (source.renewed_elsewhere && !table.renewal_ns)) continue;
    Sensor sensor;
    sensor.interval_ns = std::max(spacing_of(table.rows), table.renewal_ns.value_or(0));
    for (std::size_t i = 0; i < source.columns.size(); ++i) {
      const bool any = std::ranges::any_of(
          table.rows, [&](const TelemetryRow& row) { return row.values[i].has_value(); });
      if (source.columns[i].kind == telemetry::ColumnKind::kGauge && any) {
        sensor.columns.push_back(i);
      }
    }
    sensor.table = std::move(table);
    if (!sensor.columns.empty()) sensors.push_back(std::move(sensor));
  }
  return sensors;
}

bool any_outlasts(const Summary& summary, const std::vector<Sensor>& sensors) {
  std::int64_t shortest_ns = sensors.front().interval_ns;
  for (const Sensor& sensor : sensors) shortest_ns = std::min(shortest_ns, sensor.interval_ns);
  return std::ranges::any_of(summary.results, [&](const MeasureResult& result) {
    return result.measure == Measure::kLatency &&
           result.max.value_or(0) * 1e6 >= static_cast<double>(shortest_ns);
  });
}

std::vector<fs::path> logs_of(const fs::path& run) {
  std::vector<fs::path> logs;
  std::error_code ec;
  for (const auto& block : fs::directory_iterator(run / "blocks", ec)) {
    for (const auto& file : fs::directory_iterator(block.path(), ec)) {
      if (file.path().extension() == ".log") logs.push_back(file.path());
    }
  }
  std::ranges::sort(logs);
  return logs;
}

}  // namespace

Result<IterationJoin> join_iterations(const fs::path& run, const Summary& summary,
                                      const fs::path& csv) {
  IterationJoin join;
  KTS_TRY(const std::vector<Sensor> sensors, read_sensors(run, summary.device.uuid));
  if (sensors.empty() || !any_outlasts(summary, sensors)) return join;
  std::string head = "block,agent,seq,submit_ns,done_ns";
  for (const Sensor& sensor : sensors) {
    for (const std::size_t column : sensor.columns) {
      head += fmt::format(",{}.{}", sensor.table.source->name,
                          sensor.table.source->columns[column].name);
    }
  }
  std::optional<OutputFile> file;
  for (const fs::path& log : logs_of(run)) {
    KTS_TRY(LineReader reader, LineReader::open(log));
    LineReader::Line line;
    while (reader.next(line)) {
      if (!line.whole) continue;
      const record::Line parsed = record::parse_line(line.text);
      const auto* const record = std::get_if<record::V2Record>(&parsed);
      if (record == nullptr) continue;
      ++join.iterations;
      const record::Iteration& i = record->iteration;
      std::string row = fmt::format("{},{},{},{},{}", log.parent_path().filename().string(),
                                    record->agent, i.seq, i.submit_ns, i.done_ns);
      bool any = false;
      for (const Sensor& sensor : sensors) any |= sensor.append_to(row, i);
      if (!any) continue;
      if (!file) {
        KTS_TRY(OutputFile created, OutputFile::create(csv));
        file = std::move(created);
        KTS_CHECK_OK(file->write(head + "\n"));
      }
      ++join.joined;
      KTS_CHECK_OK(file->write(row + "\n"));
    }
    KTS_CHECK_OK(reader.status());
  }
  if (file) KTS_CHECK_OK(file->close());
  return join;
}

}  // namespace kts::analysis
