// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "kts/base/error.hpp"

namespace kts::kube {

// Why a request failed: a kts error (exit code 4), and what a program decides by.
struct ApiError : Error {
  ApiError(Error error, int status = 0, std::string why = {})  // implicit: no answer came at all
      : Error(std::move(error)), http_status(status), reason(std::move(why)) {}

  int http_status = 0;  // 0 when the server didn't answer
  std::string reason;   // Kubernetes' own: "NotFound", "Forbidden", "AlreadyExists", "Conflict" …

  [[nodiscard]] bool not_found() const { return http_status == 404; }
  [[nodiscard]] bool forbidden() const { return http_status == 403; }
  [[nodiscard]] bool gone() const { return http_status == 410; }
};

template <typename T>
using Answer = tl::expected<T, ApiError>;

// What went wrong with `method` on `path`, from the answer's body: a Status object, or, when
// something between us and the API server wrote it, any text.
[[nodiscard]] ApiError to_error(std::string_view method, std::string_view path, int http_status,
                                std::string_view body);

}  // namespace kts::kube
