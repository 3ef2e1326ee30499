#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "hw/driver/card_port.h"
#include "hw/model/card.h"
#include "hw/regs/registers.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/link.h"
#include "tests/simulator/random.h"

namespace farrier::sim {

// Deliberate breaks of a card, to prove that the campaigns would notice.
struct CardBreaks {
  bool ignore_generation = false;  // a switch word is taken whatever generation it expects
  bool early_mark = false;         // MARKs overtake the packets that are on their way to the host
};

// A card plugged into a simulated host: the real model on virtual time, between a wire and the
// host's ports. It is itself a Card: what the host does to it takes effect at once, and what
// follows from that happens a little later, when the card gets a Step.
class SimCard final : public model::Card, public FrameSink, private model::CardSink {
 public:
  using Factory = std::function<std::unique_ptr<model::Card>(model::CardSink&)>;

  // `wire` must outlive the card.
  SimCard(EventQueue& queue, Random random, const Factory& make, FrameSink* wire);

  // Host side of a queue pair: `port` gets what the card delivers, then `wake` is called.
  void Connect(int function, int queue, driver::CardPort* port, std::function<void()> wake);

  // The process that drove the function has died or closed it: no ports, no credits.
  void DisconnectFunction(int function);

  // How long a packet takes to the host's memory, at most.
  void set_slowest_delivery(Nanoseconds time) { slowest_delivery_ = time; }

  void set_breaks(const CardBreaks& breaks) { breaks_ = breaks; }

  // Packets for a queue that nobody has connected: a card that sends without credit.
  uint64_t delivered_to_nobody() const { return delivered_to_nobody_; }

  // Reads what COUNTER_SNAPSHOT latches.
  uint64_t OwnerCounter(int owner, regs::OwnerCounter counter);
  uint64_t GlobalCounter(regs::GlobalCounter counter);

  // Empty if every conservation identity of the counters holds and no packet was given to the card
  // that it could not pace; else what is wrong.
  std::string CheckIdentities();

  // FrameSink: from the wire.
  void Receive(Frame frame) override;

  // Card.
  uint32_t ReadCsr(uint32_t offset) override;
  void WriteCsr(uint32_t offset, uint32_t value) override;
  void GrantCredits(int function, int queue, uint32_t count) override;
  bool FromWire(std::span<const uint8_t> frame) override;
  bool FromHost(int function, int queue, std::span<const uint8_t> bytes) override;
  bool Step(int64_t now_ns) override;
  int64_t NextEvent() const override { return card_->NextEvent(); }

 private:
  // A queue pair that a host has connected.
  struct Queue {
    Queue(EventQueue& queue, int at, driver::CardPort* to, std::function<void()> wake_host);
    void Arrive();

    const int number;
    driver::CardPort* port;
    std::function<void()> wake;
    std::deque<std::pair<Nanoseconds, Frame>> under_way;  // by time of arrival
    Timer arrival;
  };

  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override;
  void ToWire(std::span<const uint8_t> frame) override;
  void Kick();
  uint64_t Read64(uint32_t offset);

  EventQueue& queue_;
  Random random_;
  FrameSink* wire_;
  std::unique_ptr<model::Card> card_;
  CardBreaks breaks_;
  Nanoseconds slowest_delivery_ = 3 * kMicrosecond;
  std::map<std::pair<int, int>, std::unique_ptr<Queue>> queues_;  // by function and queue
  std::deque<Frame> from_wire_;                                   // not taken by the card yet
  uint64_t delivered_to_nobody_ = 0;
  Timer step_;
};

}  // namespace farrier::sim
