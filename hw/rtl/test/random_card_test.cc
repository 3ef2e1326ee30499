// The whole card under everything at once, at random, against the functional model: the same
// frames, words, grants and times go to both, and what comes out must be the same (scoreboard.h).
// Within a round the clock stands still and what moves packets elsewhere waits until the card is at
// rest, so that there is one right answer; the streams, their bubbles and backpressure, and the CSR
// accesses beside them take their own time. storm_card_test.cc has no such mercy, and knows only
// what must hold whatever comes first.

#include <cstdlib>

#include "hw/rtl/test/random_control.h"
#include "hw/rtl/test/scoreboard.h"
#include "tests/conformance/random_frames.h"

namespace farrier::rtl {
namespace {

using conformance::RandomFrames;
using conformance::TxWish;

constexpr int kRounds = 30;
constexpr uint32_t kBytesPerRound = 150'000;  // so that packets passing never lack cells
constexpr int kReportsPerRound = 2;           // more might find no place to wait in

// Seeds to run: FARRIER_SEED alone, or twenty.
std::vector<uint32_t> Seeds() {
  if (const char* seed = std::getenv("FARRIER_SEED")) {
    return {static_cast<uint32_t>(std::strtoul(seed, nullptr, 0))};
  }
  std::vector<uint32_t> seeds;
  for (uint32_t seed = 1; seed <= 20; ++seed) seeds.push_back(seed);
  return seeds;
}

class RandomCardTest : public testing::TestWithParam<uint32_t> {
 protected:
  static constexpr uint64_t kMac = 0x02FA221E2001;

  RandomCardTest()
      : random_(GetParam()),
        frames_(GetParam()),
        cards_(GetParam(), kMac),
        control_(cards_, random_) {
    std::printf("[ replay   ] FARRIER_SEED=%u\n", GetParam());
  }

  size_t SomeLength() {
    switch (random_.Below(8)) {
      case 0:
      case 1:
      case 2:
        return 60 + random_.Below(17);
      case 3:
      case 4:
        return 127 + random_.Below(3);
      case 5:
        return 60 + random_.Below(1500);
      case 6:
        return 64 * (1 + random_.Below(24)) + random_.Below(3) - 1;
      default:
        return random_.Chance(20) ? 9'600 - random_.Below(3) : 60 + random_.Below(9'541);
    }
  }

  Bytes SomeBytes(size_t length) {
    Bytes bytes(length);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_.Next());
    return bytes;
  }

