#include "tests/simulator/switch.h"

#include <vector>

#include "gtest/gtest.h"

namespace farrier::sim {
namespace {

class Host final : public FrameSink {
 public:
  explicit Host(uint8_t number) : mac{2, 0, 0, 0, 0, number} {}
  void Receive(Frame frame) override { received.push_back(std::move(frame)); }
  void Send(const Mac& to) {
    Frame frame(60, 0);
    std::copy(to.begin(), to.end(), frame.begin());
    std::copy(mac.begin(), mac.end(), frame.begin() + 6);
    port->Receive(frame);
  }
  Mac mac;
  FrameSink* port = nullptr;
  std::vector<Frame> received;
};

class SwitchTest : public ::testing::Test {
 protected:
  SwitchTest() {
    for (Host* host : {&a_, &b_, &c_}) {
      host->port = switch_.AddPort();
      switch_.Connect(host->port, host);
    }
  }
  Switch switch_;
  Host a_{1}, b_{2}, c_{3};
};

TEST_F(SwitchTest, AnUnknownAddressGoesToEveryoneElse) {
  a_.Send(b_.mac);
  EXPECT_EQ(a_.received.size(), 0u);
  EXPECT_EQ(b_.received.size(), 1u);
  EXPECT_EQ(c_.received.size(), 1u);
}

TEST_F(SwitchTest, AnAddressSeenAsSourceIsKnown) {
  b_.Send(a_.mac);
  a_.Send(b_.mac);
  EXPECT_EQ(b_.received.size(), 1u);
  EXPECT_EQ(c_.received.size(), 1u) << "only the first frame was flooded";
  EXPECT_EQ(switch_.flooded(), 1u);
}

TEST_F(SwitchTest, AnAddressThatMovesIsFollowed) {
  b_.Send(a_.mac);
  c_.mac = b_.mac;
  c_.Send(a_.mac);
  b_.received.clear();
  c_.received.clear();
  a_.Send(b_.mac);
  EXPECT_EQ(b_.received.size(), 0u);
  EXPECT_EQ(c_.received.size(), 1u);
}

TEST_F(SwitchTest, AStaticAddressIsNotLearntAnew) {
  switch_.AddStatic(b_.mac, b_.port);
  c_.mac = b_.mac;
  c_.Send(a_.mac);
  b_.received.clear();
  a_.Send(b_.mac);
  EXPECT_EQ(b_.received.size(), 1u);
}

TEST_F(SwitchTest, NothingReturnsToWhereItCameFrom) {
  a_.Send(b_.mac);
  a_.Send(a_.mac);
  EXPECT_EQ(a_.received.size(), 0u);
}

TEST_F(SwitchTest, AFrameWithoutAHeaderIsCountedAndDropped) {
  a_.port->Receive(Frame(13, 0));
  EXPECT_EQ(switch_.malformed(), 1u);
  EXPECT_TRUE(b_.received.empty());
}

}  // namespace
}  // namespace farrier::sim
