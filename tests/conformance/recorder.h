// A card whose output is kept, sorted into what keeps its order.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "hw/regs/registers.h"
#include "tests/conformance/backends.h"

namespace farrier::conformance {

// What a card has put out since it was last asked, sorted into what keeps its order.
struct Output {
  // By function, queue, owner and kind; packets of raw functions by function alone.
  std::map<std::tuple<int, int, int, int>, std::vector<Bytes>> host;
  std::vector<Bytes> wire;

  friend bool operator==(const Output&, const Output&) = default;
};

class Recorder final : public model::CardSink {
 public:
  explicit Recorder(const Backend& backend) : card_(backend.make(*this)) {}

  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override {
    RxPacket packet = {function, queue, Bytes(bytes.begin(), bytes.end())};
    if (raw[function]) {
      output_.host[{function, queue, -1, 0}].push_back(std::move(packet.bytes));
      return;
    }
    if (packet.is_sent()) {  // more may have left by the time this one is told
      std::fill_n(packet.bytes.begin() + regs::prefix::kTxReleased, 4, 0);
    }
    output_.host[{function, queue, packet.owner(), packet.kind()}].push_back(packet.bytes);
  }
  void ToWire(std::span<const uint8_t> frame) override {
    output_.wire.emplace_back(frame.begin(), frame.end());
  }

  // Runs the card at this time until it rests; false if it goes on and on.
  bool Settle(int64_t now_ns) {
    for (int i = 0; i < kMaxSteps; ++i) {
      if (!card_->Step(now_ns)) return true;
    }
    return false;
  }

  Output Take() {
    // Owners share a raw function's queue without being told apart.
    for (auto& [key, packets] : output_.host) {
      if (std::get<2>(key) < 0) std::ranges::sort(packets);
    }
    return std::exchange(output_, {});
  }

  model::Card& card() { return *card_; }
  bool raw[regs::kMaxFunctions] = {};

 private:
  static constexpr int kMaxSteps = 1'000'000;

  Output output_;
  std::unique_ptr<model::Card> card_;
};

}  // namespace farrier::conformance
