#pragma once

#include <array>
#include <cstdint>

#include "hw/regs/registers.h"

namespace farrier::model {

// 64-bit counters indexed by the enum that names them.
template <typename Name, size_t kCount>
class CounterBlock {
 public:
  uint64_t& operator[](Name name) { return values_[static_cast<size_t>(name)]; }
  uint64_t operator[](Name name) const { return values_[static_cast<size_t>(name)]; }
  uint64_t at(size_t i) const { return values_[i]; }

 private:
  std::array<uint64_t, kCount> values_{};
};

using OwnerCounters = CounterBlock<regs::OwnerCounter, regs::kOwnerCounters>;
using GlobalCounters = CounterBlock<regs::GlobalCounter, regs::kGlobalCounters>;

}  // namespace farrier::model
