#pragma once

#include <cstdint>
#include <span>

namespace farrier::model {

// Where a card's packets go. Called from within Card::Step.
class CardSink {
 public:
  virtual ~CardSink() = default;

  // A packet for a host queue that had credit: prefix and frame, or the bare frame on a raw
  // function. `bytes` is valid during the call.
  virtual void ToHost(int function, int queue, std::span<const uint8_t> bytes) = 0;

  // A frame for the wire.
  virtual void ToWire(std::span<const uint8_t> frame) = 0;
};

// A card as one holds it in the hand: a CSR window, a wire, host functions and a clock. What the
// registers, the prefix and the counters mean is hw/regs/registers.yaml and docs/architecture.md.
// Two implementations: the functional model here, and the Verilated RTL in hw/sim; one conformance
// suite runs against both. One thread.
class Card {
 public:
  virtual ~Card() = default;

  // 32-bit access at a byte offset. Reading a hole gives 0, writing one does nothing; both count.
  virtual uint32_t ReadCsr(uint32_t offset) = 0;
  virtual void WriteCsr(uint32_t offset, uint32_t value) = 0;

  // Grants `count` receive buffers on a queue: what the credit doorbell does.
  virtual void GrantCredits(int function, int queue, uint32_t count) = 0;

  // A frame from the wire, without FCS. False: not taken now, offer it again after a Step.
  virtual bool FromWire(std::span<const uint8_t> frame) = 0;

  // A packet from a host queue: prefix and frame, or the bare frame on a raw function. False: not
  // taken now.
  virtual bool FromHost(int function, int queue, std::span<const uint8_t> bytes) = 0;

  // Moves the card's clock to `now_ns` (never back) and does what there is to do, within a bounded
  // amount of work. Returns false when nothing moved: then the card may be left alone until
  // something comes in, or until NextEvent().
  virtual bool Step(int64_t now_ns) = 0;

  // When the card next wants a Step although nothing comes in (drain gap, watchdog); INT64_MAX
  // if never.
  virtual int64_t NextEvent() const = 0;
};

}  // namespace farrier::model
