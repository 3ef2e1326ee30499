#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engines/elements/testing/fake_port.h"

namespace farrier::elements::testing {

// A frame in words; what is not said is a plain one.
struct FrameSpec {
  std::vector<uint16_t> vlans;  // ids, the outer first
  uint16_t tag_type = 0x8100;
  std::string source = "10.0.0.1";  // both IPv4 or both IPv6
  std::string destination = "10.0.0.2";
  uint8_t protocol = 17;
  uint16_t source_port = 1000;  // of UDP and TCP
  uint16_t destination_port = 2000;
  uint8_t dscp = 0;
  int options = 0;               // words of IPv4 options
  Bytes extensions;              // IPv6: kinds of extension headers, 8 bytes each
  uint16_t fragment_offset = 0;  // in units of 8 bytes
  bool more_fragments = false;   // IPv6: needs 44 among `extensions`
  size_t payload = 20;           // bytes behind UDP's or TCP's header, or IP's
  uint8_t fill = 0;              // byte i of the payload is fill + i
};

// With lengths and the IPv4 header checksum right, the others 0.
Bytes MakeFrame(const FrameSpec& spec);

// The address's 4 or 16 bytes.
Bytes AddressBytes(const std::string& text);

// Of the bytes as 16-bit words, folded, inverted (RFC 1071).
uint16_t InternetChecksum(const uint8_t* data, size_t size);

}  // namespace farrier::elements::testing
