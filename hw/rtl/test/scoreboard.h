#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "hw/model/functional_card.h"
#include "hw/regs/registers.h"
#include "hw/rtl/test/card_bench.h"

namespace farrier::rtl {

// The whole card and the functional model side by side: what is done to one is done to the other,
// and what comes out must be the same, byte for byte, in the same order wherever the card promises
// one. CSR writes wait until both are at rest, so that there is one right answer; a test's
// assertions stand in here, so a test looks at HasFailure.
class Scoreboard : private model::CardSink {
 public:
  // Id of a frame that is sent to the wire: packets of one function that leave by the calendar keep
  // their order, and so do those of one function and class that wait for its rate.
  static uint32_t WireId(uint32_t number, uint32_t function, uint32_t lane) {
    return number << 8 | function << 7 | lane;
  }
  static constexpr uint32_t kByCalendar = 0;
  static constexpr uint32_t LaneOfClass(uint32_t number) { return 1 + number; }

  Scoreboard(uint32_t seed, uint64_t mac);

  CardBench& rtl() { return rtl_; }
  model::FunctionalCard& model() { return model_; }
  int64_t now() const { return now_ns_; }
  bool raw(int function) const { return raw_[function]; }

  // Moves both clocks. Step by step: from event to event, so that both see the same instants;
  // otherwise at once.
  void Advance(int64_t ns, bool step_by_step);
  // Until neither has anything to do at this time.
  void Settle();

  // CSRs, one access after the other.
  void Write(uint32_t offset, uint32_t value);
  // Compared in the bits of `mask`.
  uint32_t Read(uint32_t offset, uint32_t mask = ~0u);
  // Beside whatever goes on. The answer must not depend on when it comes.
  void ReadBeside(uint32_t offset);
  void WriteBeside(uint32_t offset, uint32_t value);

  void Grant(int function, int queue, uint32_t count);
  void SetFunction(uint32_t function, const regs::FunctionControl& control);
  void FromWire(Bytes frame);
  void FromHost(int function, Bytes packet);

  // All that came out since the last call.
  void CompareStreams();
  // Rows and counters of owners below `owners`, and the global ones.
  void CompareState(uint32_t owners);

  size_t to_host() const { return to_host_; }
  size_t to_wire() const { return to_wire_; }

 private:
  // Function, queue, owner and whether it is a departure report; of a raw function -1.
  using Place = std::tuple<int, int, int, bool>;
  using Streams = std::map<Place, std::vector<Bytes>>;

  model::CardOptions ModelOptions();
  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override;
  void ToWire(std::span<const uint8_t> frame) override;
  void SetTime(int64_t ns);
  Streams ByPlace(const std::vector<CardBench::ToHost>& packets) const;

  CardBench rtl_;
  model::FunctionalCard model_;
  int64_t now_ns_ = 0;
  bool raw_[CardBench::kFunctions] = {};
  std::vector<CardBench::ToHost> model_host_;
  std::vector<Bytes> model_wire_;
  size_t to_host_ = 0;
  size_t to_wire_ = 0;
};

}  // namespace farrier::rtl
