#pragma once

#include <array>

#include "engines/elements/element.h"

namespace farrier::elements {

inline constexpr uint16_t kVxlanPort = 4789;
inline constexpr uint32_t kVxlanBytes = 8;

// Puts frames into a VXLAN tunnel over IPv4 and UDP (RFC 7348). The outer UDP source port is from
// 49152 on, by the inner flow, so that the network can spread flows and keeps each in order; the
// UDP checksum is 0 and fragmenting is forbidden, as the RFC wants it; ECN is not carried out (RFC
// 6040, compatibility mode).
class VxlanEncap final : public Element {
 public:
  static constexpr uint32_t kOverhead = kEthernetBytes + kIpv4Bytes + kUdpBytes + kVxlanBytes;

  struct Options {
    std::array<uint8_t, 6> source_mac{};
    std::array<uint8_t, 6> destination_mac{};
    uint32_t source_ip = 0;
    uint32_t destination_ip = 0;
    uint32_t vni = 0;  // 24 bits
    uint16_t udp_port = kVxlanPort;
    uint8_t ttl = 64;
    uint8_t dscp = 0;  // 0-63
  };
  VxlanEncap(std::string name, const Options& options);

  void Push(runtime::Nanoseconds now, Batch batch) override;
  std::vector<CounterRef> Counters() override;

 private:
  bool Encapsulate(Frame& frame);

  std::array<uint8_t, kOverhead> outer_{};  // but for lengths, source port and checksum
  uint32_t checksum_ = 0;                   // sum of its IPv4 header's words
  Traffic passed_;                          // bytes: of the outer frames
  uint64_t no_headroom_ = 0;
  uint64_t too_long_ = 0;   // for IPv4
  uint64_t too_short_ = 0;  // no Ethernet header
};

}  // namespace farrier::elements
