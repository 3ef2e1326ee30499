#include "hw/model/parser.h"

namespace farrier::model {
namespace {

constexpr uint16_t kTagCustomer = 0x8100;
constexpr uint16_t kTagService = 0x88A8;
constexpr uint16_t kTypeIpv4 = 0x0800;
constexpr uint16_t kTypeIpv6 = 0x86DD;
constexpr uint8_t kProtocolTcp = 6;
constexpr uint8_t kProtocolUdp = 17;
constexpr uint8_t kProtocolIpv6Fragment = 44;
constexpr size_t kVlanTags = 2;
constexpr size_t kVlanTagBytes = 4;
constexpr size_t kIpv4HeaderBytes = 20;
constexpr size_t kIpv6HeaderBytes = 40;
constexpr size_t kPortsBytes = 4;

uint16_t Load16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
uint32_t Load32(const uint8_t* at) { return uint32_t{Load16(at)} << 16 | Load16(at + 2); }

}  // namespace

void ParseFrame(std::span<const uint8_t> frame, ParsedFrame& parsed) {
  parsed.network = Network::kNone;
  parsed.fragment = false;
  parsed.has_ports = false;
  parsed.l3_offset = 0;
  parsed.l4_offset = 0;

  const uint8_t* const bytes = frame.data();
  size_t l3 = kEthernetHeaderBytes;
  uint16_t type = Load16(bytes + 12);
  uint32_t vlan = 0;
  for (size_t tag = 0; tag < kVlanTags && (type == kTagCustomer || type == kTagService); ++tag) {
    if (frame.size() < l3 + kVlanTagBytes) return;
    if (tag == 0) vlan = Load16(bytes + l3) & 0xFFFu;
    type = Load16(bytes + l3 + 2);
    l3 += kVlanTagBytes;
  }

  const uint8_t* const ip = bytes + l3;
  size_t l4;
  uint8_t protocol;
  bool first_fragment = true;
  if (type == kTypeIpv4) {
    if (frame.size() < l3 + kIpv4HeaderBytes || ip[0] >> 4 != 4) return;
    const size_t header = (ip[0] & 0xFu) * 4;
    if (header < kIpv4HeaderBytes || frame.size() < l3 + header) return;
    const uint16_t fragment = Load16(ip + 6);
    first_fragment = (fragment & 0x1FFF) == 0;
    parsed.fragment = (fragment & 0x3FFF) != 0;  // more fragments, or not the first
    parsed.network = Network::kIpv4;
    protocol = ip[9];
    l4 = l3 + header;
  } else if (type == kTypeIpv6) {
    if (frame.size() < l3 + kIpv6HeaderBytes || ip[0] >> 4 != 6) return;
    protocol = ip[6];
    parsed.fragment = protocol == kProtocolIpv6Fragment;
    parsed.network = Network::kIpv6;
    l4 = l3 + kIpv6HeaderBytes;
  } else {
    return;
  }
  parsed.l3_offset = static_cast<uint8_t>(l3);

  if (protocol != kProtocolUdp && protocol != kProtocolTcp) return;
  if (!first_fragment || frame.size() < l4 + kPortsBytes) return;
  parsed.l4_offset = static_cast<uint8_t>(l4);
  parsed.has_ports = true;
  FilterKey& key = parsed.flow_key;
  key[0] = Load32(bytes + l4);  // source port, then destination port, as on the wire
  key[1] = vlan << 8 | protocol;
  if (parsed.network == Network::kIpv4) {
    key[2] = Load32(ip + 16);
    key[3] = Load32(ip + 12);
    for (size_t word = 4; word < key.size(); ++word) key[word] = 0;
  } else {
    for (size_t word = 0; word < 4; ++word) {
      key[2 + word] = Load32(ip + 24 + 4 * word);
      key[6 + word] = Load32(ip + 8 + 4 * word);
    }
  }
}

}  // namespace farrier::model
