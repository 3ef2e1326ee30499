#include "engines/elements/testing/reference.h"

#include <set>

namespace farrier::elements::testing {
namespace {

struct Malformed {};

// Bytes that are asked for what they do not have throw.
struct Stretch {
  Bytes bytes;

  int Byte(size_t at) const {
    if (at >= bytes.size()) throw Malformed();
    return bytes[at];
  }
  int Word(size_t at) const { return Byte(at) * 256 + Byte(at + 1); }
  // `size` bytes from `at` on.
  Stretch Part(size_t at, size_t size) const {
    if (at > bytes.size() || size > bytes.size() - at) throw Malformed();
    return {Bytes(bytes.begin() + at, bytes.begin() + at + size)};
  }
  Stretch From(size_t at) const {
    if (at > bytes.size()) throw Malformed();
    return Part(at, bytes.size() - at);
  }
};

void ReadTransport(const Stretch& segment, Facts& facts) {
  int length = 0;
  int least = 0;
  if (facts.protocol == 17) {
    segment.Part(0, 8);
    length = segment.Word(4);
    least = 8;
  } else if (facts.protocol == 6) {
    segment.Part(0, 20);
    length = segment.Byte(12) / 16 * 4;
    least = 20;
  } else {
    return;
  }
  if (length < least) throw Malformed();
  if (!facts.fragment) segment.Part(0, length);
  facts.source_port = segment.Word(0);
  facts.destination_port = segment.Word(2);
}

void ReadIpv4(const Stretch& rest, Facts& facts) {
  const int words = rest.Part(0, 20).Byte(0) % 16;
  if (rest.Byte(0) / 16 != 4 || words < 5) throw Malformed();
  const Stretch packet = rest.Part(0, rest.Word(2));
  const Stretch segment = packet.From(4 * words);
  facts.version = 4;
  facts.dscp = packet.Byte(1) / 4;
  facts.protocol = packet.Byte(9);
  facts.source = packet.Part(12, 4).bytes;
  facts.destination = packet.Part(16, 4).bytes;
  const int offset = packet.Word(6) % 8192;
  facts.fragment = offset != 0 || packet.Word(6) / 8192 % 2 == 1;
  if (offset == 0) ReadTransport(segment, facts);
}

void ReadIpv6(const Stretch& rest, Facts& facts) {
  if (rest.Part(0, 40).Byte(0) / 16 != 6) throw Malformed();
  Stretch segment = rest.Part(40, rest.Word(4));
  facts.version = 6;
  facts.dscp = rest.Word(0) / 64 % 64;
  facts.source = rest.Part(8, 16).bytes;
  facts.destination = rest.Part(24, 16).bytes;
  facts.protocol = rest.Byte(6);
  const std::set<int> extensions = {0, 43, 44, 60};
  for (int n = 1; extensions.count(*facts.protocol) > 0; ++n) {
    if (n > 4) return;
    const bool fragment = facts.protocol == 44;
    const int size = fragment ? 8 : 8 * (segment.Byte(1) + 1);
    const Stretch header = segment.Part(0, size);
    facts.protocol = header.Byte(0);
    if (fragment) {
      facts.fragment = true;
      if (header.Word(2) / 8 != 0) return;
    }
    segment = segment.From(size);
  }
  ReadTransport(segment, facts);
}

bool InPrefix(const Prefix& prefix, int version, const Bytes& address) {
  if (version != (prefix.v6 ? 6 : 4)) return false;
  for (int bit = 0; bit < prefix.bits; ++bit) {
    const int shift = 7 - bit % 8;
    if ((address[bit / 8] >> shift) % 2 != (prefix.address[bit / 8] >> shift) % 2) return false;
  }
  return true;
}

bool InRange(const PortRange& range, std::optional<int> port) {
  return port && range.first <= *port && *port <= range.last;
}

}  // namespace

Facts FactsOf(const Bytes& frame) {
  Facts facts;
  const Stretch whole = {frame};
  try {
    whole.Part(0, 14);
    size_t at = 12;
    for (int tag = 1; tag <= 2; ++tag) {
      const bool tagged = whole.Word(at) == 0x8100 || whole.Word(at) == 0x88A8;
      if (!tagged || frame.size() < at + 6) break;
      if (tag == 1) facts.vlan = whole.Word(at + 2) % 4096;
      at += 4;
    }
    facts.ether_type = whole.Word(at);
    if (facts.ether_type == 0x0800) ReadIpv4(whole.From(at + 2), facts);
    if (facts.ether_type == 0x86DD) ReadIpv6(whole.From(at + 2), facts);
  } catch (const Malformed&) {
    facts.malformed = true;
  }
  return facts;
}

bool Matches(const Match& rule, const Facts& facts) {
  if (facts.malformed) return false;
  if (rule.ether_type && facts.ether_type != *rule.ether_type) return false;
  if (rule.vlan && facts.vlan != *rule.vlan) return false;
  if (rule.source && !InPrefix(*rule.source, facts.version, facts.source)) return false;
  if (rule.destination && !InPrefix(*rule.destination, facts.version, facts.destination)) {
    return false;
  }
  if (rule.protocol && facts.protocol != *rule.protocol) return false;
  if (rule.source_ports && !InRange(*rule.source_ports, facts.source_port)) return false;
  if (rule.destination_ports && !InRange(*rule.destination_ports, facts.destination_port)) {
    return false;
  }
  if (rule.dscp && facts.dscp != *rule.dscp) return false;
  if (rule.fragment && (facts.version == 0 || facts.fragment != *rule.fragment)) return false;
  return true;
}

}  // namespace farrier::elements::testing
