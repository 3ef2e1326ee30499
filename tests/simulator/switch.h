#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "tests/simulator/link.h"

namespace farrier::sim {

using Mac = std::array<uint8_t, 6>;

// An Ethernet switch without delay of its own: the links around it have that. It learns where a
// source address is, and sends a frame for an address that it does not know to every other port.
class Switch {
 public:
  Switch();
  ~Switch();

  // A port is where a host's link ends; `to_host` is the link's way back and must outlive the
  // switch. A port without one swallows what is sent to it.
  FrameSink* AddPort();
  void Connect(FrameSink* port, FrameSink* to_host);

  // An entry that learning never changes.
  void AddStatic(const Mac& address, FrameSink* port);

  uint64_t forwarded() const { return forwarded_; }
  uint64_t flooded() const { return flooded_; }
  uint64_t malformed() const { return malformed_; }  // shorter than an Ethernet header

 private:
  class Port;
  struct Place {
    Port* port;
    bool fixed;
  };

  void Forward(Port* from, Frame frame);

  std::vector<std::unique_ptr<Port>> ports_;
  std::map<Mac, Place> table_;
  uint64_t forwarded_ = 0;
  uint64_t flooded_ = 0;
  uint64_t malformed_ = 0;
};

}  // namespace farrier::sim
