#include "pony/wire.h"

#include <bit>
#include <cstring>

#include "pony/crc32c.h"

namespace farrier::pony {
namespace {

constexpr uint32_t kIpOffset = 14;
constexpr uint32_t kUdpOffset = 34;
constexpr uint32_t kPonyOffset = kLowerHeaderBytes;
constexpr uint16_t kEtherTypeIpv4 = 0x0800;
constexpr uint8_t kProtocolUdp = 17;

static_assert(std::endian::native == std::endian::little);

void Put16(uint8_t* at, uint16_t value) {
  value = __builtin_bswap16(value);
  std::memcpy(at, &value, sizeof(value));
}
void Put32(uint8_t* at, uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof(value));
}
void Put64(uint8_t* at, uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(at, &value, sizeof(value));
}
uint16_t Get16(const uint8_t* at) {
  uint16_t value;
  std::memcpy(&value, at, sizeof(value));
  return __builtin_bswap16(value);
}
uint32_t Get32(const uint8_t* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  return __builtin_bswap32(value);
}
uint64_t Get64(const uint8_t* at) {
  uint64_t value;
  std::memcpy(&value, at, sizeof(value));
  return __builtin_bswap64(value);
}

// With the four bytes of the CRC itself as zero.
uint32_t PonyCrc(const uint8_t* pony, uint32_t length) {
  static constexpr uint8_t kZero[4] = {};
  uint32_t crc = Crc32c(pony, 4);
  crc = Crc32c(kZero, 4, crc);
  return Crc32c(pony + 8, length - 8, crc);
}

}  // namespace

