#include "engines/elements/vxlan_encap.h"

#include <cstring>

#include "engines/elements/bytes.h"

namespace farrier::elements {
namespace {

// Offsets in the outer frame.
constexpr uint32_t kIp = kEthernetBytes;
constexpr uint32_t kUdp = kIp + kIpv4Bytes;
constexpr uint32_t kVxlan = kUdp + kUdpBytes;

constexpr uint16_t kDontFragment = 0x4000;
constexpr uint8_t kVniPresent = 0x08;
constexpr uint16_t kFirstDynamicPort = 49152;
constexpr uint16_t kDynamicPorts = 16383;  // mask

}  // namespace

VxlanEncap::VxlanEncap(std::string name, const Options& options) : Element(std::move(name), 1) {
  uint8_t* outer = outer_.data();
  std::memcpy(outer, options.destination_mac.data(), 6);
  std::memcpy(outer + 6, options.source_mac.data(), 6);
  Store16(outer + 12, kEtherTypeIpv4);
  outer[kIp] = 0x45;
  outer[kIp + 1] = static_cast<uint8_t>(options.dscp << 2);
  Store16(outer + kIp + 6, kDontFragment);
  outer[kIp + 8] = options.ttl;
  outer[kIp + 9] = kProtocolUdp;
  Store32(outer + kIp + 12, options.source_ip);
  Store32(outer + kIp + 16, options.destination_ip);
  for (uint32_t at = kIp; at < kUdp; at += 2) checksum_ += Load16(outer + at);
  Store16(outer + kUdp + 2, options.udp_port);
  outer[kVxlan] = kVniPresent;
  Store32(outer + kVxlan + 4, options.vni << 8);
}

bool VxlanEncap::Encapsulate(Frame& frame) {
  runtime::Packet& packet = *frame.packet;
  if (packet.length() < kEthernetBytes) {
    ++too_short_;
    return false;
  }
  const uint32_t total = packet.length() + kOverhead - kEthernetBytes;
  if (total > UINT16_MAX) {
    ++too_long_;
    return false;
  }
  const uint32_t flow = FlowHash(frame.bytes(), frame.Parsed());
  if (!packet.Prepend(kOverhead)) {
    ++no_headroom_;
    return false;
  }
  uint8_t* outer = packet.data();
  std::memcpy(outer, outer_.data(), kOverhead);
  Store16(outer + kIp + 2, total);
  // RFC 1071; the sum of ten words needs folding twice at most.
  uint32_t sum = checksum_ + total;
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  Store16(outer + kIp + 10, ~sum);
  Store16(outer + kUdp, kFirstDynamicPort | (flow & kDynamicPorts));
  Store16(outer + kUdp + 4, total - kIpv4Bytes);
  NewHeaders(frame);
  return true;
}

void VxlanEncap::Push(runtime::Nanoseconds now, Batch batch) {
  size_t n = 0;
  for (Frame* frame : batch) {
    if (Encapsulate(*frame)) batch[n++] = frame;
  }
  passed_.Add(batch.first(n));
  Emit(now, batch.first(n));
}

std::vector<CounterRef> VxlanEncap::Counters() {
  return {{"packets", &passed_.packets},
          {"bytes", &passed_.bytes},
          {"no_headroom", &no_headroom_},
          {"too_long", &too_long_},
          {"too_short", &too_short_}};
}

}  // namespace farrier::elements
