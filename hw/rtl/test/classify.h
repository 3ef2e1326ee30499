#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "hw/rtl/test/bench.h"
#include "hw/rtl/test/bits.h"

namespace farrier::rtl {

// classify_t: what the parser tells the lookups of a packet.
struct Classify {
  uint16_t src_port = 0, dst_port = 0;
  std::array<uint32_t, 4> src_ip{}, dst_ip{};  // most significant word first; IPv4 in the first
  uint8_t dscp = 0, protocol = 0;
  uint64_t src_mac = 0, dst_mac = 0;
  uint16_t ether_type = 0, vlan = 0;
  bool tagged = false, pony = false, bad_header = false, tunnel = false, fragment = false,
       ipv6 = false, ipv4 = false, has_ports = false;

  template <typename Port>
  void Write(Port& port) const {
    Bits bits(port);
    bits.Put(16, src_port);
    bits.Put(16, dst_port);
    for (size_t i = 4; i-- > 0;) bits.Put(32, src_ip[i]);
    for (size_t i = 4; i-- > 0;) bits.Put(32, dst_ip[i]);
    bits.Put(6, dscp);
    bits.Put(8, protocol);
    bits.Put(48, src_mac);
    bits.Put(48, dst_mac);
    bits.Put(16, ether_type);
    bits.Put(12, vlan);
    for (const bool flag : {tagged, pony, bad_header, tunnel, fragment, ipv6, ipv4, has_ports}) {
      bits.Put(1, flag);
    }
  }

  template <typename Port>
  static Classify Read(Port& port) {
    Bits bits(port);
    Classify read;
    read.src_port = static_cast<uint16_t>(bits.Get(16));
    read.dst_port = static_cast<uint16_t>(bits.Get(16));
    for (size_t i = 4; i-- > 0;) read.src_ip[i] = static_cast<uint32_t>(bits.Get(32));
    for (size_t i = 4; i-- > 0;) read.dst_ip[i] = static_cast<uint32_t>(bits.Get(32));
    read.dscp = static_cast<uint8_t>(bits.Get(6));
    read.protocol = static_cast<uint8_t>(bits.Get(8));
    read.src_mac = bits.Get(48);
    read.dst_mac = bits.Get(48);
    read.ether_type = static_cast<uint16_t>(bits.Get(16));
    read.vlan = static_cast<uint16_t>(bits.Get(12));
    for (bool* flag : {&read.tagged, &read.pony, &read.bad_header, &read.tunnel, &read.fragment,
                       &read.ipv6, &read.ipv4, &read.has_ports}) {
      *flag = bits.Get(1);
    }
    return read;
  }

  // As FILTER_KEY.
  std::array<uint32_t, 10> FilterKey() const {
    std::array<uint32_t, 10> key = {uint32_t{src_port} << 16 | dst_port,
                                    uint32_t{vlan} << 8 | protocol};
    const size_t words = ipv6 ? 4 : 1;
    std::copy_n(dst_ip.begin(), words, key.begin() + 2);
    std::copy_n(src_ip.begin(), words, key.begin() + 2 + words);
    return key;
  }
};

// Software's access to a block of the CSR window: `clock` is called for every cycle it takes.
struct BlockAnswer {
  bool bad = false;
  uint32_t data = 0;
  int cycles = 0;
};

template <typename Module, typename Clock>
BlockAnswer AccessBlock(Module& module, bool write, uint32_t address, uint32_t data, Clock clock) {
  Bits request(module.block_i);
  request.Put(32, data);
  request.Put(20, address);
  request.Put(1, write);
  module.block_valid_i = 1;
  BlockAnswer answer;
  for (bool done = false; !done; ++answer.cycles) {
    module.eval();
    Bits response(module.block_o);
    answer.data = static_cast<uint32_t>(response.Get(32));
    answer.bad = response.Get(1);
    done = response.Get(1);
    if (answer.cycles > 20'000) {
      ADD_FAILURE() << "no answer";
      break;
    }
    clock();
  }
  module.block_valid_i = 0;
  return answer;
}

}  // namespace farrier::rtl
