#include "engines/elements/tap.h"

#include <algorithm>

#include "engines/elements/state.pb.h"

namespace farrier::elements {

Tap::Tap(std::string name, uint32_t every, uint32_t max_bytes)
    : Element(std::move(name), 2),
      every_(every),
      max_bytes_(max_bytes),
      memory_(std::make_unique<uint8_t[]>(kMaxBatch * (kHeldHeadroom + max_bytes))) {}

void Tap::Push(runtime::Nanoseconds now, Batch batch) {
  packets_seen_ += batch.size();
  size_t copies = 0;
  for (const Frame* frame : batch) {
    if (++since_copy_ < every_) continue;
    since_copy_ = 0;
    Copy(*frame->packet, copies++);
  }
  copied_ += copies;
  // The copies first: what passes may be changed on its way.
  Emit(now, std::span(batch_).first(copies), kCopies);
  Emit(now, batch);
}

void Tap::Copy(const runtime::Packet& from, size_t slot) {
  uint8_t* buffer = memory_.get() + slot * (kHeldHeadroom + max_bytes_);
  const uint32_t length = std::min(from.length(), max_bytes_);
  cut_ += length < from.length();
  std::copy_n(from.data(), length, buffer + kHeldHeadroom);
  packets_[slot] = runtime::Packet(buffer + kHeldHeadroom, length, length, buffer, kHeldHeadroom);
  packets_[slot].rx = from.rx;
  packets_[slot].tx = from.tx;
  frames_[slot].packet = &packets_[slot];
  frames_[slot].headers.flags = 0;
  batch_[slot] = &frames_[slot];
}

std::vector<CounterRef> Tap::Counters() {
  return {{"packets", &packets_seen_}, {"copied", &copied_}, {"cut", &cut_}};
}

void Tap::Save(ElementRecord& record) const { record.set_since_copy(since_copy_); }

absl::Status Tap::Load(const ElementRecord& record) {
  // A successor may copy more often.
  since_copy_ = std::min(record.since_copy(), every_ - 1);
  return absl::OkStatus();
}

}  // namespace farrier::elements
