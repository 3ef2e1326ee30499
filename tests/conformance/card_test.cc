#include "tests/conformance/card_test.h"

#include <bit>
#include <ostream>

namespace farrier::conformance {
namespace {

constexpr int kMaxSteps = 1'000'000;

}  // namespace

std::string BackendName(const testing::TestParamInfo<Backend>& info) { return info.param.name; }

void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }

void CardTest::SetUp() { NewCard(); }

void CardTest::NewCard() {
  card_ = GetParam().make(*this);
  frames_offered_ = frames_to_wire_ = 0;
  to_host_.clear();
  to_wire_.clear();
  Run();
}

void CardTest::TearDown() {
  if (!HasFatalFailure()) CheckConservation();
}

void CardTest::ToHost(int function, int queue, std::span<const uint8_t> bytes) {
  to_host_.push_back({function, queue, Bytes(bytes.begin(), bytes.end())});
}

void CardTest::ToWire(std::span<const uint8_t> frame) {
  to_wire_.emplace_back(frame.begin(), frame.end());
  ++frames_to_wire_;
}

void CardTest::Run() {
  for (int i = 0; i < kMaxSteps; ++i) {
    if (!card_->Step(now_ns_)) return;
  }
  FAIL() << "the card was still moving after " << kMaxSteps << " steps";
}

void CardTest::Advance(int64_t ns) {
  now_ns_ += ns;
  Run();
}

SwitchWord CardTest::Row(uint32_t owner) {
  return SwitchWord::Unpack(Read(regs::kRegOwnerSwitch(owner)));
}

regs::OwnerStatus CardTest::Status(uint32_t owner) {
  return regs::OwnerStatus::Unpack(Read(regs::kRegOwnerStatus(owner)));
}

void CardTest::WriteSwitch(uint32_t owner, OwnerState state, const Place& place,
                           uint32_t generation) {
  owners_.insert(owner);
  Write(regs::kRegOwnerSwitch(owner), SwitchWord{.state = static_cast<uint32_t>(state),
                                                 .function = place.function,
                                                 .queue_base = place.queue,
                                                 .log2_queues = place.log2_queues,
                                                 .generation = generation}
                                          .Pack());
}

void CardTest::Attach(uint32_t owner, const Place& place) {
  const uint32_t generation = Row(owner).generation;
  WriteSwitch(owner, OwnerState::kAttached, place, generation);
  Run();
  ASSERT_EQ(Row(owner), (SwitchWord{.state = static_cast<uint32_t>(OwnerState::kAttached),
                                    .function = place.function,
                                    .queue_base = place.queue,
                                    .log2_queues = place.log2_queues,
                                    .generation = (generation + 1) % 4096}));
}

void CardTest::Become(uint32_t owner, OwnerState state) {
  const SwitchWord row = Row(owner);
  WriteSwitch(owner, state, {row.function, row.queue_base, row.log2_queues}, row.generation);
  Run();
  ASSERT_EQ(Row(owner).state, static_cast<uint32_t>(state));
}

FilterKey CardTest::ListenKey(uint32_t ip, uint16_t port, uint8_t protocol, uint32_t vlan) {
  return {port, vlan << 8 | protocol, ip};
}

FilterKey CardTest::FlowKey(const FrameSpec& spec, uint32_t vlan) {
  FilterKey key = {uint32_t{spec.src_port} << 16 | spec.dst_port, vlan << 8 | spec.protocol};
  if (spec.ipv6) {
    for (size_t i = 0; i < 4; ++i) {
      key[2 + i] = spec.dst6[i];
      key[6 + i] = spec.src6[i];
    }
  } else {
    key[2] = spec.dst4;
    key[3] = spec.src4;
  }
  return key;
}

uint32_t CardTest::PlaceOf(FilterTable table, const FilterKey& key, uint32_t way) {
  uint32_t hash = 0;
  for (uint32_t bit = 0; bit < 16; ++bit) {
    int ones = 0;
    for (size_t word = 0; word < key.size(); ++word) {
      ones += std::popcount(key[word] & regs::kFilterHashMasks[way][bit][word]);
    }
    hash |= static_cast<uint32_t>(ones & 1) << bit;
  }
  return hash & (Read(regs::kRegFilterDepth(static_cast<uint32_t>(table))) - 1);
}

void CardTest::Commit(FilterTable table, const FilterKey& key, uint32_t way, uint32_t index,
                      uint32_t owner, bool valid) {
  for (uint32_t i = 0; i < key.size(); ++i) Write(regs::kRegFilterKey(i), key[i]);
  Write(regs::kRegFilterValue, regs::FilterValue{.owner = owner}.Pack());
  Write(regs::kRegFilterCommit,
        regs::FilterCommand{
            .index = index, .way = way, .table = static_cast<uint32_t>(table), .valid = valid}
            .Pack());
  Run();
}

void CardTest::Install(FilterTable table, const FilterKey& key, uint32_t owner, uint32_t way) {
  Commit(table, key, way, PlaceOf(table, key, way), owner);
}

void CardTest::Listen(uint16_t port, uint32_t owner) {
  Install(FilterTable::kV4Listen, ListenKey(kIp, port), owner);
}

