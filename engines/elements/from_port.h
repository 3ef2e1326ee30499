#pragma once

#include <array>

#include "engines/elements/element.h"
#include "engines/runtime/packet_port.h"

namespace farrier::elements {

// A beginning: receives from a port, and gives everything back to it once the graph has run.
class FromPort final : public Element {
 public:
  // `port` outlives this.
  FromPort(std::string name, runtime::PacketPort* port)
      : Element(std::move(name), 1), port_(port) {}

  // Receives up to `most` (at most kMaxBatch) packets, runs them through the graph; how many.
  size_t Receive(runtime::Nanoseconds now, size_t most);

  // When what may have been left in the port arrived, at the latest; kNever: nothing was left.
  runtime::Nanoseconds left_over_since() const { return left_over_since_; }

  uint64_t packets() const { return received_.packets; }

  runtime::PacketPort& port() { return *port_; }

  void Push(runtime::Nanoseconds, Batch) override {}  // nothing leads here
  std::vector<CounterRef> Counters() override {
    return {{"packets", &received_.packets}, {"bytes", &received_.bytes}};
  }

 private:
  runtime::PacketPort* const port_;
  Traffic received_;
  runtime::Nanoseconds left_over_since_ = runtime::kNever;
  std::array<runtime::Packet, kMaxBatch> packets_;
  std::array<Frame, kMaxBatch> frames_;
  std::array<Frame*, kMaxBatch> batch_{};
};

}  // namespace farrier::elements
