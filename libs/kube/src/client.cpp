// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/client.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace kts::kube {
namespace {

std::string content_type(PatchType type) {
  switch (type) {
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kJson:
      return "application/json-patch+json";
    case PatchType::kStrategicMerge:
      break;
  }
  return "application/strategic-merge-patch+json";
}

std::string name(Propagation propagation) {
  switch (propagation) {
    case Propagation::kBackground:
      return "Background";
    case Propagation::kForeground:
      return "Foreground";
    case Propagation::kOrphan:
      break;
  }
  return "Orphan";
}

}  // namespace

Answer<std::string> Client::ask(Request request) {
  request.timeout = timeout_;
  auto response = transport_.send(request);
  if (!response) {
    Error error = std::move(response).error();
    if (error.code == ErrorCode::kEnvironment) {
      error.message += fmt::format(" (on {} {})", verb_of(request.method, request.path),
                                   describe(parse_target(request.path)));
    }
    return tl::unexpected<ApiError>(std::move(error));
  }
  if (response->status < 200 || response->status >= 300) {
    return tl::unexpected(to_error(request.method, request.path, response->status, response->body));
  }
  return std::move(response->body);
}

Answer<Value> Client::ask_json(Request request) {
  const std::string method = request.method;
  const std::string path = request.path;
  auto body = ask(std::move(request));
  if (!body) return tl::unexpected(std::move(body).error());
  auto value = Value::parse(*body);
  if (!value) {
    return tl::unexpected<ApiError>(
        Error{ErrorCode::kEnvironment,
              fmt::format("what came in answer to {} {} is not JSON", verb_of(method, path),
                          describe(parse_target(path))),
              "see whether something stands between kubectl and the API server",
              {}});
  }
  return *std::move(value);
}

Answer<Value> Client::get(const std::string& path) { return ask_json({.path = path}); }

Answer<std::string> Client::text(const std::string& path) { return ask({.path = path}); }

Answer<ListResult> Client::list_once(const std::string& path, const ListOptions& options) {
  ListResult out;
  std::string token;
  do {
    Query query{{"limit", std::to_string(options.page)}};
    if (!options.label_selector.empty())
      query.emplace_back("labelSelector", options.label_selector);
    if (!options.field_selector.empty())
      query.emplace_back("fieldSelector", options.field_selector);
    if (!token.empty()) query.emplace_back("continue", token);
    auto page = get(with_query(path, query));
    if (!page) return tl::unexpected(std::move(page).error());
    for (Value& item : (*page)["items"].items()) out.items.push_back(std::move(item));
    const Value metadata = (*page)["metadata"];
    out.resource_version = metadata["resourceVersion"].text();
    std::string next = metadata["continue"].text();
    if (!next.empty() && next == token) {
      return tl::unexpected<ApiError>(
          Error{ErrorCode::kEnvironment, "the API server gives the same page again", {}, path});
    }
    token = std::move(next);
  } while (!token.empty());
  return out;
}

Answer<ListResult> Client::list(const std::string& path, const ListOptions& options) {
  auto out = list_once(path, options);
  if (!out && out.error().gone()) out = list_once(path, options);
  return out;
}

Answer<Value> Client::create(const std::string& path, std::string body) {
  return ask_json({.method = "POST",
                   .path = path,
                   .content_type = "application/json",
                   .body = std::move(body)});
}

Answer<Value> Client::patch(const std::string& path, PatchType type, std::string body) {
  return ask_json({.method = "PATCH",
                   .path = path,
                   .content_type = content_type(type),
                   .body = std::move(body)});
}

Answer<Value> Client::remove(const std::string& path, Propagation propagation) {
  const nlohmann::json body{
      {"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", name(propagation)}};
  return ask_json(
      {.method = "DELETE", .path = path, .content_type = "application/json", .body = body.dump()});
}

Answer<bool> Client::may(const Access& access) {
  nlohmann::json attributes{{"verb", access.verb}, {"resource", access.resource}};
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) attributes[key] = value;
  };
  add("group", access.group);
  add("subresource", access.subresource);
  add("namespace", access.name_space);
  add("name", access.name);
  const nlohmann::json review{{"apiVersion", "authorization.k8s.io/v1"},
                              {"kind", "SelfSubjectAccessReview"},
                              {"spec", {{"resourceAttributes", attributes}}}};
  auto answer = create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review.dump());
  if (!answer) return tl::unexpected(std::move(answer).error());
  return (*answer)["status"]["allowed"].boolean().value_or(false);
}

}  // namespace kts::kube
