#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "engines/runtime/clock.h"

namespace farrier::runtime {

// A row of the card's owner table: what a set of receive filters delivers to.
enum class OwnerId : uint8_t {};

// What the card says of a received packet.
struct RxMetadata {
  Nanoseconds arrival = 0;  // card time of the first beat
  uint32_t rss_hash = 0;    // Toeplitz; 0 if the card has no RSS
  uint32_t sequence = 0;    // per owner, without gaps in what is delivered or held
  OwnerId owner{};
  uint16_t generation = 0;  // of the owner's row when the card decided
  uint8_t l3_offset = 0;    // of the IP header in data(); 0 = none
  uint8_t l4_offset = 0;    // of the UDP/TCP header in data(); 0 = none
  bool was_held = false;    // was parked in the card during a blackout
};

// What the card is told of a packet to send. Owner, generation and sequence are the port's.
struct TxMetadata {
  Nanoseconds departure = 0;     // card time; 0 = now
  uint8_t pacing_class = 0;      // used when departure is 0
  bool insert_checksum = false;  // IPv4 and UDP/TCP
};

// A move-only view of one Ethernet frame in a buffer that belongs to a PacketPort. It must go back
// to the port it came from (Release or Commit) on the same thread; dropping it leaks the buffer.
class Packet {
 public:
  Packet() = default;
  Packet(uint8_t* data, uint32_t length, uint32_t capacity, void* buffer)
      : data_(data), length_(length), capacity_(capacity), buffer_(buffer) {}
  Packet(Packet&& other) noexcept { *this = std::move(other); }
  Packet& operator=(Packet&& other) noexcept {
    rx = other.rx;
    tx = other.tx;
    data_ = std::exchange(other.data_, nullptr);
    length_ = std::exchange(other.length_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    buffer_ = std::exchange(other.buffer_, nullptr);
    return *this;
  }

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  uint32_t length() const { return length_; }      // bytes of frame, no FCS, no prefix
  uint32_t capacity() const { return capacity_; }  // bytes that may be written at data()
  void set_length(uint32_t length) { length_ = length; }
  std::span<const uint8_t> bytes() const { return {data_, length_}; }
  bool empty() const { return buffer_ == nullptr; }
  void* buffer() const { return buffer_; }  // the port's own handle

  RxMetadata rx;
  TxMetadata tx;

 private:
  uint8_t* data_ = nullptr;
  uint32_t length_ = 0;
  uint32_t capacity_ = 0;
  void* buffer_ = nullptr;
};

}  // namespace farrier::runtime
