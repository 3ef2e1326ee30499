// What the card does at its streams, cycle by cycle: the rules of OpenNIC's box and the card's
// pace. What packets mean is the conformance suite's (tests/conformance).

#include <Vfarrier_card.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "hw/regs/registers.h"
#include "hw/rtl/test/bench.h"

namespace farrier::rtl {
namespace {

using regs::OwnerState;

constexpr size_t kBeatBytes = 64;
constexpr int kFunctions = 2;  // as Verilated

size_t BeatsOf(size_t bytes) { return (bytes + kBeatBytes - 1) / kBeatBytes; }

uint64_t KeepOf(size_t left) {
  return left >= kBeatBytes ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
}

// Watches one lane out of the card and takes its packets apart.
class LaneChecker {
 public:
  // Before a clock edge: the lane as it is.
  void Observe(bool valid, const uint32_t* data, uint64_t keep, bool last, uint32_t size,
               bool ready) {
    if (!valid) {
      ASSERT_FALSE(inside_) << "a bubble within a packet";
      ASSERT_FALSE(last) << "last without valid";
      ASSERT_TRUE(std::all_of(data, data + 16, [](uint32_t word) { return word == 0; }))
          << "data without valid";
      return;
    }
    if (stalled_) {
      ASSERT_EQ(std::memcmp(data, held_, sizeof held_), 0) << "changed while it waited";
    }
    std::memcpy(held_, data, sizeof held_);
    stalled_ = !ready;
    if (bytes_ == 0) size_ = size;
    ASSERT_EQ(size, size_) << "the size changed within a packet";
    inside_ = true;
    if (!ready) return;
    ++beats_;
    const auto count = static_cast<size_t>(std::popcount(keep));
    ASSERT_TRUE(last || count == kBeatBytes);
    bytes_ += count;
    if (!last) return;
    ASSERT_EQ(bytes_, size_) << "the size is not what tkeep says";
    sizes_.push_back(bytes_);
    bytes_ = 0;
    inside_ = false;
  }

  const std::vector<size_t>& sizes() const { return sizes_; }  // of whole packets
  uint64_t beats() const { return beats_; }

 private:
  bool inside_ = false;
  bool stalled_ = false;
  uint32_t held_[16] = {};
  size_t bytes_ = 0;
  size_t size_ = 0;
  uint64_t beats_ = 0;
  std::vector<size_t> sizes_;
};

// The card with everything attached to owner 0, which is the default owner.
class CardStreamsTest : public SeededTest {
 protected:
  CardStreamsTest() {
    card_->bready_i = card_->rready_i = 1;
    card_->c2h_ready_i = (1 << kFunctions) - 1;
    card_->tx_ready_i = 1;
    while (!card_->ready_o) card_.Tick();
  }

  void Write(uint32_t offset, uint32_t value) {
    card_->awvalid_i = card_->wvalid_i = 1;
    card_->awaddr_i = offset;
    card_->wdata_i = value;
    card_.Tick();
    card_->awvalid_i = card_->wvalid_i = 0;
    while (!card_->bvalid_o) card_.Tick();
    card_.Tick();
  }

  uint32_t Read(uint32_t offset) {
    card_->arvalid_i = 1;
    card_->araddr_i = offset;
    card_.Tick();
    card_->arvalid_i = 0;
    while (!card_->rvalid_o) card_.Tick();
    const uint32_t value = card_->rdata_o;
    card_.Tick();
    return value;
  }

  void Attach(uint32_t function, uint32_t generation) {
    Write(regs::kRegOwnerSwitch(0),
          regs::SwitchWord{.state = static_cast<uint32_t>(OwnerState::kAttached),
                           .function = function,
                           .generation = generation}
              .Pack());
  }

