#include "hw/sim/embedded_port.h"

#include <poll.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/model/functional_card.h"
#include "hw/model/test_frames.h"

namespace farrier::sim {
namespace {

constexpr runtime::OwnerId kOwner{0};
constexpr int kFirstQueue = 4;

// A card whose wire loops, so that what the port sends comes back to it.
class Loop : public model::CardSink {
 public:
  explicit Loop(uint32_t buffers = 64, uint32_t queues = 1)
      : card_({.functions = 1}, *this),
        port_({.owner = kOwner,
               .queue = kFirstQueue,
               .queues = queues,
               .rx_buffers = buffers,
               .tx_buffers = buffers},
              [this] { ++wakes_; }) {
    const regs::SwitchWord word{.state = static_cast<uint32_t>(regs::OwnerState::kAttached),
                                .queue_base = kFirstQueue,
                                .log2_queues = static_cast<uint32_t>(std::countr_zero(queues))};
    card_.WriteCsr(regs::kRegOwnerSwitch(0), word.Pack());
    port_.SetGeneration(1);
  }

  bool Round() {
    bool moved = port_.Grant(card_);
    moved |= port_.Offer(card_);
    ++now_ns_;
    for (auto& frame : wire_) card_.FromWire(frame);
    moved |= !wire_.empty();
    wire_.clear();
    while (card_.Step(now_ns_)) moved = true;
    port_.Signal();
    return moved;
  }

  // From the wire, in the next round.
  void Arrive(std::vector<uint8_t> frame) { wire_.push_back(std::move(frame)); }

  EmbeddedPort& port() { return port_; }
  std::atomic<int> wakes_{0};

 private:
  void ToHost(int, int queue, std::span<const uint8_t> bytes) override {
    port_.Deliver(queue, bytes);
  }
  void ToWire(std::span<const uint8_t> frame) override {
    wire_.emplace_back(frame.begin(), frame.end());
  }

  std::vector<std::vector<uint8_t>> wire_;
  model::FunctionalCard card_;
  EmbeddedPort port_;
  int64_t now_ns_ = 1;
};

size_t Send(EmbeddedPort& port, uint32_t first, size_t count, uint32_t length = 60) {
  std::vector<runtime::Packet> packets(count);
  const size_t n = port.Reserve(packets);
  for (size_t i = 0; i < n; ++i) {
    std::memset(packets[i].data(), 0, length);
    const uint32_t number = first + static_cast<uint32_t>(i);
    std::memcpy(packets[i].data() + 20, &number, sizeof(number));
    packets[i].set_length(length);
  }
  port.Commit(std::span(packets).first(n));
  return n;
}

// Numbers of what came.
std::vector<uint32_t> Receive(EmbeddedPort& port) {
  std::vector<uint32_t> numbers;
  std::array<runtime::Packet, 16> packets;
  while (const size_t n = port.RxBurst(packets)) {
    for (size_t i = 0; i < n; ++i) {
      uint32_t number = 0;
      std::memcpy(&number, packets[i].data() + 20, sizeof(number));
      numbers.push_back(number);
    }
    port.Release(std::span(packets).first(n));
  }
  return numbers;
}

bool Readable(int fd) {
  pollfd wait{.fd = fd, .events = POLLIN};
  return poll(&wait, 1, 0) == 1;
}

TEST(EmbeddedPort, CarriesPacketsInOrderForLongerThanItHasBuffers) {
  Loop loop;
  loop.Round();
  uint32_t sent = 0;
  std::vector<uint32_t> got, want;
  for (int round = 0; round < 100; ++round) {
    sent += static_cast<uint32_t>(Send(loop.port(), sent, 20));
    loop.Round();
    loop.Round();
    for (const uint32_t number : Receive(loop.port())) got.push_back(number);
  }
  for (uint32_t i = 0; i < sent; ++i) want.push_back(i);
  EXPECT_EQ(sent, 2000u);
  EXPECT_EQ(got, want);
  EXPECT_GT(loop.wakes_, 0);
}

TEST(EmbeddedPort, LendsNoMoreThanItHas) {
  Loop loop(8);
  loop.Round();
  EXPECT_EQ(Send(loop.port(), 0, 20), 8u);
  EXPECT_EQ(Send(loop.port(), 0, 20), 0u);
  EXPECT_FALSE(loop.port().ArmRxEvent()) << "it is told to look again, for there is no event";
  loop.Round();
  EXPECT_EQ(Send(loop.port(), 0, 20), 8u);
}

TEST(EmbeddedPort, APacketOfLengthZeroIsGivenBack) {
  Loop loop(8);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Send(loop.port(), 0, 8, 0), 8u);
    loop.Round();
  }
  EXPECT_EQ(loop.port().last_tx_sequence(), 0u);
}

