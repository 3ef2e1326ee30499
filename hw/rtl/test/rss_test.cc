#include <Vrss.h>
#include <rte_thash.h>

#include <array>
#include <deque>
#include <optional>

#include "hw/regs/registers.h"
#include "hw/rtl/test/bench.h"
#include "hw/rtl/test/classify.h"

namespace farrier::rtl {
namespace {

using Key = std::array<uint8_t, 40>;

// Microsoft's, out of "Verifying the RSS hash calculation".
constexpr Key kPublishedKey = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                               0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                               0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                               0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

uint32_t KeyWord(const Key& key, size_t i) {
  return uint32_t{key[4 * i]} << 24 | key[4 * i + 1] << 16 | key[4 * i + 2] << 8 | key[4 * i + 3];
}

struct Answer {
  uint32_t hash = 0;
  uint32_t entry = 0;
  friend bool operator==(const Answer&, const Answer&) = default;
};

void PrintTo(const Answer& answer, std::ostream* out) {
  *out << std::hex << answer.hash << " -> " << answer.entry;
}

// What software has set, in the reference.
struct Setting {
  Key key = kPublishedKey;
  std::array<uint8_t, regs::kRssEntries> table{};

  Setting() {
    for (size_t i = 0; i < table.size(); ++i) table[i] = i % 16;
  }

  Answer Look(const Classify& packet) const {
    uint32_t hash = 0;
    if (packet.ipv4 || packet.ipv6) {
      const size_t words = packet.ipv4 ? 1 : 4;
      std::array<uint32_t, 9> tuple{};
      std::copy_n(packet.src_ip.begin(), words, tuple.begin());
      std::copy_n(packet.dst_ip.begin(), words, tuple.begin() + words);
      tuple[2 * words] = uint32_t{packet.src_port} << 16 | packet.dst_port;
      const bool ports = packet.has_ports && !packet.fragment;
      hash = rte_softrss(tuple.data(), 2 * words + ports, key.data());
    }
    return {hash, table[hash % table.size()]};
  }
};

class RssBench {
 protected:
  RssBench() {
    for (int i = 0; !rss_->ready_o; ++i) {
      if (i == 20'000) {
        ADD_FAILURE() << "never ready";
        break;
      }
      rss_.Tick();
    }
  }

  // One cycle; answers come four cycles after their packets.
  void Clock(const std::optional<Classify>& packet) {
    rss_->valid_i = packet.has_value();
    if (packet) packet->Write(rss_->classify_i);
    rss_.Tick();
    answer_ = {rss_->hash_o, rss_->entry_o};
  }

  Answer Look(const Classify& packet) {
    Clock(packet);
    for (int i = 0; i < 3; ++i) Clock(std::nullopt);
    return answer_;
  }

  template <typename Clocking>
  BlockAnswer Access(bool write, uint32_t address, uint32_t data, Clocking clock) {
    return AccessBlock(*rss_.operator->(), write, address, data, clock);
  }
  BlockAnswer Access(bool write, uint32_t address, uint32_t data = 0) {
    return Access(write, address, data, [&] { Clock(std::nullopt); });
  }
  void Write(uint32_t address, uint32_t data) { EXPECT_FALSE(Access(true, address, data).bad); }
  uint32_t Read(uint32_t address) {
    const BlockAnswer answer = Access(false, address);
    EXPECT_FALSE(answer.bad);
    return answer.data;
  }

  static Classify Draw(Random& random) {
    Classify packet;
    for (uint32_t& word : packet.src_ip) word = static_cast<uint32_t>(random.Next());
    for (uint32_t& word : packet.dst_ip) word = static_cast<uint32_t>(random.Next());
    packet.src_port = static_cast<uint16_t>(random.Next());
    packet.dst_port = static_cast<uint16_t>(random.Next());
    packet.fragment = random.Chance(20);
    packet.has_ports = random.Chance(80);
    const uint64_t family = random.Below(10);
    packet.ipv4 = family < 5;
    packet.ipv6 = family >= 5 && family < 9;
    return packet;
  }

