#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace farrier::pony {

// Which engine of a daemon has the listener of a service, so that a service has one in the whole
// daemon: connects ask engine 0 first, and a listener there would take what is meant for another
// app's on engine 1. Shared by engines on their own threads; never waits.
//
// While engines move to another process one by one, each process has a directory of the engines it
// runs. A service that both grant in those milliseconds is the lower engine's.
class ServiceDirectory {
 public:
  // True if it is this engine's now, be it since before.
  bool Claim(uint16_t service, uint32_t engine) {
    uint32_t owner = 0;
    return owner_[service].compare_exchange_strong(owner, engine + 1) || owner == engine + 1;
  }

  // Ignored if it is not this engine's.
  void Release(uint16_t service, uint32_t engine) {
    uint32_t owner = engine + 1;
    owner_[service].compare_exchange_strong(owner, 0);
  }

 private:
  std::array<std::atomic<uint32_t>, 65536> owner_{};  // engine + 1; 0 = nobody
};

}  // namespace farrier::pony
