#include "engines/elements/from_port.h"

#include "absl/cleanup/cleanup.h"

namespace farrier::elements {

size_t FromPort::Receive(runtime::Nanoseconds now, size_t most) {
  const std::span<runtime::Packet> asked = std::span(packets_).first(most);
  const size_t n = port_->RxBurst(asked);
  left_over_since_ = runtime::kNever;
  if (n == 0) return 0;
  // Also if an element throws: the port outlives the engine.
  const absl::Cleanup give_back = [&] { port_->Release(asked.first(n)); };
  if (n == most) {
    // There may be more, which came no earlier than the last. A card without a clock says 0.
    const runtime::Nanoseconds arrival = packets_[n - 1].rx.arrival;
    left_over_since_ = arrival > 0 ? arrival : now;
  }
  for (size_t i = 0; i < n; ++i) {
    frames_[i].packet = &packets_[i];
    frames_[i].headers.flags = 0;
    batch_[i] = &frames_[i];
  }
  const Batch batch = std::span(batch_).first(n);
  received_.Add(batch);
  Emit(now, batch);
  return n;
}

}  // namespace farrier::elements
