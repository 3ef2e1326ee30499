#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "engines/runtime/clock.h"

namespace farrier::runtime {

// A row of the card's owner table: what a set of receive filters delivers to.
enum class OwnerId : uint8_t {};

// The card's verdict on one checksum of a received packet.
enum class Checksum : uint8_t {
  kUnchecked,  // not looked at
  kNone,       // the packet has none (UDP over IPv4 with checksum 0)
  kGood,
  kBad,
};

// What the card says of a received packet.
struct RxMetadata {
  Nanoseconds arrival = 0;  // card time of the first beat
  uint32_t rss_hash = 0;    // Toeplitz; 0 if the card has no RSS
  uint32_t sequence = 0;    // per owner, over all its queues, in the order of the wire
  OwnerId owner{};
  uint16_t generation = 0;   // of the owner's row when the card decided
  uint8_t l3_offset = 0;     // of the IP header in data(); 0 = none
  uint8_t l4_offset = 0;     // of the UDP/TCP header in data(); 0 = none
  uint8_t pacing_class = 0;  // what a ternary rule says of the packet, 0-63; 0 without one
  Checksum l3_checksum = Checksum::kUnchecked;  // of the IPv4 header
  Checksum l4_checksum = Checksum::kUnchecked;  // of UDP or TCP
  bool was_held = false;                        // was parked in the card during a blackout
  bool fragment = false;                        // of an IP packet
  bool tunnel = false;                          // VXLAN or Geneve by its UDP port
  bool bad_header = false;                      // a header is malformed, behind it nothing was read
  bool pony = false;                            // UDP to one of the card's Pony ports
};

// What the card is told of a packet to send. Owner, generation and sequence are the port's.
struct TxMetadata {
  // Card time at which the packet is to leave; the past is now. 0 = as its class allows. The card
  // keeps the order of what it is given for the same time, so a flow's times must not decrease.
  Nanoseconds departure = 0;
  uint8_t pacing_class = 0;       // token bucket, 0-63, used when departure is 0
  bool insert_checksum = false;   // IPv4 and UDP/TCP
  bool report_departure = false;  // the port is to learn when it left
};

// A move-only view of one Ethernet frame in a buffer that belongs to a PacketPort. It must go back
// to the port it came from (Release or Commit) on the same thread; dropping it leaks the buffer.
class Packet {
 public:
  Packet() = default;
  Packet(uint8_t* data, uint32_t length, uint32_t capacity, void* buffer, uint32_t headroom = 0)
      : data_(data), length_(length), capacity_(capacity), headroom_(headroom), buffer_(buffer) {}
  Packet(Packet&& other) noexcept { *this = std::move(other); }
  Packet& operator=(Packet&& other) noexcept {
    rx = other.rx;
    tx = other.tx;
    data_ = std::exchange(other.data_, nullptr);
    length_ = std::exchange(other.length_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    headroom_ = std::exchange(other.headroom_, 0);
    buffer_ = std::exchange(other.buffer_, nullptr);
    return *this;
  }

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  uint32_t length() const { return length_; }      // bytes of frame, no FCS, no prefix
  uint32_t capacity() const { return capacity_; }  // bytes that may be written at data()
  uint32_t headroom() const { return headroom_; }  // bytes that may be written before data()
  void set_length(uint32_t length) { length_ = length; }

  // These move the front of a received packet, which its port knows by buffer() alone; never that
  // of a reserved one. Offsets in `rx` do not move along. If they return false, nothing changed.
  //
  // Makes the frame longer by `bytes`, of unspecified content. False: there is no such headroom.
  bool Prepend(uint32_t bytes) {
    if (bytes > headroom_) return false;
    data_ -= bytes;
    length_ += bytes;
    capacity_ += bytes;
    headroom_ -= bytes;
    return true;
  }
  // Takes `bytes` off the front, which become headroom. False: the frame is shorter than that.
  bool TrimFront(uint32_t bytes) {
    if (bytes > length_) return false;
    data_ += bytes;
    length_ -= bytes;
    capacity_ -= bytes;
    headroom_ += bytes;
    return true;
  }

  std::span<const uint8_t> bytes() const { return {data_, length_}; }
  bool empty() const { return buffer_ == nullptr; }
  void* buffer() const { return buffer_; }  // the port's own handle

  RxMetadata rx;
  TxMetadata tx;

 private:
  uint8_t* data_ = nullptr;
  uint32_t length_ = 0;
  uint32_t capacity_ = 0;
  uint32_t headroom_ = 0;
  void* buffer_ = nullptr;
};

}  // namespace farrier::runtime