  Bench<Vrss> rss_;
  Answer answer_;
};

class RssTest : public testing::Test, protected RssBench {};
class RssRandomTest : public SeededTest, protected RssBench {};

struct Published {
  bool ipv6;
  std::array<uint32_t, 4> src, dst;
  uint16_t src_port, dst_port;
  uint32_t with_ports, without_ports;
};

constexpr Published kPublished[] = {
    {false, {0x420995bb}, {0xa18e6450}, 2794, 1766, 0x51ccc178, 0x323e8fc2},
    {false, {0xc75c6f02}, {0x41458c53}, 14230, 4739, 0xc626b0ea, 0xd718262a},
    {false, {0x1813c65f}, {0x0c16cfb8}, 12898, 38024, 0x5c2b394a, 0xd2d0a5de},
    {false, {0x261bcd1e}, {0xd18ea306}, 48228, 2217, 0xafc7327f, 0x82989176},
    {false, {0x9927a3bf}, {0xcabc7f02}, 44251, 1303, 0x10e828a2, 0x5d1809c5},
    {true,
     {0x3ffe2501, 0x02001fff, 0, 7},
     {0x3ffe2501, 0x02000003, 0, 1},
     2794,
     1766,
     0x40207d3d,
     0x2cc18cd5},
    {true,
     {0x3ffe0501, 0x00080000, 0x026097ff, 0xfe40efab},
     {0xff020000, 0, 0, 1},
     14230,
     4739,
     0xdde51bbf,
     0x0f0c461c},
    {true,
     {0x3ffe1900, 0x45450003, 0x0200f8ff, 0xfe2167cf},
     {0xfe800000, 0, 0x0200f8ff, 0xfe2167cf},
     44251,
     38024,
     0x02d1feef,
     0x4b61e985},
};

TEST_F(RssTest, PassesThePublishedVerificationSuite) {
  for (const Published& known : kPublished) {
    Classify packet = {.src_port = known.src_port,
                       .dst_port = known.dst_port,
                       .src_ip = known.src,
                       .dst_ip = known.dst,
                       .ipv6 = known.ipv6,
                       .ipv4 = !known.ipv6,
                       .has_ports = true};
    EXPECT_EQ(Look(packet).hash, known.with_ports);
    EXPECT_EQ(Look(packet).entry, known.with_ports % 512 % 16);
    packet.fragment = true;
    EXPECT_EQ(Look(packet).hash, known.without_ports);
    packet.fragment = packet.has_ports = false;
    EXPECT_EQ(Look(packet).hash, known.without_ports);
    packet.ipv4 = packet.ipv6 = false;
    EXPECT_EQ(Look(packet), (Answer{0, 0}));
  }
}

TEST_F(RssTest, RegistersReadTheStagedHalf) {
  for (uint32_t i = 0; i < regs::kRssKeyWords; ++i) {
    EXPECT_EQ(Read(regs::kRegRssKey(i)), KeyWord(kPublishedKey, i));
    Write(regs::kRegRssKey(i), i + 1);
  }
  for (uint32_t i = 0; i < 64; ++i) {
    EXPECT_EQ(Read(regs::kRegRssTable(i)), i % 2 == 0 ? 0x76543210 : 0xFEDCBA98);
    Write(regs::kRegRssTable(i), 0x10101010 * i);
  }
  for (uint32_t i = 0; i < regs::kRssKeyWords; ++i) EXPECT_EQ(Read(regs::kRegRssKey(i)), i + 1);
  for (uint32_t i = 0; i < 64; ++i) EXPECT_EQ(Read(regs::kRegRssTable(i)), 0x10101010 * i);
  Write(regs::kRegRssCommit, 0);  // what was in use is staged now
  EXPECT_EQ(Read(regs::kRegRssKey(3)), KeyWord(kPublishedKey, 3));
  EXPECT_EQ(Read(regs::kRegRssTable(1)), 0xFEDCBA98);
  Write(regs::kRegRssCommit, 0);
  EXPECT_EQ(Read(regs::kRegRssKey(3)), 4u);
  EXPECT_EQ(Read(regs::kRegRssTable(1)), 0x10101010u);
}

TEST_F(RssTest, HolesAreBad) {
  for (const uint32_t hole : {0x42Cu, 0x43Cu, 0x540u, 0x5FCu}) {
    EXPECT_TRUE(Access(false, hole).bad) << hole;
    EXPECT_TRUE(Access(true, hole).bad) << hole;
  }
  EXPECT_TRUE(Access(false, regs::kRegRssCommit).bad);
}

// Packets in every cycle while software writes and commits: every packet is looked up by what was
// in use when it came, key and table together.
TEST_P(RssRandomTest, AgreesWithSoftrssWhileSoftwareCommits) {
  Random random(GetParam());
  Setting in_use, staged;
  std::deque<std::optional<Answer>> expected(3);
  int looked = 0;
  const auto clock = [&] {
    std::optional<Classify> packet;
    if (random.Chance(90)) packet = Draw(random);
    expected.push_back(packet ? std::optional(in_use.Look(*packet)) : std::nullopt);
    Clock(packet);
    if (expected.front()) {
      ASSERT_EQ(answer_, *expected.front());
      ++looked;
    }
    expected.pop_front();
  };
  for (int round = 0; round < 6; ++round) {
    for (uint32_t i = 0; i < regs::kRssKeyWords && round % 3 != 2; ++i) {
      for (size_t at = 4 * i; at < 4 * i + 4; ++at) {
        staged.key[at] = static_cast<uint8_t>(random.Next());
      }
      Access(true, regs::kRegRssKey(i), KeyWord(staged.key, i), clock);
    }
    for (uint32_t i = 0; i < 64; ++i) {
      if (random.Chance(50)) continue;
      const auto word = static_cast<uint32_t>(random.Next());
      for (size_t j = 0; j < 8; ++j) staged.table[8 * i + j] = word >> (4 * j) & 0xF;
      Access(true, regs::kRegRssTable(i), word, clock);
    }
    for (int i = 0; i < 100; ++i) clock();
    // In use from the cycle after the answer on.
    Access(true, regs::kRegRssCommit, 0, clock);
    std::swap(in_use, staged);
    for (int i = 0; i < 500; ++i) clock();
    if (HasFailure()) FAIL() << "round " << round;
  }
  EXPECT_GT(looked, 5'000);
}

FARRIER_SEEDS(RssRandomTest);

}  // namespace
}  // namespace farrier::rtl