  // A frame from the wire: any that the card tells apart, malformed ones and too long ones among
  // them. Returns its length.
  size_t ReceiveSome() {
    const uint32_t id = next_id_++;
    Bytes frame;
    if (random_.Chance(3)) {
      frame = SomeBytes(random_.Chance(50) ? 1 + random_.Below(13) : 9'601 + random_.Below(900));
    } else if (random_.Chance(50)) {
      frame = SomeFrame(id);
    } else {
      frame = conformance::MakeFrame(
          {.dst4 = RandomControl::kIp,
           .src_port = static_cast<uint16_t>(random_.Next()),
           .dst_port = static_cast<uint16_t>(RandomControl::kFirstPort +
                                             random_.Below(RandomControl::kOwners)),
           .length = SomeLength(),
           .id = id});
    }
    const size_t length = frame.size();
    cards_.FromWire(std::move(frame));
    return length;
  }

  // Any frame that can be told from others: bytes changed, extension headers that are not what they
  // say, but the id is there.
  Bytes SomeFrame(uint32_t id) {
    Bytes frame = frames_.Frame(id);
    if (frame.size() < 18) frame.resize(18);
    if (random_.Chance(20)) ChangeExtensions(frame);
    for (size_t i = 0; i < 4; ++i) {
      frame[frame.size() - 4 + i] = static_cast<uint8_t>(id >> (24 - 8 * i));
    }
    return frame;
  }

  // Fragments' offsets and headers' lengths.
  void ChangeExtensions(Bytes& frame) {
    size_t at = 14;
    while (at + 60 < frame.size() && frame[at - 2] == 0x81 && frame[at - 1] == 0) at += 4;
    if (at + 80 > frame.size() || frame[at - 2] != 0x86) return;
    uint8_t next = frame[at + 6];
    at += 40;
    while (at + 16 < frame.size() && (next == 0 || next == 43 || next == 44 || next == 60)) {
      const bool fragment = next == 44;
      next = frame[at];
      const size_t bytes = fragment ? 8 : 8 + 8 * size_t{frame[at + 1]};
      if (fragment && random_.Chance(40)) frame[at + 2] = static_cast<uint8_t>(random_.Next());
      if (!fragment && random_.Chance(15)) frame[at + 1] = static_cast<uint8_t>(Below(40));
      if (!fragment && random_.Chance(10)) frame[at + 1] = 255;
      at += bytes;
    }
  }
  uint32_t Below(uint64_t end) { return static_cast<uint32_t>(random_.Below(end)); }

  // Of a packet of a host: when it is to leave, and in which lane of the wire it then is.
  TxWish SomeWish(uint32_t owner, int function, uint32_t* lane) {
    TxWish wish = {.insert_checksum = random_.Chance(30)};
    // An owner with few cells sends for later alone, so that it gets none back meanwhile.
    const bool later = control_.few_cells(owner);
    if (later || random_.Chance(30)) {
      const int64_t ahead =
          static_cast<int64_t>(random_.Below(random_.Chance(10) ? 400'000 : 20'000));
      wish.departure = static_cast<uint64_t>(cards_.now() + ahead + (later ? 64 : -5'000));
      if (random_.Chance(3)) wish.departure = ~uint64_t{0};
    } else {
      wish.pacing_class = control_.SomeClassOf(function);
      if (control_.limited(wish.pacing_class)) *lane = Scoreboard::LaneOfClass(wish.pacing_class);
    }
    if (*lane == Scoreboard::kByCalendar && !later &&
        wish.departure < uint64_t(cards_.now() + 20'000) && RandomControl::Reports(owner) &&
        reports_ < kReportsPerRound) {
      wish.report_departure = true;
      ++reports_;
    }
    return wish;
  }

  size_t TransmitSome() {
    // An owner sends on one function only.
    const auto owner = static_cast<uint32_t>(random_.Below(RandomControl::kOwners));
    const int function = static_cast<int>(owner % CardBench::kFunctions);
    uint32_t lane = Scoreboard::kByCalendar;
    TxWish wish;
    if (cards_.raw(function)) {
      const uint32_t number = control_.class_of(function);
      if (control_.limited(number)) lane = Scoreboard::LaneOfClass(number);
    } else {
      wish = SomeWish(owner, function, &lane);
    }
    const uint32_t id = Scoreboard::WireId(next_id_++, static_cast<uint32_t>(function), lane);
    auto spec = frames_.Spec(id);
    spec.length = SomeLength();
    Bytes packet = random_.Chance(25) ? SomeFrame(id) : conformance::MakeFrame(spec);
    if (random_.Chance(5)) control_.MakeArp(packet);
    if (!cards_.raw(function)) {
      const bool stale = random_.Chance(15);
      const uint32_t wrong = random_.Chance(50) ? 0xFFFF : 0x1000;
      packet = conformance::TxPacket(static_cast<uint8_t>(owner),
                                     control_.generation(owner) + (stale ? wrong : 0),
                                     control_.NextTxSequence(owner), packet, wish);
      if (random_.Chance(10)) {  // no longer a prefix, or a piece of one
        if (random_.Chance(50))
          packet[random_.Below(2) ? 12 : 23] ^= 0x40;
        else
          packet.resize(1 + random_.Below(70));
      }
    } else if (random_.Chance(5)) {
      packet.resize(1 + random_.Below(13));
    } else if (random_.Chance(2)) {
      packet = SomeBytes(9'601 + random_.Below(2'000));
    }
    const size_t length = packet.size();
    cards_.FromHost(function, std::move(packet));
    return length;
  }

  void SomeBackpressure() {
    static constexpr Backpressure kModes[] = {Backpressure::kNone, Backpressure::kAlways,
                                              Backpressure::kBursty, Backpressure::kSingleCycle,
                                              Backpressure::kRandom};
    CardBench& rtl = cards_.rtl();
    rtl.set_backpressure(kModes[random_.Below(std::size(kModes))]);
    const auto bubbles = [&] {
      return static_cast<uint32_t>(random_.Chance(50) ? 0 : random_.Below(70));
    };
    // Raw functions get a packet while it arrives: there a gap on the wire would show.
    rtl.wire().set_bubbles(bubbles(), cards_.raw(0) || cards_.raw(1) ? 0 : bubbles());
    for (int f = 0; f < CardBench::kFunctions; ++f) rtl.host(f).set_bubbles(bubbles(), bubbles());
  }

  void Round() {
    reports_ = 0;
    for (uint64_t i = random_.Below(6); i > 0 && !HasFatalFailure(); --i) control_.Something();
    SomeBackpressure();
    size_t bytes = 0;
    for (uint64_t i = random_.Below(60); i > 0 && bytes < kBytesPerRound; --i) {
      bytes += ReceiveSome();
      if (random_.Chance(50)) bytes += TransmitSome();
      if (random_.Chance(30)) control_.ReadBeside();
      if (random_.Chance(30)) control_.WriteBeside();
    }
    cards_.Settle();
    cards_.Advance(static_cast<int64_t>(random_.Below(random_.Chance(5) ? 600'000 : 30'000)),
                   control_.timed() || random_.Chance(30));
    cards_.CompareStreams();
  }

  Random random_;
  RandomFrames frames_;
  Scoreboard cards_;
  RandomControl control_;
  uint32_t next_id_ = 1;
  int reports_ = 0;
};

TEST_P(RandomCardTest, DoesWhatTheModelDoes) {
  control_.Prepare();
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Round();
    if (round % 10 == 9) cards_.CompareState(RandomControl::kOwners);
  }
  EXPECT_GT(cards_.to_host(), 50u) << "the seed exercised nothing";
  EXPECT_GT(cards_.to_wire(), 50u) << "the seed exercised nothing";
}

INSTANTIATE_TEST_SUITE_P(Seed, RandomCardTest, testing::ValuesIn(Seeds()),
                         [](const auto& info) { return std::to_string(info.param); });

}  // namespace
}  // namespace farrier::rtl
