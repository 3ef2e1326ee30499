#include "hw/model/filter_table.h"

#include <algorithm>
#include <bit>

namespace farrier::model {
namespace {

constexpr size_t kWordBytes = 4;
constexpr size_t kIpv4KeyWords = 4;
constexpr size_t kHashBits = 16;

// H3 is linear over XOR, so a byte's share of all four hashes is one table entry.
struct ByteShares {
  std::array<std::array<FilterHash, 256>, regs::kFilterKeyWords * kWordBytes> share{};

  ByteShares() {
    for (size_t byte = 0; byte < share.size(); ++byte) {
      const size_t word = byte / kWordBytes;
      const size_t shift = 8 * (byte % kWordBytes);
      for (uint32_t value = 0; value < 256; ++value) {
        FilterHash hash = 0;
        for (size_t way = 0; way < regs::kFilterWays; ++way) {
          for (size_t bit = 0; bit < kHashBits; ++bit) {
            const uint32_t selected = regs::kFilterHashMasks[way][bit][word] & (value << shift);
            if (std::popcount(selected) & 1) hash |= FilterHash{1} << (kHashBits * way + bit);
          }
        }
        share[byte][value] = hash;
      }
    }
  }
};

bool IsIpv4(regs::FilterTable table) {
  return table == regs::FilterTable::kV4Flow || table == regs::FilterTable::kV4Listen;
}

}  // namespace

FilterHash HashKeyWords(const FilterKey& key, size_t first, size_t count) {
  static const ByteShares shares;
  FilterHash hash = 0;
  for (size_t word = first; word < first + count; ++word) {
    for (size_t byte = 0; byte < kWordBytes; ++byte) {
      hash ^= shares.share[word * kWordBytes + byte][(key[word] >> (8 * byte)) & 0xFF];
    }
  }
  return hash;
}

FilterTables::FilterTables(const std::array<uint32_t, kFilterTables>& depths) {
  for (size_t i = 0; i < kFilterTables; ++i) {
    tables_[i].depth = depths[i];
    tables_[i].entries.resize(size_t{depths[i]} * regs::kFilterWays);
  }
}

bool FilterTables::Commit(regs::FilterTable which, uint32_t way, uint32_t index,
                          const Entry& entry) {
  Table& table = tables_[static_cast<size_t>(which)];
  if (way >= regs::kFilterWays || index >= table.depth) return false;
  Entry& place = table.entries[size_t{way} * table.depth + index];
  table.used -= place.valid;
  place = entry.valid ? entry : Entry{};
  const size_t source = IsIpv4(which) ? 3 : 6;
  if (IsIpv4(which)) std::fill(place.key.begin() + kIpv4KeyWords, place.key.end(), 0);
  place.key[1] &= kKeyVlanProtocolMask;
  if (which == regs::FilterTable::kV4Listen || which == regs::FilterTable::kV6Listen) {
    place.key[0] &= ~kKeySourcePortMask;
    std::fill(place.key.begin() + source, place.key.end(), 0);
  }
  table.used += place.valid;
  return true;
}

std::optional<FilterTables::Entry> FilterTables::Read(regs::FilterTable which, uint32_t way,
                                                      uint32_t index) const {
  const Table& table = tables_[static_cast<size_t>(which)];
  if (way >= regs::kFilterWays || index >= table.depth) return std::nullopt;
  return table.entries[size_t{way} * table.depth + index];
}

std::optional<uint8_t> FilterTables::Find(const Table& table, const FilterKey& key,
                                          FilterHash hash) const {
  for (size_t way = 0; way < regs::kFilterWays; ++way) {
    const uint32_t index = (hash >> (kHashBits * way)) & (table.depth - 1);
    const Entry& entry = table.entries[way * table.depth + index];
    if (entry.valid && entry.key == key) return entry.owner;
  }
  return std::nullopt;
}

std::optional<uint8_t> FilterTables::Lookup(const ParsedFrame& parsed) const {
  if (!parsed.has_ports()) return std::nullopt;
  const bool ipv4 = parsed.network == Network::kIpv4;
  const Table& flow =
      tables_[static_cast<size_t>(ipv4 ? regs::FilterTable::kV4Flow : regs::FilterTable::kV6Flow)];
  const Table& listen = tables_[static_cast<size_t>(ipv4 ? regs::FilterTable::kV4Listen
                                                         : regs::FilterTable::kV6Listen)];
  if (flow.used == 0 && listen.used == 0) return std::nullopt;

  const size_t address_words = ipv4 ? 1 : 4;
  const FilterKey flow_key = FlowKeyOf(parsed);
  FilterKey key = flow_key;
  key[0] &= ~kKeySourcePortMask;
  FilterHash hash = HashKeyWords(key, 0, 2 + address_words);
  if (flow.used != 0) {
    const FilterKey source = {flow_key[0] & kKeySourcePortMask};
    const FilterHash whole = hash ^ HashKeyWords(source, 0, 1) ^
                             HashKeyWords(flow_key, 2 + address_words, address_words);
    if (const auto owner = Find(flow, flow_key, whole)) return owner;
  }
  if (listen.used == 0) return std::nullopt;
  std::fill(key.begin() + 2 + address_words, key.end(), 0);
  return Find(listen, key, hash);
}

}  // namespace farrier::model
