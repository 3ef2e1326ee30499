#include "pony/fixed_window.h"

namespace farrier::pony {
namespace {

class FixedWindow final : public CongestionController {
 public:
  explicit FixedWindow(uint32_t packets) : packets_(packets) {}

  void OnSent(runtime::Nanoseconds, uint32_t, uint32_t) override {}
  void OnAck(const AckSample&) override { probing_ = false; }
  void OnLoss(runtime::Nanoseconds, uint32_t) override {}
  void OnRto(runtime::Nanoseconds) override { probing_ = true; }
  double Window() const override { return probing_ ? 1 : packets_; }
  runtime::Nanoseconds NextDeparture() const override { return 0; }

 private:
  const uint32_t packets_;
  bool probing_ = false;
};

}  // namespace

std::unique_ptr<CongestionController> MakeFixedWindow(uint32_t packets) {
  return std::make_unique<FixedWindow>(packets);
}

}  // namespace farrier::pony
