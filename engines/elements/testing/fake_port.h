#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "engines/runtime/packet_port.h"

namespace farrier::elements::testing {

using Bytes = std::vector<uint8_t>;

// A port whose wire is the test. Each packet lies in memory of exactly its size and headroom, so
// that the address sanitizer sees who goes beyond. Whatever was lent must have come back at its
// end.
class FakePort final : public runtime::PacketPort {
 public:
  explicit FakePort(uint32_t headroom = 0) : headroom_(headroom) {}
  ~FakePort() override;

  // The wire brings a frame.
  void Arrive(Bytes frame, runtime::Nanoseconds arrival = 0);

  size_t RxBurst(std::span<runtime::Packet> out) override;
  void Release(std::span<runtime::Packet> packets) override;
  size_t Reserve(std::span<runtime::Packet> out) override;
  void Commit(std::span<runtime::Packet> packets) override;
  std::span<const int> RxEventFds() const override { return event_fds; }
  bool ArmRxEvent() override;

  struct Sent {
    Bytes frame;
    runtime::TxMetadata tx;
  };
  std::vector<Sent> sent;
  // The frames of `sent`, which is cleared.
  std::vector<Bytes> TakeSent();

  bool broken = false;       // Reserve throws
  size_t room = SIZE_MAX;    // packets that can still be sent
  uint32_t capacity = 1514;  // of a reserved packet
  std::vector<int> event_fds;
  int armed = 0;    // times
  int commits = 0;  // bursts

  size_t waiting() const { return inbox_.size(); }
  int lent() const { return lent_; }

 private:
  const uint32_t headroom_;
  std::deque<std::pair<Bytes, runtime::Nanoseconds>> inbox_;
  size_t reserved_ = 0;
  int lent_ = 0;
};

}  // namespace farrier::elements::testing
