#pragma once

#include <cstdint>

#include "engines/runtime/clock.h"

namespace farrier::pony {

// What one acknowledgement told.
struct AckSample {
  runtime::Nanoseconds now = 0;
  uint32_t acked = 0;                    // packets newly acknowledged
  uint32_t in_flight = 0;                // packets, after it
  runtime::Nanoseconds rtt = -1;         // card to card and back; -1 = no sample
  runtime::Nanoseconds echo_delay = -1;  // the part of it spent in the peer's host
};

// Decides how much of a flow may be in flight and when it may leave. One per flow, on the engine's
// thread. It is told what the flow found out and asked before each packet; it does no input or
// output and keeps no time of its own. In the order of a flow's life:
class CongestionController {
 public:
  virtual ~CongestionController() = default;

  // A packet with a frame of `bytes` left (new or again), with `in_flight` packets under way after
  // it. `departure` is not before NextDeparture().
  virtual void OnSent(runtime::Nanoseconds departure, uint32_t bytes, uint32_t in_flight) = 0;

  // Something was acknowledged. Losses found by the same acknowledgement follow in OnLoss.
  virtual void OnAck(const AckSample& sample) = 0;

  // `packets` were found lost by later ones having arrived.
  virtual void OnLoss(runtime::Nanoseconds now, uint32_t packets) = 0;

  // Nothing was heard for a whole retransmission timeout, nor after asking again.
  virtual void OnRto(runtime::Nanoseconds now) = 0;

  // How many packets may be in flight. Below 1, a packet at a time, spaced by NextDeparture.
  virtual double Window() const = 0;

  // The earliest time the next packet may leave; the past: at once. Never decreases. 0: departures
  // are not timed. The card sees to it that a packet leaves when it was told, so a rate is a
  // distance between departures, and a window may be handed to the card at once.
  virtual runtime::Nanoseconds NextDeparture() const = 0;

  // The flow has moved here with its state: what it sent before may be in the card until
  // `departure`, so the next one does not leave earlier. Before anything else.
  virtual void NotBefore(runtime::Nanoseconds departure) = 0;
};

}  // namespace farrier::pony
