#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hw/regs/registers.h"

namespace farrier::model {

// What the card knows of a packet besides its bytes.
struct PacketInfo {
  int64_t arrival_ns = 0;
  uint32_t sequence = 0;
  uint8_t l3_offset = 0;
  uint8_t l4_offset = 0;
  bool fragment = false;
  bool was_held = false;
};

// Cells a frame of `bytes` occupies.
constexpr uint32_t CellsFor(size_t bytes) {
  return static_cast<uint32_t>((bytes + regs::kCellBytes - 1) / regs::kCellBytes);
}

// The card's packet memory: cells of CELL_BYTES, handed out to one first-in-first-out queue per
// owner. No allocation after construction.
class HoldMemory {
 public:
  explicit HoldMemory(uint32_t cells);

  // One owner's parked packets. Only HoldMemory changes it.
  class Queue {
   public:
    uint32_t packets() const { return packets_; }
    uint32_t cells() const { return cells_; }

   private:
    friend class HoldMemory;
    uint32_t head_ =
        0;  // first cell of the oldest packet; head_ and tail_ are meaningless when empty
    uint32_t tail_ = 0;  // first cell of the newest packet
    uint32_t packets_ = 0;
    uint32_t cells_ = 0;
  };

  uint32_t capacity() const { return static_cast<uint32_t>(cells_.size()); }
  uint32_t free_cells() const { return free_count_; }

  // Appends a copy of a frame. False, and nothing changes: not enough free cells.
  bool Push(Queue& queue, std::span<const uint8_t> frame, const PacketInfo& info);

  // Takes the oldest packet out of a queue that is not empty, into `out` (room for
  // MAX_PACKET_BYTES). Returns its length.
  size_t Pop(Queue& queue, uint8_t* out, PacketInfo& info);

  // Frees all of a queue's packets; returns how many.
  uint32_t Clear(Queue& queue);

 private:
  // Bookkeeping beside each cell; the packet's fields are those of its first cell.
  struct Cell {
    uint32_t next_cell = 0;  // of the same packet, or of the free list
    uint32_t next_packet = 0;
    uint32_t length = 0;
    PacketInfo info;
  };

  uint8_t* Data(uint32_t cell) { return data_.get() + size_t{cell} * regs::kCellBytes; }
  void Free(uint32_t cell);

  std::vector<Cell> cells_;
  std::unique_ptr<uint8_t[]> data_;
  uint32_t free_ = 0;
  uint32_t free_count_ = 0;
};

}  // namespace farrier::model
