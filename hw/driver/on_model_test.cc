// What the driver writes, seen by what the functional model then does with packets.

#include <array>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/card_csr_window.h"
#include "hw/driver/card_port.h"
#include "hw/driver/heartbeat.h"
#include "hw/driver/owner_row.h"
#include "hw/driver/pacing_classes.h"
#include "hw/driver/rss.h"
#include "hw/driver/rules.h"
#include "hw/driver/tx_guard.h"
#include "hw/model/functional_card.h"

namespace farrier::driver {
namespace {

using runtime::kMicrosecond;
using runtime::kMillisecond;
using runtime::Nanoseconds;

constexpr uint32_t kIp = 0x0A000002;

// UDP over IPv4 from 10.0.0.1.
std::vector<uint8_t> Udp(uint16_t src_port, uint16_t dst_port, size_t length = 60) {
  std::vector<uint8_t> frame(length);
  frame[5] = 2, frame[6] = 2, frame[11] = 1;
  frame[12] = 0x08, frame[14] = 0x45, frame[22] = 64, frame[23] = 17;
  const size_t ip_bytes = length - 14;
  frame[16] = ip_bytes >> 8, frame[17] = ip_bytes & 0xFF;
  frame[26] = 10, frame[29] = 1, frame[30] = 10, frame[33] = 2;
  frame[34] = src_port >> 8, frame[35] = src_port & 0xFF;
  frame[36] = dst_port >> 8, frame[37] = dst_port & 0xFF;
  const size_t udp_bytes = length - 34;
  frame[38] = udp_bytes >> 8, frame[39] = udp_bytes & 0xFF;
  return frame;
}

class OnModel : public testing::Test, public model::CardSink {
 protected:
  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override {
    ++to_queue_[queue];
    if (port_ != nullptr && function == 0) port_->Deliver(queue, bytes);
  }
  void ToWire(std::span<const uint8_t> frame) override {
    left_.push_back(now_);
    last_left_.assign(frame.begin(), frame.end());
  }

  // Owner 1 on queues 0 to 3 of function 0.
  void Attach(uint32_t tx_quota = 1024) {
    port_ = std::make_unique<CardPort>(
        card_, CardPortOptions{.owner = runtime::OwnerId{1}, .queues = 4, .tx_buffers = 512});
    OwnerRow row(window_, runtime::OwnerId{1});
    ASSERT_TRUE(row.WriteTxQuota(tx_quota).ok());
    const auto outcome =
        row.Switch({.state = static_cast<uint32_t>(regs::OwnerState::kAttached), .log2_queues = 2});
    ASSERT_TRUE(outcome.ok() && outcome->won);
    port_->SetGeneration(static_cast<uint16_t>(outcome->row.generation), *row.ReadTxCells());
  }
  void Run(Nanoseconds until) {
    while (now_ < until) {
      while (card_.Step(now_)) {
      }
      now_ = std::min(until, std::max(now_ + 1, card_.NextEvent()));
    }
    while (card_.Step(now_)) {
    }
  }
  void Receive(const std::vector<uint8_t>& frame) {
    ASSERT_TRUE(card_.FromWire(frame));
    while (card_.Step(now_)) {
    }
  }
  uint64_t Count(int owner, regs::OwnerCounter counter) {
    return (*OwnerRow(window_, runtime::OwnerId(owner)).ReadCounters())[counter];
  }
  uint64_t Count(regs::GlobalCounter counter) {
    return (*OwnerRow(window_, runtime::OwnerId{0}).ReadCounters())[counter];
  }

