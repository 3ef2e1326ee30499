// RX up to the lookups: what is stored of a frame, read of its headers and said of its checksums is
// what the model says of it, whatever the wire does.

#include <Vrx_front.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "hw/model/checksum.h"
#include "hw/model/parser.h"
#include "hw/rtl/test/bench.h"
#include "hw/rtl/test/bits.h"
#include "hw/rtl/test/classify.h"
#include "hw/rtl/test/draw_frame.h"

namespace farrier::rtl {
namespace {

constexpr size_t kBeat = 64;
constexpr size_t kCell = regs::kCellBytes;
constexpr size_t kWindowBeats = 3;
constexpr uint64_t kVerdictCycles = 18;  // behind the last beat
constexpr regs::PortRange kPonyPorts = {.low = 7000, .high = 7015};

size_t Beats(size_t bytes) { return std::max<size_t>(1, (bytes + kBeat - 1) / kBeat); }

// A frame on the wire, which may be another than it announces.
struct Frame {
  Bytes bytes;
  size_t announced = 0;
};

// What must become of it.
struct Expected {
  Bytes bytes;  // as long as announced: cut, or filled up with zeros
  bool malformed = false;
  bool oversize = false;
  bool filled = false;  // beats are stored that never came
  uint64_t arrival = 0;
  size_t number = 0;
  size_t cells() const { return cut ? 1 : (bytes.size() + kCell - 1) / kCell; }
  bool cut = false;  // ended within its window
};

struct Packet {
  uint32_t head;
  size_t size;
  size_t cells;
  bool stored, oversize, malformed;
};

class RxFrontTest : public SeededTest {
 protected:
  void Start(size_t cells) {
    front_->pony_low_i = kPonyPorts.low;
    front_->pony_high_i = kPonyPorts.high;
    cells_ = cells;
    for (uint32_t cell = 0; cell < cells; ++cell) free_.push_back(cell);
    memory_.resize(cells * kCell);
  }

  // One cycle with a beat of `frame` at `offset`, or none.
  void Cycle(const Frame* frame, size_t offset, Random& random) {
    front_->time_i = cycle_ * 1'000'000'007;
    front_->rx_valid_i = frame != nullptr;
    auto* const data = reinterpret_cast<uint8_t*>(front_->rx_data_i.data());
    for (size_t i = 0; i < kBeat; i += 8) {  // what is not valid is anything
      const uint64_t stale = random.Next();
      std::memcpy(data + i, &stale, 8);
    }
    front_->rx_keep_i = random.Next();
    front_->rx_last_i = random.Chance(50);
    front_->rx_size_i = static_cast<uint16_t>(random.Next());
    if (frame != nullptr) {
      const size_t left = frame->bytes.size() - offset;
      std::memcpy(data, frame->bytes.data() + offset, std::min(left, kBeat));
      front_->rx_keep_i = left >= kBeat ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
      front_->rx_last_i = left <= kBeat;
      front_->rx_size_i = static_cast<uint16_t>(frame->announced);
      if (offset == 0) Expect(*frame);
      const size_t beat = offset / kBeat;
      if (beat < std::min(kWindowBeats, Beats(frame->announced))) due_.back() = cycle_ + 9 - beat;
      if (beat < Beats(frame->announced)) came_.back() = cycle_;
    }
    front_->cell_valid_i = !free_.empty();
    front_->cell_i = free_.empty() ? 0 : free_.front();
    front_->cells_i = static_cast<uint32_t>(free_.size());
    front_.Settle();
    CheckArriving();
    if (front_->cell_take_o) {
      ASSERT_FALSE(free_.empty());
      free_.pop_front();
    }
    Store();
    if (front_->packet_valid_o) Parsed();
    if (front_->verdict_valid_o) Verdict();
    front_.Tick();
    ++cycle_;
  }

  void Expect(const Frame& frame) {
    Expected expected;
    const size_t come = Beats(frame.bytes.size());
    const size_t announced = Beats(frame.announced);
    expected.arrival = front_->time_i;
    expected.number = came_.size();
    expected.cut = come < announced && come <= kWindowBeats;
    expected.malformed = frame.announced < 14 || expected.cut;
    expected.oversize = frame.announced > regs::kMaxPacketBytes && !expected.malformed;
    expected.filled = come < announced;
    expected.bytes = frame.bytes;
    expected.bytes.resize(frame.announced);
    expected_.push_back(std::move(expected));
    due_.push_back(0);
    came_.push_back(0);
  }

  // What can be read of the packet that is being stored has been written two cycles ago.
  void CheckArriving() {
    Bits arriving(front_->arriving_o);
    const auto beats = arriving.Get(8);
    const auto head = static_cast<uint32_t>(arriving.Get(kCellBits));
    const bool valid = arriving.Get(1);
    closed_ = !valid;
    if (valid) {
      ASSERT_EQ(head, storing_head_);
      ASSERT_LE(beats, stored_before_);
      ASSERT_GE(beats + 1, stored_before_);
    }
    stored_before_ = stored_;
  }

