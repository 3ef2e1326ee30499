// The exact filters.

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

constexpr FilterTable kTables[] = {FilterTable::kV4Flow, FilterTable::kV4Listen,
                                   FilterTable::kV6Flow, FilterTable::kV6Listen};
constexpr Ipv6 kDst6 = {0xFD000000, 0x11111111, 0x22222222, 0x33333333};
constexpr Ipv6 kSrc6 = {0xFE800000, 0x44444444, 0x55555555, 0x66666666};

class FilterTest : public CardTest {
 protected:
  // Owners 0 (what matches nothing) to 3 deliver to function 0, queue 0.
  void SetUp() override {
    CardTest::SetUp();
    Grant(0, 0, 60'000);
    for (uint32_t owner = 0; owner < 4; ++owner) Attach(owner, {0, 0});
  }

  RxPacket Probe(FrameSpec spec) {
    if (spec.length == 60) spec.length = 100;
    return SendAndTake(MakeFrame(spec));
  }

  int OwnerOf(const FrameSpec& spec) { return Probe(spec).owner(); }

  static FrameSpec Ipv6Spec() { return {.ipv6 = true, .src6 = kSrc6, .dst6 = kDst6}; }

  static FilterKey Listen6Key(const FrameSpec& spec) {
    FilterKey key = FlowKey(spec);
    key[0] &= 0xFFFF;
    for (size_t i = 6; i < 10; ++i) key[i] = 0;
    return key;
  }

  // What a place holds: nothing, or owner and key.
  std::optional<std::pair<uint32_t, FilterKey>> ReadEntry(FilterTable table, uint32_t way,
                                                          uint32_t index) {
    Write(regs::kRegFilterRead,
          regs::FilterCommand{.index = index, .way = way, .table = static_cast<uint32_t>(table)}
              .Pack());
    Run();
    const auto value = regs::FilterValue::Unpack(Read(regs::kRegFilterValue));
    if (!value.valid) return std::nullopt;
    FilterKey key{};
    const bool ipv4 = table == FilterTable::kV4Flow || table == FilterTable::kV4Listen;
    for (uint32_t i = 0; i < (ipv4 ? 4 : 10); ++i) key[i] = Read(regs::kRegFilterKey(i));
    return std::pair(value.owner, key);
  }
};
FARRIER_ON_EVERY_CARD(FilterTest);

TEST_P(FilterTest, ListenMatchesAnySource) {
  Install(FilterTable::kV4Listen, ListenKey(kIp, 7000), 1);
  EXPECT_EQ(OwnerOf({.dst4 = kIp}), 1);
  EXPECT_EQ(OwnerOf({.src4 = 0xC0A80101, .dst4 = kIp, .src_port = 1}), 1);
  EXPECT_EQ(OwnerOf({.dst4 = kIp + 1}), 0);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .dst_port = 7001}), 0);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .protocol = 6}), 0);
}

TEST_P(FilterTest, FlowMatchesEveryField) {
  const FrameSpec spec = {.src4 = 0xC0A80101, .dst4 = kIp, .src_port = 1234, .dst_port = 80};
  Install(FilterTable::kV4Flow, FlowKey(spec), 1);
  EXPECT_EQ(OwnerOf(spec), 1);
  const auto differs = [&](auto change) {
    FrameSpec other = spec;
    change(other);
    EXPECT_EQ(OwnerOf(other), 0);
  };
  differs([](FrameSpec& s) { s.src4 ^= 1; });
  differs([](FrameSpec& s) { s.src4 ^= 0x80000000; });
  differs([](FrameSpec& s) { s.dst4 ^= 1; });
  differs([](FrameSpec& s) { s.src_port ^= 0x8000; });
  differs([](FrameSpec& s) { s.dst_port ^= 1; });
  differs([](FrameSpec& s) { s.protocol = 6; });
  differs([](FrameSpec& s) { s.vlans = {{0x8100, 5}}; });
}

