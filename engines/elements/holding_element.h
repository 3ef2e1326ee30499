#pragma once

#include <array>
#include <span>

#include "engines/elements/element.h"
#include "engines/elements/packet_store.h"

namespace farrier::elements {

// An element that holds packets back, in their order, until they may go on and the ports ahead have
// room for them. What may go on at once passes without being copied. The engine serves it in every
// poll, and moves what it holds with its state.
class HoldingElement : public Element {
 public:
  enum class Drop { kTail, kOldest };
  struct Limits {
    size_t packets = 0;
    size_t bytes = 0;  // of frames
    Drop drop = Drop::kTail;
  };
  HoldingElement(std::string name, const Limits& limits);

  void Push(runtime::Nanoseconds now, Batch batch) final;
  size_t Room(size_t wanted) final { return wanted; }

  // Passes on up to `budget` packets; how many.
  size_t Serve(runtime::Nanoseconds now, size_t budget);

  // When it is to be served next; now or before: at once; kNever: it holds nothing.
  runtime::Nanoseconds NextServe(runtime::Nanoseconds now) const;

  // Since when the oldest packet waits for nothing but to be served; kNever: none does. What waits
  // for its time or for a port's room would not go on sooner with more CPU.
  runtime::Nanoseconds Waiting(runtime::Nanoseconds now) const;

  PacketStore& store() { return store_; }
  const PacketStore& store() const { return store_; }

  std::vector<CounterRef> Counters() override;

 protected:
  // How many of the next packets, of these lengths, may go on now; they are taken to be gone.
  virtual size_t Admit(runtime::Nanoseconds now, std::span<const uint32_t> lengths) = 0;
  // When the next packet, of this length, may go on.
  virtual runtime::Nanoseconds Departure(uint32_t length) const = 0;

 private:
  size_t PassThrough(runtime::Nanoseconds now, Batch batch);
  void Hold(const runtime::Packet& packet);

  const Drop drop_;
  PacketStore store_;
  bool no_room_ = false;  // in a port ahead, when last asked

  Traffic passed_;
  uint64_t held_ = 0;  // of those that came, did not pass at once
  uint64_t dropped_ = 0;
  uint64_t too_long_ = 0;

  std::array<runtime::Packet, kMaxBatch> packets_;
  std::array<Frame, kMaxBatch> frames_;
  std::array<Frame*, kMaxBatch> batch_{};
};

}  // namespace farrier::elements
