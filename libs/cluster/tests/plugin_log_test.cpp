// SPDX-License-Identifier: Apache-2.0
#include "kts/cluster/plugin_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantity.hpp"

namespace kts::cluster::plugin_log_test {
namespace {

using testing::ElementsAre;

std::string config(const std::string& sharing) {
  return "I0405 12:49:04.998064      46 main.go:183] \nRunning with config:\n{\n  \"version\": "
         "\"v1\",\n  \"sharing\": " +
         sharing + "\n}\n";
}
const std::string kSliced =
    R"({"timeSlicing": {"resources": [{"name": "nvidia.com/gpu", "devices": "all", "replicas": 4}]}})";

TEST(PluginLog, TheConfigurationIsReadFromAmongOtherLines) {
  const PluginLog log = parse_plugin_log(
      "I0405 12:49:04.997150      46 main.go:107] Starting OS watcher.\n" + config(kSliced) +
      "I0405 12:49:05.1      46 server.go:1] Registered device plugin for 'nvidia.com/gpu' with "
      "Kubelet\n");
  ASSERT_TRUE(log.config);
  EXPECT_EQ(log.config->mode, SharingMode::kTimeSlicing);
  EXPECT_EQ(log.config->summary(), "time-slicing ×4 of nvidia.com/gpu");
  EXPECT_THAT(log.registered, ElementsAre("nvidia.com/gpu"));
}

TEST(PluginLog, TheLastLoadCounts) {
  const PluginLog log = parse_plugin_log(
      config(kSliced) +
      "I0405 12:49:05.1 46 server.go:1] Registered device plugin for 'nvidia.com/gpu' with "
      "Kubelet\nI0405 13:00:00.0 46 main.go:1] Received SIGHUP, restarting.\n" +
      config(R"({"timeSlicing": {}})") +
      "E0405 13:00:01.0 46 main.go:9] Could not contact Kubelet\n");
  ASSERT_TRUE(log.config);
  EXPECT_EQ(log.config->mode, SharingMode::kExclusive);
  EXPECT_TRUE(log.registered.empty());
  EXPECT_EQ(log.last_error, "Could not contact Kubelet");
}

TEST(PluginLog, LinesOfOtherThreadsMayComeInBetween) {
  const PluginLog log = parse_plugin_log(
      "2022/05/09 11:01:57 Running with config:\n{\n\"sharing\": {\"timeSlicing\": {\n"
      "W0405 12:49:04.998064      46 x.go:1] } { \" trouble\n"
      "time=\"2026-01-01T00:00:00Z\" level=info msg=\"}\"\n"
      "\"resources\": [{\"name\": \"gpu\", \"rename\": \"nvidia.com/gpu.shared\", \"replicas\": 3}]"
      "}}}\n");
  ASSERT_TRUE(log.config);
  ASSERT_EQ(log.config->resources.size(), 1U);
  EXPECT_EQ(log.config->resources[0].name, "nvidia.com/gpu");
  EXPECT_EQ(log.config->resources[0].advertised, "nvidia.com/gpu.shared");
}

TEST(PluginLog, BracesInStringsDontCount) {
  const PluginLog log =
      parse_plugin_log("Running with config: {\"a\": \"}\\\"}\", \"sharing\": " + kSliced + "}");
  ASSERT_TRUE(log.config);
  EXPECT_EQ(log.config->mode, SharingMode::kTimeSlicing);
}

TEST(PluginLog, WhatIsCutOffIsNotKnown) {
  for (const std::string& text :
       {std::string(), std::string("I0405 12:49:04.9 46 x.go:1] hello\n"),
        config(kSliced).substr(0, 120), std::string("Running with config:\nnot JSON at all\n"),
        std::string("Running with config:\n{\"a\": [}\n")}) {
    EXPECT_FALSE(parse_plugin_log(text).config) << text;
  }
}

TEST(PluginConfig, MpsComesFirstAndOneReplicaIsNoSharing) {
  const auto both = parse_plugin_config(
      "sharing: {mps: {renameByDefault: true, resources: [{name: nvidia.com/gpu, replicas: 5}]}, "
      "timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 2}]}}");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->summary(), "mps ×5 of nvidia.com/gpu.shared");
  const auto one =
      parse_plugin_config("sharing: {timeSlicing: {resources: [{name: gpu, replicas: 1}]}}");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->mode, SharingMode::kExclusive);
}

TEST(PluginConfig, JsonAndNonsenseAreTakenForWhatTheyAre) {
  EXPECT_TRUE(parse_plugin_config(R"({"version": "v1"})"));
  EXPECT_TRUE(parse_plugin_config(""));
  const auto broken = parse_plugin_config("a: [1,\nb: }");
  ASSERT_FALSE(broken);
  EXPECT_FALSE(broken.error().where.empty());
}

TEST(Quantity, WholeOnesOnly) {
  EXPECT_EQ(parse_quantity("4"), 4);
  EXPECT_EQ(parse_quantity("80Gi"), 80LL << 30);
  EXPECT_EQ(parse_quantity("2k"), 2000);
  for (const char* text : {"", "Gi", "-1", "1.5", "100m", "9999999999Ti", "1 Gi"}) {
    EXPECT_FALSE(parse_quantity(text)) << text;
  }
}

}  // namespace
}  // namespace kts::cluster::plugin_log_test
