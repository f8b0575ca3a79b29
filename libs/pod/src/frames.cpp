// SPDX-License-Identifier: Apache-2.0
#include "kts/pod/frames.hpp"

#include <charconv>

#include "fields.hpp"

namespace kts::pod {
namespace {

constexpr std::string_view kVersion = "v1,";

struct Tags {
  std::string_view ready = "KTS_READY,";
  std::string_view beat = "KTS_BEAT,";
  std::string_view chunk = "KTS_CHUNK,";
  std::string_view missed = "KTS_MISSED,";
  std::string_view fail = "KTS_FAIL,";
};
constexpr Tags kTags;

void put(ordered_json& body, const char* field, const std::string& text) {
  if (!text.empty()) body[field] = text;
}
template <typename Integer>
void put(ordered_json& body, const char* field, const std::optional<Integer>& value) {
  if (value) body[field] = *value;
}

ordered_json body_of(const Ready& r) {
  ordered_json body{{"agent", r.agent}, {"starts", r.starts}, {"device", r.device}};
  put(body, "device_name", r.device_name);
  put(body, "uuid", r.uuid);
  put(body, "uuid_source", r.uuid_source);
  body["median_iteration_ns"] = r.median_iteration_ns;
  body["operand_bytes"] = r.operand_bytes;
  put(body, "pod_uid", r.pod_uid);
  put(body, "pod", r.pod);
  put(body, "node", r.node);
  body["monotonic_ns"] = r.monotonic_ns;
  body["epoch_ns"] = r.epoch_ns;
  put(body, "kts_version", r.kts_version);
  put(body, "kts_commit", r.kts_commit);
  return body;
}
ordered_json body_of(const Missed& m) { return {{"block", m.block}, {"reason", m.reason}}; }
ordered_json body_of(const Beat& b) {
  ordered_json body{{"monotonic_ns", b.monotonic_ns}, {"state", b.state}};
  put(body, "block", b.block);
  body["iterations"] = b.iterations;
  body["printed"] = b.printed;
  body["prints"] = b.prints;
  body["acknowledged"] = b.acknowledged;
  if (b.dropped > 0) body["dropped"] = b.dropped;
  body["planned"] = b.planned;
  if (!b.missed.empty()) {
    ordered_json& list = body["missed"] = ordered_json::array();
    for (const Missed& missed : b.missed) list.push_back(body_of(missed));
  }
  return body;
}
ordered_json body_of(const ChunkHeader& c) {
  ordered_json body{{"chunk", c.chunk},
                    {"block", c.block},
                    {"bytes", c.bytes},
                    {"lines", c.lines},
                    {"crc32", fmt::format("{:08x}", c.crc32)},
                    {"print", c.print},
                    {"last", c.last},
                    {"complete", c.complete}};
  put(body, "late_ns", c.late_ns);
  put(body, "overrun_ns", c.overrun_ns);
  put(body, "throttled_usec", c.throttled_usec);
  if (c.dropped > 0) body["dropped"] = c.dropped;
  return body;
}
ordered_json body_of(const Fail& f) {
  ordered_json body = ordered_json::object();
  put(body, "block", f.block);
  body["message"] = f.message;
  put(body, "status", f.status);
  if (f.out_of_memory) body["out_of_memory"] = true;
  put(body, "last_words", f.last_words);
  body["exit_code"] = f.exit_code;
  return body;
}

std::string_view tag_of(const Ready&) { return kTags.ready; }
std::string_view tag_of(const Beat&) { return kTags.beat; }
std::string_view tag_of(const ChunkHeader&) { return kTags.chunk; }
std::string_view tag_of(const Missed&) { return kTags.missed; }
std::string_view tag_of(const Fail&) { return kTags.fail; }

Result<Ready> parse_ready(const json& body) {
  Ready r;
  KTS_CHECK_OK(Fields(body, "READY")
                   .must("agent", r.agent)
                   .must("starts", r.starts)
                   .must("device", r.device)
                   .maybe("device_name", r.device_name)
                   .maybe("uuid", r.uuid)
                   .maybe("uuid_source", r.uuid_source)
                   .must("median_iteration_ns", r.median_iteration_ns)
                   .must("operand_bytes", r.operand_bytes)
                   .maybe("pod_uid", r.pod_uid)
                   .maybe("pod", r.pod)
                   .maybe("node", r.node)
                   .must("monotonic_ns", r.monotonic_ns)
                   .must("epoch_ns", r.epoch_ns)
                   .maybe("kts_version", r.kts_version)
                   .maybe("kts_commit", r.kts_commit)
                   .status());
  return r;
}

Result<Missed> parse_missed(const json& body) {
  if (!body.is_object()) return bad_input("a missed block is no JSON object");
  Missed m;
  KTS_CHECK_OK(Fields(body, "MISSED").must("block", m.block).must("reason", m.reason).status());
  return m;
}

Result<Beat> parse_beat(const json& body) {
  Beat b;
  KTS_CHECK_OK(Fields(body, "BEAT")
                   .must("monotonic_ns", b.monotonic_ns)
                   .must("state", b.state)
                   .maybe("block", b.block)
                   .must("iterations", b.iterations)
                   .must("printed", b.printed)
                   .must("prints", b.prints)
                   .must("acknowledged", b.acknowledged)
                   .maybe("dropped", b.dropped)
                   .must("planned", b.planned)
                   .status());
  const auto missed = body.find("missed");
  if (missed == body.end()) return b;
  if (!missed->is_array()) return bad_input("BEAT has a 'missed' of the wrong type or range");
  for (const json& entry : *missed) {
    KTS_TRY(Missed one, parse_missed(entry));
    b.missed.push_back(std::move(one));
  }
  return b;
}

Result<ChunkHeader> parse_chunk(const json& body) {
  ChunkHeader c;
  std::string crc;
  KTS_CHECK_OK(Fields(body, "CHUNK")
                   .must("chunk", c.chunk)
                   .must("block", c.block)
                   .must("bytes", c.bytes)
                   .must("lines", c.lines)
                   .must("crc32", crc)
                   .must("print", c.print)
                   .must("last", c.last)
                   .must("complete", c.complete)
                   .maybe("late_ns", c.late_ns)
                   .maybe("overrun_ns", c.overrun_ns)
                   .maybe("throttled_usec", c.throttled_usec)
                   .maybe("dropped", c.dropped)
                   .status());
  const auto [end, error] = std::from_chars(crc.data(), crc.data() + crc.size(), c.crc32, 16);
  if (crc.size() != 8 || error != std::errc() || end != crc.data() + crc.size()) {
    return bad_input("CHUNK has a 'crc32' that is not eight hexadecimal digits");
  }
  if (c.bytes > kMaxChunkBytes || c.lines > c.bytes || (c.lines == 0) != (c.bytes == 0)) {
    return bad_input("CHUNK has 'bytes' and 'lines' that can't be");
  }
  return c;
}

Result<Fail> parse_fail(const json& body) {
  Fail f;
  KTS_CHECK_OK(Fields(body, "FAIL")
                   .maybe("block", f.block)
                   .must("message", f.message)
                   .maybe("status", f.status)
                   .maybe("out_of_memory", f.out_of_memory)
                   .maybe("last_words", f.last_words)
                   .must("exit_code", f.exit_code)
                   .status());
  return f;
}

template <typename Parse>
Result<std::optional<Frame>> parse_body(std::string_view line, std::string_view tag,
                                        Parse&& parse) {
  const std::string_view name = tag.substr(4, tag.size() - 5);
  line.remove_prefix(tag.size());
  if (!line.starts_with(kVersion)) {
    return bad_input(fmt::format("a {} line of another version", name),
                     "kts and the image must come from one build");
  }
  KTS_TRY(const json body, parse_object(line.substr(kVersion.size()), name));
  KTS_TRY(auto value, parse(body));
  return Frame(std::move(value));
}

}  // namespace

std::string to_line(const Frame& frame) {
  return std::visit(
      [](const auto& value) {
        return fmt::format("{}{}{}\n", tag_of(value), kVersion, text_of(body_of(value)));
      },
      frame);
}

Result<std::optional<Frame>> parse_frame(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with(kTags.ready)) return parse_body(line, kTags.ready, parse_ready);
  if (line.starts_with(kTags.beat)) return parse_body(line, kTags.beat, parse_beat);
  if (line.starts_with(kTags.chunk)) return parse_body(line, kTags.chunk, parse_chunk);
  if (line.starts_with(kTags.missed)) return parse_body(line, kTags.missed, parse_missed);
  if (line.starts_with(kTags.fail)) return parse_body(line, kTags.fail, parse_fail);
  return std::optional<Frame>();
}

bool is_record_line(std::string_view line) {
  return line.starts_with("KTS_APP,") || line.starts_with("KTS_TOKEN,") ||
         line.starts_with("KTS_META,") || line.starts_with("KTS_END,");
}

}  // namespace kts::pod