uint16_t Ipv4Checksum(const uint8_t* header, uint32_t length) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i + 1 < length; i += 2) sum += Get16(header + i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

uint32_t EncodePacket(const Endpoints& endpoints, const PacketHeader& header, uint8_t* frame) {
  const uint32_t pony_bytes = kPonyHeaderBytes + 8u * header.sack_words + header.payload_length;

  std::memcpy(frame, endpoints.destination_mac.data(), 6);
  std::memcpy(frame + 6, endpoints.source_mac.data(), 6);
  Put16(frame + 12, kEtherTypeIpv4);

  uint8_t* ip = frame + kIpOffset;
  ip[0] = 0x45;
  ip[1] = 0;
  Put16(ip + 2, static_cast<uint16_t>(28 + pony_bytes));
  Put16(ip + 4, 0);
  Put16(ip + 6, 0x4000);  // don't fragment
  ip[8] = 64;             // time to live
  ip[9] = kProtocolUdp;
  Put16(ip + 10, 0);
  Put32(ip + 12, endpoints.source_ip);
  Put32(ip + 16, endpoints.destination_ip);
  Put16(ip + 10, Ipv4Checksum(ip, 20));

  uint8_t* udp = frame + kUdpOffset;
  Put16(udp, endpoints.source_port);
  Put16(udp + 2, endpoints.destination_port);
  Put16(udp + 4, static_cast<uint16_t>(8 + pony_bytes));
  Put16(udp + 6, 0);

  uint8_t* pony = frame + kPonyOffset;
  pony[0] = kWireVersion;
  pony[1] = static_cast<uint8_t>(header.type);
  pony[2] = header.flags;
  pony[3] = header.sack_words;
  Put32(pony + 8, header.sender_epoch);
  Put32(pony + 12, header.receiver_epoch);
  Put16(pony + 16, header.sender_port);
  Put16(pony + 18, header.payload_length);
  Put32(pony + 20, header.sequence);
  Put32(pony + 24, header.ack);
  Put32(pony + 28, header.echo_delay);
  Put64(pony + 32, header.timestamp);
  Put64(pony + 40, header.timestamp_echo);
  Put32(pony + 48, header.connection);
  Put32(pony + 52, header.source_connection);
  Put32(pony + 56, header.stream);
  Put32(pony + 60, header.message);
  Put32(pony + 64, header.previous);
  Put32(pony + 68, header.message_length);
  Put32(pony + 72, header.message_offset);
  Put32(pony + 76, header.credit_limit);
  for (uint32_t w = 0; w < header.sack_words; ++w) {
    Put64(pony + kPonyHeaderBytes + 8 * w, header.sack[w]);
  }
  Put32(pony + 4, PonyCrc(pony, pony_bytes));
  return kPonyOffset + pony_bytes;
}

DecodeResult DecodePacket(std::span<const uint8_t> frame, Endpoints& endpoints,
                          PacketHeader& header, std::span<const uint8_t>& payload) {
  if (frame.size() < kPonyOffset) return DecodeResult::kNotOurs;
  const uint8_t* ip = frame.data() + kIpOffset;
  const uint8_t* udp = frame.data() + kUdpOffset;
  if (Get16(frame.data() + 12) != kEtherTypeIpv4) return DecodeResult::kNotOurs;
  if (ip[0] != 0x45 || ip[9] != kProtocolUdp) return DecodeResult::kNotOurs;
  if (Ipv4Checksum(ip, 20) != 0) return DecodeResult::kIpChecksum;

  // A short frame may have been padded; nothing may be missing. No fragments.
  const uint32_t ip_bytes = Get16(ip + 2);
  const uint32_t udp_bytes = Get16(udp + 4);
  if (ip_bytes > frame.size() - kIpOffset || (Get16(ip + 6) & 0x3fff) != 0 ||
      ip_bytes < 28 + kPonyHeaderBytes || udp_bytes != ip_bytes - 20) {
    return DecodeResult::kMalformed;
  }
  const uint8_t* pony = frame.data() + kPonyOffset;
  const uint32_t pony_bytes = udp_bytes - 8;
  if (Get32(pony + 4) != PonyCrc(pony, pony_bytes)) return DecodeResult::kCrc;

  if (pony[0] != kWireVersion || pony[1] < static_cast<uint8_t>(PacketType::kHello) ||
      pony[1] > static_cast<uint8_t>(kLastType)) {
    return DecodeResult::kMalformed;
  }
  header.type = static_cast<PacketType>(pony[1]);
  header.flags = pony[2];
  header.sack_words = pony[3];
  header.payload_length = Get16(pony + 18);
  if (header.sack_words > kMaxSackWords ||
      kPonyHeaderBytes + 8u * header.sack_words + header.payload_length != pony_bytes) {
    return DecodeResult::kMalformed;
  }
  header.sender_epoch = Get32(pony + 8);
  header.receiver_epoch = Get32(pony + 12);
  header.sender_port = Get16(pony + 16);
  header.sequence = Get32(pony + 20);
  header.ack = Get32(pony + 24);
  header.echo_delay = Get32(pony + 28);
  header.timestamp = Get64(pony + 32);
  header.timestamp_echo = Get64(pony + 40);
  header.connection = Get32(pony + 48);
  header.source_connection = Get32(pony + 52);
  header.stream = Get32(pony + 56);
  header.message = Get32(pony + 60);
  header.previous = Get32(pony + 64);
  header.message_length = Get32(pony + 68);
  header.message_offset = Get32(pony + 72);
  header.credit_limit = Get32(pony + 76);
  for (uint32_t w = 0; w < header.sack_words; ++w) {
    header.sack[w] = Get64(pony + kPonyHeaderBytes + 8 * w);
  }

  std::memcpy(endpoints.destination_mac.data(), frame.data(), 6);
  std::memcpy(endpoints.source_mac.data(), frame.data() + 6, 6);
  endpoints.source_ip = Get32(ip + 12);
  endpoints.destination_ip = Get32(ip + 16);
  endpoints.source_port = Get16(udp);
  endpoints.destination_port = Get16(udp + 2);
  payload = frame.subspan(PayloadOffset(header.sack_words), header.payload_length);
  return DecodeResult::kOk;
}

}  // namespace farrier::pony