TEST_P(FilterTest, Ipv6FlowAndListen) {
  const FrameSpec spec = Ipv6Spec();
  Install(FilterTable::kV6Listen, Listen6Key(spec), 1);
  EXPECT_EQ(OwnerOf(spec), 1);
  Install(FilterTable::kV6Flow, FlowKey(spec), 2);
  EXPECT_EQ(OwnerOf(spec), 2);
  for (size_t word = 0; word < 4; ++word) {
    FrameSpec other = spec;
    other.src6[word] ^= 1u << (7 * word);
    EXPECT_EQ(OwnerOf(other), 1) << "another source: LISTEN";
    other = spec;
    other.dst6[word] ^= 1u << (9 * word);
    EXPECT_EQ(OwnerOf(other), 0);
  }
  FrameSpec other = spec;
  other.src_port ^= 1;
  EXPECT_EQ(OwnerOf(other), 1);
}

TEST_P(FilterTest, FlowWinsOverListen) {
  const FrameSpec spec = {.dst4 = kIp};
  Install(FilterTable::kV4Listen, ListenKey(kIp, 7000), 1);
  Install(FilterTable::kV4Flow, FlowKey(spec), 2, 3);
  EXPECT_EQ(OwnerOf(spec), 2);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .src_port = 1}), 1);
}

TEST_P(FilterTest, TcpAndUdpAreToldApart) {
  Install(FilterTable::kV4Listen, ListenKey(kIp, 7000, 17), 1);
  Install(FilterTable::kV4Listen, ListenKey(kIp, 7000, 6), 2);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .protocol = 17}), 1);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .protocol = 6}), 2);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .protocol = 132}), 0);
}

TEST_P(FilterTest, TheOuterVlanIsPartOfTheKey) {
  Install(FilterTable::kV4Listen, ListenKey(kIp, 7000, 17, 5), 1);
  Install(FilterTable::kV4Listen, ListenKey(kIp, 7000, 17, 0), 2);
  Install(FilterTable::kV4Listen, ListenKey(kIp, 7000, 17, 4095), 3);
  EXPECT_EQ(OwnerOf({.dst4 = kIp}), 2);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .vlans = {{0x8100, 5}}}), 1);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .vlans = {{0x88A8, 5}}}), 1);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .vlans = {{0x8100, 0xE005}}}), 1) << "priority is not the id";
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .vlans = {{0x8100, 0x2000}}}), 2) << "priority tag: untagged";
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .vlans = {{0x8100, 6}}}), 0);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .vlans = {{0x88A8, 5}, {0x8100, 6}}}), 1);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .vlans = {{0x88A8, 6}, {0x8100, 5}}}), 0);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .vlans = {{0x8100, 4095}, {0x8100, 5}}}), 3);
  EXPECT_EQ(OwnerOf({.dst4 = kIp, .vlans = {{0x8100, 5}, {0x8100, 6}, {0x8100, 7}}}), 0)
      << "three tags are too many";
}

TEST_P(FilterTest, Ipv6BehindVlanTags) {
  FrameSpec spec = Ipv6Spec();
  spec.vlans = {{0x88A8, 100}, {0x8100, 200}};
  Install(FilterTable::kV6Flow, FlowKey(spec, 100), 1);
  const RxPacket packet = Probe(spec);
  EXPECT_EQ(packet.owner(), 1);
  EXPECT_EQ(packet.l3_offset(), 22);
  EXPECT_EQ(packet.l4_offset(), 62);
}

TEST_P(FilterTest, OptionsMoveThePorts) {
  Install(FilterTable::kV4Listen, ListenKey(kIp, 7000), 1);
  Install(FilterTable::kV4Listen, ListenKey(kIp, 7000, 17, 9), 2);
  for (uint32_t words = 0; words <= 10; ++words) {
    RxPacket packet = Probe({.dst4 = kIp, .option_words = words, .length = 120});
    EXPECT_EQ(packet.owner(), 1) << words;
    EXPECT_EQ(packet.l3_offset(), 14);
    EXPECT_EQ(packet.l4_offset(), 34 + 4 * words);
    packet = Probe(
        {.dst4 = kIp, .vlans = {{0x88A8, 9}, {0x8100, 1}}, .option_words = words, .length = 120});
    EXPECT_EQ(packet.owner(), 2) << words;
    EXPECT_EQ(packet.l3_offset(), 22);
    EXPECT_EQ(packet.l4_offset(), 42 + 4 * words);
  }
}

