// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kts::timeline::testing {

// What breaks the rules of the Chrome trace event format (JSON object form) in `text`: strict JSON,
// each phase's fields and their types, b and e in pairs, slices of a thread nested, every thread
// and process named. Empty when all is well.
inline std::vector<std::string> broken_rules(const std::string& text) {
  using nlohmann::json;
  std::vector<std::string> broken;
  const json trace = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!trace.is_object()) return {"no JSON object"};
  if (!trace.contains("traceEvents") || !trace["traceEvents"].is_array()) {
    return {"no array traceEvents"};
  }
  if (trace.value("displayTimeUnit", "") != "ns") broken.emplace_back("displayTimeUnit");
  if (!trace.contains("otherData") || !trace["otherData"].is_object()) {
    broken.emplace_back("otherData");
  }

  struct Slice {
    std::int64_t start, end;
  };
  const auto ns = [](const json& us) { return std::llround(us.get<double>() * 1000); };
  std::map<std::pair<int, int>, std::vector<Slice>> slices;
  std::map<std::pair<int, std::string>, std::pair<std::string, std::int64_t>> open;
  std::set<std::string> ids;
  std::set<int> pids, named_pids;
  std::set<std::pair<int, int>> tids, named_tids;
  for (const json& event : trace["traceEvents"]) {
    const auto complain = [&](const char* what) { broken.push_back(what + (": " + event.dump())); };
    if (!event.is_object() || !event.contains("ph") || !event["ph"].is_string() ||
        !event.contains("name") || !event["name"].is_string() || !event.contains("pid") ||
        !event["pid"].is_number_integer() || !event.contains("tid") ||
        !event["tid"].is_number_integer()) {
      complain("ph, name, pid, tid");
      continue;
    }
    const std::string ph = event["ph"];
    const std::string name = event["name"];
    const int pid = event["pid"];
    const std::pair<int, int> thread(pid, event["tid"].get<int>());
    if (event.contains("args") && !event["args"].is_object()) complain("args");
    if (ph == "M") {
      static const std::map<std::string, std::string> kKnown{{"process_name", "name"},
                                                             {"process_labels", "labels"},
                                                             {"process_sort_index", "sort_index"},
                                                             {"thread_name", "name"},
                                                             {"thread_sort_index", "sort_index"}};
      const auto known = kKnown.find(name);
      if (known == kKnown.end() || !event.contains("args") ||
          !event["args"].contains(known->second)) {
        complain("metadata");
        continue;
      }
      const json& value = event["args"][known->second];
      const bool is_index = known->second == "sort_index";
      if (is_index ? !value.is_number_integer() : !value.is_string()) complain("metadata's type");
      if (name == "process_name") named_pids.insert(pid);
      if (name == "thread_name") named_tids.insert(thread);
      continue;
    }
    pids.insert(pid);
    if (!event.contains("ts") || !event["ts"].is_number() || event["ts"].get<double>() < 0) {
      complain("ts");
      continue;
    }
    const std::int64_t ts = ns(event["ts"]);
    if (ph == "X") {
      tids.insert(thread);
      if (!event.contains("dur") || !event["dur"].is_number() || event["dur"].get<double>() < 0) {
        complain("dur");
        continue;
      }
      slices[thread].push_back({ts, ts + ns(event["dur"])});
    } else if (ph == "b" || ph == "e") {
      if (!event.contains("cat") || !event.contains("id") || !event["id"].is_string()) {
        complain("cat, id");
        continue;
      }
      const std::pair<int, std::string> key(
          pid, event["cat"].get<std::string>() + event["id"].get<std::string>());
      const auto begun = open.find(key);
      if (ph == "b") {
        if (begun != open.end() || !ids.insert(key.second).second) complain("begun twice");
        open[key] = {name, ts};
      } else if (begun == open.end() || begun->second.first != name || begun->second.second > ts) {
        complain("ends what wasn't begun");
      } else {
        open.erase(begun);
      }
    } else if (ph == "C") {
      if (!event.contains("args") || event["args"].empty()) {
        complain("counter without a value");
        continue;
      }
      for (const json& value : event["args"]) {
        if (!value.is_number()) complain("counter's value");
      }
    } else if (ph == "i") {
      tids.insert(thread);
      if (event.value("s", "") != "t") complain("scope");
    } else {
      complain("unknown ph");
    }
  }
  if (!open.empty()) broken.push_back("never ended: " + open.begin()->first.second);
  // In the order of the file, as an outer slice comes before those inside that begin with it.
  for (auto& [thread, list] : slices) {
    std::stable_sort(list.begin(), list.end(),
                     [](const Slice& a, const Slice& b) { return a.start < b.start; });
    std::vector<std::int64_t> ends;
    for (const Slice& slice : list) {
      while (!ends.empty() && ends.back() <= slice.start) ends.pop_back();
      if (!ends.empty() && slice.end > ends.back()) {
        broken.push_back("slices of thread " + std::to_string(thread.first) + "/" +
                         std::to_string(thread.second) + " overlap at " +
                         std::to_string(slice.start) + " ns");
      }
      ends.push_back(slice.end);
    }
  }
  for (const int pid : pids) {
    if (!named_pids.contains(pid)) broken.push_back("no name: process " + std::to_string(pid));
  }
  for (const auto& thread : tids) {
    if (!named_tids.contains(thread)) {
      broken.push_back("no name: thread " + std::to_string(thread.first) + "/" +
                       std::to_string(thread.second));
    }
  }
  return broken;
}

}  // namespace kts::timeline::testing
