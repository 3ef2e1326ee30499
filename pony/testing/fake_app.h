#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "pony/client/pony_abi.h"
#include "pony/engine.h"

namespace farrier::pony::testing {

// An app that writes its rings by itself: what libpony does, and what it would never do.
class FakeApp {
 public:
  explicit FakeApp(uint32_t ring_entries = 256, uint64_t region_bytes = 8 << 20);
  ~FakeApp();
  FakeApp(const FakeApp&) = delete;

  SessionMemory memory() const;
  uint8_t* region() { return region_.data(); }
  PonyAppArea& app() { return *reinterpret_cast<PonyAppArea*>(app_area_); }
  PonyEngineArea& engine() { return *reinterpret_cast<PonyEngineArea*>(engine_area_); }

  // Puts a command into the ring; false if there is no room.
  bool Put(const PonyCommand& command);
  bool Connect(uint32_t ip, uint16_t service, uint64_t tag = 0);
  bool Listen(uint16_t service, uint64_t tag = 0);
  bool Post(uint32_t connection, uint64_t offset, uint64_t tag = 0);
  bool Send(uint32_t connection, uint32_t stream, uint64_t offset, uint32_t length,
            uint64_t tag = 0);
  bool Close(uint32_t connection, uint64_t tag = 0);

  // Takes the events there are, at most `max`.
  std::vector<PonyEvent> Events(size_t max = SIZE_MAX);

  // The app's end of the completion pair.
  int wait_fd() const { return wait_fd_; }
  void CloseWaitFd();
  bool DoorbellWanted() { return engine().want_doorbell != 0; }
  // Signals that came since it was last asked.
  uint64_t CompletionSignals();

 private:
  const uint32_t entries_;
  const uint32_t area_bytes_;
  uint8_t* app_area_;
  uint8_t* engine_area_;
  std::vector<uint8_t> region_;
  int doorbell_fd_;
  int completion_fd_ = -1;  // the engine's end
  int wait_fd_ = -1;        // the app's
  uint32_t command_tail_ = 0;
  uint32_t completion_head_ = 0;
};

}  // namespace farrier::pony::testing
