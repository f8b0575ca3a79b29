// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "format.hpp"
#include "kts/base/text.hpp"
#include "kts/base/units.hpp"
#include "kts/report/cluster.hpp"
#include "painter.hpp"

namespace kts::report {
namespace {

using cluster::ClusterStatus;
using cluster::GpuNode;
using cluster::GpuPod;
using cluster::Installation;
using cluster::InstallationKind;
using cluster::SharingMode;

constexpr std::string_view kMig = "nvidia.com/mig-";
constexpr std::size_t kLongestReason = 72;

std::string plural(std::size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string bytes(const std::optional<std::int64_t>& value) {
  return value ? format_bytes(static_cast<std::uint64_t>(*value)) : std::string(kAbsent);
}

std::string or_absent(const std::string& text) {
  return text.empty() ? std::string(kAbsent) : text;
}

std::string node_name(const GpuNode& node) {
  std::string text = printable(node.name);
  if (!node.ready) text += " (not ready)";
  if (!node.schedulable) text += " (cordoned)";
  return text;
}

std::string cards(const GpuNode& node) {
  std::string text = printable(node.product);
  if (node.cards) {
    text = text.empty() ? plural(static_cast<std::size_t>(*node.cards), "card")
                        : fmt::format("{} × {}", *node.cards, text);
  }
  if (node.memory_bytes) text += ", " + bytes(node.memory_bytes);
  return or_absent(text);
}

std::string sharing(const GpuNode& node) {
  const cluster::Sharing& s = node.sharing;
  const std::string times = s.replicas ? fmt::format(" ×{}", *s.replicas) : std::string();
  if (s.mode) return std::string(name(*s.mode)) + times;
  if (s.shared) return *s.shared ? "shared" + times + ", mode unknown" : "exclusive";
  return std::string(kAbsent);
}

std::string in_use(const cluster::ResourceCount& count) {
  std::string text = fmt::format(
      "{} of {}", count.requested ? std::to_string(*count.requested) : "?", count.capacity);
  if (count.allocatable < count.capacity) text += fmt::format(", {} usable", count.allocatable);
  return text;
}

// "label gpu.product": whose labels they are is plain.
std::string short_source(std::string source) {
  if (const auto at = source.find("nvidia.com/"); at != std::string::npos) source.erase(at, 11);
  return source;
}

void add_rows(const GpuNode& node, std::vector<Row>& rows) {
  Row row{node_name(node), cards(node)};
  const auto add = [&](std::string resource, std::string use, std::string mode,
                       const std::string& source) {
    row.insert(row.end(),
               {std::move(resource), std::move(use), std::move(mode), or_absent(source)});
    rows.push_back(std::move(row));
    row = {"", ""};
  };
  bool any = false;
  for (const auto& count : node.resources) {
    if (count.capacity == 0) continue;
    const bool the_shared =
        count.name == node.sharing.resource ||
        (node.sharing.mode == SharingMode::kMig && count.name.starts_with(kMig));
    add(printable(count.name), in_use(count), the_shared ? sharing(node) : std::string(kAbsent),
        the_shared ? short_source(node.sharing.source) : "");
    any = true;
  }
  if (!node.dra_devices.empty()) {
    add("DRA gpu.nvidia.com", plural(node.dra_devices.size(), "device"), std::string(kAbsent),
        "ResourceSlices");
    any = true;
  }
  if (!any) {
    add("none offered", std::string(kAbsent), std::string(kAbsent), "");
  }
}

std::string nodes_table(const ClusterStatus& s, const Painter& paint) {
  if (!s.nodes_seen) return "Nodes can't be seen.\n";
  if (s.nodes.empty()) {
    return "No node has an NVIDIA card that Kubernetes knows of: no nvidia.com/* resource, no "
           "label\nof feature discovery, no device of a DRA driver.\n";
  }
  std::vector<Row> rows{{"NODE", "CARDS", "RESOURCE", "IN USE", "SHARING", "KNOWN FROM"}};
  for (const GpuNode& node : s.nodes) add_rows(node, rows);
  return table(rows, paint);
}

std::string holds(const GpuPod& pod) {
  std::string text;
  for (const auto& [resource, count] : pod.requests) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, printable(resource));
  }
  return text;
}

std::string pods_table(const ClusterStatus& s, const Painter& paint) {
  if (s.pods.empty()) return {};
  std::vector<Row> rows{{"POD", "NODE", "HOLDS", "MEMORY BUDGET", "STATE"}};
  for (const GpuPod& pod : s.pods) {
    std::string state = printable(pod.phase);
    if (!pod.reason.empty()) state += ", " + shorten(printable(pod.reason), kLongestReason);
    rows.push_back({printable(pod.name_space + "/" + pod.name), or_absent(printable(pod.node)),
                    holds(pod), bytes(pod.budget_bytes), state});
  }
  return "\n" + table(rows, paint);
}

std::string how_installed(const Installation& i) {
  const std::string who = printable(i.name);
  switch (i.kind) {
    case InstallationKind::kGpuOperator:
      return fmt::format("GPU Operator, ClusterPolicy {}", who);
    case InstallationKind::kHelmConfig:
    case InstallationKind::kHelm:
      return fmt::format("Helm, release {}", who);
    case InstallationKind::kStatic:
      return fmt::format("a DaemonSet applied by hand, {}", who);
    case InstallationKind::kGke:
      return "Google's own, for GKE";
    case InstallationKind::kHost:
      return fmt::format("no DaemonSet that kts knows: the node itself offers its cards{}",
                         who.empty() ? "" : " (" + who + ")");
    case InstallationKind::kDra:
      break;
  }
  return fmt::format("DRA driver, {}", who);
}

// A line a fact, under one heading.
class Facts {
 public:
  explicit Facts(const Painter& paint) : paint_(paint) {}
  void add(std::string_view heading, const std::string& text) {
    out_ += paint_(Ink::kBold, pad_right(heading, kMargin)) +
            wrapped(text, std::string(kMargin, ' '), kMargin);
  }
  [[nodiscard]] const std::string& text() const { return out_; }

