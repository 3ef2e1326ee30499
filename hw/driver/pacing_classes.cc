#include "hw/driver/pacing_classes.h"

#include <cmath>

#include "absl/strings/str_format.h"
#include "hw/regs/registers.h"

namespace farrier::driver {
namespace {

// CLASS_COST of one bit per second: 8 bits per byte, 1e9 ns per second, in units of 1/65,536 ns.
constexpr double kCostOfOneBitPerSecond = 8e9 * 65'536;

}  // namespace

absl::Status PacingClasses::Check(uint32_t pacing_class) const {
  if (!present_) return absl::FailedPreconditionError("this card has no pacing");
  if (pacing_class < regs::kClasses) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("pacing class %d: there are 0 to %d", pacing_class, regs::kClasses - 1));
}

absl::Status PacingClasses::Set(uint32_t pacing_class, const PacingClass& what) {
  if (auto status = Check(pacing_class); !status.ok()) return status;
  uint32_t cost = 0;
  if (what.bits_per_second != 0) {
    const double exact = std::ceil(kCostOfOneBitPerSecond / what.bits_per_second);
    if (!(exact >= 1 && exact <= UINT32_MAX)) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "pacing class %d: %g b/s; it can have %.0f b/s or more, or 0 for unlimited", pacing_class,
          what.bits_per_second, std::ceil(kCostOfOneBitPerSecond / UINT32_MAX)));
    }
    cost = static_cast<uint32_t>(exact);
  }
  if (what.burst < 0 || what.burst > UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrFormat("pacing class %d: a burst of %d ns; it can have 0 to %d", pacing_class,
                        what.burst, UINT32_MAX));
  }
  const auto burst = static_cast<uint32_t>(what.burst);
  // The burst first: a smaller rate never gets an older, longer one.
  if (auto s = window_.Write(regs::kRegClassBurst(pacing_class), burst); !s.ok()) return s;
  if (auto s = window_.Write(regs::kRegClassCost(pacing_class), cost); !s.ok()) return s;
  const auto cost_now = window_.Read(regs::kRegClassCost(pacing_class));
  if (!cost_now.ok()) return cost_now.status();
  const auto burst_now = window_.Read(regs::kRegClassBurst(pacing_class));
  if (!burst_now.ok()) return burst_now.status();
  if (*cost_now == cost && *burst_now == burst) return absl::OkStatus();
  return absl::InternalError(
      absl::StrFormat("the card did not take pacing class %d", pacing_class));
}

absl::StatusOr<PacingClass> PacingClasses::Get(uint32_t pacing_class) {
  if (auto status = Check(pacing_class); !status.ok()) return status;
  const auto cost = window_.Read(regs::kRegClassCost(pacing_class));
  if (!cost.ok()) return cost.status();
  const auto burst = window_.Read(regs::kRegClassBurst(pacing_class));
  if (!burst.ok()) return burst.status();
  return PacingClass{.bits_per_second = *cost == 0 ? 0 : kCostOfOneBitPerSecond / *cost,
                     .burst = *burst};
}

}  // namespace farrier::driver
