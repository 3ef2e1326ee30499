#include <Vfilter_exact.h>

#include <array>
#include <bit>
#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "hw/regs/registers.h"
#include "hw/rtl/test/bench.h"
#include "hw/rtl/test/classify.h"

namespace farrier::rtl {
namespace {

using regs::FilterTable;
using Key = std::array<uint32_t, regs::kFilterKeyWords>;

constexpr uint32_t kDepth[] = {64, 16, 32, 8};  // as Verilated
constexpr int kLatency = 4;

bool IsListen(FilterTable table) {
  return table == FilterTable::kV4Listen || table == FilterTable::kV6Listen;
}

FilterTable TableOf(const Classify& packet, bool listen) {
  if (packet.ipv6) return listen ? FilterTable::kV6Listen : FilterTable::kV6Flow;
  return listen ? FilterTable::kV4Listen : FilterTable::kV4Flow;
}

Key KeyOf(const Classify& packet, FilterTable table) {
  Key key = packet.FilterKey();
  if (IsListen(table)) {
    key[0] &= 0xFFFF;
    std::fill(key.begin() + (packet.ipv6 ? 6 : 3), key.end(), 0);
  }
  return key;
}

struct Place {
  FilterTable table;
  uint32_t way, index;
  friend auto operator<=>(const Place&, const Place&) = default;
};

Place PlaceOf(FilterTable table, const Key& key, uint32_t way) {
  uint32_t hash = 0;
  for (uint32_t bit = 0; bit < 16; ++bit) {
    int ones = 0;
    for (size_t word = 0; word < key.size(); ++word) {
      ones += std::popcount(key[word] & regs::kFilterHashMasks[way][bit][word]);
    }
    hash |= static_cast<uint32_t>(ones & 1) << bit;
  }
  return {table, way, hash & (kDepth[static_cast<size_t>(table)] - 1)};
}

struct Entry {
  Key key{};
  uint8_t owner = 0;
};

class FilterExactTest : public SeededTest {
 protected:
  FilterExactTest() {
    filter_->clear_i = 1;
    for (uint16_t i = 0; i < 64; ++i) {
      filter_->clear_index_i = i;
      filter_.Tick();
    }
    filter_->clear_i = 0;
    expected_.resize(kLatency - 1);
  }

  struct Request {
    bool commit = false, read = false;
    Place place{};
    std::optional<Entry> entry;
  };

  void Drive(const Request& request) {
    Bits bits(filter_->filter_i);
    const Entry entry = request.entry.value_or(Entry{});
    for (const uint32_t word : entry.key) bits.Put(32, word);
    bits.Put(8, entry.owner);
    bits.Put(1, request.entry.has_value());
    bits.Put(16, request.place.index);
    bits.Put(2, request.place.way);
    bits.Put(2, static_cast<uint64_t>(request.place.table));
    bits.Put(1, request.read);
    bits.Put(1, request.commit);
  }

  std::optional<uint8_t> Find(const Classify& packet) const {
    for (const bool listen : {false, true}) {
      const FilterTable table = TableOf(packet, listen);
      const Key key = KeyOf(packet, table);
      for (uint32_t way = 0; way < regs::kFilterWays; ++way) {
        const auto at = entries_.find(PlaceOf(table, key, way));
        if (at != entries_.end() && at->second.key == key) return at->second.owner;
      }
    }
    return std::nullopt;
  }

  // One cycle with a packet or none and a request or none. What is committed in a cycle counts for
  // that cycle's packet.
  void Clock(const std::optional<Classify>& packet, const Request& request) {
    if (request.commit) {
      if (request.entry) {
        entries_[request.place] = *request.entry;
      } else {
        entries_.erase(request.place);
      }
    }
    Drive(request);
    filter_->valid_i = packet.has_value();
    if (packet) packet->Write(filter_->classify_i);
    expected_.push_back(packet ? std::make_optional(Find(*packet)) : std::nullopt);
    filter_.Tick();
    if (expected_.front()) {
      const auto& owner = *expected_.front();
      ++looked_;
      hits_ += owner.has_value();
      ASSERT_EQ(filter_->hit_o, owner.has_value());
      if (owner) {
        ASSERT_EQ(filter_->owner_o, *owner);
      }
    }
    expected_.pop_front();
  }

  // A flow out of a few, so that they come again.
  Classify Flow(uint32_t number) const {
    const auto noise = [&](uint32_t salt) {
      const uint32_t product = (number + 97 * salt) * 2654435761u;
      return product ^ product >> 15;
    };
    Classify flow = {.src_port = static_cast<uint16_t>(noise(1)),
                     .dst_port = static_cast<uint16_t>(number % 8 < 4 ? 7000 : noise(2)),
                     .protocol = static_cast<uint8_t>(number % 3 == 0 ? 6 : 17),
                     .vlan = static_cast<uint16_t>(number % 5 == 0 ? noise(3) & 0xFFF : 0),
                     .ipv6 = number % 2 == 1,
                     .ipv4 = number % 2 == 0,
                     .has_ports = true};
    for (size_t i = 0; i < (flow.ipv6 ? 4u : 1u); ++i) {
      flow.src_ip[i] = noise(static_cast<uint32_t>(10 + i));
      flow.dst_ip[i] = number % 8 < 4 ? 0x0A000002 : noise(static_cast<uint32_t>(20 + i));
    }
    return flow;
  }

