#include "hw/model/class_queues.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace farrier::model {
namespace {

static_assert(regs::kClasses == 64, "the set of classes is one word");

constexpr int kCostShift = 16;
constexpr uint32_t kStride = regs::kRegClassCost(1) - regs::kRegClassCost(0);

}  // namespace

std::optional<uint32_t> ClassQueues::Read(uint32_t offset) const {
  const uint32_t number = (offset - regs::kRegClassCost(0)) / kStride;
  if (number >= regs::kClasses) return std::nullopt;
  if (offset == regs::kRegClassCost(number)) return classes_[number].cost;
  if (offset == regs::kRegClassBurst(number)) return classes_[number].burst_ns;
  return std::nullopt;
}

bool ClassQueues::Write(uint32_t offset, uint32_t value) {
  if (!Read(offset)) return false;
  const uint32_t number = (offset - regs::kRegClassCost(0)) / kStride;
  Class& it = classes_[number];
  (offset == regs::kRegClassCost(number) ? it.cost : it.burst_ns) = value;
  return true;
}

void ClassQueues::Insert(TxMemory& memory, uint32_t number, std::span<const uint8_t> frame,
                         const TxInfo& info) {
  memory.Push(classes_[number].queue, frame, info);
  waiting_ |= uint64_t{1} << number;
}

std::optional<uint32_t> ClassQueues::Next(uint64_t now_ns) const {
  if (waiting_ == 0) return std::nullopt;
  for (uint32_t i = 0; i < regs::kClasses; ++i) {
    const uint32_t number = (turn_ + i) % regs::kClasses;
    if ((waiting_ >> number & 1) != 0 && HeadMayGo(classes_[number], now_ns)) return number;
  }
  return std::nullopt;
}

void ClassQueues::Popped(uint32_t number, size_t bytes, uint64_t now_ns) {
  Class& it = classes_[number];
  it.tat_ns = std::max(it.tat_ns, now_ns) + (uint64_t{bytes} * it.cost >> kCostShift);
  if (it.queue.empty()) waiting_ &= ~(uint64_t{1} << number);
  turn_ = (number + 1) % regs::kClasses;
}

int64_t ClassQueues::NextDeparture() const {
  int64_t next = std::numeric_limits<int64_t>::max();
  for (uint64_t rest = waiting_; rest != 0; rest &= rest - 1) {
    const Class& it = classes_[std::countr_zero(rest)];
    next = std::min(next,
                    static_cast<int64_t>(it.tat_ns - std::min<uint64_t>(it.tat_ns, it.burst_ns)));
  }
  return next;
}

}  // namespace farrier::model
