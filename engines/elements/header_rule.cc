#include "engines/elements/header_rule.h"

#include <algorithm>
#include <cstring>

#include "engines/elements/bytes.h"

namespace farrier::elements {
namespace {

uint64_t Word(const uint8_t* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

bool Contains(const std::optional<PortRange>& range, const std::array<uint8_t, 2>& bytes) {
  if (!range) return true;
  const uint16_t port = Load16(bytes.data());
  return range->first <= port && port <= range->last;
}

}  // namespace

HeaderRule::HeaderRule(const Match& match) {
  Ask(offsetof(Headers, flags), Headers::kMalformed, 0);
  if (match.ether_type) AskWord(offsetof(Headers, ether_type), 0xFFFF, *match.ether_type);
  if (match.vlan) {
    AskFlags(Headers::kTagged);
    AskWord(offsetof(Headers, vlan), 0xFFFF, *match.vlan);
  }
  if (match.source) {
    AskPrefix(match.source->v6 ? offsetof(Headers, source_v6) : offsetof(Headers, source_v4),
              *match.source);
  }
  if (match.destination) {
    AskPrefix(match.destination->v6 ? offsetof(Headers, destination_v6)
                                    : offsetof(Headers, destination_v4),
              *match.destination);
  }
  if (match.protocol || match.dscp || match.fragment) AskFlags(Headers::kIp);
  if (match.protocol) Ask(offsetof(Headers, protocol), 0xFF, *match.protocol);
  if (match.dscp) Ask(offsetof(Headers, dscp), 0xFF, *match.dscp);
  if (match.source_ports) {
    AskPorts(offsetof(Headers, source_port), *match.source_ports, source_ports);
  }
  if (match.destination_ports) {
    AskPorts(offsetof(Headers, destination_port), *match.destination_ports, destination_ports);
  }
  if (match.fragment) {
    Ask(offsetof(Headers, flags), Headers::kFragment, *match.fragment ? Headers::kFragment : 0);
  }
}

void HeaderRule::Ask(size_t byte, uint8_t bits, uint8_t wanted) {
  mask[byte] |= bits;
  value[byte] |= wanted & bits;
}

void HeaderRule::AskWord(size_t byte, uint16_t bits, uint16_t wanted) {
  Ask(byte, bits >> 8, wanted >> 8);
  Ask(byte + 1, bits & 0xFF, wanted & 0xFF);
}

void HeaderRule::AskPrefix(size_t byte, const Prefix& prefix) {
  AskFlags(prefix.v6 ? Headers::kV6 : Headers::kV4);
  for (int i = 0; 8 * i < prefix.bits; ++i) {
    const int bits = std::min(prefix.bits - 8 * i, 8);
    Ask(byte + i, static_cast<uint8_t>(0xFF00 >> bits), prefix.address[i]);
  }
}

void HeaderRule::AskPorts(size_t byte, const PortRange& range,
                          std::optional<PortRange>& otherwise) {
  AskFlags(Headers::kPorts);
  // A mask can say it if the range is all ports that begin with the same bits: most are of one
  // port.
  const uint16_t others = range.first ^ range.last;
  if ((others & (others + 1)) == 0 && (range.first & others) == 0) {
    AskWord(byte, static_cast<uint16_t>(~others), range.first);
  } else {
    otherwise = range;
  }
}

bool HeaderRule::Matches(const Headers& headers) const {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&headers);
  for (size_t i = 0; i < sizeof(Headers); i += sizeof(uint64_t)) {
    if ((Word(bytes + i) & Word(&mask[i])) != Word(&value[i])) return false;
  }
  return Contains(source_ports, headers.source_port) &&
         Contains(destination_ports, headers.destination_port);
}

}  // namespace farrier::elements
