#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "pony/client/pony_abi.h"
#include "pony/client/pony_rings.h"

namespace farrier::pony::testing {

// The engine's end of a session's rings, as small as it can be: for tests of the application's end.
// Private indices begin at what the areas say.
class EngineSide {
 public:
  EngineSide(uint8_t* app_area, uint8_t* engine_area, uint32_t ring_entries, int completion_fd)
      : app_(reinterpret_cast<PonyAppArea*>(app_area)),
        engine_(reinterpret_cast<PonyEngineArea*>(engine_area)),
        commands_(reinterpret_cast<PonyCommand*>(app_area + sizeof(PonyAppArea))),
        events_(reinterpret_cast<PonyEvent*>(engine_area + sizeof(PonyEngineArea))),
        entries_(ring_entries),
        command_head_(engine_->command_head),
        completion_tail_(engine_->completion_tail),
        completion_fd_(completion_fd) {}

  std::optional<PonyCommand> Take() {
    if (!HasCommand()) return std::nullopt;
    const PonyCommand command = commands_[command_head_ & (entries_ - 1)];
    __atomic_store_n(&engine_->command_head, ++command_head_, __ATOMIC_RELEASE);
    return command;
  }

  bool HasCommand() const {
    return __atomic_load_n(&app_->command_tail, __ATOMIC_SEQ_CST) != command_head_;
  }

  bool HasRoom() const {
    return completion_tail_ - __atomic_load_n(&app_->completion_head, __ATOMIC_SEQ_CST) < entries_;
  }

  // False: the completion ring is full.
  bool Give(const PonyEvent& event) {
    if (!HasRoom()) return false;
    events_[completion_tail_ & (entries_ - 1)] = event;
    __atomic_store_n(&engine_->completion_tail, ++completion_tail_, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&app_->want_event, __ATOMIC_SEQ_CST) != 0 && completion_fd_ >= 0) Signal();
    return true;
  }

  void Signal() { (void)!send(completion_fd_, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL); }

  // Says that the doorbell is wanted. The caller looks at the rings once more before it sleeps.
  void WantDoorbell(bool want) {
    __atomic_store_n(&engine_->want_doorbell, want ? 1 : 0, __ATOMIC_SEQ_CST);
  }

  PonyEngineArea* area() { return engine_; }
  PonyEvent* events() { return events_; }

 private:
  PonyAppArea* const app_;
  PonyEngineArea* const engine_;
  PonyCommand* const commands_;
  PonyEvent* const events_;
  const uint32_t entries_;
  uint32_t command_head_;
  uint32_t completion_tail_;
  const int completion_fd_;
};

}  // namespace farrier::pony::testing
