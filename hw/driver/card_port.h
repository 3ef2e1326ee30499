#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "hw/driver/owner_port.h"
#include "hw/model/card.h"

namespace farrier::driver {

struct CardPortOptions {
  runtime::OwnerId owner{};
  int function = 0;
  int queue = 0;              // the first
  uint32_t queues = 1;        // how many
  uint32_t rx_buffers = 256;  // credits granted to the card, per queue
  uint32_t tx_buffers = 256;  // packets lent or waiting for the card, at most
  uint32_t max_frame = 1514;  // bytes a reserved packet has room for
};

// An OwnerPort on a card in the same process: the card's sink gives it what arrives on its queues.
// Every packet is in an allocation of its exact size, so that a sanitizer sees an overrun. One
// thread; `card` outlives it. Construction grants the credits of all its buffers; when the
// host dies, whoever plays that resets the function's credits (FUNCTION_CONTROL).
class CardPort final : public OwnerPort {
 public:
  CardPort(model::Card& card, const CardPortOptions& options);
  ~CardPort() override;

  // From CardSink::ToHost, for this port's function and one of its queues.
  void Deliver(int queue, std::span<const uint8_t> bytes);

  // Offers the card what it did not take at Commit. Whoever steps the card calls this.
  void Flush();

  size_t RxBurst(std::span<runtime::Packet> out) override;
  void Release(std::span<runtime::Packet> packets) override;
  size_t Reserve(std::span<runtime::Packet> out) override;
  void Commit(std::span<runtime::Packet> packets) override;
  std::span<const int> RxEventFds() const override { return {}; }
  bool ArmRxEvent() override;

 private:
  // What a Packet's buffer() is.
  struct Buffer {
    std::vector<uint8_t> bytes;
    uint32_t queue = 0;  // counted from the first; of a received one
  };
  struct RxQueue {
    uint32_t free = 0;                            // buffers granted to the card and not used yet
    std::deque<std::unique_ptr<Buffer>> packets;  // delivered, not yet returned by RxBurst
  };

  void Grant(uint32_t queue, uint32_t count);

  model::Card& card_;
  const CardPortOptions options_;
  std::vector<RxQueue> rx_;
  uint32_t next_queue_ = 0;  // whose turn it is
  uint32_t tx_free_;
  std::deque<std::unique_ptr<Buffer>> tx_;  // committed, not yet taken by the card
};

}  // namespace farrier::driver
