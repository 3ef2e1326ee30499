#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace farrier::model {

using Bytes = std::vector<uint8_t>;

// An IPv6 extension header: its next-header value and its length, a multiple of 8.
struct Extension {
  uint8_t number;
  size_t bytes;
};

// A well-formed frame for unit tests, checksums zero, from 10.0.0.1 / fd00::1 to the same with 2.
struct TestFrame {
  std::vector<uint16_t> vlans;  // ids; the outer tag is 0x88A8 if there are two
  uint32_t option_words = 0;    // IPv4
  std::vector<Extension> extensions;
  uint8_t protocol = 17;
  uint16_t src_port = 5000;
  uint16_t dst_port = 7000;
  size_t payload = 0;  // behind the UDP or TCP header
};

Bytes Ipv4(const TestFrame& spec);
Bytes Ipv6(const TestFrame& spec);

}  // namespace farrier::model
