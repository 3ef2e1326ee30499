#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "hw/model/parser.h"
#include "hw/regs/registers.h"

namespace farrier::model {

inline constexpr size_t kFilterTables = 4;

// H3 hashes of one key for all ways: way w's 16 bits at 16 w. XOR of the hashes of disjoint parts.
using FilterHash = uint64_t;

// Hash of words [first, first + count) of a key whose other words are zero.
FilterHash HashKeyWords(const FilterKey& key, size_t first, size_t count);

// The four exact-match tables. An entry lives at a place (way, index); it is found only if the
// place is the one its key hashes to in that way. Places out of range are refused.
class FilterTables {
 public:
  struct Entry {
    FilterKey key{};
    uint8_t owner = 0;
    bool valid = false;
  };

  // Entries per way of each table, powers of two up to 65,536.
  explicit FilterTables(const std::array<uint32_t, kFilterTables>& depths);

  uint32_t depth(size_t table) const { return tables_[table].depth; }

  // Installs or clears one entry; IPv4 tables take the first four words of the key. False: no such
  // place.
  bool Commit(regs::FilterTable table, uint32_t way, uint32_t index, const Entry& entry);

  // The entry at a place, nothing if there is no such place.
  std::optional<Entry> Read(regs::FilterTable table, uint32_t way, uint32_t index) const;

  // Owner of a frame by its exact filters: FLOW first, then LISTEN. Nothing if none matches.
  std::optional<uint8_t> Lookup(const ParsedFrame& parsed) const;

 private:
  struct Table {
    uint32_t depth = 0;
    uint32_t used = 0;
    std::vector<Entry> entries;  // way * depth + index
  };

  std::optional<uint8_t> Find(const Table& table, const FilterKey& key, FilterHash hash) const;

  std::array<Table, kFilterTables> tables_;
};

}  // namespace farrier::model
