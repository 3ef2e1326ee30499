#pragma once

#include "engines/runtime/timer_wheel.h"

namespace farrier::pony {

struct Connection;
struct Flow;

// What an engine does when a time has come.
class TimerHandler {
 public:
  virtual void OnTimeout(Flow& flow) = 0;    // nothing was heard, or what was set is out of date
  virtual void OnAckDue(Flow& flow) = 0;     // an ack has waited long enough for company
  virtual void OnDeparture(Flow& flow) = 0;  // the card can be given more of it
  virtual void OnConnectTimeout(Connection& connection) = 0;

 protected:
  ~TimerHandler() = default;
};

// A timer on the engine's wheel that has `kMethod` called with `subject`. Both references outlive
// it.
template <auto kMethod, typename Subject>
class EngineTimer final : public runtime::TimerWheel::Timer {
 public:
  EngineTimer(TimerHandler& handler, Subject& subject) : handler_(handler), subject_(subject) {}

 private:
  void Fire(runtime::Nanoseconds) override { (handler_.*kMethod)(subject_); }

  TimerHandler& handler_;
  Subject& subject_;
};

}  // namespace farrier::pony
