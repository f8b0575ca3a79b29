// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/pod_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kts::kubernetes::pod_state_test {
namespace {

using testing::HasSubstr;
using Stage = PodState::Stage;

PodState state_of(const std::string& status) {
  return read_pod(kube::Value::parse(R"({"status":)" + status + "}").value());
}

TEST(PodState, UnschedulableWaitsWithKubernetesOwnReason) {
  const PodState state = state_of(
      R"({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False",
          "reason":"Unschedulable","message":"0/1 nodes are available: 1 Insufficient nvidia.com/gpu."}]})");
  EXPECT_EQ(state.stage, Stage::kWaiting);
  EXPECT_FALSE(state.hopeless);
  EXPECT_EQ(state.words(),
            "Pending, Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.");
  EXPECT_THAT(hint_for(state.reason, state.message), HasSubstr("kts cluster status"));
}

TEST(PodState, AnImageThatIsNeverPulledIsHopeless) {
  const PodState state = state_of(
      R"({"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ErrImageNeverPull",
          "message":"Container image \"x\" is not present with pull policy of Never"}}}]})");
  EXPECT_TRUE(state.hopeless);
  EXPECT_THAT(hint_for(state.reason, state.message), HasSubstr("--pull-policy"));
}

TEST(PodState, AnImageThatCannotBePulledIsTriedAgain) {
  const PodState state = state_of(
      R"({"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ImagePullBackOff",
          "message":"Back-off pulling image"}}}]})");
  EXPECT_EQ(state.reason, "ImagePullBackOff");
  EXPECT_FALSE(state.hopeless);
}

TEST(PodState, ACreatedContainerIsNoReason) {
  const PodState state = state_of(
      R"({"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ContainerCreating"}}}]})");
  EXPECT_EQ(state.reason, "");
  EXPECT_FALSE(state.container);
}

TEST(PodState, AnAdmissionErrorIsTheEnd) {
  const PodState state = state_of(
      R"({"phase":"Failed","reason":"UnexpectedAdmissionError","message":"Allocate failed"})");
  EXPECT_EQ(state.stage, Stage::kFailed);
  EXPECT_EQ(state.words(), "Failed, UnexpectedAdmissionError: Allocate failed");
}

TEST(PodState, TellsHowAContainerEnded) {
  const PodState killed = state_of(
      R"({"phase":"Failed","containerStatuses":[{"state":{"terminated":{"reason":"OOMKilled","exitCode":137}}}]})");
  EXPECT_EQ(killed.stage, Stage::kFailed);
  EXPECT_EQ(killed.words(), "Failed, OOMKilled: exit status 137");
  EXPECT_TRUE(killed.container);
  EXPECT_THAT(hint_for(killed.reason, killed.message), HasSubstr("memory"));
}

TEST(PodState, PressureIsNotToBeTolerated) {
  EXPECT_THAT(hint_for("Unschedulable",
                       "0/1 nodes are available: 1 node(s) had taint "
                       "{node.kubernetes.io/memory-pressure: }, that the pod didn't tolerate."),
              HasSubstr("short of memory"));
  EXPECT_THAT(hint_for("Unschedulable", "1 node(s) had taint {team: a}"),
              HasSubstr("--toleration"));
}

TEST(PodState, NewerServersSayWhyAPodIsDisrupted) {
  const PodState state = state_of(
      R"({"phase":"Running","conditions":[{"type":"DisruptionTarget","status":"True",
          "reason":"PreemptionByScheduler","message":"preempting"}]})");
  EXPECT_EQ(state.reason, "PreemptionByScheduler");
  EXPECT_THAT(hint_for(state.reason, {}), HasSubstr("priority"));
}

TEST(PodState, AnEndStaysOneWhateverIsWrittenLater) {
  const PodState evicted =
      state_of(R"({"phase":"Failed","reason":"Evicted","message":"ephemeral storage"})");
  PodState state = state_of(R"({"phase":"Running"})");
  state.hear(evicted);
  EXPECT_EQ(state, evicted);
  state.hear(state_of(R"({"phase":"Pending"})"));
  EXPECT_EQ(state, evicted);
  state.hear(state_of(R"({"phase":"Failed"})"));
  EXPECT_EQ(state, evicted);
}

TEST(PodState, ALaterEndMayKnowTheReason) {
  PodState state = state_of(R"({"phase":"Failed"})");
  state.hear(state_of(
      R"({"phase":"Failed","containerStatuses":[{"state":{"terminated":{"reason":"OOMKilled","exitCode":137}}}]})"));
  EXPECT_EQ(state.words(), "Failed, OOMKilled: exit status 137");
}

// Its log is there, though the last status doesn't speak of the container.
TEST(PodState, AContainerThatStartedHasStarted) {
  PodState state =
      state_of(R"({"phase":"Running","containerStatuses":[{"state":{"running":{}}}]})");
  state.hear(state_of(R"({"phase":"Failed","reason":"Evicted"})"));
  EXPECT_TRUE(state.container);
}

TEST(PodState, ARunningPodHasALog) {
  const PodState state = state_of(
      R"({"phase":"Running","containerStatuses":[{"state":{"running":{"startedAt":"2026-11-21T00:00:00Z"}}}]})");
  EXPECT_EQ(state.stage, Stage::kRunning);
  EXPECT_TRUE(state.container);
}

TEST(Event, QuotaAndSandboxAreTold) {
  const auto quota =
      read_event(kube::Value::parse(
                     R"({"type":"Warning","reason":"FailedCreate","involvedObject":{"name":"kts-a"},
              "message":"Error creating: pods \"kts-a-x\" is forbidden: exceeded quota: few"})")
                     .value());
  ASSERT_TRUE(quota);
  EXPECT_TRUE(quota->hopeless);
  EXPECT_THAT(hint_for(quota->reason, quota->message), HasSubstr("quota"));
  const auto sandbox = read_event(
      kube::Value::parse(
          R"({"type":"Warning","reason":"FailedCreatePodSandBox","involvedObject":{"name":"p"},
              "message":"failed to get sandbox runtime: no runtime for \"nvidia\" is configured"})")
          .value());
  ASSERT_TRUE(sandbox);
  EXPECT_TRUE(sandbox->hopeless);
  EXPECT_FALSE(read_event(kube::Value::parse(R"({"type":"Normal","reason":"Pulled"})").value()));
}

}  // namespace
}  // namespace kts::kubernetes::pod_state_test
