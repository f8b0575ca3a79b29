// SPDX-License-Identifier: Apache-2.0
#include "kts/kernel_trace/activity.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace kts::kernel_trace::activity_test {
namespace {

Result<Activity> round_trip(const Activity& activity) {
  std::string row;
  append_csv(row, activity);
  EXPECT_EQ(row.find('\n'), row.size() - 1);
  row.pop_back();
  return parse_csv(row);
}

TEST(KernelCsv, ReadsBackWhatItWrote) {
  Activity kernel{Kind::kKernel, "_Z4gemmIfLi128EEvPKT_", 1'000, 2'000, 7, 42, {},
                  Dim{32, 4, 1}, Dim{256, 1, 1}};
  EXPECT_EQ(round_trip(kernel), kernel);
  const Activity copy{Kind::kCopy, "host to device", 5, 5, 0, 0, 0, {}, {}};
  EXPECT_EQ(round_trip(copy), copy);
  const Activity overhead{Kind::kOverhead, "buffer flush", 1, 9, {}, {}, {}, {}, {}};
  EXPECT_EQ(round_trip(overhead), overhead);
}

TEST(KernelCsv, NamesMayHoldCommasAndQuotes) {
  Activity kernel;
  kernel.name = R"(void f<int, char>("a", b))";
  EXPECT_EQ(round_trip(kernel), kernel);
  kernel.name = "two\nlines";
  EXPECT_EQ(round_trip(kernel)->name, "two lines");
}

TEST(KernelCsv, SaysWhichFieldIsWrong) {
  const auto message = [](const char* row) { return parse_csv(row).error().message; };
  EXPECT_EQ(message("graph,f,1,2,,,,,"), "'graph' is no kind");
  EXPECT_EQ(message("kernel,f,x,2,,,,,"), "'x' is no start_ns");
  EXPECT_EQ(message("kernel,f,2,1,,,,,"), "'1' is no end_ns that comes after its start_ns");
  EXPECT_EQ(message("kernel,f,1,2,-1,,,,"), "'-1' is no stream");
  EXPECT_EQ(message("kernel,f,1,2,,,,1x2,"), "'1x2' is no grid");
  EXPECT_NE(message("kernel,f,1,2").find("nine fields"), std::string::npos);
  EXPECT_NE(message("kernel,\"f,1,2,,,,,").find("quote"), std::string::npos);
  EXPECT_EQ(parse_csv("").error().code, ErrorCode::kBadInput);
}

TEST(KernelCsv, DamagedRowsAreRefusedOrRead) {
  std::mt19937 random(7);
  std::string row;
  append_csv(row,
             {Kind::kKernel, "f<1, \"2\">", 1'000, 2'000, 7, 42, 5, Dim{1, 2, 3}, Dim{4, 5, 6}});
  row.pop_back();
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = row;
    for (int k = 0; k < 3; ++k) {
      damaged[random() % damaged.size()] = "0,\"x-9k\n"[random() % 8];
    }
    damaged.resize(random() % (damaged.size() + 1));
    const auto read = parse_csv(damaged);
    if (read) {
      EXPECT_GE(read->end_ns, read->start_ns) << damaged;
    } else {
      EXPECT_EQ(read.error().code, ErrorCode::kBadInput);
    }
  }
}

TEST(ReadableName, IsTheSourcesWithoutParameters) {
  EXPECT_EQ(readable_name("_Z4spinPxi"), "spin");
  EXPECT_EQ(readable_name("_Z4gemmIfLi128EEvPKT_"), "gemm<float, 128>");
  EXPECT_EQ(readable_name("_ZN12_GLOBAL__N_14spinEPx"), "(anonymous namespace)::spin");
  EXPECT_EQ(readable_name("host to device"), "host to device");
  EXPECT_EQ(readable_name("_Znonsense"), "_Znonsense");
}

}  // namespace
}  // namespace kts::kernel_trace::activity_test
