#pragma once

#include "engines/elements/element.h"

namespace farrier::elements {

// Puts an 802.1Q tag between the MAC addresses and the rest.
class VlanPush final : public Element {
 public:
  // `id` 0-4095, `priority` 0-7; `ether_type` is the tag's, 0x8100 or 0x88A8.
  VlanPush(std::string name, uint16_t id, uint8_t priority, uint16_t ether_type)
      : Element(std::move(name), 1),
        tag_(uint32_t{ether_type} << 16 | uint32_t{priority} << 13 | id) {}

  void Push(runtime::Nanoseconds now, Batch batch) override;
  std::vector<CounterRef> Counters() override;

 private:
  const uint32_t tag_;
  uint64_t pushed_ = 0;
  uint64_t no_headroom_ = 0;
  uint64_t too_short_ = 0;  // no Ethernet header
};

// Takes the outer tag off; what has none leaves by the second output.
class VlanPop final : public Element {
 public:
  static constexpr size_t kUntagged = 1;

  explicit VlanPop(std::string name) : Element(std::move(name), 2) {}

  void Push(runtime::Nanoseconds now, Batch batch) override;
  std::vector<CounterRef> Counters() override;

 private:
  uint64_t popped_ = 0;
  uint64_t untagged_ = 0;
};

}  // namespace farrier::elements
