#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "hw/model/calendar.h"
#include "hw/model/class_queues.h"
#include "hw/model/tx_memory.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// Cells of TX memory that somebody may take, has taken and was given back.
struct TxAccount {
  uint32_t quota = 0;
  uint32_t taken = 0;  // since reset; wraps
  uint32_t released = 0;
};

// Where packets wait until they may leave for the wire: the departure calendar, the class queues,
// the memory of both, and who may use how much of it.
class Pacer {
 public:
  // `slots`: a multiple of 64.
  Pacer(uint32_t cells, uint32_t slots);

  uint32_t cells() const { return memory_.capacity(); }
  uint32_t slots() const { return calendar_.slots(); }
  ClassQueues& classes() { return classes_; }
  TxAccount& owner_account(uint32_t owner) { return owners_[owner]; }
  TxAccount& function_account(uint32_t function) { return functions_[function]; }

  // When a packet wants to leave: at `departure_ns`, or, if that is 0, when its class allows.
  struct Wish {
    uint64_t departure_ns = 0;
    uint8_t pacing_class = 0;
  };
  enum class Admission {
    kFull,     // no room: nothing has changed
    kLeaving,  // leaves at once; nothing was copied. Released() is to be called.
    kParked,
    kClamped,  // parked, for an earlier time than it wished
  };

  // Takes a packet, at a time when NextDue has nothing.
  Admission Admit(std::span<const uint8_t> frame, const TxInfo& info, const Wish& wish,
                  int64_t now_ns);

  // Takes out a packet that may leave, into `out` (room for MAX_PACKET_BYTES), if there is one.
  // Released() is to be called.
  std::optional<TxInfo> NextDue(int64_t now_ns, uint8_t* out);

  // The packet has left: gives its cells back.
  void Released(const TxInfo& info);

  // When NextDue next has a packet; INT64_MAX if never.
  int64_t NextDeparture() const;

 private:
  TxAccount& AccountOf(const TxInfo& info) {
    return info.raw ? functions_[info.function] : owners_[info.owner];
  }

  TxMemory memory_;
  Calendar calendar_;
  ClassQueues classes_;
  std::array<TxAccount, regs::kOwners> owners_;
  std::array<TxAccount, regs::kMaxFunctions> functions_;
};

}  // namespace farrier::model
