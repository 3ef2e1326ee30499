#include "pony/fixed_window.h"

#include <algorithm>

namespace farrier::pony {
namespace {

// What a frame takes on the wire besides its bytes: preamble, FCS, gap between frames.
constexpr uint32_t kWireOverhead = 24;

class FixedWindow final : public CongestionController {
 public:
  FixedWindow(uint32_t packets, uint32_t pacing_mbps)
      : packets_(packets), pacing_mbps_(pacing_mbps) {}

  void OnSent(runtime::Nanoseconds departure, uint32_t bytes, uint32_t) override {
    if (pacing_mbps_ == 0) return;
    const uint64_t bits = uint64_t{8} * (bytes + kWireOverhead);
    next_departure_ = departure + static_cast<runtime::Nanoseconds>(
                                      (1000 * bits + pacing_mbps_ - 1) / pacing_mbps_);
  }
  void OnAck(const AckSample&) override { probing_ = false; }
  void OnLoss(runtime::Nanoseconds, uint32_t) override {}
  void OnRto(runtime::Nanoseconds) override { probing_ = true; }
  double Window() const override { return probing_ ? 1 : packets_; }
  runtime::Nanoseconds NextDeparture() const override { return next_departure_; }
  void NotBefore(runtime::Nanoseconds departure) override {
    next_departure_ = std::max(next_departure_, departure);
  }

 private:
  const uint32_t packets_;
  const uint32_t pacing_mbps_;
  runtime::Nanoseconds next_departure_ = 0;
  bool probing_ = false;
};

}  // namespace

std::unique_ptr<CongestionController> MakeFixedWindow(uint32_t packets, uint32_t pacing_mbps) {
  return std::make_unique<FixedWindow>(packets, pacing_mbps);
}

}  // namespace farrier::pony
