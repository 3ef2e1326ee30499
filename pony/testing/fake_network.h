#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "engines/runtime/clock.h"
#include "engines/runtime/packet_port.h"

namespace farrier::pony::testing {

// What happens to a frame, each by itself and by chance (0..1).
struct Faults {
  double loss = 0;
  double duplication = 0;
  double corruption = 0;  // one bit
  double reordering = 0;  // comes up to ten delays late
};

using Frame = std::vector<uint8_t>;

// Frames under way between ports, on virtual time, by a seed.
class FakeNetwork {
 public:
  FakeNetwork(const runtime::ManualClock* clock, uint64_t seed) : clock_(clock), random_(seed) {}

  void set_faults(const Faults& faults) { faults_ = faults; }
  void set_delay(runtime::Nanoseconds delay) { delay_ = delay; }

  // `departure`: leaves then, if that is to come.
  void Send(int destination, Frame frame, runtime::Nanoseconds departure = 0);

  // Frames for a port whose time has come, in order.
  std::deque<Frame>& Inbox(int port) { return inboxes_[port]; }
  void Deliver();
  runtime::Nanoseconds NextDelivery() const {
    return under_way_.empty() ? runtime::kNever : under_way_.begin()->first;
  }

  // Frames that came to be seen on the wire, for tests that replay or count them.
  uint64_t sent() const { return sent_; }

 private:
  bool Chance(double probability) {
    return probability > 0 && std::uniform_real_distribution<>(0, 1)(random_) < probability;
  }
  void Launch(int destination, Frame frame, runtime::Nanoseconds departure);

  const runtime::ManualClock* clock_;
  std::mt19937_64 random_;
  Faults faults_;
  runtime::Nanoseconds delay_ = 10 * runtime::kMicrosecond;
  std::multimap<runtime::Nanoseconds, std::pair<int, Frame>> under_way_;
  std::map<int, std::deque<Frame>> inboxes_;
  uint64_t sent_ = 0;
};

// A port of that network. Received packets lie in memory of exactly their size, so that the address
// sanitizer sees who reads beyond.
class FakePort final : public runtime::PacketPort {
 public:
  FakePort(FakeNetwork* network, int self, int peer)
      : network_(network), self_(self), peer_(peer) {}
  ~FakePort() override;

  size_t RxBurst(std::span<runtime::Packet> out) override;
  void Release(std::span<runtime::Packet> packets) override;
  size_t Reserve(std::span<runtime::Packet> out) override;
  void Commit(std::span<runtime::Packet> packets) override;
  std::span<const int> RxEventFds() const override { return {}; }
  bool ArmRxEvent() override { return network_->Inbox(self_).empty(); }

  // Packets that can be reserved from now on; to play a full card.
  void set_room(size_t room) { room_ = room; }
  int lent() const { return lent_; }

  // Sees every packet that is sent, if set.
  std::function<void(const runtime::Packet&)> on_sent;

 private:
  static constexpr uint32_t kCapacity = 1514;

  FakeNetwork* network_;
  int self_;
  int peer_;
  size_t room_ = SIZE_MAX;
  int lent_ = 0;
};

}  // namespace farrier::pony::testing
