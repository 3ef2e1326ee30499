#pragma once

#include "engines/elements/holding_element.h"

namespace farrier::elements {

// Holds packets for which the ports ahead have no room, up to its limits.
class Queue final : public HoldingElement {
 public:
  using HoldingElement::HoldingElement;

 protected:
  size_t Admit(runtime::Nanoseconds, std::span<const uint32_t> lengths) override {
    return lengths.size();
  }
  runtime::Nanoseconds Departure(uint32_t) const override { return 0; }
};

}  // namespace farrier::elements
