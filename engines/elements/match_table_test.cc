#include "engines/elements/match_table.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "engines/elements/testing/harness.h"
#include "engines/elements/testing/reference.h"

namespace farrier::elements {
namespace {

using testing::Bytes;
using testing::FrameSpec;
using testing::MakeFrame;

Prefix PrefixOf(const std::string& address, int bits) {
  const Bytes bytes = testing::AddressBytes(address);
  Prefix prefix = {.v6 = bytes.size() == 16, .bits = bits};
  std::copy(bytes.begin(), bytes.end(), prefix.address.begin());
  return prefix;
}

// An end that keeps the verdict on each frame.
class Matcher final : public Element {
 public:
  // Of the frames that come, those that `parsed` says have been parsed.
  Matcher(std::span<const Match> rules, bool avx2, std::function<bool(size_t)> parsed)
      : Element("matcher", 0), table_(rules, avx2), parsed_(std::move(parsed)) {}
  void Push(runtime::Nanoseconds, Batch batch) override {
    for (size_t i = 0; i < batch.size(); ++i) {
      if (parsed_(i)) batch[i]->Parsed();
    }
    std::array<uint8_t, kMaxBatch> verdicts;
    table_.Find(batch, verdicts);
    found.insert(found.end(), verdicts.begin(), verdicts.begin() + batch.size());
  }
  std::vector<CounterRef> Counters() override { return {}; }
  std::vector<int> found;

