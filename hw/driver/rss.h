#pragma once

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "hw/driver/card_info.h"
#include "hw/driver/csr_window.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// Toeplitz key, in the order of its bits.
using RssKey = std::array<uint8_t, 4 * regs::kRssKeyWords>;

// Queue of a packet: its owner's queue base + (entry[hash mod 512] mod the owner's queues). 0-15.
using RssTable = std::array<uint8_t, regs::kRssEntries>;

// What a card has after reset: the key of Microsoft's "Verifying the RSS Hash Calculation".
RssKey DefaultRssKey();

// And its table: entry i is i mod 16.
RssTable DefaultRssTable();

// How the card spreads owners' packets over their queues. One writer at a time (the LEASE). Same
// thread as the window, which outlives it.
class Rss {
 public:
  Rss(CsrWindow& window, const CardInfo& info) : window_(window), present_(info.capabilities.rss) {}

  // Brings key and table into use, both between two packets: until then the old ones are in use
  // unchanged. kFailedPrecondition on a card without RSS, kInvalidArgument.
  absl::Status Load(const RssKey& key, const RssTable& table);

 private:
  CsrWindow& window_;
  const bool present_;
};

}  // namespace farrier::driver