TEST_P(FilterTest, LaterFragmentsHaveNoPorts) {
  Install(FilterTable::kV4Listen, ListenKey(kIp, 7000), 1);
  const auto probe = [&](uint16_t word) { return Probe({.dst4 = kIp, .fragment_word = word}); };
  constexpr uint16_t kMore = 0x2000;
  constexpr uint16_t kDont = 0x4000;
  for (const uint16_t word : {0, int{kDont}, 0x8000}) {
    const RxPacket packet = probe(word);
    EXPECT_EQ(packet.owner(), 1);
    EXPECT_EQ(packet.flags(), 0);
    EXPECT_EQ(packet.l4_offset(), 34);
  }
  const RxPacket first = probe(kMore);
  EXPECT_EQ(first.owner(), 1);
  EXPECT_EQ(first.flags(), regs::prefix::kFlagFragment);
  EXPECT_EQ(first.l4_offset(), 34);
  for (const uint16_t word : {1, 0x100, 0x1FFF, kMore | 1, kMore | 0x1000}) {
    const RxPacket later = probe(word);
    EXPECT_EQ(later.owner(), 0);
    EXPECT_EQ(later.flags(), regs::prefix::kFlagFragment);
    EXPECT_EQ(later.l3_offset(), 14);
    EXPECT_EQ(later.l4_offset(), 0);
  }
}

TEST_P(FilterTest, AnEntryWorksInAnyWayAtItsOwnPlaceOnly) {
  const FrameSpec v4 = {.dst4 = kIp};
  const FrameSpec v6 = Ipv6Spec();
  for (const FilterTable table : kTables) {
    const bool ipv6 = table == FilterTable::kV6Flow || table == FilterTable::kV6Listen;
    const FrameSpec& spec = ipv6 ? v6 : v4;
    const FilterKey key = table == FilterTable::kV4Flow || table == FilterTable::kV6Flow
                              ? FlowKey(spec)
                          : ipv6 ? Listen6Key(spec)
                                 : ListenKey(kIp, 7000);
    const uint32_t depth = Read(regs::kRegFilterDepth(static_cast<uint32_t>(table)));
    ASSERT_EQ(depth & (depth - 1), 0u);
    for (uint32_t way = 0; way < regs::kFilterWays; ++way) {
      const uint32_t place = PlaceOf(table, key, way);
      Commit(table, key, way, place, 1 + way % 3);
      EXPECT_EQ(OwnerOf(spec), static_cast<int>(1 + way % 3));
      Commit(table, key, way, place, 0, false);
      EXPECT_EQ(OwnerOf(spec), 0);
      if (depth == 1) continue;
      const uint32_t elsewhere = (place + 1) & (depth - 1);
      Commit(table, key, way, elsewhere, 1);
      EXPECT_EQ(OwnerOf(spec), 0) << "table " << int(table) << " way " << way;
      Commit(table, key, way, elsewhere, 0, false);
    }
  }
}

TEST_P(FilterTest, AMovingEntryNeverMisses) {
  const FilterKey key = ListenKey(kIp, 7000);
  Install(FilterTable::kV4Listen, key, 1, 0);
  for (uint32_t i = 1; i < 12; ++i) {
    Install(FilterTable::kV4Listen, key, 1, i % 4);
    EXPECT_EQ(OwnerOf({.dst4 = kIp}), 1);
    const uint32_t old = (i - 1) % 4;
    Commit(FilterTable::kV4Listen, key, old, PlaceOf(FilterTable::kV4Listen, key, old), 0, false);
    EXPECT_EQ(OwnerOf({.dst4 = kIp}), 1);
  }
}

TEST_P(FilterTest, AnEntryIsReplacedWhole) {
  const FilterKey key = ListenKey(kIp, 7000);
  Install(FilterTable::kV4Listen, key, 1);
  Install(FilterTable::kV4Listen, key, 2);
  EXPECT_EQ(OwnerOf({.dst4 = kIp}), 2);
  // Another key in its place: the old one is gone.
  Commit(FilterTable::kV4Listen, ListenKey(kIp, 1), 0, PlaceOf(FilterTable::kV4Listen, key, 0), 3);
  EXPECT_EQ(OwnerOf({.dst4 = kIp}), 0);
}

TEST_P(FilterTest, StagingAloneChangesNothing) {
  const FilterKey key = ListenKey(kIp, 7000);
  Install(FilterTable::kV4Listen, key, 1);
  for (uint32_t i = 0; i < key.size(); ++i) Write(regs::kRegFilterKey(i), 0xFFFFFFFF);
  Write(regs::kRegFilterValue, regs::FilterValue{.owner = 3}.Pack());
  EXPECT_EQ(OwnerOf({.dst4 = kIp}), 1);
}

