// The whole card under everything at once, at random, against the functional model: the same
// frames, words and grants go to both, and what comes out must be the same, byte for byte, in the
// same order for each owner, with the same counters. Within a round the clock stands still and
// switch words wait until the card is at rest, so that there is one right answer; the streams,
// their bubbles and backpressure, and the CSR accesses beside them take their own time.
// StormOfSwitches has no such mercy, and knows only what must hold whatever comes first.

#include <cstdlib>
#include <map>
#include <tuple>

#include "hw/model/functional_card.h"
#include "hw/regs/registers.h"
#include "hw/rtl/test/card_bench.h"
#include "tests/conformance/frames.h"

namespace farrier::rtl {
namespace {

using conformance::FrameSpec;
using conformance::MakeFrame;
using model::FilterKey;
using regs::OwnerState;
using regs::SwitchWord;

constexpr uint32_t kOwners = 7;        // 0 is the default owner
constexpr uint16_t kFirstPort = 7000;  // owner i > 0 listens on kFirstPort + i
constexpr uint32_t kIp = 0x0A000002;
constexpr int kRounds = 60;
constexpr uint32_t kBytesPerRound = 150'000;  // so that packets passing never lack cells

// Seeds to run: FARRIER_SEED alone, or twenty.
std::vector<uint32_t> Seeds() {
  if (const char* seed = std::getenv("FARRIER_SEED")) {
    return {static_cast<uint32_t>(std::strtoul(seed, nullptr, 0))};
  }
  std::vector<uint32_t> seeds;
  for (uint32_t seed = 1; seed <= 20; ++seed) seeds.push_back(seed);
  return seeds;
}

class RandomCardTest : public testing::TestWithParam<uint32_t>, protected model::CardSink {
 protected:
  static constexpr uint64_t kMac = 0x02FA221E2001;

