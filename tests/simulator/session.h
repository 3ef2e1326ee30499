#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "pony/client/pony_rings.h"
#include "pony/engine.h"

namespace farrier::sim {

struct SessionOptions {
  uint32_t ring_entries = 64;
  uint64_t region_bytes = 1 << 20;  // a multiple of 64
};

// The shared memory and doorbells of one app session, with libpony at the app's end. Each part is
// an allocation of its exact size, so that ASan sees overruns. Shared by the app and by the
// processes that serve it: it lives until the last of them lets go, as memfds do.
class Session {
 public:
  Session(uint32_t id, const SessionOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  uint32_t id() const { return id_; }
  const pony::SessionMemory& memory() const { return memory_; }
  pony_session* pony() { return pony_; }

  // Whether the engine has signalled a completion and the app has not taken note.
  bool signalled() const;
  // Whether the app has rung the doorbell and the engine has not taken note.
  bool rung() const;

 private:
  struct Free {
    void operator()(uint8_t* memory) const;
  };
  using Memory = std::unique_ptr<uint8_t, Free>;
  static Memory Allocate(uint64_t bytes);

  const uint32_t id_;
  Memory app_area_;
  Memory engine_area_;
  Memory region_;
  pony::SessionMemory memory_;
  int wait_fd_ = -1;  // the app's end of the completion pair
  pony_session* pony_ = nullptr;
};

}  // namespace farrier::sim
