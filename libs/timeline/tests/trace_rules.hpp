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

// What breaks the rules of the Chrome trace event format (JSON object form), as Perfetto takes it,
// in `text`: strict JSON, each phase's fields and their types, b and e in pairs, slices of a thread
// nested, every thread and process named, no thread of two processes. tests/check_trace.py has the
// same rules and their reasons. Empty when all is well.
inline std::vector<std::string> broken_rules(const std::string& text) {
  using nlohmann::json;
  std::vector<std::string> broken;
  const json trace = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!trace.is_object()) return {"no JSON object"};
  if (!trace.contains("traceEvents") || !trace["traceEvents"].is_array()) {
    return {"no array traceEvents"};
  }
  if (trace.contains("displayTimeUnit")) broken.emplace_back("displayTimeUnit");
  if (!trace.contains("otherData") || !trace["otherData"].is_object()) {
    broken.emplace_back("otherData");
  }

  struct Slice {
    std::int64_t start, end;
  };
  // Cut off, as Perfetto does.
  const auto ns = [](const json& us) {
    return static_cast<std::int64_t>(us.get<double>() * 1000.0);
  };
  const auto is_time = [](const json& event, const char* key) {
    constexpr double kLongestNs = 0x1p51;  // of which a double of microseconds holds each
    return event.contains(key) && event[key].is_number() && event[key].get<double>() >= 0 &&
           event[key].get<double>() * 1000 < kLongestNs;
  };
  const auto is_id = [](const json& event, const char* key) {
    return event.contains(key) && event[key].is_number_integer() &&
           event[key].get<std::int64_t>() >= 0 && event[key].get<std::int64_t>() < (1LL << 32);
  };
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Slice>> slices;
  std::map<std::pair<std::int64_t, std::string>, std::pair<std::string, std::int64_t>> open;
  std::set<std::string> ids;
  std::set<std::int64_t> pids, named_pids;
  std::set<std::pair<std::int64_t, std::int64_t>> tids, named_tids;
  std::map<std::int64_t, std::int64_t> process_of;
  for (const json& event : trace["traceEvents"]) {
    const auto complain = [&](const char* what) { broken.push_back(what + (": " + event.dump())); };
    if (!event.is_object() || !event.contains("ph") || !event["ph"].is_string() ||
        !event.contains("name") || !event["name"].is_string() || event["name"] == "" ||
        !is_id(event, "pid") || !is_id(event, "tid")) {
      complain("ph, name, pid, tid");
      continue;
    }
    const std::string ph = event["ph"];
    const std::string name = event["name"];
    const std::int64_t pid = event["pid"];
    const std::pair thread(pid, event["tid"].get<std::int64_t>());
    if (thread.second != 0 && thread.second != pid &&
        process_of.emplace(thread.second, pid).first->second != pid) {
      complain("its tid is another process' as well");
    }
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
      if (is_index ? !value.is_number_integer() : !value.is_string() || value == "") {
        complain("metadata's type");
      }
      if (name == "process_name") named_pids.insert(pid);
      if (name == "thread_name") named_tids.insert(thread);
      continue;
    }
    pids.insert(pid);
    if (!is_time(event, "ts")) {
      complain("ts");
      continue;
    }
    const std::int64_t ts = ns(event["ts"]);
    if (ph == "X") {
      tids.insert(thread);
      if (!is_time(event, "dur")) {
        complain("dur");
        continue;
      }
      slices[thread].push_back({ts, ts + ns(event["dur"])});
    } else if (ph == "b" || ph == "e") {
      if (!event.contains("cat") || !event.contains("id") || !event["id"].is_string()) {
        complain("cat, id");
        continue;
      }
      const std::pair<std::int64_t, std::string> key(
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
  // As the reader sorts them: of those that begin at once the longer first.
  for (auto& [thread, list] : slices) {
    std::stable_sort(list.begin(), list.end(), [](const Slice& a, const Slice& b) {
      return a.start != b.start ? a.start < b.start : a.end > b.end;
    });
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
