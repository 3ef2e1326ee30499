#pragma once

#include "absl/status/status.h"
#include "engines/runtime/clock.h"
#include "host/event_loop.h"
#include "hw/driver/heartbeat.h"

namespace farrier::host {

class Fleet;

// What a daemon does for its card now and then, as long as it runs engines: the heartbeat, if it is
// configured, and help for ports whose TX cells' reports got lost (see OwnerPort). Control thread.
class CardUpkeep {
 public:
  // `fleet`, whose card is open, outlives this.
  CardUpkeep(EventLoop& loop, Fleet& fleet);
  ~CardUpkeep();

  // No beats are expected of this process any more: another goes on.
  void Disarm();

 private:
  void Beat();
  // After a pause that made the card hold our engines' packets: they are ours again.
  void TakeBack();
  void SyncCells();

  EventLoop& loop_;
  Fleet& fleet_;
  driver::Heartbeat heartbeat_;
  const runtime::Nanoseconds limit_;  // between two beats; 0: none are expected
  runtime::Nanoseconds last_beat_ = 0;
  EventLoop::TimerId beat_timer_;
  EventLoop::TimerId cells_timer_;
  bool beats_ = false;
};

}  // namespace farrier::host
