#include "hw/model/hold_memory.h"

#include <algorithm>
#include <cstring>

namespace farrier::model {

HoldMemory::HoldMemory(uint32_t cells)
    : cells_(cells),
      data_(std::make_unique_for_overwrite<uint8_t[]>(size_t{cells} * regs::kCellBytes)),
      free_count_(cells) {
  for (uint32_t cell = 0; cell < cells; ++cell) cells_[cell].next_cell = cell + 1;
}

void HoldMemory::Free(uint32_t cell) {
  cells_[cell].next_cell = free_;
  free_ = cell;
  ++free_count_;
}

bool HoldMemory::Push(Queue& queue, std::span<const uint8_t> frame, const PacketInfo& info) {
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
  if (queue.packets_ == 0) {
    queue.head_ = first;
  } else {
    cells_[queue.tail_].next_packet = first;
  }
  queue.tail_ = first;
  ++queue.packets_;
  queue.cells_ += needed;
  return true;
}

size_t HoldMemory::Pop(Queue& queue, uint8_t* out, PacketInfo& info) {
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

uint32_t HoldMemory::Clear(Queue& queue) {
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

}  // namespace farrier::model
