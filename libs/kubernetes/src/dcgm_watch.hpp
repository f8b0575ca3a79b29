// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "journal.hpp"
#include "kts/base/files.hpp"
#include "kts/cluster/dcgm_exporter.hpp"
#include "kts/kube/client.hpp"
#include "kts/kubernetes/environment.hpp"
#include "kts/telemetry/dcgm.hpp"
#include "node_clock.hpp"

namespace kts::kubernetes {

// Asks the DCGM exporter on the agents' node once a second, or more often where its values change
// more often, and writes telemetry/dcgm.csv. Through the exporter's pod: its Service leads to any
// node's. Nothing here waits, and nothing that goes wrong ends a run.
class DcgmWatch final : private kube::StreamListener {
 public:
  DcgmWatch(kube::Transport& transport, const NodeClock& clock, Journal& journal)
      : transport_(transport), clock_(clock), journal_(journal) {}
  ~DcgmWatch() override;
  DcgmWatch(const DcgmWatch&) = delete;
  DcgmWatch& operator=(const DcgmWatch&) = delete;

  // `card`: its UUID; empty: all of the exporter's are written.
  [[nodiscard]] Status start(const cluster::DcgmExporter& exporter, const std::string& card,
                             std::int64_t epoch_offset_ns, const std::filesystem::path& csv);
  // Asks if it is time to.
  void tick();
  // Says what the values are good for beside blocks of that length.
  DcgmFacts stop(Nanoseconds block);

 private:
  void on_line(kube::StreamId stream, std::string_view line) override;
  void on_end(kube::StreamId stream, const kube::StreamEnd& end) override;
  void take_page();
  void failed(const std::string& why);

  kube::Transport& transport_;
  const NodeClock& clock_;
  Journal& journal_;
  std::optional<cluster::DcgmExporter> exporter_;
  std::string path_, card_;
  std::int64_t epoch_offset_ns_ = 0;
  std::optional<OutputFile> csv_;

  std::optional<kube::StreamId> stream_;
  telemetry::DcgmPage page_;
  telemetry::RenewalRate renewal_;
  Nanoseconds period_ = telemetry::ScrapePace::kSlowest;
  MonotonicTime next_{}, first_{}, last_{};
  telemetry::ScrapePace pace_;
  std::uint64_t readings_ = 0;
  bool failure_told_ = false;
};

}  // namespace kts::kubernetes
