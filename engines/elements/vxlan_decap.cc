#include "engines/elements/vxlan_decap.h"

#include <array>

#include "engines/elements/bytes.h"
#include "engines/elements/vxlan_encap.h"

namespace farrier::elements {
namespace {

constexpr uint8_t kVniPresent = 0x08;

// Whether an IPv4 header adds up (RFC 1071).
bool HeaderAddsUp(const uint8_t* header) {
  uint32_t sum = 0;
  const uint8_t* const end = header + (header[0] & 15) * 4;
  for (const uint8_t* at = header; at < end; at += 2) sum += Load16(at);
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  return sum == 0xFFFF;
}

}  // namespace

VxlanDecap::Verdict VxlanDecap::Decapsulate(Frame& frame) {
  runtime::Packet& packet = *frame.packet;
  const Headers& headers = frame.Parsed();
  if (!headers.Has(Headers::kV4 | Headers::kPorts) || headers.protocol != kProtocolUdp ||
      Load16(headers.destination_port.data()) != options_.udp_port) {
    return Verdict::kOther;
  }
  if (options_.local_ip && Load32(headers.destination_v4.data()) != *options_.local_ip) {
    return Verdict::kOther;
  }
  if (headers.Has(Headers::kFragment)) {
    ++fragment_;
    return Verdict::kDropped;
  }
  const uint8_t* const udp = packet.data() + headers.l4_offset;
  const uint32_t udp_bytes = Load16(udp + 4);  // within the frame
  const uint8_t* const vxlan = udp + kUdpBytes;
  if (udp_bytes < kUdpBytes + kVxlanBytes + kEthernetBytes || !(vxlan[0] & kVniPresent)) {
    ++malformed_;
    return Verdict::kDropped;
  }
  if (Load32(vxlan + 4) >> 8 != options_.vni) return Verdict::kOther;
  if (!HeaderAddsUp(packet.data() + headers.l3_offset) ||
      packet.rx.l4_checksum == runtime::Checksum::kBad) {
    ++bad_checksum_;
    return Verdict::kDropped;
  }
  // What is behind UDP's payload is padding of the outer frame.
  packet.TrimFront(headers.l4_offset + kUdpBytes + kVxlanBytes);
  packet.set_length(udp_bytes - kUdpBytes - kVxlanBytes);
  NewHeaders(frame);
  return Verdict::kOurs;
}

void VxlanDecap::Push(runtime::Nanoseconds now, Batch batch) {
  std::array<Frame*, kMaxBatch> others;
  size_t other = 0;
  size_t n = 0;
  for (Frame* frame : batch) {
    switch (Decapsulate(*frame)) {
      case Verdict::kOurs:
        batch[n++] = frame;
        break;
      case Verdict::kOther:
        others[other++] = frame;
        break;
      case Verdict::kDropped:
        break;
    }
  }
  passed_.Add(batch.first(n));
  others_ += other;
  Emit(now, batch.first(n));
  Emit(now, std::span(others).first(other), kOthers);
}

std::vector<CounterRef> VxlanDecap::Counters() {
  return {{"packets", &passed_.packets}, {"bytes", &passed_.bytes},
          {"others", &others_},          {"fragment", &fragment_},
          {"malformed", &malformed_},    {"bad_checksum", &bad_checksum_}};
}

}  // namespace farrier::elements
