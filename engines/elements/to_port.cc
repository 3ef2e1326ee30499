#include "engines/elements/to_port.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace farrier::elements {

size_t ToPort::Borrow(size_t wanted) {
  const size_t free = borrowed_ - filled_;
  if (free >= wanted) return free;
  if (filled_ + wanted > packets_.size()) {
    port_->Commit(std::span(packets_).first(filled_));
    std::move(packets_.begin() + filled_, packets_.begin() + borrowed_, packets_.begin());
    filled_ = 0;
    borrowed_ = free;
  }
  borrowed_ += port_->Reserve(std::span(packets_).subspan(borrowed_, wanted - free));
  return borrowed_ - filled_;
}

size_t ToPort::Room(size_t wanted) { return std::min(wanted, Borrow(wanted)); }

void ToPort::Push(runtime::Nanoseconds, Batch batch) {
  Borrow(batch.size());
  for (const Frame* frame : batch) {
    const runtime::Packet& from = *frame->packet;
    if (filled_ == borrowed_) {
      ++no_room_;
      continue;
    }
    runtime::Packet& to = packets_[filled_];
    if (from.length() > to.capacity()) {
      ++too_long_;
      continue;
    }
    if (from.length() == 0) {
      ++empty_;
      continue;
    }
    std::memcpy(to.data(), from.data(), from.length());
    to.set_length(from.length());
    to.tx = from.tx;
    ++filled_;
    ++sent_.packets;
    sent_.bytes += from.length();
  }
}

void ToPort::EndPoll() {
  if (borrowed_ == 0) return;
  port_->Commit(std::span(packets_).first(borrowed_));
  filled_ = 0;
  borrowed_ = 0;
}

std::vector<CounterRef> ToPort::Counters() {
  return {{"packets", &sent_.packets},
          {"bytes", &sent_.bytes},
          {"no_room", &no_room_},
          {"too_long", &too_long_},
          {"empty", &empty_}};
}

}  // namespace farrier::elements
