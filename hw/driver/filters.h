#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/packet.h"
#include "hw/driver/csr_window.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// What an exact-match filter looks for. Addresses are numbers, most significant word first; IPv4
// uses the first word. LISTEN filters have no source.
struct FilterKey {
  regs::FilterTable table = regs::FilterTable::kV4Listen;
  uint8_t protocol = 17;
  uint16_t vlan = 0;  // 0: untagged
  uint16_t dst_port = 0;
  uint16_t src_port = 0;
  std::array<uint32_t, 4> dst{};
  std::array<uint32_t, 4> src{};

  friend bool operator==(const FilterKey&, const FilterKey&) = default;
};

// UDP over IPv4 to `ip`:`port`, from anybody.
FilterKey UdpListen(uint32_t ip, uint16_t port);

// Index of a key in a way of a table with `depth` entries per way, a power of two.
uint32_t FilterIndex(const FilterKey& key, uint32_t way, uint32_t depth);

// The card's exact-match filters. Nothing is cached: places are read from the card, so that whoever
// takes a card over works on what is there. One writer at a time (the LEASE). Same thread as the
// window, which outlives it.
class Filters {
 public:
  // `depth`: CardInfo::filter_depth.
  Filters(CsrWindow& window, const std::array<uint32_t, 4>& depth)
      : window_(window), depth_(depth) {}

  // Sends what matches `key` to `owner`, whatever it was before. Entries in the way move to another
  // of their places, and never miss meanwhile. kResourceExhausted, with how many entries there are
  // in how many places, if no place can be freed; a table takes at least 90% before that.
  absl::Status Install(const FilterKey& key, runtime::OwnerId owner);

  // Nothing if there is no such filter.
  absl::StatusOr<std::optional<runtime::OwnerId>> Find(const FilterKey& key);

  // kNotFound if there is none.
  absl::Status Remove(const FilterKey& key);

  // Places in use, all read one by one.
  absl::StatusOr<uint32_t> Count(regs::FilterTable table);

 private:
  struct Place {
    uint32_t way = 0;
    uint32_t index = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Entry {
    FilterKey key;
    runtime::OwnerId owner{};
  };

  absl::Status Check(const FilterKey& key) const;
  std::array<Place, regs::kFilterWays> Places(const FilterKey& key) const;
  absl::StatusOr<regs::FilterValue> ReadValue(regs::FilterTable table, Place place);
  absl::StatusOr<std::optional<Entry>> ReadPlace(regs::FilterTable table, Place place);
  absl::Status WritePlace(Place place, const Entry& entry);
  absl::Status ClearPlace(regs::FilterTable table, Place place);
  // Places that hold `key`: more than one if a move was cut short.
  absl::StatusOr<std::vector<Place>> Holders(const FilterKey& key);
  absl::Status InstallNew(const Entry& entry);

  CsrWindow& window_;
  const std::array<uint32_t, 4> depth_;
};

}  // namespace farrier::driver
