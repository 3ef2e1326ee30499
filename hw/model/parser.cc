#include "hw/model/parser.h"

#include "hw/model/big_endian.h"

namespace farrier::model {
namespace {

constexpr uint16_t kTagCustomer = 0x8100;
constexpr uint16_t kTagService = 0x88A8;
constexpr uint16_t kTypeIpv4 = 0x0800;
constexpr uint16_t kTypeIpv6 = 0x86DD;
constexpr uint8_t kProtocolTcp = 6;
constexpr uint8_t kProtocolUdp = 17;
constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kFragment = 44;
constexpr uint8_t kDestinationOptions = 60;
constexpr uint16_t kPortVxlan = 4789;
constexpr uint16_t kPortGeneve = 6081;
constexpr size_t kVlanTags = 2;
constexpr size_t kVlanTagBytes = 4;
constexpr size_t kIpv4HeaderBytes = 20;
constexpr size_t kIpv6HeaderBytes = 40;
constexpr size_t kExtensionBytes = 8;  // the least, and the unit of their lengths
constexpr size_t kUdpHeaderBytes = 8;
constexpr size_t kTcpHeaderBytes = 20;

// Where IP's payload is, and what kind of it.
struct Payload {
  size_t begin;  // of the L4 header; 0: none is to be read
  size_t end;
};

constexpr Payload kNothing = {0, 0};

bool IsExtension(uint8_t header) {
  return header == kHopByHop || header == kRouting || header == kFragment ||
         header == kDestinationOptions;
}

Payload ReadIpv4(std::span<const uint8_t> frame, size_t l3, ParsedFrame& parsed) {
  const uint8_t* const ip = frame.data() + l3;
  const size_t room = frame.size() - l3;
  parsed.bad_header = true;
  if (room < kIpv4HeaderBytes || ip[0] >> 4 != 4) return kNothing;
  const size_t header = (ip[0] & 0xFu) * 4;
  const size_t total = Load16(ip + 2);
  if (header < kIpv4HeaderBytes || room < header || total < header || total > room) {
    return kNothing;
  }
  parsed.bad_header = false;
  parsed.network = Network::kIpv4;
  parsed.l3_offset = static_cast<uint8_t>(l3);
  parsed.l3_bytes = static_cast<uint8_t>(header);
  parsed.dscp = ip[1] >> 2;
  parsed.protocol = ip[9];
  parsed.src_ip[0] = Load32(ip + 12);
  parsed.dst_ip[0] = Load32(ip + 16);
  const uint16_t fragment = Load16(ip + 6);
  parsed.fragment = (fragment & 0x3FFF) != 0;  // more fragments, or not the first
  if ((fragment & 0x1FFF) != 0) return kNothing;
  return {l3 + header, l3 + total};
}

// Follows the extension headers from `payload.begin` on.
Payload FollowExtensions(std::span<const uint8_t> frame, Payload payload, ParsedFrame& parsed) {
  for (uint32_t followed = 0; IsExtension(parsed.protocol); ++followed) {
    if (followed == regs::kMaxExtensionHeaders) return kNothing;
    if (payload.begin + kExtensionBytes > regs::kParseBytes) return kNothing;
    const size_t room = payload.end - payload.begin;
    const uint8_t* const header = frame.data() + payload.begin;
    parsed.bad_header = true;
    if (room < kExtensionBytes) return kNothing;
    const bool fragment = parsed.protocol == kFragment;
    const size_t length = fragment ? kExtensionBytes : (header[1] + 1) * kExtensionBytes;
    if (room < length) return kNothing;
    parsed.bad_header = false;
    parsed.routing |= parsed.protocol == kRouting;
    parsed.fragment |= fragment;
    parsed.protocol = header[0];
    if (fragment && (Load16(header + 2) & 0xFFF8) != 0) return kNothing;  // a later one
    payload.begin += length;
  }
  return payload;
}

Payload ReadIpv6(std::span<const uint8_t> frame, size_t l3, ParsedFrame& parsed) {
  const uint8_t* const ip = frame.data() + l3;
  const size_t room = frame.size() - l3;
  if (room < kIpv6HeaderBytes || ip[0] >> 4 != 6 || Load16(ip + 4) > room - kIpv6HeaderBytes) {
    parsed.bad_header = true;
    return kNothing;
  }
  parsed.network = Network::kIpv6;
  parsed.l3_offset = static_cast<uint8_t>(l3);
  parsed.l3_bytes = kIpv6HeaderBytes;
  parsed.dscp = static_cast<uint8_t>(Load16(ip) >> 6 & 0x3F);
  parsed.protocol = ip[6];
  for (size_t word = 0; word < 4; ++word) {
    parsed.src_ip[word] = Load32(ip + 8 + 4 * word);
    parsed.dst_ip[word] = Load32(ip + 24 + 4 * word);
  }
  const size_t begin = l3 + kIpv6HeaderBytes;
  return FollowExtensions(frame, {begin, begin + Load16(ip + 4)}, parsed);
}

void ReadL4(std::span<const uint8_t> frame, Payload payload, const regs::PortRange& pony_ports,
            ParsedFrame& parsed) {
  const bool udp = parsed.protocol == kProtocolUdp;
  if (!udp && parsed.protocol != kProtocolTcp) return;
  if (payload.begin + kTcpHeaderBytes > regs::kParseBytes) return;
  const uint8_t* const l4 = frame.data() + payload.begin;
  const size_t room = payload.end - payload.begin;
  const size_t least = udp ? kUdpHeaderBytes : kTcpHeaderBytes;
  parsed.bad_header = true;
  if (room < least) return;
  const size_t named = udp ? Load16(l4 + 4) : size_t{l4[12]} / 16 * 4;
  if (named < least || (!parsed.fragment && named > room)) return;
  parsed.bad_header = false;
  parsed.l4_offset = static_cast<uint8_t>(payload.begin);
  parsed.l4_bytes = static_cast<uint16_t>(udp ? named : room);
  parsed.src_port = Load16(l4);
  parsed.dst_port = Load16(l4 + 2);
  if (!udp) return;
  parsed.tunnel = parsed.dst_port == kPortVxlan || parsed.dst_port == kPortGeneve;
  parsed.pony = parsed.dst_port >= pony_ports.low && parsed.dst_port <= pony_ports.high;
}

}  // namespace

void ParseFrame(std::span<const uint8_t> frame, ParsedFrame& parsed,
                const regs::PortRange& pony_ports) {
  parsed = {};
  const uint8_t* const bytes = frame.data();
  parsed.dst_mac = Load48(bytes);
  parsed.src_mac = Load48(bytes + 6);
  size_t l3 = kEthernetHeaderBytes;
  uint16_t type = Load16(bytes + 12);
  for (size_t tag = 0; tag < kVlanTags && (type == kTagCustomer || type == kTagService); ++tag) {
    if (frame.size() < l3 + kVlanTagBytes) break;
    if (tag == 0) parsed.vlan = Load16(bytes + l3) & 0xFFFu;
    parsed.tagged = true;
    type = Load16(bytes + l3 + 2);
    l3 += kVlanTagBytes;
  }
  parsed.ether_type = type;

  Payload payload = kNothing;
  if (type == kTypeIpv4) payload = ReadIpv4(frame, l3, parsed);
  if (type == kTypeIpv6) payload = ReadIpv6(frame, l3, parsed);
  if (payload.begin != 0) ReadL4(frame, payload, pony_ports, parsed);
}

FilterKey FlowKeyOf(const ParsedFrame& parsed) {
  FilterKey key{};
  key[0] = uint32_t{parsed.src_port} << 16 | parsed.dst_port;
  key[1] = uint32_t{parsed.vlan} << 8 | parsed.protocol;
  if (parsed.network == Network::kIpv4) {
    key[2] = parsed.dst_ip[0];
    key[3] = parsed.src_ip[0];
  } else {
    for (size_t word = 0; word < 4; ++word) {
      key[2 + word] = parsed.dst_ip[word];
      key[6 + word] = parsed.src_ip[word];
    }
  }
  return key;
}

RuleWords RuleWordsOf(const ParsedFrame& parsed) {
  RuleWords words;
  words[0] = static_cast<uint32_t>(parsed.dst_mac);
  words[1] = static_cast<uint32_t>(parsed.dst_mac >> 32 << 16 | parsed.src_mac >> 32);
  words[2] = static_cast<uint32_t>(parsed.src_mac);
  words[3] =
      parsed.ether_type | uint32_t{parsed.vlan} << 16 | static_cast<uint32_t>(parsed.tagged) << 28;
  const auto bit = [](bool value, int at) { return static_cast<uint32_t>(value) << at; };
  words[4] = parsed.protocol | uint32_t{parsed.dscp} << 8 |
             bit(parsed.network == Network::kIpv4, 16) | bit(parsed.network == Network::kIpv6, 17) |
             bit(parsed.fragment, 18) | bit(parsed.tunnel, 19) | bit(parsed.bad_header, 20) |
             bit(parsed.has_ports(), 21) | bit(parsed.pony, 22);
  for (size_t word = 0; word < 4; ++word) {
    words[5 + word] = parsed.dst_ip[word];
    words[9 + word] = parsed.src_ip[word];
  }
  return words;
}

}  // namespace farrier::model
