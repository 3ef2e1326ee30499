#include "tests/simulator/hostile_app.h"

#include <sys/eventfd.h>

#include <cstring>

namespace farrier::sim {

void Scribbler::OnOpen() {
  tail_ = 0;
  scribble_.Set(queue().Now() + random().Uniform(0, kMillisecond));
}

// A command of which each field is now and then right.
PonyCommand Scribbler::AlmostValid() {
  const pony::SessionMemory& memory = session()->memory();
  PonyCommand command{};
  auto* bytes = reinterpret_cast<uint8_t*>(&command);
  if (random().Chance(0.1)) {
    for (size_t i = 0; i < sizeof command; ++i) bytes[i] = static_cast<uint8_t>(random().Bits());
  }
  command.tag = random().Bits();
  command.op = static_cast<uint8_t>(random().Uniform(0, 6));
  command.connection = static_cast<uint32_t>(random().Uniform(0, 12));
  command.stream = static_cast<uint32_t>(random().Uniform(0, 3));
  command.offset = random().Chance(0.8)
                       ? static_cast<uint64_t>(random().Uniform(0, memory.region_bytes))
                       : random().Bits();
  command.length =
      static_cast<uint32_t>(random().Chance(0.8) ? random().Uniform(0, PONY_MAX_MESSAGE + 1)
                                                 : random().Uniform(0, UINT32_MAX));
  command.remote_ip =
      random().Chance(0.8) ? remote_ip_ : static_cast<uint32_t>(random().Uniform(0, UINT32_MAX));
  command.service = number_;
  return command;
}

void Scribbler::Scribble() {
  if (session() == nullptr) return;
  ++scribbles_;
  const pony::SessionMemory& memory = session()->memory();
  auto* area = reinterpret_cast<PonyAppArea*>(memory.app_area);
  auto* ring = reinterpret_cast<PonyCommand*>(memory.app_area + sizeof(PonyAppArea));
  switch (random().Uniform(0, 9)) {
    case 0:  // indices that cannot be
      area->command_tail = static_cast<uint32_t>(random().Bits());
      break;
    case 1:
      area->completion_head = static_cast<uint32_t>(random().Bits());
      break;
    case 2: {  // anywhere
      const auto at = static_cast<size_t>(random().Uniform(0, memory.app_area_bytes - 1));
      memory.app_area[at] = static_cast<uint8_t>(random().Bits());
      break;
    }
    case 3: {
      const auto at = static_cast<size_t>(random().Uniform(0, memory.region_bytes - 1));
      memory.region[at] = static_cast<uint8_t>(random().Bits());
      break;
    }
    case 4:
      if (random().Chance(0.2)) {
        Restart();
        return;
      }
      break;
    default:  // commands, as the rules say but for what is in them
      for (int64_t i = random().Uniform(1, memory.ring_entries); i > 0; --i) {
        ring[tail_++ % memory.ring_entries] = AlmostValid();
      }
      area->command_tail = tail_;
      if (random().Chance(0.5)) {  // takes what there is, unread
        area->completion_head =
            reinterpret_cast<const PonyEngineArea*>(memory.engine_area)->completion_tail;
      }
  }
  eventfd_write(memory.doorbell_fd, 1);
  service_.Rung();
  scribble_.Set(queue().Now() + random().Uniform(kMicrosecond, kMillisecond));
}

}  // namespace farrier::sim
