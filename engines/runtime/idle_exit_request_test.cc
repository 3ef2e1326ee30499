#include "engines/runtime/idle_exit_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "engines/runtime/testing/group_fixture.h"

namespace farrier::runtime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kDevice[] = "/dev/cpu_dma_latency";

// What the kernel keeps to for all who asked, in microseconds; -1: it cannot be asked.
int32_t Kept() {
  int32_t kept = -1;
  std::ifstream(kDevice, std::ios::binary).read(reinterpret_cast<char*>(&kept), sizeof(kept));
  return kept;
}

TEST(IdleExitRequest, TheKernelKeepsToItUntilItEnds) {
  const int32_t before = Kept();
  if (before < 8 || access(kDevice, W_OK) != 0) GTEST_SKIP() << "no " << kDevice << " to ask for 7";
  {
    IdleExitRequest request;
    EXPECT_EQ(Kept(), before);
    request.Set(7 * kMicrosecond);
    EXPECT_THAT(request.why(), IsEmpty());
    EXPECT_EQ(Kept(), 7);
    request.Set(0);
    EXPECT_EQ(Kept(), 0);
    request.Set(std::nullopt);
    EXPECT_EQ(Kept(), before);
    request.Set(3 * kMicrosecond);
    EXPECT_EQ(Kept(), 3);
  }
  EXPECT_EQ(Kept(), before);
}

class IdleExitGroupTest : public testing::GroupFixture {};

TEST_P(IdleExitGroupTest, AsksWhileThereIsWorkAndItsThreadsSleep) {
  const int32_t before = Kept();
  if (before < 8 || access(kDevice, W_OK) != 0) GTEST_SKIP() << "no " << kDevice << " to ask for 7";
  ASSERT_TRUE(group_->Add(engine_, *mailbox_, "engine").ok());
  ASSERT_TRUE(group_->Reconfigure({.mode = GetParam(), .idle_exit = 7 * kMicrosecond}).ok());
  if (!Sleeps(GetParam())) {
    for (int i = 0; i < 100; ++i) {
      engine_.Ring(1);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ASSERT_EQ(Kept(), before);
    }
    return;
  }
  EXPECT_TRUE(Eventually([&] { return Kept() == before; }));  // there is nothing to do
  EXPECT_TRUE(Eventually([&] {
    engine_.Ring(1);
    return Kept() == 7;
  }));
  EXPECT_THAT(group_->Report().idle_exit_why, IsEmpty());
  EXPECT_TRUE(Eventually([&] { return Kept() == before; }));
  EXPECT_TRUE(Eventually([&] {
    engine_.Ring(1);
    return Kept() == 7;
  }));
  ASSERT_TRUE(group_->Reconfigure({.mode = GetParam()}).ok());
  EXPECT_TRUE(Eventually([&] {
    engine_.Ring(1);
    return Kept() == before;
  }));
}

INSTANTIATE_TEST_SUITE_P(Modes, IdleExitGroupTest,
                         ::testing::Values(GroupMode::kDedicating, GroupMode::kSpreading,
                                           GroupMode::kCompacting),
                         [](const auto& test) { return std::string(ToString(test.param)); });

TEST(IdleExitRequest, SaysWhyItCannotBe) {
  IdleExitRequest request("/nonexistent/latency");
  request.Set(0);
  EXPECT_THAT(request.why(), AllOf(HasSubstr("/nonexistent/latency"), HasSubstr("root")));
  request.Set(std::nullopt);
  EXPECT_THAT(request.why(), IsEmpty());
}

}  // namespace
}  // namespace farrier::runtime
