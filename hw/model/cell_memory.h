#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "hw/regs/registers.h"

namespace farrier::model {

// Cells a frame of `bytes` occupies.
constexpr uint32_t CellsFor(size_t bytes) {
  return static_cast<uint32_t>((bytes + regs::kCellBytes - 1) / regs::kCellBytes);
}

// Packet memory: cells of CELL_BYTES, handed out to any number of first-in-first-out queues. With
// each packet an `Info` is kept. No allocation after construction.
template <typename Info>
class CellMemory {
 public:
  explicit CellMemory(uint32_t cells)
      : cells_(cells),
        data_(std::make_unique_for_overwrite<uint8_t[]>(size_t{cells} * regs::kCellBytes)),
        free_count_(cells) {
    for (uint32_t cell = 0; cell < cells; ++cell) cells_[cell].next_cell = cell + 1;
  }

  // Only CellMemory changes it.
  class Queue {
   public:
    bool empty() const { return packets_ == 0; }
    uint32_t packets() const { return packets_; }
    uint32_t cells() const { return cells_; }

   private:
    friend class CellMemory;
    // First cells of the oldest and the newest packet; without meaning when empty.
    uint32_t head_ = 0;
    uint32_t tail_ = 0;
    uint32_t packets_ = 0;
    uint32_t cells_ = 0;
  };

  uint32_t capacity() const { return static_cast<uint32_t>(cells_.size()); }
  uint32_t free_cells() const { return free_count_; }

  // Appends a copy of a frame. False, and nothing changes: not enough free cells.
  bool Push(Queue& queue, std::span<const uint8_t> frame, const Info& info) {
    const uint32_t needed = CellsFor(frame.size());
    if (needed == 0 || needed > free_count_) return false;
    const uint32_t first = free_;
    uint32_t cell = first;
    for (uint32_t i = 0; i < needed; ++i) {
      if (i > 0) cell = cells_[cell].next_cell;
      const auto piece = frame.subspan(size_t{i} * regs::kCellBytes);
      std::memcpy(Data(cell), piece.data(), std::min<size_t>(piece.size(), regs::kCellBytes));
    }
    free_ = cells_[cell].next_cell;
    free_count_ -= needed;
    cells_[first].length = static_cast<uint32_t>(frame.size());
    cells_[first].info = info;
    if (queue.empty()) {
      queue.head_ = first;
    } else {
      cells_[queue.tail_].next_packet = first;
    }
    queue.tail_ = first;
    ++queue.packets_;
    queue.cells_ += needed;
    return true;
  }

  // What was kept with the oldest packet of a queue that is not empty.
  const Info& Front(const Queue& queue) const { return cells_[queue.head_].info; }

  // Takes the oldest packet out of a queue that is not empty, into `out` (room for
  // MAX_PACKET_BYTES). Returns its length.
  size_t Pop(Queue& queue, uint8_t* out, Info& info) {
    const Cell first = cells_[queue.head_];
    uint32_t cell = queue.head_;
    for (size_t done = 0; done < first.length; done += regs::kCellBytes) {
      const uint32_t next = cells_[cell].next_cell;
      std::memcpy(out + done, Data(cell), std::min<size_t>(first.length - done, regs::kCellBytes));
      Free(cell);
      cell = next;
    }
    info = first.info;
    queue.head_ = first.next_packet;
    --queue.packets_;
    queue.cells_ -= CellsFor(first.length);
    return first.length;
  }

  // Frees all of a queue's packets; returns how many.
  uint32_t Clear(Queue& queue) {
    const uint32_t packets = queue.packets_;
    for (; queue.packets_ > 0; --queue.packets_) {
      const uint32_t next_packet = cells_[queue.head_].next_packet;
      const uint32_t count = CellsFor(cells_[queue.head_].length);
      uint32_t cell = queue.head_;
      for (uint32_t i = 0; i < count; ++i) {
        const uint32_t next = cells_[cell].next_cell;
        Free(cell);
        cell = next;
      }
      queue.head_ = next_packet;
    }
    queue.cells_ = 0;
    return packets;
  }

 private:
  // Bookkeeping beside each cell; the packet's fields are those of its first cell.
  struct Cell {
    uint32_t next_cell = 0;  // of the same packet, or of the free list
    uint32_t next_packet = 0;
    uint32_t length = 0;
    Info info;
  };

  uint8_t* Data(uint32_t cell) { return data_.get() + size_t{cell} * regs::kCellBytes; }

  void Free(uint32_t cell) {
    cells_[cell].next_cell = free_;
    free_ = cell;
    ++free_count_;
  }

  std::vector<Cell> cells_;
  std::unique_ptr<uint8_t[]> data_;
  uint32_t free_ = 0;
  uint32_t free_count_ = 0;
};

}  // namespace farrier::model
