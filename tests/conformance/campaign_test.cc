// Everything at once, at random, against a reference that knows only what the contract promises:
// order, no gaps, nothing lost without being counted, nothing behind a MARK.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

constexpr uint16_t kFirstPort = 7000;
constexpr uint32_t kFirstOwner = 1;
constexpr uint32_t kOwners = 5;
constexpr uint32_t kQueues = 6;  // of each function, that are used
constexpr int kOperations = 1500;

std::vector<uint32_t> Seeds() {
  if (const char* seed = std::getenv("FARRIER_SEED")) {
    return {static_cast<uint32_t>(std::strtoul(seed, nullptr, 0))};
  }
  return {1, 2, 3, 4, 5, 6};
}

class Campaign : public CardTest {
 protected:
  // What has been seen of one owner.
  struct Owner {
    uint32_t sent = 0;
    uint32_t delivered = 0;
    uint32_t last_id = 0;
    uint32_t next_sequence = 0;
    uint32_t generation = 0;                        // of the newest packet
    int64_t marked = -1;                            // generation of the newest MARK
    uint32_t tx_sequence = 0;                       // in the current generation
    std::map<std::pair<int, uint32_t>, int> marks;  // by queue and generation
    bool discards = false;                          // some of its parked packets may be discarded
  };

  // The reference: called for each packet as it reaches the host.
  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override {
    const RxPacket packet = {function, queue, Bytes(bytes.begin(), bytes.end())};
    ASSERT_GE(packet.bytes.size(), regs::kPrefixBytes);
    int64_t& credits = credits_.at({function, queue});
    --credits;
    ASSERT_LT(static_cast<uint32_t>(packet.owner()), kFirstOwner + kOwners);
    ASSERT_GE(static_cast<uint32_t>(packet.owner()), kFirstOwner);
    Owner& owner = owners_[packet.owner() - kFirstOwner];
    if (packet.is_mark()) {
      ASSERT_GE(credits, 0) << "sent without credit";
      owner.marked = packet.generation();
      // DROP may lie between two holds of one generation.
      if (!owner.discards) {
        ASSERT_EQ(++owner.marks[std::pair(queue, packet.generation())], 1) << "a second MARK";
        // Everything before the cut has come, on whichever queue, and nothing of what is behind it.
        ASSERT_EQ(packet.sequence(), owner.next_sequence) << "the cut";
      }
      return;
    }
    ASSERT_GE(credits, 1) << "MARK's credit was spent";
    const uint32_t id = FrameId(packet.bytes);
    const uint32_t which = packet.owner() - kFirstOwner;
    ASSERT_EQ(id % kOwners, which) << "another owner's packet";
    ASSERT_GT(id, owner.last_id) << "out of order, or twice";
    ASSERT_EQ(packet.frame(), MakeFrame(SpecOf(id))) << "another frame than was sent";
    if (owner.discards) {
      ASSERT_GE(packet.sequence(), owner.next_sequence);
    } else {
      ASSERT_EQ(packet.sequence(), owner.next_sequence) << "a gap";
    }
    ASSERT_GE(packet.generation(), owner.generation);
    ASSERT_GT(static_cast<int64_t>(packet.generation()), owner.marked) << "behind its MARK";
    owner.last_id = id;
    owner.next_sequence = packet.sequence() + 1;
    owner.generation = packet.generation();
    ++owner.delivered;
  }

  void ToWire(std::span<const uint8_t> frame) override {
    CardTest::ToWire(frame);
    ASSERT_FALSE(expected_tx_.empty());
    ASSERT_EQ(FrameId(frame), expected_tx_.front());
    expected_tx_.erase(expected_tx_.begin());
  }

  // The frame with an id, which says whose it is and how long.
  static FrameSpec SpecOf(uint32_t id) {
    const uint32_t noise = id * 2654435761u >> 8;
    const size_t length = noise % 16 == 0 ? 60 + noise % 3000 : 60 + noise % 80;
    return {.dst4 = kIp,
            .dst_port = static_cast<uint16_t>(kFirstPort + id % kOwners),
            .length = length,
            .id = id};
  }

  uint32_t Below(uint32_t limit) { return random_() % limit; }

  void GrantCounted(int function, int queue, uint32_t count) {
    credits_[{function, queue}] += count;
    Grant(static_cast<uint32_t>(function), static_cast<uint32_t>(queue), count);
  }

  void Prepare(uint32_t seed) {
    random_.seed(seed);
    NewCard();
    owners_ = std::vector<Owner>(kOwners);
    expected_tx_.clear();
    credits_.clear();
    next_id_ = kOwners;
    for (int function = 0; function < 2; ++function) {
      for (uint32_t queue = 0; queue < kQueues; ++queue) {
        GrantCounted(function, static_cast<int>(queue), 8);
      }
    }
    owners_[kOwners - 1].discards = true;
    for (uint32_t i = 0; i < kOwners; ++i) {
      Listen(static_cast<uint16_t>(kFirstPort + i), kFirstOwner + i);
      SetQuota(kFirstOwner + i, 4 + 8 * i);
      Attach(kFirstOwner + i, SomePlace());
    }
    Write(regs::kRegWatchdogUs, 0);
  }

  // Queues are shared between owners now and then.
  Place SomePlace() {
    const uint32_t log2 = Below(3);
    return {Below(2), Below(kQueues + 1 - (1u << log2)), log2};
  }

  void SendSome() {
    for (uint32_t n = 1 + Below(6); n > 0; --n) {
      const uint32_t id = next_id_++;
      ++owners_[id % kOwners].sent;
      Offer(MakeFrame(SpecOf(id)));
    }
  }

