#pragma once

#include <array>

#include "engines/elements/element.h"
#include "engines/runtime/packet_port.h"

namespace farrier::elements {

// An end: copies frames into packets that the port lends, and sends them in bursts, at the latest
// at the end of the poll. What finds no packet is dropped: whoever wants to wait asks Room first.
class ToPort final : public Element {
 public:
  // `port` outlives this.
  ToPort(std::string name, runtime::PacketPort* port) : Element(std::move(name), 0), port_(port) {}

  void Push(runtime::Nanoseconds now, Batch batch) override;
  size_t Room(size_t wanted) override;

  // Sends what has come in this poll and gives back what was borrowed in vain.
  void EndPoll();

  std::vector<CounterRef> Counters() override;

 private:
  // Borrows until `wanted` packets are free, or the port has no more; how many are.
  size_t Borrow(size_t wanted);

  runtime::PacketPort* const port_;
  // Borrowed; the first `filled_` are to be sent.
  std::array<runtime::Packet, 2 * kMaxBatch> packets_;
  size_t filled_ = 0;
  size_t borrowed_ = 0;

  Traffic sent_;
  uint64_t no_room_ = 0;
  uint64_t too_long_ = 0;  // for a packet of the port
  uint64_t empty_ = 0;     // frames without a byte
};

}  // namespace farrier::elements
