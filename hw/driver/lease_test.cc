#include "hw/driver/lease.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/card_csr_window.h"
#include "hw/model/functional_card.h"

namespace farrier::driver {
namespace {

using ::testing::HasSubstr;

class LeaseTest : public testing::Test, public model::CardSink {
 protected:
  void ToHost(int, int, std::span<const uint8_t>) override {}
  void ToWire(std::span<const uint8_t>) override {}

  model::FunctionalCard card_{{}, *this};
  CardCsrWindow window_{card_};
  Lease a_{window_, 0};
  Lease b_{window_, 1};
};

TEST_F(LeaseTest, OfTwoOneGetsItAndTheOtherLearnsWho) {
  EXPECT_EQ(*a_.Holder(), std::nullopt);
  ASSERT_TRUE(b_.Take().ok());
  EXPECT_EQ(*a_.Holder(), 1u);
  const auto status = a_.Take();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(status.message(), HasSubstr("held by the process on function B"));
}

TEST_F(LeaseTest, IsOursUntilItIsGivenUp) {
  EXPECT_EQ(a_.Renew().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(a_.Take().ok());
  EXPECT_TRUE(a_.Renew().ok());
  EXPECT_TRUE(a_.Renew().ok());
  EXPECT_TRUE(a_.Release().ok());
  EXPECT_EQ(*b_.Holder(), std::nullopt);
  EXPECT_TRUE(b_.Take().ok());
}

TEST_F(LeaseTest, WhoeverTakesItOverHasItAndTheOtherFindsOut) {
  ASSERT_TRUE(a_.Take().ok());
  ASSERT_TRUE(b_.TakeOver().ok());
  const auto status = a_.Renew();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(status.message(), HasSubstr("gone to the process on function B"));
  EXPECT_TRUE(a_.Release().ok()) << "not ours: nothing happens";
  EXPECT_EQ(*a_.Holder(), 1u);
  EXPECT_TRUE(b_.Renew().ok());
}

TEST_F(LeaseTest, AProcessOfTheSameFunctionIsAnotherHolder) {
  ASSERT_TRUE(a_.Take().ok());
  Lease next(window_, 0);
  EXPECT_EQ(next.Take().code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(next.TakeOver().ok());
  EXPECT_EQ(a_.Renew().code(), absl::StatusCode::kAborted);
}

TEST_F(LeaseTest, TheGenerationWraps) {
  ASSERT_TRUE(a_.Take().ok());
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(a_.Renew().ok()) << i;
}

}  // namespace
}  // namespace farrier::driver