void CardTest::Serve(uint16_t port, uint32_t owner, const Place& place) {
  Listen(port, owner);
  for (uint32_t i = 0; i < 1u << place.log2_queues; ++i) {
    Grant(place.function, place.queue + i, kManyCredits);
  }
  Attach(owner, place);
}

void CardTest::Offer(const Bytes& frame) {
  ++frames_offered_;
  for (int i = 0; i < kMaxSteps; ++i) {
    if (card_->FromWire(frame)) return;
    card_->Step(now_ns_);
  }
  FAIL() << "the card did not take a frame of " << frame.size() << " bytes from the wire";
}

void CardTest::OfferHost(uint32_t function, uint32_t queue, const Bytes& bytes) {
  for (int i = 0; i < kMaxSteps; ++i) {
    if (card_->FromHost(static_cast<int>(function), static_cast<int>(queue), bytes)) return;
    card_->Step(now_ns_);
  }
  FAIL() << "the card did not take " << bytes.size() << " bytes from the host";
}

uint32_t CardTest::Send(uint16_t port, size_t length) {
  const uint32_t id = next_id_++;
  Offer(MakeFrame({.dst4 = kIp, .dst_port = port, .length = length, .id = id}));
  Run();
  return id;
}

std::vector<uint32_t> CardTest::SendMany(uint16_t port, int count, size_t length) {
  std::vector<uint32_t> ids;
  for (int i = 0; i < count; ++i) {
    ids.push_back(next_id_++);
    Offer(MakeFrame({.dst4 = kIp, .dst_port = port, .length = length, .id = ids.back()}));
  }
  Run();
  return ids;
}

RxPacket CardTest::SendAndTake(const Bytes& frame) {
  Offer(frame);
  Run();
  auto packets = TakeHost();
  EXPECT_EQ(packets.size(), 1u);
  if (packets.size() != 1) return {.bytes = Bytes(regs::kPrefixBytes)};
  EXPECT_EQ(packets[0].frame(), frame);
  return packets[0];
}

std::vector<RxPacket> CardTest::TakeHost() { return std::exchange(to_host_, {}); }

std::vector<Bytes> CardTest::TakeWire() { return std::exchange(to_wire_, {}); }

std::vector<uint32_t> CardTest::TakeIds(const Place& place) {
  std::vector<uint32_t> ids;
  for (const RxPacket& packet : TakeHost()) {
    EXPECT_EQ(packet.function, static_cast<int>(place.function));
    EXPECT_EQ(packet.queue, static_cast<int>(place.queue));
    EXPECT_GT(packet.bytes.size(), regs::kPrefixBytes);
    EXPECT_FALSE(packet.is_mark());
    ids.push_back(FrameId(packet.bytes));
  }
  return ids;
}

RxPacket CardTest::TakeMark(const Place& place) {
  auto packets = TakeHost();
  EXPECT_EQ(packets.size(), 1u);
  if (packets.size() != 1) return {.bytes = Bytes(regs::kMarkBytes)};
  EXPECT_EQ(packets[0].function, static_cast<int>(place.function));
  EXPECT_EQ(packets[0].queue, static_cast<int>(place.queue));
  EXPECT_TRUE(packets[0].is_mark());
  return packets[0];
}

uint64_t CardTest::ReadCounter(uint32_t offset) {
  const uint64_t low = Read(offset);
  return low | uint64_t{Read(offset + 4)} << 32;
}

uint64_t CardTest::Count(uint32_t owner, OwnerCounter which) {
  Write(regs::kRegCounterSnapshot, owner);
  return ReadCounter(regs::kRegOwnerCounter(static_cast<uint32_t>(which)));
}

uint64_t CardTest::Count(GlobalCounter which) {
  Write(regs::kRegCounterSnapshot, 0);
  return ReadCounter(regs::kRegGlobalCounter(static_cast<uint32_t>(which)));
}

void CardTest::CheckConservation() {
  Run();
  uint64_t in = 0;
  for (const uint32_t owner : owners_) {
    Write(regs::kRegCounterSnapshot, owner);
    const auto read = [this](OwnerCounter which) {
      return ReadCounter(regs::kRegOwnerCounter(static_cast<uint32_t>(which)));
    };
    EXPECT_EQ(read(OwnerCounter::kIn),
              read(OwnerCounter::kDelivered) + read(OwnerCounter::kParked) +
                  read(OwnerCounter::kQueued) + read(OwnerCounter::kDropQuota) +
                  read(OwnerCounter::kDropNoCredit) + read(OwnerCounter::kDropDetached) +
                  read(OwnerCounter::kDropState) + read(OwnerCounter::kDropDiscarded))
        << "owner " << owner;
    EXPECT_EQ(read(OwnerCounter::kQueued), 0u) << "owner " << owner;
    EXPECT_EQ(read(OwnerCounter::kParked), Parked(owner)) << "owner " << owner;
    in += read(OwnerCounter::kIn);
  }
  const uint64_t rx = Count(GlobalCounter::kRxPackets);
  EXPECT_EQ(rx, frames_offered_);
  EXPECT_EQ(rx, in + Count(GlobalCounter::kRxMalformed) + Count(GlobalCounter::kRxOversize) +
                    Count(GlobalCounter::kRxMemoryFull) + Count(GlobalCounter::kRxRuleDrop));
  EXPECT_EQ(Count(GlobalCounter::kTxPackets), frames_to_wire_);
}

}  // namespace farrier::conformance
