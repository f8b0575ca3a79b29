// SPDX-License-Identifier: Apache-2.0
#include "kts/mps/control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace kts::mps::control_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

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

}  // namespace
}  // namespace kts::mps::control_test
