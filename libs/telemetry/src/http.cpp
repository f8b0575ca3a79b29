// SPDX-License-Identifier: Apache-2.0
#include "http.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>

namespace kts::telemetry {
namespace {

constexpr std::size_t kLargestPage = 64U << 20U;

struct CurlDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

std::size_t take_bytes(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& page = *static_cast<std::string*>(into);
  if (page.size() + size * count > kLargestPage) return 0;
  page.append(bytes, size * count);
  return size * count;
}

int stop_transfer(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

}  // namespace

Result<std::string> get_page(const std::string& url, Nanoseconds timeout,
                             const std::atomic<bool>& stop) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, CurlDeleter> easy(ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (!easy) return fail(ErrorCode::kInternal, "libcurl can't be initialised");
  std::string page;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(ms));
  curl_easy_setopt(easy.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, take_bytes);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &page);
  curl_easy_setopt(easy.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy.get(), CURLOPT_XFERINFOFUNCTION, stop_transfer);
  curl_easy_setopt(easy.get(), CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&stop));
  if (const CURLcode code = curl_easy_perform(easy.get()); code != CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    return environment_lacks(
        code == CURLE_HTTP_RETURNED_ERROR
            ? fmt::format("DCGM exporter answers with status {}", status)
            : fmt::format("DCGM exporter can't be read: {}", curl_easy_strerror(code)),
        "see whether curl gets a page there", url);
  }
  return page;
}

}  // namespace kts::telemetry
