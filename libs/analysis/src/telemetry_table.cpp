// SPDX-License-Identifier: Apache-2.0
#include "telemetry_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "load_lines.hpp"

namespace kts::analysis {
namespace {

using telemetry::ColumnKind;

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const auto comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

// For each cell the place of its column in the source's; nullopt for other columns than kts writes.
std::optional<std::vector<std::size_t>> places_of(std::string_view head,
                                                  const telemetry::Source& source) {
  std::vector<std::size_t> places;
  for (const std::string_view name : cells_of(head)) {
    const auto at = std::ranges::find(source.columns, name, &telemetry::Column::name);
    if (at == source.columns.end()) return std::nullopt;
    places.push_back(static_cast<std::size_t>(at - source.columns.begin()));
  }
  if (places.size() < 3 || places[0] != 0 || places[1] != 1) return std::nullopt;
  return places;
}

std::optional<double> bits_of(std::string_view cell) {
  if (!cell.starts_with("0x")) return std::nullopt;
  std::uint64_t bits = 0;
  const char* const end = cell.data() + cell.size();
  const auto read = std::from_chars(cell.data() + 2, end, bits, 16);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return static_cast<double>(bits);
}

std::optional<TelemetryRow> row_of(std::string_view line, const telemetry::Source& source,
                                   const std::vector<std::size_t>& places) {
  const auto cells = cells_of(line);
  if (cells.size() != places.size()) return std::nullopt;
  const auto instant = parse_int64(cells[0]);
  if (!instant) return std::nullopt;
  TelemetryRow row{*instant, std::string(cells[1]), {}, {}};
  row.values.resize(source.columns.size());
  for (std::size_t i = 2; i < cells.size(); ++i) {
    const telemetry::Column& column = source.columns[places[i]];
    if (column.name == "agent") row.agent = cells[i];
    // The only key that is a number worth keeping.
    if (column.kind == ColumnKind::kKey && column.name != "xid") continue;
    if (cells[i].empty()) continue;
    std::optional<double> value;
    if (column.kind == ColumnKind::kBits) {
      value = bits_of(cells[i]);
    } else if (const auto number = parse_double(cells[i])) {
      value = *number;
    }
    if (!value) return std::nullopt;
    row.values[places[i]] = value;
  }
  return row;
}

std::optional<std::int64_t> renewal_of(const std::vector<TelemetryRow>& rows) {
  std::vector<std::int64_t> steps;
  std::optional<std::int64_t> last_change;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].values == rows[i - 1].values) continue;
    if (last_change) steps.push_back(rows[i].epoch_ns - *last_change);
    last_change = rows[i].epoch_ns;
  }
  if (steps.empty()) return std::nullopt;
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::ranges::nth_element(steps, middle);
  return *middle;
}

// "nvml.csv", "nvml-2.csv", "nvml-from-7.csv".
std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder,
                                            std::string_view name) {
  std::vector<std::filesystem::path> files;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ec)) {
    const std::string file = entry.path().filename().string();
    if (file == fmt::format("{}.csv", name) ||
        (file.starts_with(fmt::format("{}-", name)) && file.ends_with(".csv"))) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

std::int64_t TelemetryTable::reach_ns(const TelemetryRow& row, std::size_t column) const {
  std::int64_t ns = source->columns[column].reach.count();
  if (source->renewed_elsewhere) ns = std::max(ns, renewal_ns.value_or(0));
  std::int64_t since_end_ns = 0;
  for (std::size_t i = 0; i < source->columns.size(); ++i) {
    if (!row.values[i]) continue;
    const auto value = static_cast<std::int64_t>(*row.values[i]);
    if (source->columns[i].kind == ColumnKind::kSpan) ns = std::max(ns, value);
    if (source->columns[i].kind == ColumnKind::kEnd && ns > 0) since_end_ns = row.epoch_ns - value;
  }
  return ns + std::max<std::int64_t>(0, since_end_ns);
}

Result<TelemetryTable> read_telemetry(const std::filesystem::path& run,
                                      const telemetry::Source& source,
                                      const std::string& card_uuid) {
  TelemetryTable table;
  table.source = &source;
  const bool by_uuid = source.columns[1].name == "uuid";
  for (const std::filesystem::path& path : files_of(run / "telemetry", source.name)) {
    KTS_TRY(LineReader reader, LineReader::open(path));
    LineReader::Line line;
    std::optional<std::vector<std::size_t>> places;
    while (reader.next(line)) {
      if (!places) {
        places = places_of(line.text, source);
        if (places) continue;
        return bad_input("its columns are not those that kts run writes",
                         "restore the file, or remove it", path.string());
      }
      // A run that was ended by force may leave half a line.
      auto row = line.whole ? row_of(line.text, source, *places) : std::nullopt;
      if (!row) {
        ++table.malformed;
      } else if (by_uuid && !card_uuid.empty() && row->card != card_uuid) {
        ++table.of_other_cards;
      } else {
        table.rows.push_back(*std::move(row));
      }
    }
    KTS_CHECK_OK(reader.status());
  }
  std::ranges::stable_sort(table.rows, {}, &TelemetryRow::epoch_ns);
  table.renewal_ns = renewal_of(table.rows);
  return table;
}

}  // namespace kts::analysis