  RandomCardTest() : random_(GetParam()), rtl_(GetParam(), kMac), model_(ModelOptions(), *this) {
    std::printf("[ replay   ] FARRIER_SEED=%u\n", GetParam());
    SetTime(1'000'000'000);
    common_ = regs::Capabilities::Unpack(BothRead(regs::kRegCapabilities));
  }

  // As the RTL is Verilated; it says so.
  model::CardOptions ModelOptions() {
    model::CardOptions options;
    rtl_.csr().Read(regs::kRegHoldCells, [&](uint32_t cells) { options.hold_cells = cells; });
    for (uint32_t i = 0; i < model::kFilterTables; ++i) {
      rtl_.csr().Read(regs::kRegFilterDepth(i),
                      [&options, i](uint32_t depth) { options.filter_depth[i] = depth; });
    }
    EXPECT_TRUE(rtl_.Settle());
    return options;
  }

  // CardSink: what the model does.
  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override {
    model_host_.push_back({function, queue, Bytes(bytes.begin(), bytes.end())});
  }
  void ToWire(std::span<const uint8_t> frame) override {
    model_wire_.emplace_back(frame.begin(), frame.end());
  }

  void SetTime(int64_t ns) {
    now_ns_ = ns;
    rtl_.set_time(static_cast<uint64_t>(ns));
  }

  void Settle() {
    ASSERT_TRUE(rtl_.Settle()) << "the card does not come to rest";
    for (int i = 0; model_.Step(now_ns_); ++i) ASSERT_LT(i, 100'000);
  }

  // Both, one after the other, when all is at rest.
  void Write(uint32_t offset, uint32_t value) {
    rtl_.csr().Write(offset, value);
    // Beside a snapshot no bad access: it would be in it, or not.
    if (offset != regs::kRegCounterSnapshot && random_.Chance(20)) ReadSomething();
    Settle();
    model_.WriteCsr(offset, value);
    Settle();
  }
  uint32_t BothRead(uint32_t offset) {
    uint32_t value = 0;
    rtl_.csr().Read(offset, [&](uint32_t read) { value = read; });
    Settle();
    return value & model_.ReadCsr(offset);
  }
  uint32_t Read(uint32_t offset) {
    uint32_t value = 0;
    rtl_.csr().Read(offset, [&](uint32_t read) { value = read; });
    EXPECT_TRUE(rtl_.Settle());
    EXPECT_EQ(value, model_.ReadCsr(offset)) << "at " << std::hex << offset;
    return value;
  }

  // A read whose answer does not depend on when it comes.
  void ReadSomething() {
    static constexpr uint32_t kHole = 0x0FFC;
    static constexpr uint32_t kOffsets[] = {
        regs::kRegMagic,        regs::kRegQueues, regs::kRegMtu, regs::kRegMacLo, kHole,
        regs::kWindowBytes + 4,  // beyond
        regs::kRegMagic + 2,     // unaligned
        regs::kRegCredit};       // write only
    const uint32_t offset = kOffsets[random_.Below(std::size(kOffsets))];
    const uint32_t expected = model_.ReadCsr(offset);
    rtl_.csr().Read(
        offset, [=](uint32_t value) { EXPECT_EQ(value, expected) << "at " << std::hex << offset; });
  }
  // A write that disturbs nothing.
  void WriteSomething() {
    static constexpr uint32_t kOffsets[] = {regs::kRegScratch, regs::kRegMagic, 0x0FFC,
                                            regs::kRegScratch + 1, regs::kRegOwnerCut(3)};
    const uint32_t offset = kOffsets[random_.Below(std::size(kOffsets))];
    const auto value = static_cast<uint32_t>(random_.Next());
    rtl_.csr().Write(offset, value);
    model_.WriteCsr(offset, value);
  }

  void Grant(int function, int queue, uint32_t count) {
    rtl_.Grant(function, queue, count);
    model_.GrantCredits(function, queue, count);
  }

  // Two queues of its own, on either function.
  static uint32_t QueueOf(uint32_t owner) { return 2 * owner; }

  void Switch(uint32_t owner, OwnerState state, uint32_t function, bool stale) {
    const auto row = SwitchWord::Unpack(Read(regs::kRegOwnerSwitch(owner)));
    SwitchWord word{.state = static_cast<uint32_t>(state),
                    .function = function,
                    .queue_base = QueueOf(owner),
                    .log2_queues = log2_queues_,
                    .generation = row.generation + stale};
    Write(regs::kRegOwnerSwitch(owner), word.Pack());
    Read(regs::kRegOwnerSwitch(owner));
  }

  // UDP to kIp and a port; another address now and then, which no filter knows.
  FrameSpec SomeSpec(uint32_t id) {
    const uint32_t owner = id % kOwners;
    FrameSpec spec{.dst4 = kIp,
                   .dst_port = static_cast<uint16_t>(kFirstPort + owner),
                   .length = SomeLength(),
                   .id = id};
    spec.src_port = static_cast<uint16_t>(random_.Next());
    spec.src4 = static_cast<uint32_t>(random_.Next());
    if (owner == 0) spec.ipv6 = random_.Chance(30);
    if (owner == 0 && random_.Chance(30)) spec.vlans.push_back({.tci = 7});
    if (owner == 0 && random_.Chance(20)) spec.fragment_word = 0x2000;
    if (random_.Chance(10)) spec.option_words = static_cast<uint32_t>(random_.Below(11));
    // An owner's own frames keep their ports.
    if (spec.option_words > 0) spec.length = std::max<size_t>(spec.length, 14 + 60 + 8 + 4);
    return spec;
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

  // To both: a frame from the wire. Returns its bytes.
  size_t ReceiveSome() {
    if (random_.Chance(3)) {  // malformed, or too long
      const size_t length = random_.Chance(50) ? 1 + random_.Below(13) : 9'601 + random_.Below(900);
      Bytes frame(length);
      for (uint8_t& byte : frame) byte = static_cast<uint8_t>(random_.Next());
      EXPECT_TRUE(model_.FromWire(frame));
      rtl_.wire().Push(std::move(frame));
      return length;
    }
    Bytes frame = MakeFrame(SomeSpec(next_id_++));
    if (random_.Chance(3)) {  // any bytes; the id stays
      for (size_t i = 12; i + 4 < frame.size() && i < 60; ++i) {
        if (random_.Chance(30)) frame[i] = static_cast<uint8_t>(random_.Next());
      }
    }
    EXPECT_TRUE(model_.FromWire(frame));
    const size_t length = frame.size();
    rtl_.wire().Push(std::move(frame));
    return length;
  }

  // To both: a packet of a host. An owner sends on one function only.
  size_t TransmitSome() {
    const auto owner = static_cast<uint32_t>(random_.Below(kOwners));
    const int function = static_cast<int>(owner % CardBench::kFunctions);
    // The function in the id, since the functions' order among each other is not the card's
    // promise.
    const uint32_t id = 2 * tx_id_++ + static_cast<uint32_t>(function);
    Bytes packet = MakeFrame({.length = SomeLength(), .id = id});
    if (!raw_[function]) {
      const bool stale = random_.Chance(15);
      packet = conformance::TxPacket(static_cast<uint8_t>(owner), generation_[owner] - stale,
                                     ++tx_sequence_[owner], packet);
      if (random_.Chance(10)) {  // no longer a prefix, or a piece of one
        if (random_.Chance(50))
          packet[random_.Below(2) ? 12 : 23] ^= 0x40;
        else
          packet.resize(1 + random_.Below(70));
      }
    } else if (random_.Chance(5)) {
      packet.resize(1 + random_.Below(13));
    }
    EXPECT_TRUE(model_.FromHost(function, 0, packet));
    const size_t length = packet.size();
    rtl_.host(function).Push(std::move(packet));
    return length;
  }

  // What of a prefixed packet both say.
  Bytes Comparable(Bytes bytes) {
    if (!common_.rss) std::fill_n(bytes.begin() + regs::prefix::kRssHash, 4, 0);
    if (!common_.rx_checksum) bytes[regs::prefix::kChecksums] = 0;
    // What TX has released meanwhile is a matter of time; the owner's register says it at the end.
    std::fill_n(bytes.begin() + regs::prefix::kTxReleased, 4, 0);
    return bytes;
  }

  // Packets in their order for each function, queue and owner.
  using Streams = std::map<std::tuple<int, int, uint32_t>, std::vector<Bytes>>;
  Streams ByOwner(const std::vector<CardBench::ToHost>& packets) {
    Streams streams;
    for (const auto& packet : packets) {
      if (raw_[packet.function]) {
        const uint32_t id = conformance::FrameId(packet.bytes);
        streams[{packet.function, packet.queue, id % kOwners}].push_back(packet.bytes);
      } else {
        EXPECT_GE(packet.bytes.size(), regs::kPrefixBytes);
        const uint32_t owner = packet.bytes[regs::prefix::kOwner];
        streams[{packet.function, packet.queue, owner}].push_back(Comparable(packet.bytes));
      }
    }
    return streams;
  }
  static std::map<uint32_t, std::vector<Bytes>> ByFunction(const std::vector<Bytes>& frames) {
    std::map<uint32_t, std::vector<Bytes>> streams;
    for (const Bytes& frame : frames) {
      streams[conformance::FrameId(frame) % 2].push_back(frame);
    }
    return streams;
  }

  static void CompareStream(const std::vector<Bytes>& got, const std::vector<Bytes>& expected,
                            const std::string& where) {
    for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
      if (got[i] == expected[i]) continue;
      const auto at =
          std::mismatch(got[i].begin(), got[i].end(), expected[i].begin(), expected[i].end());
      FAIL() << "packet " << i << " at " << where << ": " << got[i].size() << " bytes, expected "
             << expected[i].size() << "; they differ from byte " << at.first - got[i].begin();
    }
    ASSERT_EQ(got.size(), expected.size()) << "packets at " << where;
  }

  void CompareStreams() {
    const auto rtl_host = rtl_.TakeHost();
    const auto rtl_wire = rtl_.TakeWire();
    const Streams got = ByOwner(rtl_host);
    const Streams expected = ByOwner(model_host_);
    to_host_ += rtl_host.size();
    to_wire_ += rtl_wire.size();
    for (const auto& [place, packets] : expected) {
      const auto [function, queue, owner] = place;
      const auto found = got.find(place);
      CompareStream(found == got.end() ? std::vector<Bytes>() : found->second, packets,
                    "function " + std::to_string(function) + " queue " + std::to_string(queue) +
                        " owner " + std::to_string(owner));
    }
    ASSERT_EQ(got.size(), expected.size()) << "packets where none should be";
    auto wire = ByFunction(rtl_wire);
    auto expected_wire = ByFunction(model_wire_);
    for (uint32_t f = 0; f < CardBench::kFunctions; ++f) {
      CompareStream(wire[f], expected_wire[f], "the wire, from function " + std::to_string(f));
    }
    model_host_.clear();
    model_wire_.clear();
  }

  void CompareState() {
    for (uint32_t owner = 0; owner < kOwners; ++owner) {
      for (const uint32_t offset : {regs::kRegOwnerSwitch(owner), regs::kRegOwnerQuota(owner),
                                    regs::kRegOwnerCut(owner), regs::kRegOwnerRxNext(owner),
                                    regs::kRegOwnerTxSeen(owner), regs::kRegOwnerStatus(owner),
                                    regs::kRegOwnerParked(owner), regs::kRegOwnerRefused(owner)}) {
        Read(offset);
      }
      Write(regs::kRegCounterSnapshot, owner);
      for (uint32_t i = 0; i < 2 * regs::kOwnerCounters; ++i)
        Read(regs::kRegOwnerCounter(0) + 4 * i);
    }
    for (uint32_t i = 0; i < 2 * regs::kGlobalCounters; ++i)
      Read(regs::kRegGlobalCounter(0) + 4 * i);
  }

  void Prepare() {
    log2_queues_ = static_cast<uint32_t>(random_.Below(2));
    for (uint32_t owner = 0; owner < kOwners; ++owner) {
      if (owner > 0) Listen(owner);
      Write(regs::kRegOwnerQuota(owner), 4 + 16 * owner);
      for (int function = 0; function < CardBench::kFunctions; ++function) {
        for (uint32_t q = 0; q < 2; ++q) {
          Grant(function, static_cast<int>(QueueOf(owner) + q), 200);
        }
      }
      Attach(owner);
    }
  }

  void Listen(uint32_t owner) {
    FilterKey key{};
    key[0] = kFirstPort + owner;
    key[1] = 17;
    key[2] = kIp;
    for (uint32_t i = 0; i < regs::kFilterKeyWords; ++i) Write(regs::kRegFilterKey(i), key[i]);
    Write(regs::kRegFilterValue, regs::FilterValue{.owner = owner}.Pack());
    const auto table = static_cast<uint32_t>(regs::FilterTable::kV4Listen);
    const auto way = static_cast<uint32_t>(random_.Below(regs::kFilterWays));
    const uint32_t depth = Read(regs::kRegFilterDepth(table));
    const auto hash = static_cast<uint32_t>(
        model::HashKeyWords(key, 0, regs::kFilterKeyWords) >> 16 * way & 0xFFFF);
    const uint32_t index = hash & (depth - 1);
    const regs::FilterCommand place{.index = index, .way = way, .table = table, .valid = 1};
    Write(regs::kRegFilterCommit, place.Pack());
    Write(regs::kRegFilterRead, place.Pack());
    Read(regs::kRegFilterValue);
  }

  void Attach(uint32_t owner) {
    Switch(owner, OwnerState::kAttached, static_cast<uint32_t>(random_.Below(2)), false);
    generation_[owner] = SwitchWord::Unpack(Read(regs::kRegOwnerSwitch(owner))).generation;
    tx_sequence_[owner] = 0;
  }

  void ControlSome() {
    const auto owner = static_cast<uint32_t>(random_.Below(kOwners));
    switch (random_.Below(12)) {
      case 0:
      case 1:
      case 2:
        Switch(owner, OwnerState::kHeld, static_cast<uint32_t>(random_.Below(2)),
               random_.Chance(15));
        break;
      case 3:
      case 4:
      case 5:
        Attach(owner);
        break;
      case 6:
        Switch(owner, random_.Chance(50) ? OwnerState::kDrop : OwnerState::kDetached, 0,
               random_.Chance(15));
        break;
      case 7:
        Write(regs::kRegOwnerQuota(owner), static_cast<uint32_t>(random_.Below(200)));
        break;
      case 8:
        Write(regs::kRegDrainGapNs, static_cast<uint32_t>(random_.Below(3)) * 500);
        break;
      case 9:
        Write(regs::kRegWatchdogUs, random_.Chance(50) ? 0 : 20);
        break;
      case 10: {
        const auto function = static_cast<uint32_t>(random_.Below(CardBench::kFunctions));
        raw_[function] = random_.Chance(25);
        regs::FunctionControl control{.enable = random_.Chance(90), .raw = raw_[function]};
        control.reset_credits = random_.Chance(20);
        Write(regs::kRegFunctionControl(function), control.Pack());
        break;
      }
      default:
        Write(regs::kRegDefaultOwner, random_.Chance(70) ? 0 : owner);
    }
    const auto queue = static_cast<int>(random_.Below(2 * kOwners));
    Grant(static_cast<int>(random_.Below(2)), queue, static_cast<uint32_t>(random_.Below(60)));
    Settle();
  }

  void SomeBackpressure() {
    static constexpr Backpressure kModes[] = {Backpressure::kNone, Backpressure::kAlways,
                                              Backpressure::kBursty, Backpressure::kSingleCycle,
                                              Backpressure::kRandom};
    rtl_.set_backpressure(kModes[random_.Below(std::size(kModes))]);
    const auto bubbles = [&] {
      return static_cast<uint32_t>(random_.Chance(50) ? 0 : random_.Below(70));
    };
    // Raw functions get a packet while it arrives: there a gap on the wire would show.
    rtl_.wire().set_bubbles(bubbles(), raw_[0] || raw_[1] ? 0 : bubbles());
    for (int f = 0; f < CardBench::kFunctions; ++f) rtl_.host(f).set_bubbles(bubbles(), bubbles());
  }

  Random random_;
  CardBench rtl_;
  model::FunctionalCard model_;
  regs::Capabilities common_;
  int64_t now_ns_ = 0;
  uint32_t log2_queues_ = 0;
  uint32_t next_id_ = 1;
  uint32_t tx_id_ = 1;
  bool raw_[CardBench::kFunctions] = {};
  uint32_t generation_[kOwners] = {};
  uint32_t tx_sequence_[kOwners] = {};
  std::vector<CardBench::ToHost> model_host_;
  std::vector<Bytes> model_wire_;
  size_t to_host_ = 0;
  size_t to_wire_ = 0;
};

TEST_P(RandomCardTest, DoesWhatTheModelDoes) {
  Prepare();
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    for (uint64_t i = random_.Below(4); i > 0 && !HasFatalFailure(); --i) ControlSome();
    SomeBackpressure();
    size_t bytes = 0;
    for (uint64_t i = random_.Below(60); i > 0 && bytes < kBytesPerRound; --i) {
      bytes += ReceiveSome();
      if (random_.Chance(50)) bytes += TransmitSome();
      if (random_.Chance(30)) ReadSomething();
      if (random_.Chance(30)) WriteSomething();
    }
    Settle();
    SetTime(now_ns_ + static_cast<int64_t>(random_.Below(30'000)));
    Settle();
    CompareStreams();
    if (round % 10 == 9) CompareState();
  }
  EXPECT_GT(to_host_, 50u) << "the seed exercised nothing";
  EXPECT_GT(to_wire_, 50u) << "the seed exercised nothing";
}

INSTANTIATE_TEST_SUITE_P(Seed, RandomCardTest, testing::ValuesIn(Seeds()),
                         [](const auto& info) { return std::to_string(info.param); });

}  // namespace
}  // namespace farrier::rtl