  void Store() {
    if (!front_->write_o) return;
    const uint32_t at = front_->write_address_o;
    ASSERT_LT(at / 8, cells_);
    std::memcpy(&memory_[at * kBeat], front_->write_data_o.data(), kBeat);
    if (front_->link_write_o) {
      ASSERT_EQ(at % 8, 0u);
      ASSERT_EQ(front_->link_address_o, at / 8);
      Bits link(front_->link_o);
      Link value;
      value.next = static_cast<uint32_t>(link.Get(kCellBits));
      value.last = link.Get(1);
      if (closed_) {
        storing_head_ = at / 8;
        stored_ = stored_before_ = 0;
      }
      links_[at / 8] = value;
    }
    ++stored_;
  }

  void Parsed() {
    ASSERT_FALSE(expected_.empty());
    const Expected expected = std::move(expected_.front());
    expected_.pop_front();
    ASSERT_EQ(cycle_, due_.front());
    due_.pop_front();
    Bits bits(front_->packet_o);
    Packet packet;
    packet.head = static_cast<uint32_t>(bits.Get(kCellBits));
    packet.size = bits.Get(16);
    packet.cells = bits.Get(5);
    packet.stored = bits.Get(1);
    ASSERT_EQ(bits.Get(1), 0u) << "refused";
    packet.oversize = bits.Get(1);
    packet.malformed = bits.Get(1);
    ASSERT_EQ(packet.malformed, expected.malformed);
    ASSERT_EQ(packet.oversize, expected.oversize);
    ASSERT_EQ(packet.size, expected.bytes.size());
    ++packets_;
    if (packet.stored) {
      ++stored_packets_;
      ASSERT_FALSE(expected.oversize || expected.bytes.size() < 14);
      ASSERT_EQ(packet.cells, expected.cells());
      ASSERT_FALSE(waiting_.contains(packet.head));
      waiting_[packet.head] = expected;
    }
    if (expected.malformed || expected.oversize) return;
    const Bytes& frame = expected.bytes;
    model::ParsedFrame parsed;
    model::ParseFrame(frame, parsed, kPonyPorts);
    Bits meta(front_->meta_o);
    EXPECT_EQ(meta.Get(1), parsed.pony);
    EXPECT_EQ(meta.Get(1), parsed.bad_header);
    EXPECT_EQ(meta.Get(1), parsed.tunnel);
    EXPECT_EQ(meta.Get(1), parsed.fragment);
    EXPECT_EQ(meta.Get(8), parsed.l4_offset);
    EXPECT_EQ(meta.Get(8), parsed.l3_offset);
    EXPECT_EQ(meta.Get(16), frame.size());
    EXPECT_EQ(meta.Get(64), expected.arrival);
    const Classify read = Classify::Read(front_->classify_o);
    EXPECT_EQ(read.has_ports, parsed.has_ports());
    EXPECT_EQ(read.ipv4, parsed.network == model::Network::kIpv4);
    EXPECT_EQ(read.ipv6, parsed.network == model::Network::kIpv6);
    EXPECT_EQ(read.fragment, parsed.fragment);
    EXPECT_EQ(read.tunnel, parsed.tunnel);
    EXPECT_EQ(read.bad_header, parsed.bad_header);
    EXPECT_EQ(read.pony, parsed.pony);
    EXPECT_EQ(read.tagged, parsed.tagged);
    EXPECT_EQ(read.vlan, parsed.vlan);
    EXPECT_EQ(read.ether_type, parsed.ether_type);
    EXPECT_EQ(read.dst_mac, parsed.dst_mac);
    EXPECT_EQ(read.src_mac, parsed.src_mac);
    EXPECT_EQ(read.protocol, parsed.protocol);
    EXPECT_EQ(read.dscp, parsed.dscp);
    EXPECT_EQ(read.dst_ip, parsed.dst_ip);
    EXPECT_EQ(read.src_ip, parsed.src_ip);
    EXPECT_EQ(read.dst_port, parsed.dst_port);
    EXPECT_EQ(read.src_port, parsed.src_port);
    seen_.ports += parsed.has_ports();
    seen_.bad += parsed.bad_header;
    seen_.fragments += parsed.fragment;
    seen_.tunnels += parsed.tunnel;
    seen_.pony += parsed.pony;
  }

  void Verdict() {
    const auto found = waiting_.find(front_->verdict_head_o);
    ASSERT_NE(found, waiting_.end());
    const Expected& expected = found->second;
    if (!expected.filled) {
      ASSERT_LE(cycle_, came_[expected.number] + kVerdictCycles);
    }
    const Bytes& frame = expected.bytes;
    if (!expected.malformed) {
      model::ParsedFrame parsed;
      model::ParseFrame(frame, parsed, kPonyPorts);
      const model::ChecksumStates states = model::VerifyChecksums(frame, parsed);
      ASSERT_EQ(front_->verdict_o, states.Pack());
      ++seen_.verdicts[states.Pack()];
    }
    // All of it is there, and its cells may go.
    uint32_t cell = found->first;
    Bytes stored;
    for (size_t i = 0; i < expected.cells(); ++i) {
      ASSERT_LT(cell, cells_);
      stored.insert(stored.end(), &memory_[cell * kCell], &memory_[cell * kCell] + kCell);
      free_.push_back(cell);
      if (!expected.cut) {
        ASSERT_EQ(links_[cell].last, i + 1 == expected.cells());
      }
      cell = links_[cell].next;
    }
    if (!expected.malformed) {
      stored.resize(frame.size());
      ASSERT_TRUE(stored == frame) << "the memory holds something else";
    }
    waiting_.erase(found);
  }