  void SwitchSome() {
    const uint32_t i = Below(kOwners);
    const uint32_t number = kFirstOwner + i;
    const SwitchWord row = Row(number);
    OwnerState state = Below(2) ? OwnerState::kAttached : OwnerState::kHeld;
    if (owners_[i].discards && Below(3) == 0) state = OwnerState::kDrop;
    const bool stale = Below(6) == 0;
    const Place place = state == OwnerState::kHeld
                            ? Place{row.function, row.queue_base, row.log2_queues}
                            : SomePlace();
    WriteSwitch(number, state, place, row.generation + stale);
    if (stale) {
      ASSERT_EQ(Row(number), row);
    } else {
      ASSERT_EQ(Row(number).state, static_cast<uint32_t>(state));
      if (state == OwnerState::kAttached) owners_[i].tx_sequence = 0;
    }
  }

  // The card decides a TX packet when it gets to it: let it, so that the reference knows the row it
  // sees.
  void TransmitSome() {
    Run();
    const uint32_t i = Below(kOwners);
    Owner& owner = owners_[i];
    const SwitchWord row = Row(kFirstOwner + i);
    const auto state = static_cast<OwnerState>(row.state);
    const bool stale = Below(4) == 0;
    const bool broken = Below(8) == 0;
    const uint32_t id = next_id_++;
    Bytes packet =
        TxPacket(static_cast<uint8_t>(kFirstOwner + i), row.generation - stale,
                 owner.tx_sequence + 1, MakeFrame({.length = 60 + Below(700), .id = id}));
    if (broken) packet[12] ^= 0xFF;
    const bool sends =
        !stale && !broken && (state == OwnerState::kAttached || state == OwnerState::kHeld);
    if (sends) {
      ++owner.tx_sequence;
      expected_tx_.push_back(id);
    }
    // Ids of received frames must still name owners in turn.
    next_id_ += kOwners - 1;
    OfferHost(Below(2), Below(kQueues), packet);
    Run();
    ASSERT_EQ(Read(regs::kRegOwnerTxSeen(kFirstOwner + i)), owner.tx_sequence);
  }

  void CheckCounters() {
    uint64_t sent = 0;
    for (uint32_t i = 0; i < kOwners; ++i) {
      const uint32_t number = kFirstOwner + i;
      const Owner& owner = owners_[i];
      sent += owner.sent;
      ASSERT_EQ(Count(number, OwnerCounter::kDelivered), owner.delivered);
      ASSERT_EQ(Count(number, OwnerCounter::kIn), owner.sent);
      const uint64_t drops =
          Count(number, OwnerCounter::kDropQuota) + Count(number, OwnerCounter::kDropNoCredit) +
          Count(number, OwnerCounter::kDropState) + Count(number, OwnerCounter::kDropDiscarded);
      ASSERT_EQ(owner.sent, owner.delivered + Parked(number) + drops);
      if (!owner.discards) {
        ASSERT_EQ(RxNext(number), owner.delivered + Parked(number));
        ASSERT_EQ(Count(number, OwnerCounter::kDropDiscarded), 0u);
        ASSERT_EQ(Count(number, OwnerCounter::kDropState), 0u);
      }
    }
    ASSERT_EQ(Count(GlobalCounter::kRxPackets), sent);
    ASSERT_TRUE(expected_tx_.empty());
  }

  void Play(uint32_t seed) {
    Prepare(seed);
    for (int i = 0; i < kOperations && !HasFatalFailure(); ++i) {
      switch (Below(12)) {
        case 0:
        case 1:
          SwitchSome();
          break;
        case 2:
          TransmitSome();
          break;
        case 3:
        case 4:
          GrantCounted(static_cast<int>(Below(2)), static_cast<int>(Below(kQueues)), Below(12));
          break;
        case 5:
          Advance(Below(3'000'000));
          break;
        case 6:
          Write(regs::kRegDrainGapNs, Below(3) * 400'000);
          break;
        case 7:
          Run();
          break;
        case 8:
          card().Step(now());
          break;
        default:
          SendSome();
      }
      if (i % 500 == 499) {
        Run();
        CheckCounters();
      }
    }
    if (HasFatalFailure()) return;
    Release();
  }

  // Lets everybody have what is still parked.
  void Release() {
    Write(regs::kRegDrainGapNs, 0);
    Advance(10'000'000);
    for (int function = 0; function < 2; ++function) {
      for (uint32_t queue = 0; queue < kQueues; ++queue) {
        GrantCounted(function, static_cast<int>(queue), 1000);
      }
    }
    for (uint32_t i = 0; i < kOwners; ++i) Attach(kFirstOwner + i, SomePlace());
    Run();
    for (uint32_t i = 0; i < kOwners; ++i) ASSERT_EQ(Parked(kFirstOwner + i), 0u);
    CheckCounters();
    uint32_t delivered = 0;
    uint64_t held = 0;
    for (uint32_t i = 0; i < kOwners; ++i) {
      delivered += owners_[i].delivered;
      held += Count(kFirstOwner + i, OwnerCounter::kHeld);
    }
    EXPECT_GT(delivered, 500u) << "the campaign exercised nothing";
    EXPECT_GT(held, 100u) << "the campaign exercised nothing";
  }

  std::mt19937 random_;
  std::vector<Owner> owners_;
  std::vector<uint32_t> expected_tx_;
  std::map<std::pair<int, int>, int64_t> credits_;  // granted and not spent, as the host sees it
};
FARRIER_ON_EVERY_CARD(Campaign);

TEST_P(Campaign, NothingIsLostDoubledOrOutOfOrder) {
  for (const uint32_t seed : Seeds()) {
    SCOPED_TRACE("replay with FARRIER_SEED=" + std::to_string(seed));
    Play(seed);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace farrier::conformance
