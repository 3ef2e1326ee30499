#include "pony/testing/fake_network.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace farrier::pony::testing {

void FakeNetwork::Launch(int destination, Frame frame, runtime::Nanoseconds departure) {
  runtime::Nanoseconds delay = delay_;
  if (Chance(faults_.reordering)) delay += delay_ * (1 + random_() % 10);
  if (Chance(faults_.corruption)) {
    const size_t bit = random_() % (frame.size() * 8);
    frame[bit / 8] ^= 1 << (bit % 8);
  }
  under_way_.emplace(std::max(clock_->Now(), departure) + delay,
                     std::pair(destination, std::move(frame)));
}

void FakeNetwork::Send(int destination, Frame frame, runtime::Nanoseconds departure) {
  ++sent_;
  if (Chance(faults_.loss)) return;
  if (Chance(faults_.duplication)) Launch(destination, frame, departure);
  Launch(destination, std::move(frame), departure);
}

void FakeNetwork::Deliver() {
  while (!under_way_.empty() && under_way_.begin()->first <= clock_->Now()) {
    auto& [destination, frame] = under_way_.begin()->second;
    inboxes_[destination].push_back(std::move(frame));
    under_way_.erase(under_way_.begin());
  }
}

FakePort::~FakePort() {
  // Whoever borrowed a packet gave it back.
  if (lent_ != 0) std::abort();
}

size_t FakePort::RxBurst(std::span<runtime::Packet> out) {
  std::deque<Frame>& inbox = network_->Inbox(self_);
  const size_t n = std::min(out.size(), inbox.size());
  for (size_t i = 0; i < n; ++i) {
    const uint32_t length = static_cast<uint32_t>(inbox.front().size());
    uint8_t* buffer = new uint8_t[length];
    std::memcpy(buffer, inbox.front().data(), length);
    inbox.pop_front();
    out[i] = runtime::Packet(buffer, length, length, buffer);
    ++lent_;
  }
  return n;
}

void FakePort::Release(std::span<runtime::Packet> packets) {
  for (runtime::Packet& packet : packets) {
    delete[] static_cast<uint8_t*>(packet.buffer());
    packet = runtime::Packet();
    --lent_;
  }
}

size_t FakePort::Reserve(std::span<runtime::Packet> out) {
  const size_t n = std::min(out.size(), room_);
  for (size_t i = 0; i < n; ++i) {
    uint8_t* buffer = new uint8_t[kCapacity];
    out[i] = runtime::Packet(buffer, 0, kCapacity, buffer);
    ++lent_;
  }
  return n;
}

void FakePort::Commit(std::span<runtime::Packet> packets) {
  for (runtime::Packet& packet : packets) {
    if (packet.length() > 0) {
      if (room_ != SIZE_MAX) --room_;
      if (on_sent) on_sent(packet);
      network_->Send(peer_, Frame(packet.data(), packet.data() + packet.length()),
                     packet.tx.departure);
    }
  }
  Release(packets);
}

}  // namespace farrier::pony::testing
