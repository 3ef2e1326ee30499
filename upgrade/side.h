#pragma once

#include "upgrade/events.h"

namespace farrier::upgrade {

// One side of a hand-over as a pure state machine: what happened goes in, what is to be done comes
// out. It knows nothing of registers, sockets, processes or engines, so that real processes and the
// simulator run the same one. Used once. One thread.
class Side {
 public:
  virtual ~Side() = default;

  // First of all.
  virtual Actions Start(Nanoseconds now) = 0;

  virtual Actions On(Event event, Nanoseconds now) = 0;

  // When it wants a Timeout; kNever if not.
  virtual Nanoseconds NextDeadline() const = 0;

  // Once this is not kUnderWay no action follows.
  virtual Outcome outcome() const = 0;

  // How it goes, or went. Complete on the old side; the new one knows its own times until AllMoved.
  virtual const Report& report() const = 0;
};

}  // namespace farrier::upgrade