  struct Link {
    bool last;
    uint32_t next;
  };
  struct Seen {
    int ports = 0, bad = 0, fragments = 0, tunnels = 0, pony = 0;
    std::map<int, int> verdicts;
  };

  Bench<Vrx_front> front_;
  uint64_t cycle_ = 1;
  size_t cells_ = 0;
  std::deque<uint32_t> free_;
  Bytes memory_;
  std::map<uint32_t, Link> links_;
  std::deque<Expected> expected_;
  std::deque<uint64_t> due_;              // cycles in which the headers must have been read
  std::vector<uint64_t> came_;            // cycles of the last beats
  std::map<uint32_t, Expected> waiting_;  // stored, by first cell: no verdict yet
  uint32_t storing_head_ = 0;
  uint64_t stored_ = 0, stored_before_ = 0;
  bool closed_ = true;
  int packets_ = 0, stored_packets_ = 0;
  Seen seen_;
};

// Now and then a frame is not what it announces.
Frame Draw(Random& random, uint32_t lie_percent) {
  Frame frame;
  frame.bytes = DrawFrame(random);
  model::ParsedFrame parsed;
  model::ParseFrame(frame.bytes, parsed, kPonyPorts);
  if (random.Chance(70)) model::InsertChecksums(frame.bytes, parsed);
  if (parsed.has_ports() && parsed.protocol == 17 && random.Chance(15)) {  // UDP without
    frame.bytes[parsed.l4_offset + 6] = frame.bytes[parsed.l4_offset + 7] = 0;
  }
  if (random.Chance(20)) {
    frame.bytes[13 + random.Below(frame.bytes.size() - 13)] ^= 1 << random.Below(8);
  }
  if (random.Chance(2)) frame.bytes.resize(1 + random.Below(20));
  if (random.Chance(1)) frame.bytes.resize(9'590 + random.Below(60));
  frame.announced = frame.bytes.size();
  if (random.Chance(lie_percent)) {
    frame.announced = random.Chance(50) ? random.Below(1'000) : random.Below(20'000);
    if (random.Chance(30)) frame.announced = frame.bytes.size() + random.Below(128) - 64;
    frame.announced &= 0xFFFF;
  }
  return frame;
}

TEST_P(RxFrontTest, StoresReadsAndVerifiesWhatTheModelDoes) {
  Random random(GetParam());
  const bool scarce = GetParam() % 4 == 3;  // then long frames often find too few cells
  Start(scarce ? 24 : 600);
  const uint32_t lies = GetParam() % 2 == 0 ? 5 : 0;
  int sent = 0;
  while (sent < 13'000) {
    const Frame frame = Draw(random, lies);
    const uint32_t bubbles = random.Chance(80) ? 0 : 30;
    for (size_t offset = 0; offset < frame.bytes.size();) {
      const bool beat = !random.Chance(offset == 0 ? 10 : bubbles);
      ASSERT_NO_FATAL_FAILURE(Cycle(beat ? &frame : nullptr, offset, random));
      ASSERT_FALSE(HasFailure()) << "frame " << sent;
      if (beat) offset += kBeat;
    }
    ++sent;
  }
  for (int i = 0; i < 200; ++i) ASSERT_NO_FATAL_FAILURE(Cycle(nullptr, 0, random));
  EXPECT_TRUE(expected_.empty());
  EXPECT_TRUE(waiting_.empty());
  EXPECT_TRUE(front_->idle_o);
  EXPECT_EQ(free_.size() + 1, cells_);  // one is at hand
  EXPECT_EQ(packets_, sent);
  EXPECT_GT(stored_packets_, sent * (scarce ? 6 : 8) / 10);
  if (scarce) {
    EXPECT_LT(stored_packets_, sent * 99 / 100);
  }
  for (const int count : {seen_.ports, seen_.bad, seen_.fragments, seen_.tunnels, seen_.pony}) {
    EXPECT_GT(count, 200);
  }
  for (const int l4 : {0, 1, 2, 3}) {  // over IPv4 with a good and a bad sum, and over IPv6
    for (const int l3 : {1, 2, 3}) EXPECT_GT(seen_.verdicts[l3 | l4 << 2], 20) << l3 << " " << l4;
  }
}

FARRIER_SEEDS(RxFrontTest);

}  // namespace
}  // namespace farrier::rtl
