// SPDX-License-Identifier: Apache-2.0
#include "kts/mps/control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "kts/mps/partitions.hpp"

namespace kts::mps::control_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Answers = std::map<std::string, std::string, std::less<>>;

// Answers from a table; everything else is no daemon.
class FakeControl final : public Control {
 public:
  explicit FakeControl(Answers answers) : answers_(std::move(answers)) {}
  Result<std::string> ask(std::string_view command) override {
    const auto answer = answers_.find(command);
    if (answer == answers_.end()) return environment_lacks("no daemon");
    return answer->second;
  }

 private:
  Answers answers_;
};

const std::vector<Member> kMembers{{"fft", 11}, {"gemm", 12}};

TEST(Clients, AreThoseOfEveryServer) {
  FakeControl control(Answers{{"get_server_list", "7\n8\n"},
                              {"get_client_list 7", "12\n"},
                              {"get_client_list 8", " 11 \r\n"}});
  EXPECT_THAT(clients(control).value(), ElementsAre(11, 12));
  EXPECT_TRUE(require_clients(control, kMembers));
}

TEST(Clients, ADaemonWithoutAServerHasNone) {
  FakeControl control(Answers{{"get_server_list", ""}});
  EXPECT_TRUE(clients(control).value().empty());
  EXPECT_TRUE(require_no_client(control, kMembers));
}

TEST(Clients, AnAnswerThatIsNoListIsSaid) {
  FakeControl control(Answers{{"get_server_list", "Server 7 not found\n"}});
  const auto list = clients(control);
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(list.error()), HasSubstr("Server 7 not found"));
}

TEST(Clients, AnAgentThatIsNotAmongThemIsNamedWithWhatWasSeen) {
  FakeControl control(Answers{{"get_server_list", "7"}, {"get_client_list 7", "12\n99\n"}});
  const Status status = require_clients(control, kMembers);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(status.error()), HasSubstr("fft (11); the daemon has clients 12, 99"));
}

TEST(Clients, AnAgentOnSomebodyElsesMpsIsNamed) {
  FakeControl control(Answers{{"get_server_list", "7"}, {"get_client_list 7", "12\n99\n"}});
  const Status status = require_no_client(control, kMembers);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(status.error()), HasSubstr("gemm (12)"));
}

TEST(Clients, WithoutADaemonNothingIsProven) {
  FakeControl control(Answers{});
  EXPECT_FALSE(require_clients(control, kMembers));
  EXPECT_FALSE(require_no_client(control, kMembers));
}

constexpr const char* kCard = "GPU-74d43ed3-cdf7-e667-3644-bf5b4f46ed65";

TEST(Partitions, AreReadWithBlanksAndWithDashesForWhatAColumnDoesNotHave) {
  const auto read = [](const std::string& answer) {
    FakeControl control(Answers{{"lspart", answer}});
    return parting_of(control, kCard);
  };
  const std::string head = "GPU  Partition free used free used clients\n chunk chunk SM SM\n";
  const auto dashes = read(head +
                           "GPU-11111111 - 9 0 72 0 -\n"
                           "GPU-74d43ed3 - 3 7 24 56 -\n"
                           "GPU-74d43ed3 Dx4/AAA - 7 - 56 -\n");
  ASSERT_TRUE(dashes) << to_line(dashes.error());
  EXPECT_EQ(dashes->free_chunks, 3);
  EXPECT_EQ(dashes->used_chunks, 7);
  ASSERT_EQ(dashes->parts.size(), 1U);
  EXPECT_EQ(dashes->parts[0].name, "Dx4/AAA");
  EXPECT_EQ(dashes->parts[0].chunks, 7);
  EXPECT_EQ(dashes->parts[0].sms, 56);
  EXPECT_FALSE(dashes->parts[0].in_use);
  const auto blanks = read(head +
                           "GPU-74   2  14  20  112\n"
                           "GPU-74  Dw8   7  56  Yes\nGPU-74  AAD   7  56  No\n");
  ASSERT_TRUE(blanks) << to_line(blanks.error());
  EXPECT_EQ(blanks->free_chunks, 2);
  ASSERT_EQ(blanks->parts.size(), 2U);
  EXPECT_TRUE(blanks->parts[0].in_use.value());
  EXPECT_FALSE(blanks->parts[1].in_use.value());
  for (const char* answer : {"", "Unknown command\n", "GPU-9 1 2 3 4\n", "GPU-74 x y z\n"}) {
    const auto odd = read(answer);
    ASSERT_FALSE(odd) << answer;
    EXPECT_EQ(odd.error().code, ErrorCode::kEnvironment);
    EXPECT_THAT(to_line(odd.error()), Not(HasSubstr("\n")));
  }
}

TEST(Partitions, AreMadeOrTheDaemonsWordsAreTold) {
  const std::string card = kCard;
  FakeControl control(
      Answers{{"sm_partition add " + card + " 7", card + "/Dx4AAA\n"},
              {"sm_partition add " + card + " 6", "Partition " + card + "/D/x5 created\n"},
              {"sm_partition add " + card + " 9", "Failed to fulfill the request\nof 9 chunks\n"}});
  EXPECT_EQ(add_partition(control, card, 7).value(), card + "/Dx4AAA");
  EXPECT_EQ(add_partition(control, card, 6).value(), card + "/D/x5");
  const auto refused = add_partition(control, card, 9);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(refused.error()), HasSubstr("Failed to fulfill the request of 9 chunks"));
}

TEST(Partitions, SharesAreWholeChunksAndOneAtLeast) {
  EXPECT_THAT(share_out(std::vector{50, 50}, 16).value(), ElementsAre(8, 8));
  EXPECT_THAT(share_out(std::vector{33, 33, 33}, 16).value(), ElementsAre(5, 5, 5));
  EXPECT_THAT(share_out(std::vector{1, 75}, 16).value(), ElementsAre(1, 12));
  const auto crowd = share_out(std::vector<int>(17, 5), 16);
  ASSERT_FALSE(crowd);
  EXPECT_EQ(crowd.error().code, ErrorCode::kEnvironment);
}

TEST(Partitions, ThatAreNotAsAskedForAreNamed) {
  Parting parting;
  parting.parts = {{"a", 8, 64, true},
                   {"b", 7, 56, true},
                   {"c", 1, 8, false},
                   {"d/e", 2, 16, {}},
                   {"Dx4AAA...", 3, 24, true}};
  EXPECT_TRUE(require_partitions(
      parting,
      std::vector<Allotment>{{"x", "G/a", 8}, {"y", "G/d/e", 2}, {"z", "G/Dx4AAABBBB", 3}}));
  const Status status = require_partitions(
      parting,
      std::vector<Allotment>{{"x", "G/a", 8}, {"y", "G/b", 8}, {"z", "G/c", 1}, {"w", "G/q", 1}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(status.error()),
              HasSubstr("y has 7 chunks, not 8, z doesn't use its own, w has none"));
}

}  // namespace
}  // namespace kts::mps::control_test
