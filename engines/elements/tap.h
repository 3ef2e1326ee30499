#pragma once

#include <array>
#include <memory>

#include "engines/elements/element.h"
#include "engines/elements/packet_store.h"

namespace farrier::elements {

// Copies every n-th packet that passes into a second output. What becomes of the copies never holds
// up or changes what passes.
class Tap final : public Element {
 public:
  static constexpr size_t kCopies = 1;  // the output of copies

  // `every`: at least 1. Of a frame at most `max_bytes` are copied, up to kMaxHeldBytes.
  Tap(std::string name, uint32_t every, uint32_t max_bytes);

  void Push(runtime::Nanoseconds now, Batch batch) override;
  size_t Room(size_t wanted) override { return outputs()[0]->Room(wanted); }

  std::vector<CounterRef> Counters() override;
  void Save(ElementRecord& record) const override;
  absl::Status Load(const ElementRecord& record) override;

 private:
  void Copy(const runtime::Packet& from, size_t slot);

  const uint32_t every_;
  const uint32_t max_bytes_;
  uint32_t since_copy_ = 0;  // packets
  uint64_t packets_seen_ = 0;
  uint64_t copied_ = 0;
  uint64_t cut_ = 0;  // of those, not whole

  std::unique_ptr<uint8_t[]> memory_;  // a slot for each packet of a batch
  std::array<runtime::Packet, kMaxBatch> packets_;
  std::array<Frame, kMaxBatch> frames_;
  std::array<Frame*, kMaxBatch> batch_{};
};

}  // namespace farrier::elements
