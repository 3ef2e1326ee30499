#include "hw/driver/filters.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_format.h"

namespace farrier::driver {
namespace {

using KeyWords = std::array<uint32_t, regs::kFilterKeyWords>;

// Entries looked at in search of one that can move: enough for 95% load (with four ways the
// expected path is two or three moves), and still some ten milliseconds over a CSR socket.
constexpr size_t kMaxSearch = 256;

bool IsV6(regs::FilterTable table) {
  return table == regs::FilterTable::kV6Flow || table == regs::FilterTable::kV6Listen;
}

bool IsListen(regs::FilterTable table) {
  return table == regs::FilterTable::kV4Listen || table == regs::FilterTable::kV6Listen;
}

size_t WordCount(regs::FilterTable table) { return IsV6(table) ? regs::kFilterKeyWords : 4; }

KeyWords Pack(const FilterKey& key) {
  KeyWords words{};
  words[0] = static_cast<uint32_t>(key.src_port) << 16 | key.dst_port;
  words[1] = static_cast<uint32_t>(key.vlan) << 8 | key.protocol;
  const size_t n = IsV6(key.table) ? 4 : 1;
  std::copy_n(key.dst.begin(), n, words.begin() + 2);
  std::copy_n(key.src.begin(), n, words.begin() + 2 + n);
  return words;
}

FilterKey Unpack(regs::FilterTable table, const KeyWords& words) {
  FilterKey key = {.table = table,
                   .protocol = static_cast<uint8_t>(words[1]),
                   .vlan = static_cast<uint16_t>(words[1] >> 8),
                   .dst_port = static_cast<uint16_t>(words[0]),
                   .src_port = static_cast<uint16_t>(words[0] >> 16)};
  const size_t n = IsV6(table) ? 4 : 1;
  std::copy_n(words.begin() + 2, n, key.dst.begin());
  std::copy_n(words.begin() + 2 + n, n, key.src.begin());
  return key;
}

const char* Name(regs::FilterTable table) {
  switch (table) {
    case regs::FilterTable::kV4Flow:
      return "V4_FLOW";
    case regs::FilterTable::kV4Listen:
      return "V4_LISTEN";
    case regs::FilterTable::kV6Flow:
      return "V6_FLOW";
    case regs::FilterTable::kV6Listen:
      return "V6_LISTEN";
  }
  return "?";
}

}  // namespace

FilterKey UdpListen(uint32_t ip, uint16_t port) {
  return {.table = regs::FilterTable::kV4Listen, .protocol = 17, .dst_port = port, .dst = {ip}};
}

uint32_t FilterIndex(const FilterKey& key, uint32_t way, uint32_t depth) {
  const KeyWords words = Pack(key);
  const int bits = std::countr_zero(depth);
  uint32_t index = 0;
  for (int bit = 0; bit < bits; ++bit) {
    uint32_t folded = 0;
    for (size_t i = 0; i < words.size(); ++i) {
      folded ^= words[i] & regs::kFilterHashMasks[way][bit][i];
    }
    index |= (std::popcount(folded) & 1u) << bit;
  }
  return index;
}

absl::Status Filters::Check(const FilterKey& key) const {
  if (static_cast<size_t>(key.table) >= depth_.size() ||
      depth_[static_cast<size_t>(key.table)] == 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("this card has no filter table %s", Name(key.table)));
  }
  if (key.vlan > 0xFFF) {
    return absl::InvalidArgumentError(absl::StrFormat("filter: VLAN %d is above 4095", key.vlan));
  }
  if (IsListen(key.table) && (key.src_port != 0 || key.src != FilterKey().src)) {
    return absl::InvalidArgumentError("filter: a LISTEN filter has no source address or port");
  }
  // Words that the table does not have would be lost on the way to the card.
  if (Unpack(key.table, Pack(key)) != key) {
    return absl::InvalidArgumentError("filter: an IPv4 address is one word");
  }
  return absl::OkStatus();
}

std::array<Filters::Place, regs::kFilterWays> Filters::Places(const FilterKey& key) const {
  std::array<Place, regs::kFilterWays> places;
  for (uint32_t way = 0; way < places.size(); ++way) {
    places[way] = {way, FilterIndex(key, way, depth_[static_cast<size_t>(key.table)])};
  }
  return places;
}

absl::StatusOr<regs::FilterValue> Filters::ReadValue(regs::FilterTable table, Place place) {
  const regs::FilterCommand command = {
      .index = place.index, .way = place.way, .table = static_cast<uint32_t>(table)};
  if (auto status = window_.Write(regs::kRegFilterRead, command.Pack()); !status.ok()) {
    return status;
  }
  const auto word = window_.Read(regs::kRegFilterValue);
  if (!word.ok()) return word.status();
  return regs::FilterValue::Unpack(*word);
}

absl::StatusOr<std::optional<Filters::Entry>> Filters::ReadPlace(regs::FilterTable table,
                                                                 Place place) {
  const auto value = ReadValue(table, place);
  if (!value.ok()) return value.status();
  if (!value->valid) return std::nullopt;
  KeyWords words{};
  for (size_t i = 0; i < WordCount(table); ++i) {
    const auto word = window_.Read(regs::kRegFilterKey(i));
    if (!word.ok()) return word.status();
    words[i] = *word;
  }
  return Entry{Unpack(table, words), static_cast<runtime::OwnerId>(value->owner)};
}