 private:
  static constexpr std::size_t kMargin = 15;
  const Painter& paint_;
  std::string out_;
};

// Nodes with the same choice share a line.
void add_configuration(const ClusterStatus& s, const Installation& i, Facts& facts) {
  if (i.config_map.empty()) {
    const bool takes_one = i.kind == InstallationKind::kHelm ||
                           i.kind == InstallationKind::kStatic ||
                           i.kind == InstallationKind::kGpuOperator;
    if (takes_one) facts.add("", "without a ConfigMap");
    return;
  }
  facts.add(
      "", fmt::format("configuration: ConfigMap {}", printable(i.name_space + "/" + i.config_map)));
  std::vector<std::pair<std::string, std::vector<std::string>>> choices;
  for (const GpuNode& node : s.nodes) {
    if (node.config.key.empty()) continue;
    const auto& in_force = node.config.in_force;
    std::string choice = fmt::format(
        "key {} ({}), {}", printable(node.config.key), printable(node.config.chosen_by),
        in_force ? (*in_force ? "in force" : "not in force") : "in force or not: unknown");
    const auto same = std::find_if(choices.begin(), choices.end(),
                                   [&](const auto& c) { return c.first == choice; });
    if (same == choices.end()) {
      choices.emplace_back(std::move(choice), std::vector{printable(node.name)});
    } else {
      same->second.push_back(printable(node.name));
    }
  }
  for (const auto& [choice, names] : choices) {
    facts.add("", fmt::format("{}: {}", fmt::join(names, ", "), choice));
  }
}

void add_owners(const Installation& i, Facts& facts) {
  std::vector<std::string> said;
  for (const auto& owner : i.owners) {
    std::string text =
        fmt::format("kept by {} ({}): {}", owner.tool, printable(owner.name),
                    owner.reverts_by_itself() ? "it undoes changes by hand"
                                              : "its next upgrade undoes changes by hand");
    if (std::find(said.begin(), said.end(), text) != said.end()) continue;
    facts.add("", text);
    said.push_back(std::move(text));
  }
}

std::string facts_of(const ClusterStatus& s, const Painter& paint) {
  Facts facts(paint);
  for (const Installation& i : s.installations) {
    std::string text = how_installed(i);
    if (!i.name_space.empty()) text += fmt::format(", namespace {}", printable(i.name_space));
    if (!i.version.empty()) text += fmt::format(", {}", printable(i.version));
    facts.add("Device plugin", text);
    if (i.kind == InstallationKind::kGke || i.kind == InstallationKind::kHost ||
        i.kind == InstallationKind::kDra) {
      facts.add("", "kts shows how it shares cards, and can't change it");
    }
    add_configuration(s, i, facts);
    add_owners(i, facts);
  }
  if (s.nodes.empty() && s.installations.empty()) return {};
  if (s.runtime_class) {
    facts.add("RuntimeClass", *s.runtime_class ? "nvidia is there"
                                               : "nvidia isn't there: it must be the nodes' "
                                                 "default runtime");
  }
  const auto known = [](const GpuNode& node) { return node.dcgm_exporter.has_value(); };
  if (!s.nodes.empty() && std::all_of(s.nodes.begin(), s.nodes.end(), known)) {
    const auto with = std::count_if(s.nodes.begin(), s.nodes.end(),
                                    [](const GpuNode& node) { return *node.dcgm_exporter; });
    facts.add("DCGM exporter",
              fmt::format("on {} of {}", with, plural(s.nodes.size(), "GPU node")));
  }
  return facts.text().empty() ? std::string() : "\n" + facts.text();
}

std::string warnings_of(const ClusterStatus& s, const Painter& paint) {
  if (s.warnings.empty()) return {};
  std::string out = "\n" + paint(Ink::kYellow, plural(s.warnings.size(), "warning")) + "\n";
  for (const auto& warning : s.warnings) {
    out += wrapped("- " + printable(warning.text), "  ");
    if (!warning.hint.empty()) {
      out += "  " + paint(Ink::kDim, wrapped("→ " + printable(warning.hint), "    ", 2));
    }
  }
  return out;
}

}  // namespace

std::string cluster_table(const ClusterStatus& s, TerminalStyle style) {
  const Painter paint(style);
  std::string out;
  if (!s.server_version.empty()) {
    out += paint(Ink::kBold, fmt::format("Kubernetes {}", printable(s.server_version))) + "\n\n";
  }
  return out + nodes_table(s, paint) + pods_table(s, paint) + facts_of(s, paint) +
         warnings_of(s, paint);
}

}  // namespace kts::report
