#include "tests/simulator/sim_card.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/model/functional_card.h"

namespace farrier::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

class Wire final : public FrameSink {
 public:
  void Receive(Frame frame) override { frames.push_back(std::move(frame)); }
  std::vector<Frame> frames;
};

// One card whose owner 0, the default, is attached to function 0.
class SimCardTest : public ::testing::Test {
 protected:
  SimCardTest() {
    Connect(0);
    Switch(regs::OwnerState::kAttached, 0);
  }

  void Connect(int function) {
    ports_[function] = std::make_unique<driver::CardPort>(
        card_, driver::CardPortOptions{.function = function, .rx_buffers = 16});
    card_.Connect(function, 0, ports_[function].get(), [this] { ++wakes_; });
  }

  void Switch(regs::OwnerState state, uint32_t function) {
    const auto row = regs::SwitchWord::Unpack(card_.ReadCsr(regs::kRegOwnerSwitch(0)));
    card_.WriteCsr(regs::kRegOwnerSwitch(0), regs::SwitchWord{.state = static_cast<uint32_t>(state),
                                                              .function = function,
                                                              .generation = row.generation}
                                                 .Pack());
    const auto now = regs::SwitchWord::Unpack(card_.ReadCsr(regs::kRegOwnerSwitch(0)));
    if (state == regs::OwnerState::kAttached) ports_[function]->SetGeneration(now.generation);
  }

  void FromWire(uint8_t number) {
    Frame frame(100, 0);
    frame[99] = number;
    card_.Receive(std::move(frame));
  }

  void Pass(Nanoseconds time = kMillisecond) { queue_.RunUntil(queue_.Now() + time); }

  // Last bytes of what the function's port has received.
  std::vector<int> Received(int function) {
    std::vector<int> numbers;
    std::array<runtime::Packet, 32> packets;
    const size_t count = ports_[function]->RxBurst(packets);
    for (size_t i = 0; i < count; ++i) numbers.push_back(packets[i].bytes().back());
    ports_[function]->Release(std::span(packets).first(count));
    return numbers;
  }

  EventQueue queue_;
  Wire wire_;
  SimCard card_{queue_, Random(1),
                [](model::CardSink& sink) {
                  return std::make_unique<model::FunctionalCard>(
                      model::CardOptions{.hold_cells = 256, .filter_depth = {16, 16, 16, 16}},
                      sink);
                },
                &wire_};
  std::unique_ptr<driver::CardPort> ports_[2];
  int wakes_ = 0;
};

TEST_F(SimCardTest, APacketFromTheWireReachesThePortAndWakesTheHost) {
  FromWire(7);
  EXPECT_THAT(Received(0), ElementsAre()) << "not at once";
  Pass();
  EXPECT_EQ(wakes_, 1);
  EXPECT_THAT(Received(0), ElementsAre(7));
  EXPECT_EQ(card_.CheckIdentities(), "");
}

TEST_F(SimCardTest, APacketFromThePortReachesTheWire) {
  runtime::Packet packet;
  ASSERT_EQ(ports_[0]->Reserve({&packet, 1}), 1u);
  packet.set_length(60);
  ports_[0]->Commit({&packet, 1});
  Pass();
  ASSERT_EQ(wire_.frames.size(), 1u);
  EXPECT_EQ(wire_.frames[0].size(), 60u);
}

TEST_F(SimCardTest, ArrivalsStayInOrderOnTheirWayToTheHost) {
  std::vector<int> sent;
  for (int i = 0; i < 15; ++i) {
    FromWire(static_cast<uint8_t>(i));
    sent.push_back(i);
    Pass(300);
  }
  Pass();
  EXPECT_THAT(Received(0), ElementsAreArray(sent));
}

TEST_F(SimCardTest, HeldPacketsComeOutOnTheOtherFunction) {
  FromWire(1);
  Pass();
  Switch(regs::OwnerState::kHeld, 0);
  FromWire(2);
  Pass();
  EXPECT_THAT(Received(0), ElementsAre(1));
  EXPECT_TRUE(ports_[0]->MarkSeen(1));
  Connect(1);
  Switch(regs::OwnerState::kAttached, 1);
  FromWire(3);
  Pass();
  EXPECT_THAT(Received(1), ElementsAre(2, 3));
  EXPECT_EQ(card_.CheckIdentities(), "");
}

TEST_F(SimCardTest, AnEarlyMarkOvertakesPackets) {
  card_.set_breaks({.early_mark = true});
  for (int i = 0; i < 8; ++i) FromWire(static_cast<uint8_t>(i));
  // The card has decided, and the packets are on their way.
  while (card_.OwnerCounter(0, regs::OwnerCounter::kDelivered) < 8) queue_.RunNext();
  Switch(regs::OwnerState::kHeld, 0);
  while (!ports_[0]->MarkSeen(1)) {
    ASSERT_TRUE(queue_.RunNext());
    Received(0);
  }
  Pass();
  EXPECT_FALSE(Received(0).empty());
}

TEST_F(SimCardTest, AFunctionWithoutAHostHasNoCreditAndLosesItsPackets) {
  card_.DisconnectFunction(0);
  FromWire(1);
  Pass();
  EXPECT_EQ(card_.OwnerCounter(0, regs::OwnerCounter::kDropNoCredit), 1u);
  EXPECT_EQ(card_.delivered_to_nobody(), 0u);
  EXPECT_EQ(card_.CheckIdentities(), "");
}

TEST_F(SimCardTest, AStaleSwitchWordIsTakenOnlyByABrokenCard) {
  constexpr regs::SwitchWord stale = {.state = 3, .generation = 77};
  card_.WriteCsr(regs::kRegOwnerSwitch(0), stale.Pack());
  EXPECT_EQ(card_.ReadCsr(regs::kRegOwnerRefused(0)), 1u);
  card_.set_breaks({.ignore_generation = true});
  card_.WriteCsr(regs::kRegOwnerSwitch(0), stale.Pack());
  EXPECT_EQ(regs::SwitchWord::Unpack(card_.ReadCsr(regs::kRegOwnerSwitch(0))).state, 3u);
}

}  // namespace
}  // namespace farrier::sim