  void Grant(uint32_t function) {
    Write(regs::kRegCredit, regs::CreditDoorbell{.count = 65'535, .function = function}.Pack());
  }

  // One beat of a frame of `length` bytes, whose bytes are 1.
  void DriveWire(size_t length, size_t offset) {
    card_->rx_valid_i = 1;
    for (int i = 0; i < 16; ++i) card_->rx_data_i[i] = 0x01010101;
    card_->rx_keep_i = KeepOf(length - offset);
    card_->rx_last_i = length - offset <= kBeatBytes;
    card_->rx_size_i = static_cast<uint16_t>(length);
  }

  void Check() {
    card_.Settle();
    for (int f = 0; f < kFunctions; ++f) {
      const bool valid = card_->c2h_valid_o >> f & 1;
      ASSERT_NO_FATAL_FAILURE(
          c2h_[f].Observe(valid, card_->c2h_data_o.data() + 16 * f,
                          card_->c2h_keep_o[2 * f] | uint64_t{card_->c2h_keep_o[2 * f + 1]} << 32,
                          card_->c2h_last_o >> f & 1, card_->c2h_size_o >> (16 * f) & 0xFFFF,
                          card_->c2h_ready_i >> f & 1));
      if (valid) {
        ASSERT_EQ(card_->c2h_dst_o >> (16 * f) & 0xFFFF, 1u << f);
        ASSERT_EQ(card_->c2h_src_o >> (16 * f) & 0xFFFF, 1u << 6);
      }
    }
    ASSERT_NO_FATAL_FAILURE(tx_.Observe(card_->tx_valid_o, card_->tx_data_o.data(),
                                        card_->tx_keep_o, card_->tx_last_o, card_->tx_size_o,
                                        card_->tx_ready_i));
    if (card_->tx_valid_o) {
      ASSERT_EQ(card_->tx_dst_o, 1u << 6);
    }
    ASSERT_EQ(card_->rx_ready_o, 1);
  }

  // Frames of one length back to back; cycles from the first beat in to the last one out.
  uint64_t CyclesFor(int function, size_t length, size_t frames) {
    const size_t beats = BeatsOf(length);
    uint64_t cycle = 0;
    for (; c2h_[function].sizes().size() < frames && cycle < 100'000; ++cycle) {
      card_->rx_valid_i = 0;
      if (cycle < frames * beats) DriveWire(length, cycle % beats * kBeatBytes);
      Check();
      card_.Tick();
    }
    EXPECT_EQ(c2h_[function].sizes().size(), frames);
    return cycle;
  }

  Bench<Vfarrier_card> card_;
  LaneChecker c2h_[kFunctions];
  LaneChecker tx_;
};

TEST_P(CardStreamsTest, KeepsTheRulesOfTheBoxUnderRandomBackpressure) {
  Random random(GetParam());
  struct Source {
    size_t length = 0;
    size_t offset = 0;
    size_t sent = 0;
    bool busy = false;
  };
  const auto draw_length = [&] {
    return 14 + (random.Chance(50) ? random.Below(200) : random.Below(9'587));
  };
  Attach(0, 0);
  Grant(0);
  Write(regs::kRegFunctionControl(1), regs::FunctionControl{.enable = 1, .raw = 1}.Pack());
  Source wire, host;  // the raw function sends
  uint32_t ready_percent = 50;
  uint32_t traffic_percent = 100;
  const int cycles = 30'000;
  for (int cycle = 0; cycle < cycles + 20'000; ++cycle) {
    const bool feeding = cycle < cycles;
    if (cycle % 1000 == 0) {
      ready_percent = feeding ? 20 + static_cast<uint32_t>(random.Below(81)) : 100;
      traffic_percent = static_cast<uint32_t>(random.Below(101));
    }
    if (!wire.busy && feeding && random.Chance(traffic_percent)) {
      wire = {draw_length(), 0, wire.sent + 1, true};
    }
    card_->rx_valid_i = 0;
    if (wire.busy) DriveWire(wire.length, wire.offset);
    if (!host.busy && feeding && random.Chance(traffic_percent)) {
      host = {draw_length(), 0, host.sent + 1, true};
    }
    card_->h2c_valid_i = host.busy ? 2 : 0;
    if (host.busy) {
      for (int i = 16; i < 32; ++i) card_->h2c_data_i[i] = 0x02020202;
      const uint64_t keep = KeepOf(host.length - host.offset);
      card_->h2c_keep_i[2] = static_cast<uint32_t>(keep);
      card_->h2c_keep_i[3] = static_cast<uint32_t>(keep >> 32);
      card_->h2c_last_i = host.length - host.offset <= kBeatBytes ? 2 : 0;
    }
    card_->c2h_ready_i = 2 | random.Chance(ready_percent);
    card_->tx_ready_i = random.Chance(ready_percent);
    Check();
    if (HasFatalFailure()) FAIL() << "cycle " << cycle;
    if (wire.busy && (wire.offset += kBeatBytes) >= wire.length) wire.busy = false;
    if (host.busy && card_->h2c_ready_o >> 1 & 1 && (host.offset += kBeatBytes) >= host.length) {
      host.busy = false;
    }
    card_.Tick();
  }
  EXPECT_TRUE(card_->idle_o);
  Write(regs::kRegCounterSnapshot, 0);
  const uint32_t full =
      Read(regs::kRegGlobalCounter(static_cast<uint32_t>(regs::GlobalCounter::kTxFull)));
  EXPECT_EQ(tx_.sizes().size() + full, host.sent) << full << " found no room";
  EXPECT_GT(c2h_[0].sizes().size(), 20u);
  EXPECT_GT(tx_.sizes().size(), 20u);
}

FARRIER_SEEDS(CardStreamsTest);

class CardPaceTest : public CardStreamsTest {};

TEST_P(CardPaceTest, RawShortFramesPassOnePerCycle) {
  Attach(0, 0);
  Grant(0);
  Write(regs::kRegFunctionControl(0), regs::FunctionControl{.enable = 1, .raw = 1}.Pack());
  const size_t length = 60 + GetParam() % 5;  // 60-64 B: one beat
  EXPECT_LE(CyclesFor(0, length, 2'000), 2'000u + 30);
}

TEST_P(CardPaceTest, APrefixCostsOneBeatPerPacket) {
  Attach(0, 0);
  Grant(0);
  const size_t length = 64 * GetParam();
  const size_t frames = 400;
  EXPECT_LE(CyclesFor(0, length, frames), frames * (1 + BeatsOf(length)) + 30);
}

TEST_P(CardPaceTest, AFrameLeavesSoonAfterItCame) {
  Random random(GetParam());
  Attach(0, 0);
  Grant(0);
  for (int i = 0; i < 30; ++i) {
    const size_t length = i == 0 ? regs::kMaxPacketBytes : 60 + random.Below(1'500);
    const uint64_t before = c2h_[0].beats();
    uint64_t cycle = 0;
    for (; c2h_[0].beats() == before; ++cycle) {
      ASSERT_LT(cycle, 1'000u);
      card_->rx_valid_i = 0;
      if (cycle < BeatsOf(length)) DriveWire(length, cycle * kBeatBytes);
      Check();
      card_.Tick();
    }
    // From the first beat in to the first beat out.
    EXPECT_LE(cycle, 24 + BeatsOf(length)) << length << " bytes";
    card_->rx_valid_i = 0;
    for (int rest = 0; rest < 400; ++rest) {
      Check();
      card_.Tick();
    }
  }
}

// More than any wire brings: software's requests must not wait for a pause that never comes, and
// what finds no room because of them is counted.
TEST_P(CardPaceTest, SoftwareGetsThroughAPacketInEveryCycle) {
  Attach(0, 0);
  Grant(0);
  Write(regs::kRegFunctionControl(0), regs::FunctionControl{.enable = 1, .raw = 1}.Pack());
  constexpr uint32_t kFrames = 30'000;
  int answers = 0;
  bool waiting = false;
  uint32_t since = 0;
  for (uint32_t cycle = 0; cycle < kFrames; ++cycle) {
    DriveWire(60, 0);
    const bool begin = !waiting;
    const bool read_filter = answers % 2 == 1;
    if (begin) {
      waiting = true;
      since = cycle;
      card_->arvalid_i = !read_filter;
      card_->araddr_i = regs::kRegOwnerRxNext(0);
      card_->awvalid_i = card_->wvalid_i = read_filter;
      card_->awaddr_i = regs::kRegFilterRead;
      card_->wdata_i = regs::FilterCommand{.index = 3}.Pack();
    }
    Check();
    if (card_->rvalid_o || card_->bvalid_o) {
      waiting = false;
      ++answers;
    }
    ASSERT_LE(cycle - since, 600u) << "answer " << answers;
    card_.Tick();
    card_->arvalid_i = card_->awvalid_i = card_->wvalid_i = 0;
  }
  card_->rx_valid_i = 0;
  for (int i = 0; i < 1'000; ++i) {
    Check();
    card_.Tick();
  }
  EXPECT_GT(answers, 100);
  Write(regs::kRegCounterSnapshot, 0);
  const uint32_t packets =
      Read(regs::kRegGlobalCounter(static_cast<uint32_t>(regs::GlobalCounter::kRxPackets)));
  const uint32_t refused =
      Read(regs::kRegGlobalCounter(static_cast<uint32_t>(regs::GlobalCounter::kRxMemoryFull)));
  const uint32_t in = Read(regs::kRegOwnerCounter(static_cast<uint32_t>(regs::OwnerCounter::kIn)));
  EXPECT_EQ(packets, kFrames);
  EXPECT_EQ(in + refused, kFrames);
  EXPECT_EQ(c2h_[0].sizes().size(), in);
  EXPECT_GT(refused, 0u);
  EXPECT_LT(refused, kFrames / 10);
}

FARRIER_SEEDS(CardPaceTest);

}  // namespace
}  // namespace farrier::rtl
