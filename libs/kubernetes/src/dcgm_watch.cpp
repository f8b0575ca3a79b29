// SPDX-License-Identifier: Apache-2.0
#include "dcgm_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kts/base/units.hpp"
#include "kts/kube/paths.hpp"

namespace kts::kubernetes {
namespace {

using std::chrono_literals::operator""s;

constexpr Nanoseconds kTimeout = 5s;

}  // namespace

DcgmWatch::~DcgmWatch() {
  if (stream_) transport_.close(*stream_);
}

Status DcgmWatch::start(const cluster::DcgmExporter& exporter, const std::string& card,
                        std::int64_t epoch_offset_ns, const std::filesystem::path& csv) {
  KTS_CHECK_OK(make_directories(csv.parent_path()));
  KTS_TRY(OutputFile file, OutputFile::create(csv));
  KTS_CHECK_OK(file.write(telemetry::dcgm_csv_header()));
  csv_ = std::move(file);
  exporter_ = exporter;
  path_ = kube::pod_proxy(exporter.name_space, exporter.pod, exporter.port, "metrics");
  card_ = card;
  epoch_offset_ns_ = epoch_offset_ns;
  first_ = transport_.now();
  return {};
}

void DcgmWatch::tick() {
  if (!csv_ || stream_ || transport_.now() < next_) return;
  next_ = transport_.now() + period_;
  page_ = {};
  stream_ = transport_.open(path_, *this, {{}, kTimeout});
}

void DcgmWatch::on_line(kube::StreamId /*stream*/, std::string_view line) { page_.take(line); }

void DcgmWatch::on_end(kube::StreamId /*stream*/, const kube::StreamEnd& end) {
  stream_.reset();
  if (!end.broken) return failed(to_line(end.broken.error()));
  const int status = end.response.status;
  if (status < 200 || status >= 300) {
    return failed(kube::to_error("GET", path_, status, end.response.body).message);
  }
  take_page();
}

void DcgmWatch::take_page() {
  last_ = transport_.now();
  const std::int64_t epoch_ns = clock_.now() + epoch_offset_ns_;
  bool renewed = false;
  for (const auto& [uuid, reading] : page_.cards()) {
    if (!card_.empty() && uuid != card_) continue;
    ++readings_;
    renewed = renewal_.see(last_, reading) || renewed;
    if (auto written = csv_->write(csv_row(epoch_ns, uuid, reading)); !written) {
      failed(to_line(written.error()));
      csv_.reset();
      return;
    }
  }
  period_ = pace_.next(renewed);
}

void DcgmWatch::failed(const std::string& why) {
  if (std::exchange(failure_told_, true)) return;
  journal_.warn(fmt::format("DCGM exporter {}/{} can't be read: {}", exporter_->name_space,
                            exporter_->pod, why));
}

DcgmFacts DcgmWatch::stop(Nanoseconds block) {
  DcgmFacts facts;
  if (!exporter_) return facts;
  if (stream_) transport_.close(*std::exchange(stream_, std::nullopt));
  csv_.reset();
  facts.exporter = fmt::format("{}/{}", exporter_->name_space, exporter_->pod);
  facts.readings = readings_;
  const auto interval = renewal_.interval();
  if (interval) facts.renewal_s = std::chrono::duration<double>(*interval).count();
  if (readings_ == 0) {
    if (!failure_told_) {
      journal_.warn(fmt::format("DCGM exporter {} says nothing of card {}", facts.exporter,
                                card_.empty() ? "?" : card_));
    }
    return facts;
  }
  if (interval && *interval <= block) return facts;
  journal_.warn(fmt::format(
      "DCGM exporter {} renews its values {}, blocks are {} long: telemetry/dcgm.csv says nothing "
      "of single blocks; its environment variable DCGM_EXPORTER_INTERVAL (ms, 30000 by default) "
      "sets how often",
      facts.exporter,
      interval ? fmt::format("every {:.1f} s", *facts.renewal_s)
               : fmt::format("less than twice in {:.0f} s",
                             std::chrono::duration<double>(last_ - first_).count()),
      format_duration(block)));
  return facts;
}

}  // namespace kts::kubernetes
