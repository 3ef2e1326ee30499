#pragma once

#include <cstddef>
#include <span>

#include "engines/runtime/packet.h"

namespace farrier::runtime {

// The packets of one owner, in and out: an engine's view of the card. Everything here runs on
// the engine's thread and never blocks. Virtual per burst, never per packet.
class PacketPort {
 public:
  virtual ~PacketPort() = default;

  // Receives up to out.size() packets into out[0..n) and returns n; those of a flow in their order.
  // Frames are as they came from the wire: nothing in them is checked.
  virtual size_t RxBurst(std::span<Packet> out) = 0;

  // Gives received packets back; they become empty.
  virtual void Release(std::span<Packet> packets) = 0;

  // Lends up to out.size() empty packets to fill, never more than can be committed now; returns
  // how many. So a packet is made only when it can leave (just-in-time generation).
  virtual size_t Reserve(std::span<Packet> out) = 0;

  // Sends reserved packets in order; they become empty. A packet of length 0 is given back unsent.
  virtual void Commit(std::span<Packet> packets) = 0;

  // Some become readable when a packet arrives after ArmRxEvent(); none: the port is to be polled.
  // The port consumes the events itself: only wait on them. The same for the port's whole life.
  virtual std::span<const int> RxEventFds() const = 0;

  // Asks for the event. Returns false if packets are waiting already: do not sleep.
  virtual bool ArmRxEvent() = 0;
};

}  // namespace farrier::runtime
