#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "hw/driver/prefix.h"
#include "hw/model/card.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// For tests of the driver: a card that writes down what it is told.
class FakeCard final : public model::Card {
 public:
  uint32_t ReadCsr(uint32_t offset) override { return csr[offset]; }
  void WriteCsr(uint32_t offset, uint32_t value) override { csr[offset] = value; }
  void GrantCredits(int function, int queue, uint32_t count) override {
    credits[{function, queue}] += count;
  }
  bool FromWire(std::span<const uint8_t>) override { return true; }
  bool FromHost(int function, int queue, std::span<const uint8_t> bytes) override {
    if (room == 0) return false;
    --room;
    from_host[{function, queue}].emplace_back(bytes.begin(), bytes.end());
    return true;
  }
  bool Step(int64_t) override { return false; }
  int64_t NextEvent() const override { return std::numeric_limits<int64_t>::max(); }

  std::map<uint32_t, uint32_t> csr;
  std::map<std::pair<int, int>, uint32_t> credits;
  std::map<std::pair<int, int>, std::vector<std::vector<uint8_t>>> from_host;
  uint32_t room = std::numeric_limits<uint32_t>::max();  // packets it still takes
};

// A packet as a card delivers it.
struct RxPacketSpec {
  regs::PrefixKind kind = regs::PrefixKind::kPacket;
  uint8_t owner = 1;
  uint16_t generation = 1;
  uint32_t sequence = 0;
  bool was_held = false;
  std::vector<uint8_t> frame = std::vector<uint8_t>(60, 0xAB);
};

inline std::vector<uint8_t> RxPacketBytes(const RxPacketSpec& spec) {
  std::vector<uint8_t> bytes(regs::kPrefixBytes);
  for (const auto& fixed : regs::prefix::kFixed) bytes[fixed.offset] = fixed.value;
  bytes[regs::prefix::kKind] = static_cast<uint8_t>(spec.kind);
  bytes[regs::prefix::kFlags] = spec.was_held ? regs::prefix::kFlagWasHeld : 0;
  bytes[regs::prefix::kOwner] = spec.owner;
  bytes[regs::prefix::kGeneration] = spec.generation & 0xFF;
  bytes[regs::prefix::kGeneration + 1] = spec.generation >> 8;
  for (int i = 0; i < 4; ++i) bytes[regs::prefix::kSequence + i] = spec.sequence >> (8 * i);
  bytes.insert(bytes.end(), spec.frame.begin(), spec.frame.end());
  return bytes;
}

inline std::vector<uint8_t> MarkBytes(uint8_t owner, uint16_t generation) {
  return RxPacketBytes({.kind = regs::PrefixKind::kMark,
                        .owner = owner,
                        .generation = generation,
                        .frame = std::vector<uint8_t>(regs::kMarkBytes - regs::kPrefixBytes)});
}

}  // namespace farrier::driver
