#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace farrier::pony {

using MacAddress = std::array<uint8_t, 6>;

// Pony Express on the wire: Ethernet, IPv4 without options, UDP, then this header, all
// big-endian, then the SACK words, then the payload.
//
//    0  version | type | flags | SACK words        40  timestamp echo (64)
//    4  CRC32C                                     48  connection, the receiver's number
//    8  sender's epoch                             52  connection, the sender's number
//   12  receiver's epoch, as the sender knows it   56  stream, or argument of the type
//   16  sender's port (16) | payload length (16)   60  message
//   20  sequence                                   64  previous message of the stream
//   24  cumulative ack                             68  message length
//   28  echo delay                                 72  offset of the payload in the message
//   32  timestamp (64)                             76  credit limit
//
// The CRC is over header, SACK words and payload with the CRC field as zero; the UDP checksum is 0.
// The UDP source port may vary to change a flow's path: the sender's port is in the header.
inline constexpr uint8_t kWireVersion = 1;
inline constexpr uint32_t kPonyHeaderBytes = 80;
inline constexpr uint32_t kLowerHeaderBytes = 14 + 20 + 8;
inline constexpr uint32_t kMaxSackWords = 8;
// How far a flow's sequence may run ahead of its cumulative ack: what the SACK words can name.
inline constexpr uint32_t kFlowSpan = 64 * kMaxSackWords;

enum class PacketType : uint8_t {
  kHello = 1,  // engines make themselves known; timestamp and echo are nonces. No sequence.
  kAck = 2,    // no sequence
  // From here on each has a sequence number and is delivered once.
  kPad = 3,      // in place of something that is no longer wanted
  kConnect = 4,  // argument: the service
  kAccept = 5,
  kRefuse = 6,  // argument: how many engines the daemon has
  kData = 7,
  kCredit = 8,
  kClose = 9,   // everything the sender sent has been acknowledged before
  kAbort = 10,  // the sender does not know the connection, or no longer
};
inline constexpr PacketType kFirstSequenced = PacketType::kPad;
inline constexpr PacketType kLastType = PacketType::kAbort;

enum PacketFlags : uint8_t {
  kFlagEcho = 1,        // timestamp echo and echo delay mean something
  kFlagPrevious = 2,    // DATA: `previous` means something
  kFlagHelloReply = 4,  // HELLO: answer me
};

struct PacketHeader {
  PacketType type{};
  uint8_t flags = 0;
  uint8_t sack_words = 0;
  uint32_t sender_epoch = 0;
  uint32_t receiver_epoch = 0;  // 0 = not known
  uint16_t sender_port = 0;
  uint16_t payload_length = 0;
  uint32_t sequence = 0;
  uint32_t ack = 0;         // the first sequence not yet received
  uint32_t echo_delay = 0;  // ns the echoed timestamp spent in the host that echoes it
  uint64_t timestamp = 0;   // sender's card time, ns
  uint64_t timestamp_echo = 0;
  uint32_t connection = 0;
  uint32_t source_connection = 0;
  uint32_t stream = 0;    // DATA
  uint32_t message = 0;   // counted per connection and direction, from 0
  uint32_t previous = 0;  // message of the same stream that must be delivered before
  uint32_t message_length = 0;
  uint32_t message_offset = 0;
  uint32_t credit_limit = 0;  // messages below this number may be started by the receiver
  // Bit i of word w: sequence ack + 1 + 64 w + i has been received.
  std::array<uint64_t, kMaxSackWords> sack{};

  // CONNECT and REFUSE have no stream.
  uint32_t argument() const { return stream; }
  void set_argument(uint32_t argument) { stream = argument; }
};

struct Endpoints {
  MacAddress source_mac{};
  MacAddress destination_mac{};
  uint32_t source_ip = 0;
  uint32_t destination_ip = 0;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};

// Payload bytes that fit into a packet without SACK words.
constexpr uint32_t MaxPayload(uint32_t mtu) { return mtu - 20 - 8 - kPonyHeaderBytes; }

// Where a packet's payload begins in its frame.
constexpr uint32_t PayloadOffset(uint32_t sack_words) {
  return kLowerHeaderBytes + kPonyHeaderBytes + 8 * sack_words;
}

// Writes everything around the payload, which is at frame + PayloadOffset(header.sack_words)
// already, and returns the frame's length. The caller has seen to it that it fits.
uint32_t EncodePacket(const Endpoints& endpoints, const PacketHeader& header, uint8_t* frame);

enum class DecodeResult { kOk, kNotOurs, kMalformed, kIpChecksum, kCrc };

// Reads a frame of which nothing is known. On kOk `payload` is a view into it, and the lengths and
// the type are good; epochs, connections and so on are for the caller to judge.
DecodeResult DecodePacket(std::span<const uint8_t> frame, Endpoints& endpoints,
                          PacketHeader& header, std::span<const uint8_t>& payload);

// The Internet checksum (RFC 1071) of an IPv4 header; 0 over a header that has a good one in it.
uint16_t Ipv4Checksum(const uint8_t* header, uint32_t length);

}  // namespace farrier::pony
