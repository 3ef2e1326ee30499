#include "engines/elements/vlan.h"

#include <array>
#include <cstring>

#include "engines/elements/bytes.h"

namespace farrier::elements {
namespace {

constexpr uint32_t kMacBytes = 12;  // both addresses

// The headers behind the MAC addresses are now `by` further from the front.
void Moved(Frame& frame, int by) {
  frame.headers.flags = 0;
  runtime::RxMetadata& rx = frame.packet->rx;
  for (uint8_t* offset : {&rx.l3_offset, &rx.l4_offset}) {
    const int moved = *offset + by;
    *offset = *offset != 0 && moved <= UINT8_MAX ? static_cast<uint8_t>(moved) : 0;
  }
}

}  // namespace

void VlanPush::Push(runtime::Nanoseconds now, Batch batch) {
  size_t n = 0;
  for (Frame* frame : batch) {
    runtime::Packet& packet = *frame->packet;
    if (packet.length() < kEthernetBytes) {
      ++too_short_;
      continue;
    }
    if (!packet.Prepend(kVlanTagBytes)) {
      ++no_headroom_;
      continue;
    }
    std::memmove(packet.data(), packet.data() + kVlanTagBytes, kMacBytes);
    Store32(packet.data() + kMacBytes, tag_);
    Moved(*frame, kVlanTagBytes);
    batch[n++] = frame;
  }
  pushed_ += n;
  Emit(now, batch.first(n));
}

std::vector<CounterRef> VlanPush::Counters() {
  return {{"pushed", &pushed_}, {"no_headroom", &no_headroom_}, {"too_short", &too_short_}};
}

void VlanPop::Push(runtime::Nanoseconds now, Batch batch) {
  std::array<Frame*, kMaxBatch> untagged;
  size_t others = 0;
  size_t n = 0;
  for (Frame* frame : batch) {
    if (!(frame->Parsed().flags & Headers::kTagged)) {
      untagged[others++] = frame;
      continue;
    }
    runtime::Packet& packet = *frame->packet;
    std::memmove(packet.data() + kVlanTagBytes, packet.data(), kMacBytes);
    packet.TrimFront(kVlanTagBytes);
    Moved(*frame, -static_cast<int>(kVlanTagBytes));
    batch[n++] = frame;
  }
  popped_ += n;
  untagged_ += others;
  Emit(now, batch.first(n));
  Emit(now, std::span(untagged).first(others), kUntagged);
}

std::vector<CounterRef> VlanPop::Counters() {
  return {{"popped", &popped_}, {"untagged", &untagged_}};
}

}  // namespace farrier::elements
