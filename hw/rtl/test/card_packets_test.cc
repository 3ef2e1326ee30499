// What the card hands to its functions is what came, and its prefix tells of that packet: with
// frames of all kinds, gaps and lies on the wire, and hosts that make it wait.

#include <Vfarrier_card.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>

#include "hw/model/checksum.h"
#include "hw/model/parser.h"
#include "hw/regs/registers.h"
#include "hw/rtl/test/bench.h"
#include "hw/rtl/test/draw_frame.h"

namespace farrier::rtl {
namespace {

constexpr size_t kBeat = 64;

class CardPacketsTest : public SeededTest {
 protected:
  CardPacketsTest() {
    card_->bready_i = card_->rready_i = 1;
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

  // Owner 0, which everything is for, to function 0.
  void Start(bool raw) {
    Write(regs::kRegFunctionControl(0), regs::FunctionControl{.enable = 1, .raw = raw}.Pack());
    Write(regs::kRegOwnerSwitch(0),
          regs::SwitchWord{.state = static_cast<uint32_t>(regs::OwnerState::kAttached)}.Pack());
    Write(regs::kRegCredit, regs::CreditDoorbell{.count = 65'535}.Pack());
  }

  // A cycle with a beat of `frame`, which announces `size`, or none.
  void Cycle(const Bytes* frame, size_t offset, size_t size, bool ready, Random& random) {
    auto* const data = reinterpret_cast<uint8_t*>(card_->rx_data_i.data());
    std::memset(data, static_cast<int>(random.Next()), kBeat);
    card_->rx_valid_i = frame != nullptr;
    if (frame != nullptr) {
      const size_t left = frame->size() - offset;
      std::memcpy(data, frame->data() + offset, std::min(left, kBeat));
      card_->rx_keep_i = left >= kBeat ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
      card_->rx_last_i = left <= kBeat;
      card_->rx_size_i = static_cast<uint16_t>(size);
    }
    card_->c2h_ready_i = 2 | ready;
    card_.Settle();
    if ((card_->c2h_valid_o & 1) && ready) {
      const auto* out = reinterpret_cast<const uint8_t*>(card_->c2h_data_o.data());
      out_.insert(out_.end(), out, out + kBeat);
      if (card_->c2h_last_o & 1) {
        out_.resize(card_->c2h_size_o & 0xFFFF);
        packets_.push_back(std::move(out_));
        out_.clear();
      }
    }
    card_.Tick();
  }

  Bench<Vfarrier_card> card_;
  Bytes out_;
  std::deque<Bytes> packets_;
};

// Frames go in at random, some with gaps, and come out as they were, but for those that had no
// memory.
TEST_P(CardPacketsTest, WhatComesOutIsWhatCameIn) {
  Random random(GetParam());
  const bool raw = GetParam() % 2 == 0;
  const bool lies = GetParam() % 4 < 2;
  Start(raw);
  std::deque<Bytes> due;
  std::map<int, int> verdicts;
  uint32_t ready_percent = 100;
  size_t lost = 0;
  const auto check = [&] {
    for (; !packets_.empty(); packets_.pop_front()) {
      const Bytes& packet = packets_.front();
      const size_t at = raw ? 0 : regs::kPrefixBytes;
      const Bytes frame(packet.begin() + static_cast<ptrdiff_t>(at), packet.end());
      while (!due.empty() && due.front() != frame) {
        due.pop_front();
        ++lost;
      }
      ASSERT_FALSE(due.empty()) << "not a frame that came";
      due.pop_front();
      if (raw) continue;
      model::ParsedFrame parsed;
      model::ParseFrame(frame, parsed);
      ASSERT_EQ(packet[regs::prefix::kChecksums], model::VerifyChecksums(frame, parsed).Pack());
      ASSERT_EQ(packet[regs::prefix::kL3Offset], parsed.l3_offset);
      ASSERT_EQ(packet[regs::prefix::kL4Offset], parsed.l4_offset);
      ++verdicts[packet[regs::prefix::kChecksums]];
    }
  };
  constexpr int kFrames = 2'500;
  for (int i = 0; i < kFrames; ++i) {
    if (i % 50 == 0) ready_percent = random.Chance(50) ? 100 : 30 + random.Below(70);
    Bytes frame = DrawFrame(random);
    if (random.Chance(70)) frame.resize(std::min<size_t>(frame.size(), 14 + random.Below(300)));
    model::ParsedFrame parsed;
    model::ParseFrame(frame, parsed);
    if (random.Chance(70)) model::InsertChecksums(frame, parsed);
    if (random.Chance(20)) frame[13 + random.Below(frame.size() - 13)] ^= 1;
    Bytes expected = frame;
    if (lies && random.Chance(5)) expected.resize(random.Below(2'000));
    const size_t beats = (frame.size() + kBeat - 1) / kBeat;
    const bool ended_early = beats <= 3 && beats < (expected.size() + kBeat - 1) / kBeat;
    if (expected.size() >= 14 && !ended_early) due.push_back(expected);
    const uint32_t gaps = random.Chance(70) ? 0 : 20;
    for (size_t offset = 0; offset < frame.size();) {
      const bool beat = !random.Chance(offset == 0 ? 30 : gaps);
      Cycle(beat ? &frame : nullptr, offset, expected.size(), random.Chance(ready_percent), random);
      if (beat) offset += kBeat;
    }
    check();
    if (HasFatalFailure()) FAIL() << "frame " << i;
  }
  for (int i = 0; i < 20'000; ++i) Cycle(nullptr, 0, 0, true, random);
  check();
  EXPECT_TRUE(card_->idle_o);
  EXPECT_LE(due.size() + lost, lies ? kFrames / 5 : 0u);
  if (!raw) {
    for (const int l4 : {0, 2, 3}) EXPECT_GT(verdicts[2 | l4 << 2], 20) << l4;
  }
}

FARRIER_SEEDS(CardPacketsTest);

}  // namespace
}  // namespace farrier::rtl
