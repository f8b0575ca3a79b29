// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kts/device/gpu.hpp"

namespace kts::device::nvml_test {
namespace {

TEST(Nvml, EveryCardHasAUuidAndAnswersASample) {
  const auto source = open_nvml();
  if (!source) GTEST_SKIP() << to_line(source.error());
  EXPECT_FALSE((*source)->driver().value().driver.empty());
  const std::vector<Gpu> gpus = (*source)->gpus().value();
  if (gpus.empty()) GTEST_SKIP() << "a driver, but no GPU";
  for (const Gpu& gpu : gpus) {
    EXPECT_TRUE(gpu.uuid.starts_with("GPU-")) << gpu.uuid;
    EXPECT_TRUE((*source)->sample(gpu.index).value().sm_clock_mhz.has_value());
    EXPECT_TRUE((*source)->compute_processes(gpu.index));
  }
  EXPECT_FALSE((*source)->sample(static_cast<int>(gpus.size())));
}

}  // namespace
}  // namespace kts::device::nvml_test
