#include "hw/model/rss.h"

#include <utility>

namespace farrier::model {
namespace {

// The key of Microsoft's "Verifying the RSS Hash Calculation".
constexpr std::array<uint32_t, regs::kRssKeyWords> kDefaultKey = {
    0x6D5A56DA, 0x255B0EC2, 0x4167253D, 0x43A38FB0, 0xD0CA2BCB,
    0xAE7B30B4, 0x77CB2DA3, 0x8030F20C, 0x6A42B73B, 0xBEAC01FA};
constexpr uint32_t kDefaultTableWord = 0x76543210;  // entry i is i mod 16
constexpr uint32_t kDefaultTableStep = 0x88888888;  // between even and odd words

// The 32 bits of the key from bit `at` on, which is counted from the first byte's uppermost.
uint32_t Window(const std::array<uint32_t, regs::kRssKeyWords>& key, size_t at) {
  const size_t word = at / 32;
  const uint64_t both = uint64_t{key[word]} << 32 | (word + 1 < key.size() ? key[word + 1] : 0);
  return static_cast<uint32_t>(both >> (32 - at % 32));
}

}  // namespace

Rss::Rss() {
  used_.key = kDefaultKey;
  for (uint32_t word = 0; word < kTableWords; ++word) {
    used_.table[word] = kDefaultTableWord + word % 2 * kDefaultTableStep;
  }
  staged_ = used_;
  Use();
}

std::optional<uint32_t> Rss::Read(uint32_t offset) const {
  if (offset % 4 != 0) return std::nullopt;
  const uint32_t key = (offset - regs::kRegRssKey(0)) / 4;
  if (offset >= regs::kRegRssKey(0) && key < regs::kRssKeyWords) return staged_.key[key];
  const uint32_t word = (offset - regs::kRegRssTable(0)) / 4;
  if (offset >= regs::kRegRssTable(0) && word < kTableWords) return staged_.table[word];
  return std::nullopt;
}

bool Rss::Write(uint32_t offset, uint32_t value) {
  if (offset == regs::kRegRssCommit) {
    std::swap(staged_, used_);
    Use();
    return true;
  }
  if (!Read(offset)) return false;
  if (offset < regs::kRegRssTable(0)) {
    staged_.key[(offset - regs::kRegRssKey(0)) / 4] = value;
  } else {
    staged_.table[(offset - regs::kRegRssTable(0)) / 4] = value;
  }
  return true;
}

void Rss::Use() {
  for (size_t byte = 0; byte < kTupleBytes; ++byte) {
    auto& share = share_[byte];
    share[0] = 0;
    for (size_t bit = 0; bit < 8; ++bit) {
      const uint32_t window = Window(used_.key, 8 * byte + 7 - bit);
      for (size_t value = 0; value < size_t{1} << bit; ++value) {
        share[value + (size_t{1} << bit)] = share[value] ^ window;
      }
    }
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    entries_[i] = used_.table[i / 8] >> (4 * (i % 8)) & 0xF;
  }
}

uint32_t Rss::Hash(const ParsedFrame& parsed) const {
  uint32_t hash = 0;
  size_t byte = 0;
  const auto add = [&](uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) hash ^= share_[byte++][word >> shift & 0xFF];
  };
  if (parsed.network == Network::kNone) return 0;
  const size_t words = parsed.network == Network::kIpv4 ? 1 : 4;
  for (size_t i = 0; i < words; ++i) add(parsed.src_ip[i]);
  for (size_t i = 0; i < words; ++i) add(parsed.dst_ip[i]);
  if (parsed.has_ports() && !parsed.fragment) {
    add(uint32_t{parsed.src_port} << 16 | parsed.dst_port);
  }
  return hash;
}

}  // namespace farrier::model
