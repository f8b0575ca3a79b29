// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/api_error.hpp"

#include <fmt/format.h>

#include "kts/kube/paths.hpp"
#include "kts/kube/value.hpp"

namespace kts::kube {
namespace {

constexpr std::size_t kLongestWords = 400;

// The first lines of a text that wasn't meant for us, as one short line.
std::string words(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kLongestWords)) {
    const bool space = static_cast<unsigned char>(c) <= ' ';
    if (!space) out += c;
    if (space && !out.empty() && out.back() != ' ') out += ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string place(const Target& target) {
  return target.name_space.empty() ? std::string("in the whole cluster")
                                   : fmt::format("in namespace {}", target.name_space);
}

std::string hint_for(int http_status, const Target& target, const std::string& verb) {
  switch (http_status) {
    case 401:
      return "renew the kubeconfig's credentials; kubectl get nodes must work";
    case 403:
      return fmt::format("have the verb {} on {} {} granted, see docs/kubernetes.md", verb,
                         resource_of(target), place(target));
    case 409:
      return "somebody else changed or made it; look at it and run this again";
    case 429:
      return "the API server asks for patience; run this again later";
    default:
      return http_status >= 500 ? "see whether kubectl get nodes works, and the API server's log"
                                : "";
  }
}

}  // namespace

ApiError to_error(std::string_view method, std::string_view path, int http_status,
                  std::string_view body) {
  const Target target = parse_target(path);
  const std::string verb = verb_of(method, path);
  const auto parsed = Value::parse(body);
  if (!parsed || (*parsed)["kind"].text() != "Status") {
    if (http_status >= 500 && (!parsed || !parsed->exists())) {
      // kubectl's proxy says in plain text that it got no answer.
      return {Error{ErrorCode::kEnvironment,
                    fmt::format("the API server can't be reached: {}", words(body)),
                    "choose a cluster with --kubeconfig or --context; kubectl get nodes must work",
                    {}},
              http_status};
    }
    return {Error{ErrorCode::kEnvironment,
                  fmt::format("can't {} {}: HTTP status {}: {}", verb, describe(target),
                              http_status, words(body)),
                  hint_for(http_status, target, verb),
                  {}},
            http_status};
  }
  const std::string reason = (*parsed)["reason"].text();
  const std::string message = words((*parsed)["message"].text());
  const std::string said = reason.empty() ? fmt::format("HTTP status {}: {}", http_status, message)
                                          : fmt::format("{}: {}", reason, message);
  const std::string what = http_status == 403 ? fmt::format("not permitted to {} {} {}", verb,
                                                            resource_of(target), place(target))
                                              : fmt::format("can't {} {}", verb, describe(target));
  return {Error{ErrorCode::kEnvironment,
                fmt::format("{} ({})", what, said),
                hint_for(http_status, target, verb),
                {}},
          http_status, reason};
}

}  // namespace kts::kube
