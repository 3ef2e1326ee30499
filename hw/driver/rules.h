#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engines/runtime/packet.h"
#include "hw/driver/card_info.h"
#include "hw/driver/csr_window.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// The first `bits` of an address, which is a number, most significant word first; IPv4 uses the
// first word. No bits: any address of the family.
struct IpPrefix {
  bool v6 = false;
  std::array<uint32_t, 4> address{};
  uint32_t bits = 0;  // 0-32 or 0-128
};

// Both ends included.
struct Ports {
  uint16_t low = 0;
  uint16_t high = 65535;
  bool any() const { return low == 0 && high == 65535; }
};

// What a ternary rule looks for; what is not given does not count. Given ports match only packets
// that have ports. DSCP 0 and protocol 0 also match what is not IP: give an IpPrefix or EtherType
// with them.
struct RuleMatch {
  std::optional<std::array<uint8_t, 6>> dst_mac;
  std::optional<std::array<uint8_t, 6>> src_mac;
  std::optional<uint16_t> ether_type;  // behind all VLAN tags
  std::optional<bool> tagged;          // has a VLAN tag
  std::optional<uint16_t> vlan;        // id of the outermost tag, 0-4095
  std::optional<IpPrefix> dst_ip;
  std::optional<IpPrefix> src_ip;
  std::optional<uint8_t> protocol;
  std::optional<uint8_t> dscp;  // 0-63
  std::optional<bool> fragment;
  std::optional<bool> tunnel;
  std::optional<bool> bad_header;
  std::optional<bool> pony;
  Ports src_ports;
  Ports dst_ports;
};

// What becomes of the packets that match and that no exact filter takes.
struct RuleVerdict {
  std::optional<runtime::OwnerId> owner;  // nothing: the default owner
  bool drop = false;
  uint8_t pacing_class = 0;  // told in RxMetadata
};

struct Rule {
  RuleMatch match;
  RuleVerdict verdict;
};

// A rule as the card keeps it.
struct RuleWords {
  std::array<uint32_t, regs::kRuleWords> value{};
  std::array<uint32_t, regs::kRuleWords> mask{};
  regs::PortRange src_ports;
  regs::PortRange dst_ports;
  regs::RuleAction action;

  friend bool operator==(const RuleWords&, const RuleWords&) = default;
};

struct InstalledRule {
  RuleWords words;
  uint64_t hits = 0;  // packets it was the first to match
};

// kInvalidArgument, with what would be right, if the rule cannot be.
absl::StatusOr<RuleWords> Encode(const Rule& rule);

// The card's ternary rules; of those that match a packet the lowest index wins. Nothing is cached:
// whoever takes a card over works on what is there. One writer at a time (the LEASE). Same thread
// as the window, which outlives it. kFailedPrecondition on a card that has no rules.
class Rules {
 public:
  Rules(CsrWindow& window, const CardInfo& info)
      : window_(window), present_(info.capabilities.ternary) {}

  // Installs the rule at the first free index from `from` on, and returns the index.
  // kResourceExhausted.
  absl::StatusOr<uint32_t> Insert(const Rule& rule, uint32_t from = 0);

  // Puts the rule in the place of the one at `index`. A rule matches nothing while it is being
  // written, so the new one stands at a free index meanwhile, the next one behind if there is
  // any: for that time the rules between the two are looked at in another order.
  // kResourceExhausted without a free index, kNotFound if there is no rule at `index`.
  absl::Status Replace(uint32_t index, const Rule& rule);

  // kNotFound if there is none.
  absl::Status Remove(uint32_t index);

  // Nothing if there is none.
  absl::StatusOr<std::optional<InstalledRule>> Read(uint32_t index);

 private:
  absl::Status Check(uint32_t index) const;
  absl::StatusOr<bool> Installed(uint32_t index);
  absl::StatusOr<std::optional<uint32_t>> FindFree(uint32_t from);
  absl::Status Commit(uint32_t index, const RuleWords& words);
  absl::Status Clear(uint32_t index);

  CsrWindow& window_;
  const bool present_;
};

}  // namespace farrier::driver