  Nanoseconds now_ = 1000;
  std::map<int, int> to_queue_;
  std::vector<Nanoseconds> left_;
  std::vector<uint8_t> last_left_;
  model::FunctionalCard card_{{}, *this};
  CardCsrWindow window_{card_};
  CardInfo info_ = Identify(window_).value();
  std::unique_ptr<CardPort> port_;
};

TEST_F(OnModel, ARuleSendsARangeOfPortsToItsOwnerAndCounts) {
  Attach();
  Rules rules(window_, info_);
  const Rule rule = {
      .match = {.dst_ip = IpPrefix{.address = {kIp & 0xFFFFFF00}, .bits = 24},
                .protocol = 17,
                .dst_ports = {80, 90}},
      .verdict = {.owner = runtime::OwnerId{1}, .pacing_class = 7},
  };
  ASSERT_EQ(*rules.Insert(rule), 0u);
  for (const uint16_t port : {79, 80, 90, 91}) Receive(Udp(5, port));
  std::array<runtime::Packet, 4> out;
  ASSERT_EQ(port_->RxBurst(out), 2u);
  EXPECT_EQ(out[0].rx.pacing_class, 7);
  EXPECT_EQ(out[0].rx.l4_checksum, runtime::Checksum::kNone);
  EXPECT_EQ(out[0].rx.l3_checksum, runtime::Checksum::kBad) << "the test's frames have none";
  port_->Release(out);
  EXPECT_EQ((*rules.Read(0))->hits, 2u);
  ASSERT_TRUE(rules.Replace(0, {.match = rule.match, .verdict = {.drop = true}}).ok());
  Receive(Udp(5, 85));
  EXPECT_EQ(Count(regs::GlobalCounter::kRxRuleDrop), 1u);
  ASSERT_TRUE(rules.Remove(0).ok());
  Receive(Udp(5, 85));
  EXPECT_EQ(Count(regs::GlobalCounter::kRxRuleDrop), 1u);
}

TEST_F(OnModel, FlowsAreSpreadAsTheTableSays) {
  Attach();
  ASSERT_EQ(*Rules(window_, info_).Insert({.verdict = {.owner = runtime::OwnerId{1}}}), 0u);
  for (uint16_t flow = 0; flow < 64; ++flow) Receive(Udp(flow, 7000));
  for (int queue = 0; queue < 4; ++queue) EXPECT_GT(to_queue_[queue], 4) << queue;
  to_queue_.clear();
  RssTable table;
  table.fill(2);
  ASSERT_TRUE(Rss(window_, info_).Load(DefaultRssKey(), table).ok());
  for (uint16_t flow = 0; flow < 64; ++flow) Receive(Udp(flow, 7000));
  EXPECT_EQ(to_queue_[2], 64);
  ASSERT_TRUE(Rss(window_, info_).Load(DefaultRssKey(), DefaultRssTable()).ok());
  Receive(Udp(1, 7000));
  EXPECT_EQ(to_queue_.size(), 2u - (to_queue_[2] == 65)) << "the first table is back";
}

// Pony's engines have consecutive UDP ports, and a flow's source port is its engine's.
TEST_F(OnModel, FlowsOfNeighbouringEnginesAreOnDifferentQueues) {
  Attach();
  ASSERT_EQ(*Rules(window_, info_).Insert({.verdict = {.owner = runtime::OwnerId{1}}}), 0u);
  for (const uint16_t to : {7000, 7001}) {
    std::array<uint32_t, 2> hashes;
    for (const uint16_t from : {0, 1}) {
      Receive(Udp(7000 + from, to));
      std::array<runtime::Packet, 1> out;
      ASSERT_EQ(port_->RxBurst(out), 1u);
      hashes[from] = out[0].rx.rss_hash;
      port_->Release(out);
    }
    EXPECT_NE(hashes[0] % 2, hashes[1] % 2);
  }
}

TEST_F(OnModel, APortWithinItsQuotaNeverMeetsAFullCard) {
  constexpr int kPackets = 5000;
  Attach(/*tx_quota=*/96);  // room for 32 packets as long as can be
  Nanoseconds departure = now_;
  int sent = 0;
  for (int polls = 0; sent < kPackets && polls < 1'000'000; ++polls) {
    std::array<runtime::Packet, 64> packets;
    // As much as it lends, paced at 10 Gb/s: the quota fills long before the first has left.
    const size_t n = port_->Reserve(packets);
    for (size_t i = 0; i < n; ++i) {
      const uint32_t length = 60 + (sent * 37) % 1440;
      departure = std::max(departure + 8 * Nanoseconds{length} / 10, now_);
      packets[i].tx.departure = departure;
      packets[i].set_length(length);
      ++sent;
    }
    port_->Commit(std::span(packets).first(n));
    Run(now_ + kMicrosecond);
    // Only departure reports come back.
    std::array<runtime::Packet, 4> none;
    ASSERT_EQ(port_->RxBurst(none), 0u);
  }
  Run(now_ + kMillisecond);
  EXPECT_GE(sent, kPackets);
  EXPECT_EQ(left_.size(), static_cast<size_t>(sent));
  EXPECT_EQ(Count(1, regs::OwnerCounter::kTxFull), 0u);
  EXPECT_EQ(Count(1, regs::OwnerCounter::kTxClamped), 0u);
  EXPECT_GT(port_->counters().tx_no_cells, 0u) << "the quota was what limited it";
  EXPECT_GT(port_->counters().departures_reported, 0u);
  const auto cells = OwnerRow(window_, runtime::OwnerId{1}).ReadTxCells();
  EXPECT_EQ(cells->taken, cells->released);
}

TEST_F(OnModel, APacingClassSpacesPacketsWithoutATime) {
  Attach();
  ASSERT_TRUE(PacingClasses(window_, info_).Set(9, {.bits_per_second = 1e9}).ok());
  std::array<runtime::Packet, 10> packets;
  ASSERT_EQ(port_->Reserve(packets), 10u);
  for (auto& packet : packets) {
    packet.tx.pacing_class = 9;
    packet.set_length(1000);
  }
  port_->Commit(packets);
  Run(now_ + kMillisecond);
  ASSERT_EQ(left_.size(), 10u);
  for (size_t i = 1; i < left_.size(); ++i) EXPECT_GE(left_[i] - left_[i - 1], 7'900) << i;
}

TEST_F(OnModel, TheGuardStopsWhatIsNotAllowed) {
  Attach();
  const auto send = [&] {
    std::array<runtime::Packet, 1> packet;
    ASSERT_EQ(port_->Reserve(packet), 1u);
    const auto frame = Udp(1, 2);
    std::copy(frame.begin(), frame.end(), packet[0].data());
    packet[0].set_length(60);
    port_->Commit(packet);
    Run(now_ + kMillisecond);
  };
  TxGuard guard(window_, info_);
  ASSERT_TRUE(guard.Enable(0, {}).ok());
  send();
  EXPECT_EQ(Count(regs::GlobalCounter::kTxGuard), 1u);
  ASSERT_TRUE(
      guard
          .Enable(0, std::vector{GuardEntry::Mac({2, 0, 0, 0, 0, 1}), GuardEntry::Ipv4(0x0A000001)})
          .ok());
  send();
  EXPECT_EQ(left_.size(), 1u);
  ASSERT_TRUE(guard.Enable(0, std::vector{GuardEntry::Mac({2, 0, 0, 0, 0, 1})}).ok());
  send();
  EXPECT_EQ(Count(regs::GlobalCounter::kTxGuard), 2u) << "the IP must be allowed, too";
  ASSERT_TRUE(guard.Disable(0).ok());
  send();
  EXPECT_EQ(left_.size(), 2u);
}

TEST_F(OnModel, AHostThatIsNotHeardHasItsRowsHeld) {
  Attach();
  OwnerRow row(window_, runtime::OwnerId{1});
  Heartbeat heartbeat(window_, info_, 0);
  ASSERT_TRUE(heartbeat.Arm(10 * kMillisecond).ok());
  for (int i = 0; i < 3; ++i) {
    Run(now_ + 8 * kMillisecond);
    ASSERT_TRUE(heartbeat.Beat().ok());
  }
  EXPECT_EQ(row.Read()->state, static_cast<uint32_t>(regs::OwnerState::kAttached));
  Run(now_ + 11 * kMillisecond);
  EXPECT_EQ(row.Read()->state, static_cast<uint32_t>(regs::OwnerState::kHeld));
  EXPECT_TRUE(row.ReadStatus()->heartbeat);
  std::array<runtime::Packet, 1> out;
  EXPECT_EQ(port_->RxBurst(out), 0u);
  EXPECT_TRUE(port_->MarkSeen(1)) << "on every queue";
}

TEST_F(OnModel, ADisarmedHeartbeatIsNotMissed) {
  Attach();
  Heartbeat heartbeat(window_, info_, 0);
  ASSERT_TRUE(heartbeat.Arm(10 * kMillisecond).ok());
  ASSERT_TRUE(heartbeat.Disarm().ok());
  Run(now_ + 100 * kMillisecond);
  EXPECT_EQ(OwnerRow(window_, runtime::OwnerId{1}).Read()->state,
            static_cast<uint32_t>(regs::OwnerState::kAttached));
}

}  // namespace
}  // namespace farrier::driver
