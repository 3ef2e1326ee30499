#include "engines/elements/testing/fake_port.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace farrier::elements::testing {

FakePort::~FakePort() {
  if (lent_ != 0) std::abort();
}

void FakePort::Arrive(Bytes frame, runtime::Nanoseconds arrival) {
  inbox_.emplace_back(std::move(frame), arrival);
}

size_t FakePort::RxBurst(std::span<runtime::Packet> out) {
  const size_t n = std::min(out.size(), inbox_.size());
  for (size_t i = 0; i < n; ++i) {
    const auto& [frame, arrival] = inbox_.front();
    const auto length = static_cast<uint32_t>(frame.size());
    auto* buffer = new uint8_t[headroom_ + length];
    std::copy(frame.begin(), frame.end(), buffer + headroom_);
    out[i] = runtime::Packet(buffer + headroom_, length, length, buffer, headroom_);
    out[i].rx.arrival = arrival;
    inbox_.pop_front();
    ++lent_;
  }
  return n;
}

void FakePort::Release(std::span<runtime::Packet> packets) {
  for (runtime::Packet& packet : packets) {
    if (packet.empty()) continue;
    delete[] static_cast<uint8_t*>(packet.buffer());
    packet = runtime::Packet();
    --lent_;
  }
}

size_t FakePort::Reserve(std::span<runtime::Packet> out) {
  if (broken) throw std::runtime_error("a broken port");
  const size_t n = std::min(out.size(), room - std::min(room, reserved_));
  for (size_t i = 0; i < n; ++i) {
    auto* buffer = new uint8_t[capacity];
    out[i] = runtime::Packet(buffer, 0, capacity, buffer);
  }
  reserved_ += n;
  lent_ += static_cast<int>(n);
  return n;
}

void FakePort::Commit(std::span<runtime::Packet> packets) {
  ++commits;
  for (const runtime::Packet& packet : packets) {
    if (packet.empty()) continue;
    --reserved_;
    if (packet.length() == 0) continue;
    if (room != SIZE_MAX) --room;
    sent.push_back({Bytes(packet.bytes().begin(), packet.bytes().end()), packet.tx});
  }
  Release(packets);
}

bool FakePort::ArmRxEvent() {
  ++armed;
  return inbox_.empty();
}

std::vector<Bytes> FakePort::TakeSent() {
  std::vector<Bytes> frames;
  for (Sent& one : sent) frames.push_back(std::move(one.frame));
  sent.clear();
  return frames;
}

}  // namespace farrier::elements::testing