TEST_P(FilterTest, EntriesReadBack) {
  for (const FilterTable table : kTables) {
    const bool ipv4 = table == FilterTable::kV4Flow || table == FilterTable::kV4Listen;
    const uint32_t depth = Read(regs::kRegFilterDepth(static_cast<uint32_t>(table)));
    for (uint32_t way = 0; way < regs::kFilterWays; ++way) {
      for (const uint32_t index : {0u, depth - 1}) {
        FilterKey key{};
        for (uint32_t i = 0; i < (ipv4 ? 4u : 10u); ++i) {
          key[i] = 0x01010101 * (i + 1) + way + index;
        }
        key[1] &= 0xFFFFF;  // vlan id and protocol
        if (table == FilterTable::kV4Listen || table == FilterTable::kV6Listen) {
          key[0] &= 0xFFFF;
          for (uint32_t i = ipv4 ? 3 : 6; i < key.size(); ++i) key[i] = 0;
        }
        EXPECT_FALSE(ReadEntry(table, way, index));
        Commit(table, key, way, index, 77 + way);
        const auto entry = ReadEntry(table, way, index);
        ASSERT_TRUE(entry);
        EXPECT_EQ(entry->first, 77 + way);
        EXPECT_EQ(entry->second, key);
        Commit(table, key, way, index, 0, false);
        EXPECT_FALSE(ReadEntry(table, way, index));
      }
    }
  }
}

TEST_P(FilterTest, WhatNoKeyHasIsNotKept) {
  FilterKey key = ListenKey(kIp, 7000);
  const uint32_t index = PlaceOf(FilterTable::kV4Listen, key, 0);
  FilterKey staged = key;
  staged[0] |= 0xABCD0000;
  staged[1] |= 0xFFF00000;
  staged[3] = 0x0A000001;
  Commit(FilterTable::kV4Listen, staged, 0, index, 2);
  EXPECT_EQ(OwnerOf({.dst4 = kIp}), 2);
  const auto entry = ReadEntry(FilterTable::kV4Listen, 0, index);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->second, key);
}

TEST_P(FilterTest, PlacesBeyondTheDepthAreRefused) {
  const FilterKey key = ListenKey(kIp, 7000);
  uint64_t bad = Count(GlobalCounter::kCsrBadAccess);
  for (const FilterTable table : kTables) {
    const uint32_t depth = Read(regs::kRegFilterDepth(static_cast<uint32_t>(table)));
    if (depth > 0xFFFF) continue;
    for (const uint32_t index : {depth, depth + PlaceOf(table, key, 0), 0xFFFFu}) {
      if (index > 0xFFFF) continue;
      Commit(table, key, 0, index, 1);
      EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad);
      Write(regs::kRegFilterRead,
            regs::FilterCommand{.index = index, .table = static_cast<uint32_t>(table)}.Pack());
      EXPECT_EQ(Count(GlobalCounter::kCsrBadAccess), ++bad);
    }
  }
  EXPECT_EQ(OwnerOf({.dst4 = kIp}), 0);
}

TEST_P(FilterTest, ManyFlowsAreToldApart) {
  constexpr uint16_t kFlows = 300;
  int installed = 0;
  std::set<std::pair<uint32_t, uint32_t>> taken;
  std::vector<int> owner_of(kFlows, 0);
  for (uint16_t i = 0; i < kFlows; ++i) {
    const FrameSpec spec = {.src4 = 0x0A010000u + i * 7u, .dst4 = kIp, .src_port = i};
    const FilterKey key = FlowKey(spec);
    for (uint32_t way = 0; way < regs::kFilterWays; ++way) {
      if (!taken.emplace(way, PlaceOf(FilterTable::kV4Flow, key, way)).second) continue;
      owner_of[i] = 1 + i % 3;
      Install(FilterTable::kV4Flow, key, owner_of[i], way);
      ++installed;
      break;
    }
  }
  EXPECT_GT(installed, kFlows * 9 / 10);
  for (uint16_t i = 0; i < kFlows; ++i) {
    EXPECT_EQ(OwnerOf({.src4 = 0x0A010000u + i * 7u, .dst4 = kIp, .src_port = i}), owner_of[i])
        << i;
  }
}

}  // namespace
}  // namespace farrier::conformance