TEST(EmbeddedPort, WithoutBuffersTheCardDrops) {
  Loop loop(8);
  loop.Round();
  for (uint32_t i = 0; i < 4; ++i) {
    Send(loop.port(), 8 * i, 8);
    while (loop.Round()) {
    }
  }
  // One is kept for a MARK.
  EXPECT_EQ(Receive(loop.port()).size(), 7u);
  EXPECT_EQ(loop.port().counters().rx_no_buffer, 0u);
}

TEST(EmbeddedPort, TheEventComesOnceForWhatArrivesAfterArming) {
  Loop loop;
  loop.Round();
  ASSERT_TRUE(loop.port().ArmRxEvent());
  EXPECT_FALSE(Readable(loop.port().RxEventFds()[0]));
  Send(loop.port(), 0, 1);
  while (loop.Round()) {
  }
  EXPECT_TRUE(Readable(loop.port().RxEventFds()[0]));
  EXPECT_FALSE(loop.port().ArmRxEvent()) << "a packet waits";
  EXPECT_EQ(Receive(loop.port()).size(), 1u);
  EXPECT_TRUE(loop.port().ArmRxEvent());
  EXPECT_FALSE(Readable(loop.port().RxEventFds()[0]));
}

TEST(EmbeddedPort, LongerThanTheOwnerTakesIsDroppedAsBad) {
  Loop loop(8);
  for (uint64_t i = 1; i <= 20; ++i) {
    loop.Arrive(std::vector<uint8_t>(2000));
    while (loop.Round()) {
    }
    EXPECT_TRUE(Receive(loop.port()).empty());
    EXPECT_EQ(loop.port().counters().rx_bad_prefix, i) << "its buffer is not lost";
  }
}

TEST(EmbeddedPort, TakesFlowsFromAllItsQueuesAndGivesTheirCreditsBack) {
  Loop loop(8, 4);
  loop.Round();
  constexpr uint32_t kPackets = 640;
  for (uint32_t i = 0; i < kPackets; ++i) {
    loop.Arrive(model::Ipv4({.src_port = static_cast<uint16_t>(5000 + i % 64)}));
    while (loop.Round()) {
    }
    ASSERT_EQ(Receive(loop.port()).size(), 1u) << "after " << i;
  }
  const auto counters = loop.port().counters();
  uint64_t sum = 0;
  for (uint32_t queue = 0; queue < 4; ++queue) {
    EXPECT_GT(counters.rx_of_queue[queue], 8u) << "more than it has buffers";
    sum += counters.rx_of_queue[queue];
  }
  EXPECT_EQ(sum, kPackets);
}

// For ThreadSanitizer, and for wake-ups that get lost.
TEST(EmbeddedPort, AnEngineThatSleepsHearsOfEveryPacket) {
  Loop loop;
  std::atomic<bool> stop = false;
  std::thread card([&] {
    while (!stop) {
      if (!loop.Round()) std::this_thread::yield();
    }
  });
  uint32_t sent = 0, received = 0;
  while (received < 3000) {
    if (sent - received < 16 && sent < 3000)
      sent += static_cast<uint32_t>(Send(loop.port(), sent, 8));
    const auto numbers = Receive(loop.port());
    for (const uint32_t number : numbers) EXPECT_EQ(number, received++);
    if (!numbers.empty() || (sent - received < 16 && sent < 3000)) continue;
    if (!loop.port().ArmRxEvent()) continue;
    pollfd wait{.fd = loop.port().RxEventFds()[0], .events = POLLIN};
    ASSERT_EQ(poll(&wait, 1, 10'000), 1) << "after " << received << " of " << sent;
  }
  stop = true;
  card.join();
}

}  // namespace
}  // namespace farrier::sim