absl::StatusOr<uint32_t> Filters::Count(regs::FilterTable table) {
  uint32_t count = 0;
  for (uint32_t way = 0; way < regs::kFilterWays; ++way) {
    for (uint32_t index = 0; index < depth_[static_cast<size_t>(table)]; ++index) {
      const auto value = ReadValue(table, {way, index});
      if (!value.ok()) return value.status();
      count += value->valid;
    }
  }
  return count;
}

absl::Status Filters::WritePlace(Place place, const Entry& entry) {
  const KeyWords words = Pack(entry.key);
  for (size_t i = 0; i < WordCount(entry.key.table); ++i) {
    if (auto s = window_.Write(regs::kRegFilterKey(i), words[i]); !s.ok()) return s;
  }
  const regs::FilterValue value = {.owner = static_cast<uint32_t>(entry.owner)};
  if (auto s = window_.Write(regs::kRegFilterValue, value.Pack()); !s.ok()) return s;
  const regs::FilterCommand command = {.index = place.index,
                                       .way = place.way,
                                       .table = static_cast<uint32_t>(entry.key.table),
                                       .valid = 1};
  if (auto s = window_.Write(regs::kRegFilterCommit, command.Pack()); !s.ok()) return s;
  // The card refuses silently; a move must not go on over an entry that was not copied.
  const auto now = ReadPlace(entry.key.table, place);
  if (!now.ok()) return now.status();
  if (*now && (*now)->key == entry.key && (*now)->owner == entry.owner) return absl::OkStatus();
  return absl::InternalError(absl::StrFormat("the card did not take a filter at %s way %d index %d",
                                             Name(entry.key.table), place.way, place.index));
}

absl::Status Filters::ClearPlace(regs::FilterTable table, Place place) {
  const regs::FilterCommand command = {
      .index = place.index, .way = place.way, .table = static_cast<uint32_t>(table)};
  return window_.Write(regs::kRegFilterCommit, command.Pack());
}

absl::StatusOr<std::vector<Filters::Place>> Filters::Holders(const FilterKey& key) {
  std::vector<Place> holders;
  for (const Place place : Places(key)) {
    const auto entry = ReadPlace(key.table, place);
    if (!entry.ok()) return entry.status();
    if (*entry && (*entry)->key == key) holders.push_back(place);
  }
  return holders;
}

absl::StatusOr<std::optional<runtime::OwnerId>> Filters::Find(const FilterKey& key) {
  if (auto status = Check(key); !status.ok()) return status;
  for (const Place place : Places(key)) {
    const auto entry = ReadPlace(key.table, place);
    if (!entry.ok()) return entry.status();
    if (*entry && (*entry)->key == key) return (*entry)->owner;
  }
  return std::nullopt;
}

absl::Status Filters::Install(const FilterKey& key, runtime::OwnerId owner) {
  if (auto status = Check(key); !status.ok()) return status;
  const auto holders = Holders(key);
  if (!holders.ok()) return holders.status();
  if (holders->empty()) return InstallNew({key, owner});
  for (const Place place : *holders) {
    if (auto status = WritePlace(place, {key, owner}); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Filters::InstallNew(const Entry& entry) {
  // Breadth first over "its occupant could move there", until a free place is found: the
  // shortest chain of moves. A node is a place and how it was reached.
  struct Node {
    Place place;
    int parent;
    Entry occupant;
  };
  std::vector<Node> nodes;
  int free_parent = -1;
  std::optional<Place> free;
  const auto visit = [&](const FilterKey& key, int parent) -> absl::Status {
    for (const Place place : Places(key)) {
      const bool seen =
          std::ranges::any_of(nodes, [&](const Node& node) { return node.place == place; });
      if (seen) continue;
      const auto occupant = ReadPlace(key.table, place);
      if (!occupant.ok()) return occupant.status();
      if (!*occupant) {
        free = place;
        free_parent = parent;
        return absl::OkStatus();
      }
      nodes.push_back({place, parent, **occupant});
    }
    return absl::OkStatus();
  };
  if (auto status = visit(entry.key, -1); !status.ok()) return status;
  for (size_t next = 0; !free && next < nodes.size() && nodes.size() < kMaxSearch; ++next) {
    const FilterKey occupant = nodes[next].occupant.key;
    if (auto status = visit(occupant, static_cast<int>(next)); !status.ok()) return status;
  }
  if (!free) {
    const auto count = Count(entry.key.table);
    if (!count.ok()) return count.status();
    return absl::ResourceExhaustedError(absl::StrFormat(
        "filter table %s is full: %d of %d places are in use, and none of %d entries looked at can "
        "move to make room; remove filters",
        Name(entry.key.table), *count,
        depth_[static_cast<size_t>(entry.key.table)] * regs::kFilterWays, nodes.size()));
  }
  // From the free end backwards: each occupant is copied before its old place is overwritten.
  Place to = *free;
  for (int at = free_parent; at >= 0; at = nodes[at].parent) {
    if (auto status = WritePlace(to, nodes[at].occupant); !status.ok()) return status;
    to = nodes[at].place;
  }
  return WritePlace(to, entry);
}

absl::Status Filters::Remove(const FilterKey& key) {
  if (auto status = Check(key); !status.ok()) return status;
  const auto holders = Holders(key);
  if (!holders.ok()) return holders.status();
  if (holders->empty()) {
    return absl::NotFoundError(
        absl::StrFormat("no such filter in table %s (port %d)", Name(key.table), key.dst_port));
  }
  for (const Place place : *holders) {
    if (auto status = ClearPlace(key.table, place); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace farrier::driver
