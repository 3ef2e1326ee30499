#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engines/runtime/engine.h"
#include "engines/runtime/packet_port.h"

namespace farrier::pony {

using MacAddress = std::array<uint8_t, 6>;

// A host that can be talked to. Static in this version: no ARP.
struct Neighbor {
  uint32_t ip = 0;           // as a number: 10.0.0.1 is 0x0A000001
  MacAddress mac{};
  uint16_t first_port = 0;   // UDP port of its engine 0; engine i has first_port + i
  uint16_t engines = 1;
};

struct EngineOptions {
  uint32_t id = 0;           // place among the daemon's engines
  uint32_t epoch = 1;        // drawn anew by each engine that starts empty; never 0
  uint32_t ip = 0;
  MacAddress mac{};
  uint16_t udp_port = 0;     // this engine's own
  uint16_t engines = 1;      // of this daemon; told to peers that look for a listener
  std::vector<Neighbor> neighbors;
  uint32_t mtu = 1500;                                          // bytes of IP packet
  uint32_t window = 64;                                         // packets in flight per flow
  runtime::Nanoseconds min_rto = 10 * runtime::kMillisecond;
  runtime::Nanoseconds max_rto = runtime::kSecond;
  runtime::Nanoseconds connect_timeout = 5 * runtime::kSecond;
  uint64_t seed = 1;                                            // of everything random
};

// The memory and doorbells of one app session, mapped into this process. Whoever made it maps and unmaps
// it and keeps it alive until RemoveSession has run. See pony/client/pony_abi.h.
struct SessionMemory {
  uint8_t* app_area = nullptr;      // written by the app: untrusted
  uint32_t app_area_bytes = 0;
  uint8_t* engine_area = nullptr;   // written by the engine
  uint32_t engine_area_bytes = 0;
  uint8_t* region = nullptr;        // written by both
  uint64_t region_bytes = 0;
  uint32_t ring_entries = 0;        // as agreed at set-up; the areas' headers are not believed
  int doorbell_fd = -1;             // eventfd, the app writes
  int completion_fd = -1;           // eventfd, the engine writes
};

}  // namespace farrier::pony
