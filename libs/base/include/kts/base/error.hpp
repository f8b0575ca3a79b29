// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace kts {

// Values are the exit codes of every kts binary.
enum class ErrorCode : int {
  kInternal = 1,
  kBadInput = 2,
  kGateFailed = 3,
  kEnvironment = 4,
  kInconclusive = 5,
  kInterrupted = 130,
};

// What was wrong, what to do about it, and where: "file:line", a field or an object; any but
// `message` may be empty.
struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string hint;
  std::string where;

  friend bool operator==(const Error&, const Error&) = default;
};

// "WHERE: MESSAGE; HINT", always one printable line.
[[nodiscard]] std::string to_line(const Error& error);
[[nodiscard]] constexpr int exit_code(const Error& error) { return static_cast<int>(error.code); }

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message,
                                                std::string hint = {}, std::string where = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint), std::move(where)});
}
[[nodiscard]] inline tl::unexpected<Error> bad_input(std::string message, std::string hint = {},
                                                     std::string where = {}) {
  return fail(ErrorCode::kBadInput, std::move(message), std::move(hint), std::move(where));
}
[[nodiscard]] inline tl::unexpected<Error> environment_lacks(std::string message,
                                                             std::string hint = {},
                                                             std::string where = {}) {
  return fail(ErrorCode::kEnvironment, std::move(message), std::move(hint), std::move(where));
}

// "TEXT (No such file or directory)" for an errno value; thread-safe.
[[nodiscard]] std::string with_errno(std::string_view text, int error_number);

}  // namespace kts

// Assigns the value of a Result to `declaration`, or returns its error from the caller.
#define KTS_CONCAT_INNER(a, b) a##b
#define KTS_CONCAT(a, b) KTS_CONCAT_INNER(a, b)
#define KTS_TRY(declaration, expression)                                      \
  auto KTS_CONCAT(kts_try_, __LINE__) = (expression);                         \
  if (!KTS_CONCAT(kts_try_, __LINE__))                                        \
    return tl::unexpected(std::move(KTS_CONCAT(kts_try_, __LINE__)).error()); \
  declaration = *std::move(KTS_CONCAT(kts_try_, __LINE__))
#define KTS_CHECK_OK(expression)                            \
  do {                                                      \
    if (auto kts_status = (expression); !kts_status)        \
      return tl::unexpected(std::move(kts_status).error()); \
  } while (false)
