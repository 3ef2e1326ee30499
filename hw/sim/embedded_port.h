#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "hw/driver/owner_port.h"
#include "hw/model/card.h"
#include "hw/sim/spsc_ring.h"

namespace farrier::sim {

struct EmbeddedPortOptions {
  runtime::OwnerId owner{};
  int queue = 0;              // the first, on function 0
  uint32_t queues = 1;        // how many
  uint32_t rx_buffers = 512;  // credits granted to the card, per queue
  uint32_t tx_buffers = 512;  // packets lent or waiting for the card, at most
  uint32_t max_frame = 1518;  // bytes; longer packets are dropped as bad
};

// An OwnerPort on a card in the same process that runs on a thread of its own. What crosses are
// buffers, over four rings without locks: the engine never waits for the card, nor the card for the
// engine.
class EmbeddedPort final : public driver::OwnerPort {
 public:
  // `wake_card`: something was committed or released; on the engine's thread, must not block.
  EmbeddedPort(const EmbeddedPortOptions& options, std::function<void()> wake_card);
  ~EmbeddedPort() override;

  // The card's thread. From CardSink::ToHost, for one of this port's queues.
  void Deliver(int queue, std::span<const uint8_t> bytes);
  // Grants what the engine has released; false: there was nothing.
  bool Grant(model::Card& card);
  // Offers what the engine has committed; false: the card took nothing.
  bool Offer(model::Card& card);
  // Tells the engine, if it waits, of what was delivered since the last call.
  void Signal();
  // Something waits for the card's thread: to be granted, to be offered.
  bool ToGrant() const { return !released_.empty(); }
  bool ToOffer() const { return offered_ == nullptr && !committed_.empty(); }

  // The engine's thread.
  size_t RxBurst(std::span<runtime::Packet> out) override;
  void Release(std::span<runtime::Packet> packets) override;
  size_t Reserve(std::span<runtime::Packet> out) override;
  void Commit(std::span<runtime::Packet> packets) override;
  std::span<const int> RxEventFds() const override { return {&event_fd_, 1}; }
  bool ArmRxEvent() override;

 private:
  struct Buffer {
    uint32_t queue;   // counted from the first; of a receive buffer
    uint32_t length;  // prefix included
    std::array<uint8_t, regs::kPrefixBytes + regs::kMaxPacketBytes> bytes;
  };

  const EmbeddedPortOptions options_;
  const std::function<void()> wake_card_;
  const std::unique_ptr<Buffer[]> buffers_;  // pages that are not used are never touched
  const int event_fd_;
  std::atomic<bool> armed_{false};

  SpscRing<Buffer*> delivered_;  // card to engine
  SpscRing<Buffer*> released_;   // engine to card
  SpscRing<Buffer*> committed_;  // engine to card
  SpscRing<Buffer*> sent_;       // card to engine

  // The card's thread's.
  std::vector<std::vector<Buffer*>> rx_free_;  // by queue; granted to the card
  Buffer* offered_ = nullptr;                  // committed, and the card did not take it yet
  bool to_signal_ = false;

  // The engine's.
  std::vector<Buffer*> tx_free_;
  bool short_of_buffers_ = false;  // the last Reserve found less than it could have lent
};

}  // namespace farrier::sim
