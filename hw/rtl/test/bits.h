#pragma once

#include <cstddef>
#include <cstdint>

namespace farrier::rtl {

// Of a cell number, as in farrier_pkg.
inline constexpr size_t kCellBits = 14;

// A packed struct of the RTL at a Verilated port, read or written field by field from its last
// field (bit 0) to its first. `Port` is VlWide or an unsigned integer.
template <typename Port>
class Bits {
 public:
  explicit Bits(Port& port) : port_(port) {}

  void Put(size_t width, uint64_t value) {
    for (size_t i = 0; i < width; ++i, ++at_) Set(at_, value >> i & 1);
  }

  uint64_t Get(size_t width) {
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i, ++at_) value |= uint64_t{Test(at_)} << i;
    return value;
  }

 private:
  static constexpr bool kWide = requires(Port port) { port.data(); };

  void Set(size_t bit, bool value) {
    if constexpr (kWide) {
      auto& word = port_.data()[bit / 32];
      word = (word & ~(1u << bit % 32)) | static_cast<uint32_t>(value) << bit % 32;
    } else {
      port_ = static_cast<Port>((port_ & ~(uint64_t{1} << bit)) | uint64_t{value} << bit);
    }
  }

  bool Test(size_t bit) const {
    if constexpr (kWide) {
      return port_.data()[bit / 32] >> bit % 32 & 1;
    } else {
      return static_cast<uint64_t>(port_) >> bit & 1;
    }
  }

  Port& port_;
  size_t at_ = 0;
};

}  // namespace farrier::rtl
