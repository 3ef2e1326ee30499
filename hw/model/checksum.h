#pragma once

#include <cstdint>
#include <span>

#include "hw/model/parser.h"
#include "hw/regs/registers.h"

namespace farrier::model {

struct ChecksumStates {
  regs::ChecksumState l3 = regs::ChecksumState::kUnchecked;
  regs::ChecksumState l4 = regs::ChecksumState::kUnchecked;

  uint8_t Pack() const {  // as in the prefix
    return static_cast<uint8_t>(static_cast<unsigned>(l3) | static_cast<unsigned>(l4) << 2);
  }
  friend bool operator==(const ChecksumStates&, const ChecksumStates&) = default;
};

// Verifies what a frame carries; `parsed` is what ParseFrame says of it.
//
// L3: IPv4 GOOD or BAD, IPv6 NONE, else UNCHECKED. L4: UNCHECKED without l4_offset, of a fragment
// and behind an IPv6 routing header; UDP without a checksum is NONE over IPv4 and, for tunnels (RFC
// 6935), over IPv6, where it is BAD otherwise; else GOOD or BAD over pseudo header and segment.
ChecksumStates VerifyChecksums(std::span<const uint8_t> frame, const ParsedFrame& parsed);

// Fills in the checksums that a frame has a place for, except where VerifyChecksums would not look.
void InsertChecksums(std::span<uint8_t> frame, const ParsedFrame& parsed);

}  // namespace farrier::model
