// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace kts::kube {
namespace {

bool unreserved(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

}  // namespace

std::string name_of(const Resource& resource) {
  return resource.group.empty() ? resource.plural
                                : fmt::format("{}.{}", resource.plural, resource.group);
}

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (unreserved(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string with_query(std::string path, const Query& query) {
  char separator = path.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [key, value] : query) {
    path += fmt::format("{}{}={}", separator, escape(key), escape(value));
    separator = '&';
  }
  return path;
}

std::string collection(const Resource& resource, std::string_view name_space) {
  std::string path = resource.group.empty()
                         ? fmt::format("/api/{}", resource.version)
                         : fmt::format("/apis/{}/{}", resource.group, resource.version);
  if (!name_space.empty()) path += fmt::format("/namespaces/{}", escape(name_space));
  return path + "/" + resource.plural;
}

std::string object(const Resource& resource, std::string_view name_space, std::string_view name,
                   std::string_view subresource) {
  std::string path = collection(resource, name_space) + "/" + escape(name);
  if (!subresource.empty()) path += fmt::format("/{}", subresource);
  return path;
}

std::string pod_proxy(std::string_view name_space, std::string_view pod, std::string_view port,
                      std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  const std::string target = port.empty() ? std::string(pod) : fmt::format("{}:{}", pod, port);
  return fmt::format("{}/{}", object(kPods, name_space, target, "proxy"), path);
}

std::string pod_log(std::string_view name_space, std::string_view pod, const LogOptions& options) {
  Query query;
  if (!options.container.empty()) query.emplace_back("container", options.container);
  if (options.follow) query.emplace_back("follow", "true");
  if (options.previous) query.emplace_back("previous", "true");
  if (options.timestamps) query.emplace_back("timestamps", "true");
  if (!options.since_time.empty()) query.emplace_back("sinceTime", options.since_time);
  if (options.tail_lines >= 0) query.emplace_back("tailLines", std::to_string(options.tail_lines));
  if (options.limit_bytes >= 0) {
    query.emplace_back("limitBytes", std::to_string(options.limit_bytes));
  }
  return with_query(object(kPods, name_space, pod, "log"), query);
}

Target parse_target(std::string_view path) {
  path = path.substr(0, path.find('?'));
  std::vector<std::string> parts;
  while (!path.empty()) {
    if (path.front() == '/') {
      path.remove_prefix(1);
      continue;
    }
    const auto end = std::min(path.find('/'), path.size());
    parts.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  Target target;
  std::size_t next = 0;
  const auto take = [&] { return next < parts.size() ? parts[next++] : std::string(); };
  const std::string root = take();
  if (root != "api" && root != "apis") {
    target.resource = "/" + root;
    return target;
  }
  if (root == "apis") target.group = take();
  take();  // the version
  if (next + 2 < parts.size() && parts[next] == "namespaces") {
    ++next;
    target.name_space = take();
  }
  target.resource = take();
  target.name = take();
  target.subresource = take();
  return target;
}

std::string resource_of(const Target& target) {
  std::string text = target.resource;
  if (!target.group.empty()) text += "." + target.group;
  if (!target.subresource.empty()) text += "/" + target.subresource;
  return text;
}

std::string describe(const Target& target) {
  std::string text = resource_of(target);
  if (!target.name.empty()) text += fmt::format(" {}", target.name);
  if (!target.name_space.empty()) text += fmt::format(" in namespace {}", target.name_space);
  return text;
}

std::string verb_of(std::string_view method, std::string_view path) {
  const bool one = !parse_target(path).name.empty();
  if (method == "POST") return "create";
  if (method == "PATCH") return "patch";
  if (method == "PUT") return "update";
  if (method == "DELETE") return one ? "delete" : "deletecollection";
  if (path.find("watch=") != std::string_view::npos) return "watch";
  return one ? "get" : "list";
}

}  // namespace kts::kube
