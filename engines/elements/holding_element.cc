#include "engines/elements/holding_element.h"

#include <algorithm>

namespace farrier::elements {
namespace {

// A port says nothing when it has room again.
constexpr runtime::Nanoseconds kRoomRetry = 50 * runtime::kMicrosecond;

}  // namespace

HoldingElement::HoldingElement(std::string name, const Limits& limits)
    : Element(std::move(name), 1), drop_(limits.drop), store_(limits.packets, limits.bytes) {
  for (size_t i = 0; i < kMaxBatch; ++i) {
    frames_[i].packet = &packets_[i];
    batch_[i] = &frames_[i];
  }
}

void HoldingElement::Push(runtime::Nanoseconds now, Batch batch) {
  const size_t passed = store_.empty() ? PassThrough(now, batch) : 0;
  for (const Frame* frame : batch.subspan(passed)) Hold(*frame->packet);
}

size_t HoldingElement::PassThrough(runtime::Nanoseconds now, Batch batch) {
  const size_t room = outputs()[0]->Room(batch.size());
  std::array<uint32_t, kMaxBatch> lengths;
  for (size_t i = 0; i < room; ++i) lengths[i] = batch[i]->packet->length();
  const size_t n = Admit(now, std::span(lengths).first(room));
  no_room_ = n == room && n < batch.size();
  passed_.Add(batch.first(n));
  Emit(now, batch.first(n));
  return n;
}

void HoldingElement::Hold(const runtime::Packet& packet) {
  if (!store_.EverFits(packet.length())) {
    ++too_long_;
    return;
  }
  while (!store_.Fits(packet.length())) {
    ++dropped_;
    if (drop_ == Drop::kTail) return;
    store_.Drop(1);
  }
  store_.Append(packet);
  ++held_;
}

size_t HoldingElement::Serve(runtime::Nanoseconds now, size_t budget) {
  size_t served = 0;
  while (served < budget && !store_.empty()) {
    const size_t wanted = std::min({budget - served, store_.size(), kMaxBatch});
    const size_t room = outputs()[0]->Room(wanted);
    std::array<uint32_t, kMaxBatch> lengths;
    for (size_t i = 0; i < room; ++i) lengths[i] = store_.length(i);
    const size_t n = Admit(now, std::span(lengths).first(room));
    no_room_ = n == room && n < wanted;
    for (size_t i = 0; i < n; ++i) {
      packets_[i] = store_.View(i);
      frames_[i].headers.flags = 0;
      batch_[i] = &frames_[i];
    }
    const Batch batch = std::span(batch_).first(n);
    passed_.Add(batch);
    Emit(now, batch);
    store_.Drop(n);
    served += n;
    if (n < wanted) break;
  }
  return served;
}

runtime::Nanoseconds HoldingElement::NextServe(runtime::Nanoseconds now) const {
  if (store_.empty()) return runtime::kNever;
  if (no_room_) return now + kRoomRetry;
  return Departure(store_.length(0));
}

runtime::Nanoseconds HoldingElement::Waiting(runtime::Nanoseconds now) const {
  if (store_.empty() || no_room_) return runtime::kNever;
  const runtime::Nanoseconds departure = Departure(store_.length(0));
  if (departure > now) return runtime::kNever;
  const runtime::Nanoseconds since = std::max(departure, store_.arrival(0));
  return since > 0 ? since : now;  // a card without a clock
}

std::vector<CounterRef> HoldingElement::Counters() {
  return {{"packets", &passed_.packets},
          {"bytes", &passed_.bytes},
          {"held", &held_},
          {"dropped", &dropped_},
          {"too_long", &too_long_}};
}

}  // namespace farrier::elements
