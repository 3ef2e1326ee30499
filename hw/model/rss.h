#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "hw/model/parser.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// Receive side scaling: the Toeplitz hash of a packet and the indirection table, each staged and in
// use, and their registers.
class Rss {
 public:
  Rss();

  // RSS_* registers. Nothing or false: a bad access.
  std::optional<uint32_t> Read(uint32_t offset) const;
  bool Write(uint32_t offset, uint32_t value);

  // Over source and destination IP, and the ports if the packet has them and is no fragment; 0 if
  // it is not IP.
  uint32_t Hash(const ParsedFrame& parsed) const;

  // The table's entry for a hash, 0-15.
  uint8_t Entry(uint32_t hash) const { return entries_[hash % regs::kRssEntries]; }

 private:
  static constexpr uint32_t kTableWords = regs::kRssEntries / 8;
  static constexpr size_t kTupleBytes = 2 * 16 + 2 * 2;

  struct Setting {
    std::array<uint32_t, regs::kRssKeyWords> key;
    std::array<uint32_t, kTableWords> table;
  };

  void Use();

  Setting staged_;
  Setting used_;
  // Of the setting in use: the hash is linear over XOR, so a byte's share is one table entry.
  std::array<std::array<uint32_t, 256>, kTupleBytes> share_;
  std::array<uint8_t, regs::kRssEntries> entries_;
};

}  // namespace farrier::model
