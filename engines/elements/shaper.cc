#include "engines/elements/shaper.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engines/elements/state.pb.h"

namespace farrier::elements {
namespace {

// Nanoseconds that `bytes` take at 1 bit/s: 2^14 bytes, and even 2^30, do not overflow.
uint64_t AtOneBitPerSecond(uint64_t bytes) { return bytes * 8 * runtime::kSecond; }

}  // namespace

Shaper::Shaper(std::string name, uint64_t rate, uint64_t burst_bytes, const Limits& limits)
    : HoldingElement(std::move(name), limits),
      rate_(rate),
      burst_(static_cast<runtime::Nanoseconds>(AtOneBitPerSecond(burst_bytes) / rate)) {}

runtime::Nanoseconds Shaper::Departure(uint32_t length) const {
  const uint64_t cost = (AtOneBitPerSecond(length) + rate_ - 1) / rate_;
  const runtime::Nanoseconds ahead =
      std::max<runtime::Nanoseconds>(burst_ - static_cast<runtime::Nanoseconds>(cost), 0);
  return paid_at_ + (paid_at_fraction_ > 0) - ahead;
}

void Shaper::Charge(runtime::Nanoseconds now, uint32_t length) {
  if (paid_at_ < now) {
    paid_at_ = now;
    paid_at_fraction_ = 0;
  }
  const uint64_t cost = AtOneBitPerSecond(length) + paid_at_fraction_;
  paid_at_ += static_cast<runtime::Nanoseconds>(cost / rate_);
  paid_at_fraction_ = cost % rate_;
}

size_t Shaper::Admit(runtime::Nanoseconds now, std::span<const uint32_t> lengths) {
  size_t n = 0;
  for (; n < lengths.size() && Departure(lengths[n]) <= now; ++n) Charge(now, lengths[n]);
  return n;
}

void Shaper::Save(ElementRecord& record) const {
  record.set_paid_at(paid_at_);
  record.set_paid_at_fraction(paid_at_fraction_);
}

absl::Status Shaper::Load(const ElementRecord& record) {
  // A successor may have another rate; more than all that can have been sent ahead is no time.
  if (record.paid_at() < 0 || record.paid_at() > runtime::kNever / 2) {
    return absl::DataLossError(absl::StrCat("shaper ", name(), " is paid for at ", record.paid_at(),
                                            ", which is no time"));
  }
  paid_at_ = record.paid_at();
  paid_at_fraction_ = std::min(record.paid_at_fraction(), rate_ - 1);
  return absl::OkStatus();
}

}  // namespace farrier::elements
