#pragma once

#include "engines/elements/holding_element.h"

namespace farrier::elements {

// A token bucket: lets packets go on at a rate on average, and a burst at once after a pause; in
// any t seconds at most `burst_bytes` + `rate` t / 8 bytes of frames. What comes faster waits, up
// to the limits. A packet longer than the burst goes when the bucket is full, and is paid for
// afterwards.
//
// It is a virtual scheduling algorithm (GCRA, ITU-T I.371): instead of tokens it keeps the time at
// which, at the rate, everything sent would have been paid for.
class Shaper final : public HoldingElement {
 public:
  // `rate`: bits per second, 1,000 to 10^12; `burst_bytes`: 1 to 2^30.
  Shaper(std::string name, uint64_t rate, uint64_t burst_bytes, const Limits& limits);

  void Save(ElementRecord& record) const override;
  absl::Status Load(const ElementRecord& record) override;

 protected:
  size_t Admit(runtime::Nanoseconds now, std::span<const uint32_t> lengths) override;
  runtime::Nanoseconds Departure(uint32_t length) const override;

 private:
  void Charge(runtime::Nanoseconds now, uint32_t length);

  const uint64_t rate_;
  const runtime::Nanoseconds burst_;  // as time at the rate
  runtime::Nanoseconds paid_at_ = 0;
  uint64_t paid_at_fraction_ = 0;  // on top of it, in 1/rate_ ns
};

}  // namespace farrier::elements