 private:
  MatchTable table_;
  std::function<bool(size_t)> parsed_;
};

// With and without AVX2, and whichever of the frames have been parsed before.
std::vector<int> Find(const std::vector<Match>& rules, const std::vector<Bytes>& frames) {
  Matcher portable(rules, false, [](size_t) { return false; });
  testing::PushFrames(portable, frames);
  if (!NibbleTables::Supported()) return portable.found;
  for (const size_t parsed : {0, 1, 2, 5}) {
    Matcher matcher(rules, true, [parsed](size_t i) { return i % 3 == parsed; });
    testing::PushFrames(matcher, frames);
    EXPECT_EQ(matcher.found, portable.found) << "by AVX2; parsed before: i % 3 == " << parsed;
  }
  return portable.found;
}

bool Suits(const Match& rule, const FrameSpec& spec) {
  return Find({rule}, {MakeFrame(spec)})[0] == 0;
}

TEST(Match, TheFirstRuleThatMatchesCounts) {
  const std::vector<Match> rules = {{.protocol = 6}, {.dscp = 10}, {.protocol = 17}, {}};
  EXPECT_EQ(Find(rules, {MakeFrame({.protocol = 6, .dscp = 10}), MakeFrame({.dscp = 10}),
                         MakeFrame({}), MakeFrame({.protocol = 1})}),
            (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(Find({}, {MakeFrame({})}), std::vector<int>{MatchTable::kNoRule});
}

TEST(Match, AddressesMatchUpToTheLengthOfThePrefix) {
  for (int bits = 0; bits <= 32; ++bits) {
    const Match rule = {.destination = PrefixOf("10.77.3.129", bits)};
    EXPECT_TRUE(Suits(rule, {.destination = "10.77.3.129"})) << bits;
    if (bits == 0) continue;
    // The last bit that counts is another.
    const uint32_t other = (10u << 24 | 77 << 16 | 3 << 8 | 129) ^ 1u << (32 - bits);
    const std::string text = std::to_string(other >> 24) + "." + std::to_string(other >> 16 & 255) +
                             "." + std::to_string(other >> 8 & 255) + "." +
                             std::to_string(other & 255);
    EXPECT_FALSE(Suits(rule, {.destination = text})) << bits << " " << text;
  }
  const Match v6 = {.source = PrefixOf("2001:db8:0:ff00::", 56)};
  EXPECT_TRUE(Suits(v6, {.source = "2001:db8:0:ff12::1", .destination = "::1"}));
  EXPECT_FALSE(Suits(v6, {.source = "2001:db8:0:fe12::1", .destination = "::1"}));
  EXPECT_FALSE(Suits({.source = PrefixOf("0.0.0.0", 0)}, {.source = "::1", .destination = "::1"}));
  EXPECT_FALSE(Suits({.source = PrefixOf("::", 0)}, {}));
}

TEST(Match, PortRangesIncludeTheirEnds) {
  const Match rule = {.destination_ports = PortRange{500, 1023}};
  for (const auto& [port, suits] : std::vector<std::pair<uint16_t, bool>>{
           {499, false}, {500, true}, {512, true}, {1023, true}, {1024, false}, {65535, false}}) {
    EXPECT_EQ(Suits(rule, {.destination_port = port}), suits) << port;
    EXPECT_EQ(Suits(rule, {.protocol = 6, .destination_port = port}), suits) << port;
  }
  EXPECT_FALSE(Suits({.source_ports = PortRange{0, 65535}}, {.protocol = 1})) << "has no ports";
}

TEST(Match, EveryRangeOfPortsHasTheTwoEndsThatItSays) {
  for (const uint32_t first : {0, 1, 255, 256, 1000, 4095, 4096, 32768, 65534, 65535}) {
    for (const uint32_t last : {0, 1, 254, 255, 511, 1023, 4095, 4096, 65534, 65535}) {
      if (last < first) continue;
      const Match rule = {.source_ports =
                              PortRange{static_cast<uint16_t>(first), static_cast<uint16_t>(last)}};
      std::vector<Bytes> frames;
      std::vector<int> expected;
      for (const uint32_t port : {0u, first - 1, first, first + 1, first ^ 4096, (first + last) / 2,
                                  last ^ 16, last - 1, last, last + 1, 65535u}) {
        if (port > UINT16_MAX) continue;
        frames.push_back(MakeFrame({.source_port = static_cast<uint16_t>(port)}));
        expected.push_back(first <= port && port <= last ? 0 : int{MatchTable::kNoRule});
      }
      EXPECT_EQ(Find({rule}, frames), expected) << first << "-" << last;
    }
  }
}

TEST(Match, AnyNumberOfRulesAndFramesCanBeCompared) {
  // Rule i is about destination port i alone.
  std::vector<Match> rules;
  for (size_t n = 0; n <= MatchTable::kMaxRules; ++n) {
    for (const size_t size : {size_t{1}, size_t{15}, size_t{16}, size_t{17}, kMaxBatch}) {
      std::vector<Bytes> frames;
      std::vector<int> expected;
      for (size_t i = 0; i < size; ++i) {
        const size_t port = (7 * i + n) % (n + 2);
        frames.push_back(MakeFrame({.destination_port = static_cast<uint16_t>(port)}));
        expected.push_back(port < n ? static_cast<int>(port) : int{MatchTable::kNoRule});
      }
      ASSERT_EQ(Find(rules, frames), expected) << n << " rules, " << size << " frames";
    }
    const auto port = static_cast<uint16_t>(n);
    rules.push_back({.destination_ports = PortRange{port, port}});
  }
}

TEST(Match, TheOuterTagsIdCountsAndTheTypeBehindUpToTwo) {
  const Match rule = {.ether_type = 0x0800, .vlan = 5};
  EXPECT_TRUE(Suits(rule, {.vlans = {5}}));
  EXPECT_TRUE(Suits(rule, {.vlans = {5, 9}}));
  EXPECT_TRUE(Suits(rule, {.vlans = {5}, .tag_type = 0x88A8}));
  EXPECT_FALSE(Suits(rule, {.vlans = {9, 5}}));
  EXPECT_FALSE(Suits(rule, {.vlans = {5, 9, 9}})) << "the third tag is what is behind two";
  EXPECT_FALSE(Suits({.vlan = 0}, {})) << "no tag is not tag 0";
}

TEST(Match, PortsAreFoundBehindOptionsAndExtensionHeaders) {
  const Match rule = {.protocol = 17, .destination_ports = PortRange{53, 53}};
  EXPECT_TRUE(Suits(rule, {.destination_port = 53, .options = 10}));
  FrameSpec v6 = {.source = "::1", .destination = "::2", .destination_port = 53};
  v6.extensions = {0, 43, 60, 60};
  EXPECT_TRUE(Suits(rule, v6));
  v6.extensions.push_back(60);
  EXPECT_FALSE(Suits(rule, v6)) << "a fifth extension header is not read";
  EXPECT_TRUE(Suits({.protocol = 60}, v6));
}

TEST(Match, OnlyTheFirstFragmentHasPorts) {
  const Match port = {.destination_ports = PortRange{2000, 2000}};
  const Match fragment = {.protocol = 17, .fragment = true};
  for (const bool v6 : {false, true}) {
    FrameSpec first = {.more_fragments = true};
    if (v6) {
      first.source = first.destination = "::1";
      first.extensions = {44};
    }
    FrameSpec later = first;
    later.fragment_offset = 3;
    later.more_fragments = false;
    EXPECT_TRUE(Suits(port, first));
    EXPECT_FALSE(Suits(port, later));
    EXPECT_TRUE(Suits(fragment, first));
    EXPECT_TRUE(Suits(fragment, later));
    EXPECT_FALSE(Suits({.fragment = false}, first));
  }
  EXPECT_FALSE(Suits(fragment, {}));
  EXPECT_TRUE(Suits({.fragment = false}, {}));
}

TEST(Match, AMalformedFrameMatchesNothing) {
  Bytes frame = MakeFrame({});
  frame[14] = 0x44;  // a header of 16 bytes
  EXPECT_EQ(Find({{}}, {frame, Bytes(13), Bytes()}), std::vector<int>(3, MatchTable::kMalformed));
  EXPECT_EQ(Find({}, {frame}), std::vector<int>{MatchTable::kMalformed});
  EXPECT_EQ(Find({{}}, {Bytes(14)}), std::vector<int>{0}) << "an empty frame of type 0 is not";
}

// Random rules on random frames, against the reference.

class RandomMatch : public ::testing::TestWithParam<uint64_t> {
 protected:
  uint32_t Upto(uint32_t most) { return static_cast<uint32_t>(random_() % (uint64_t{most} + 1)); }
  template <typename T>
  T OneOf(std::initializer_list<T> values) {
    return values.begin()[Upto(static_cast<uint32_t>(values.size()) - 1)];
  }
  std::string Address(bool v6) {
    return v6 ? OneOf<const char*>({"2001:db8::1", "2001:db8::8000:0:0:1", "fe80::1", "::", "::1"})
              : OneOf<const char*>(
                    {"10.0.0.1", "10.0.128.1", "10.1.0.1", "192.168.0.1", "0.0.0.0"});
  }

  static PortRange Ports(uint32_t first, uint32_t last) {
    return {static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
  }

  Match Rule() {
    Match rule;
    const bool v6 = Upto(2) == 0;
    if (Upto(3) == 0) rule.ether_type = OneOf<uint16_t>({0x0800, 0x86DD, 0x0806, 0x8100, 0});
    if (Upto(5) == 0) rule.vlan = OneOf<uint16_t>({0, 1, 256, 4095});
    if (Upto(2) == 0) rule.source = PrefixOf(Address(v6), Upto(v6 ? 128 : 32));
    if (Upto(2) == 0) rule.destination = PrefixOf(Address(v6), Upto(v6 ? 128 : 32));
    if (Upto(3) == 0) rule.protocol = OneOf<uint8_t>({1, 6, 17, 43, 44, 58, 60});
    if (Upto(5) == 0) rule.dscp = OneOf<uint8_t>({0, 8, 46, 63});
    if (Upto(5) == 0) rule.fragment = Upto(1) == 0;
    for (auto* ports : {&rule.source_ports, &rule.destination_ports}) {
      if (Upto(3) != 0) continue;
      const uint32_t first = Upto(1200);
      switch (Upto(2)) {
        case 0:
          *ports = Ports(first, first);
          break;
        case 1:
          *ports = Ports(first & ~255u, first | 255);
          break;
        default:
          *ports = Ports(first, first + Upto(Upto(1) == 0 ? 1200 : UINT16_MAX - first));
      }
    }
    return rule;
  }

  Bytes ValidFrame() {
    FrameSpec spec;
    const bool v6 = Upto(2) == 0;
    for (uint32_t i = Upto(3); i > 1; --i) spec.vlans.push_back(OneOf<uint16_t>({0, 1, 256, 4095}));
    spec.tag_type = OneOf<uint16_t>({0x8100, 0x88A8});
    spec.source = Address(v6);
    spec.destination = Address(v6);
    spec.protocol = OneOf<uint8_t>({1, 6, 17, 17, 58});
    spec.source_port = static_cast<uint16_t>(Upto(Upto(3) == 0 ? UINT16_MAX : 2500));
    spec.destination_port = static_cast<uint16_t>(Upto(Upto(3) == 0 ? UINT16_MAX : 2500));
    spec.dscp = OneOf<uint8_t>({0, 8, 46, 63});
    spec.payload = Upto(40);
    bool may_be_fragment = !v6;
    if (v6) {
      for (uint32_t i = Upto(5); i > 0; --i) {
        spec.extensions.push_back(OneOf<uint8_t>({0, 43, 44, 60}));
        may_be_fragment |= spec.extensions.back() == 44;
      }
    } else {
      spec.options = static_cast<int>(Upto(1) * Upto(10));
    }
    if (may_be_fragment && Upto(3) == 0) {
      spec.more_fragments = Upto(1) == 0;
      spec.fragment_offset = static_cast<uint16_t>(Upto(1) * Upto(100));
    }
    return MakeFrame(spec);
  }

  Bytes AnyFrame() {
    if (Upto(9) == 0) {
      Bytes rubbish(Upto(80));
      for (uint8_t& byte : rubbish) byte = static_cast<uint8_t>(random_());
      return rubbish;
    }
    Bytes frame = ValidFrame();
    for (uint32_t i = Upto(3); i > 2; --i) frame[Upto(frame.size() - 1)] ^= 1 << Upto(7);
    if (Upto(3) == 0) frame.resize(Upto(frame.size() + 10));
    return frame;
  }

  void Check(const std::vector<Match>& rules, const std::vector<Bytes>& frames) {
    const std::vector<int> found = Find(rules, frames);
    ASSERT_EQ(found.size(), frames.size());
    for (size_t i = 0; i < frames.size(); ++i) {
      const testing::Facts facts = testing::FactsOf(frames[i]);
      int expected = 0;
      while (expected < static_cast<int>(rules.size()) &&
             !testing::Matches(rules[expected], facts)) {
        ++expected;
      }
      matched_ += expected < static_cast<int>(rules.size());
      if (expected == static_cast<int>(rules.size())) expected = MatchTable::kNoRule;
      if (facts.malformed) expected = MatchTable::kMalformed;
      malformed_ += facts.malformed;
      ASSERT_EQ(found[i], expected)
          << "seed " << GetParam() << " frame " << ::testing::PrintToString(frames[i]);
    }
  }

  std::mt19937_64 random_{GetParam()};
  int matched_ = 0;
  int malformed_ = 0;
};

TEST_P(RandomMatch, FindsTheRuleThatTheReferenceFinds) {
  for (int round = 0; round < 40; ++round) {
    std::vector<Match> rules(Upto(MatchTable::kMaxRules));
    for (Match& rule : rules) rule = Rule();
    std::vector<Bytes> frames(1 + Upto(200));
    for (Bytes& frame : frames) frame = AnyFrame();
    Check(rules, frames);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(matched_, 400);
  EXPECT_GT(malformed_, 400);
}

TEST_P(RandomMatch, CopesWithAFrameCutOffAnywhere) {
  std::vector<Match> rules(MatchTable::kMaxRules);
  for (Match& rule : rules) rule = Rule();
  for (int i = 0; i < 20; ++i) {
    const Bytes whole = ValidFrame();
    std::vector<Bytes> frames;
    for (size_t size = 0; size <= whole.size(); ++size) {
      frames.emplace_back(whole.begin(), whole.begin() + size);
    }
    Check(rules, frames);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomMatch, ::testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace farrier::elements
