#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engines/elements/headers.h"
#include "engines/runtime/clock.h"
#include "engines/runtime/packet.h"

namespace farrier::elements {

class ElementRecord;

inline constexpr size_t kMaxBatch = 64;

// A packet on its way through the graph, and what is known of its headers so far.
struct Frame {
  runtime::Packet* packet = nullptr;
  Headers headers;

  std::span<const uint8_t> bytes() const { return packet->bytes(); }
  const Headers& Parsed() {
    if (!(headers.flags & Headers::kParsed)) ParseHeaders(bytes(), headers);
    return headers;
  }
};

// To be called when other headers are in front: forgets what is known, by itself and by the card,
// of those before.
void NewHeaders(Frame& frame);

// 1 to kMaxBatch frames, in order. Whoever is given one may rearrange it.
using Batch = std::span<Frame*>;

struct CounterRef {
  std::string name;
  uint64_t* value;
};

// A step of a pipeline: takes batches, passes on what it does not drop. All calls come from the
// engine's thread, none blocks or allocates but for those of the control path.
//
// An element does not own what passes. A packet is its giver's again as soon as Push returns: a
// received one goes back to its port at the end of the poll. So to drop is not to pass on (counted,
// by reason), to hold back is to copy into memory of one's own (HoldingElement), and to send is
// to copy into a packet of the port (ToPort). Until Push returns an element may change bytes, and
// front and length within headroom and capacity; then it clears `headers.flags`, and tells `rx`.
class Element {
 public:
  Element(std::string name, size_t outputs) : name_(std::move(name)), outputs_(outputs) {}
  virtual ~Element() = default;
  Element(const Element&) = delete;
  Element& operator=(const Element&) = delete;

  const std::string& name() const { return name_; }

  // Set-up: what goes out at `output` goes to `to`, which outlives this. The graph has no cycle.
  void Connect(size_t output, Element* to) { outputs_[output] = to; }

  virtual void Push(runtime::Nanoseconds now, Batch batch) = 0;

  // How many of the next `wanted` (up to kMaxBatch) frames would find room in a port, whichever
  // way they take. Elements that hold packets back take any number, and drop by their own limits.
  virtual size_t Room(size_t wanted);

  // Control path: all counters, always the same in the same order.
  virtual std::vector<CounterRef> Counters() = 0;

  // Control path: what else must go on in a successor, apart from packets held.
  virtual void Save(ElementRecord&) const {}
  virtual absl::Status Load(const ElementRecord&) { return absl::OkStatus(); }

 protected:
  void Emit(runtime::Nanoseconds now, Batch batch, size_t output = 0) {
    if (!batch.empty()) outputs_[output]->Push(now, batch);
  }
  const std::vector<Element*>& outputs() const { return outputs_; }

 private:
  const std::string name_;
  std::vector<Element*> outputs_;
};

// Packets and bytes of frames.
struct Traffic {
  uint64_t packets = 0;
  uint64_t bytes = 0;

  void Add(Batch batch) {
    packets += batch.size();
    for (const Frame* frame : batch) bytes += frame->packet->length();
  }
};

}  // namespace farrier::elements
