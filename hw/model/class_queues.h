#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "hw/model/tx_memory.h"
#include "hw/regs/registers.h"

namespace farrier::model {

// A token bucket per class, as the generic cell rate algorithm has it (ITU-T I.371): the packets of
// a class wait in one queue, the head goes when now >= TAT - burst, and moves TAT to max(TAT, now)
// + its cost. Classes whose heads may go take turns.
class ClassQueues {
 public:
  // CLASS_* registers. Nothing or false: a bad access.
  std::optional<uint32_t> Read(uint32_t offset) const;
  bool Write(uint32_t offset, uint32_t value);

  // Whether packets of the class have to queue.
  bool Limits(uint32_t number) const { return classes_[number].cost != 0; }

  // Whether a packet of the class could leave now, without queueing.
  bool MayPass(uint32_t number, uint64_t now_ns) const {
    return classes_[number].queue.empty() && HeadMayGo(classes_[number], now_ns);
  }

  // `memory` has room.
  void Insert(TxMemory& memory, uint32_t number, std::span<const uint8_t> frame,
              const TxInfo& info);

  // The class whose turn it is, if any has a packet that may go.
  std::optional<uint32_t> Next(uint64_t now_ns) const;

  // The queue of a class. Popped() is to be called for each packet that leaves, by way of it or
  // without queueing.
  TxMemory::Queue& queue(uint32_t number) { return classes_[number].queue; }
  void Popped(uint32_t number, size_t bytes, uint64_t now_ns);

  // When the next packet may go; INT64_MAX if there is none.
  int64_t NextDeparture() const;

 private:
  struct Class {
    uint32_t cost = 0;  // ns per byte, times 65,536
    uint32_t burst_ns = 0;
    uint64_t tat_ns = 0;  // theoretical arrival time: when the next would be on time
    TxMemory::Queue queue;
  };

  static bool HeadMayGo(const Class& it, uint64_t now_ns) {
    return now_ns + it.burst_ns >= it.tat_ns;
  }

  std::array<Class, regs::kClasses> classes_;
  uint64_t waiting_ = 0;  // bit i: class i has packets
  uint32_t turn_ = 0;     // class to be looked at first
};

}  // namespace farrier::model