  Bench<Vfilter_exact> filter_;
  std::map<Place, Entry> entries_;
  std::deque<std::optional<std::optional<uint8_t>>> expected_;
  int looked_ = 0;
  int hits_ = 0;
};

TEST_P(FilterExactTest, AgreesWithTheReferenceInEveryCycleWhileSoftwareWrites) {
  Random random(GetParam());
  constexpr uint32_t kFlows = 60;
  for (int cycle = 0; cycle < 8'000; ++cycle) {
    Request request;
    if (random.Chance(30)) {
      const Classify flow = Flow(static_cast<uint32_t>(random.Below(kFlows)));
      const FilterTable table = TableOf(flow, random.Chance(40));
      const Key key = KeyOf(flow, table);
      request.commit = true;
      request.place = PlaceOf(table, key, static_cast<uint32_t>(random.Below(4)));
      if (random.Chance(20)) request.place.index ^= 1;  // where it is never found
      if (random.Chance(60)) request.entry = {key, static_cast<uint8_t>(random.Next())};
    }
    std::optional<Classify> packet;
    if (random.Chance(95)) {
      packet = Flow(static_cast<uint32_t>(random.Below(kFlows)));
      if (random.Chance(10)) packet->vlan ^= 1 << random.Below(12);
      if (random.Chance(10)) packet->src_ip[0] ^= 1u << random.Below(32);
    }
    Clock(packet, request);
    if (HasFatalFailure()) FAIL() << "cycle " << cycle;
  }
  EXPECT_GT(hits_, 1'500);
  EXPECT_GT(looked_ - hits_, 1'000);
}

TEST_P(FilterExactTest, AnEntryThatMovesNeverMisses) {
  Random random(GetParam());
  const Classify flow = Flow(GetParam());
  const FilterTable table = TableOf(flow, random.Chance(50));
  const Key key = KeyOf(flow, table);
  uint32_t way = 0;
  bool twice = false;
  Clock(std::nullopt, {.commit = true, .place = PlaceOf(table, key, way), .entry = Entry{key, 42}});
  for (int cycle = 0; cycle < 3'000; ++cycle) {
    Request request;
    if (random.Chance(50)) {
      request.commit = true;
      if (twice) {  // the old one goes
        request.place = PlaceOf(table, key, way);
        way = (way + 1) % 4;
      } else {
        request.place = PlaceOf(table, key, (way + 1) % 4);
        request.entry = {key, 42};
      }
      twice = !twice;
    }
    Clock(flow, request);
    ASSERT_TRUE(Find(flow));
    if (HasFatalFailure()) FAIL() << "cycle " << cycle;
  }
  EXPECT_EQ(hits_, looked_);
}

TEST_P(FilterExactTest, EntriesReadBackBetweenPackets) {
  Random random(GetParam());
  for (int i = 0; i < 300; ++i) {
    const auto table = static_cast<FilterTable>(random.Below(4));
    const Place place = {table, static_cast<uint32_t>(random.Below(4)),
                         static_cast<uint32_t>(random.Below(kDepth[static_cast<size_t>(table)]))};
    const bool ipv4 = table == FilterTable::kV4Flow || table == FilterTable::kV4Listen;
    Entry entry = {.owner = static_cast<uint8_t>(random.Next())};
    for (size_t word = 0; word < (ipv4 ? 4u : 10u); ++word) {
      entry.key[word] = static_cast<uint32_t>(random.Next());
    }
    Entry kept = entry;
    kept.key[1] &= 0xFFFFF;
    if (IsListen(table)) {
      kept.key[0] &= 0xFFFF;
      std::fill(kept.key.begin() + (ipv4 ? 3 : 6), kept.key.end(), 0);
    }
    const bool valid = random.Chance(80);
    Clock(std::nullopt,
          {.commit = true, .place = place, .entry = valid ? std::optional(entry) : std::nullopt});
    Entry read;
    bool read_valid = false;
    for (bool done = false; !done;) {
      const bool gap = random.Chance(10);
      Drive({.read = true, .place = place});
      filter_->valid_i = !gap;
      filter_.Tick();
      Bits bits(filter_->filter_o);
      for (uint32_t& word : read.key) word = static_cast<uint32_t>(bits.Get(32));
      read.owner = static_cast<uint8_t>(bits.Get(8));
      read_valid = bits.Get(1);
      done = bits.Get(1);
    }
    filter_->valid_i = 0;
    Drive({});
    filter_.Tick();
    ASSERT_EQ(read_valid, valid);
    if (!valid) continue;
    ASSERT_EQ(read.owner, kept.owner);
    for (size_t word = 0; word < (ipv4 ? 4u : 10u); ++word) {
      ASSERT_EQ(read.key[word], kept.key[word]) << "table " << int(table) << " word " << word;
    }
  }
}

TEST_P(FilterExactTest, WhatSoftwareReadsIsNoPacketsHit) {
  const Classify flow = Flow(GetParam());
  const FilterTable table = TableOf(flow, true);
  const Key key = KeyOf(flow, table);
  const Place place = PlaceOf(table, key, 0);
  Clock(std::nullopt, {.commit = true, .place = place, .entry = Entry{key, 42}});
  Clock(flow, {});
  for (int cycle = 0; cycle < 8; ++cycle) Clock(std::nullopt, {});
  EXPECT_EQ(hits_, 1);
  for (int cycle = 0; cycle < 20; ++cycle) {  // packets without ports may pass in any of them
    Clock(std::nullopt, {.read = true, .place = place});
    ASSERT_FALSE(filter_->hit_o) << "cycle " << cycle;
  }
}

FARRIER_SEEDS(FilterExactTest);

}  // namespace
}  // namespace farrier::rtl
