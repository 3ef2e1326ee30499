#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "hw/model/card.h"
#include "hw/model/packet_ring.h"
#include "hw/sim/rtl_trace.h"

class Vfarrier_card;
class VerilatedContext;

namespace farrier::sim {

// The card's RTL, Verilated, as a Card: hw/rtl/farrier_card.sv with what surrounds it in the shell
// played by this class, beat by beat. CSR accesses run a few cycles in which nothing else comes in
// or goes out. `sink` outlives the card; it may offer packets and grant credits from within a call.
class RtlCard final : public model::Card {
 public:
  static constexpr int kFunctions = 2;  // as built: parameter of farrier_card

  // `mac`: the port's.
  RtlCard(const std::array<uint8_t, 6>& mac, model::CardSink& sink);
  ~RtlCard() override;

  uint32_t ReadCsr(uint32_t offset) override;
  void WriteCsr(uint32_t offset, uint32_t value) override;
  void GrantCredits(int function, int queue, uint32_t count) override;
  bool FromWire(std::span<const uint8_t> frame) override;
  bool FromHost(int function, int queue, std::span<const uint8_t> bytes) override;
  bool Step(int64_t now_ns) override;
  int64_t NextEvent() const override;

  // Writes waveforms from now on, as far as `options` say. At most once.
  absl::Status Trace(const TraceOptions& options);

  // Clock cycles run so far, those of the reset included.
  uint64_t cycles() const { return cycles_; }

 private:
  // A stream into the card: packets that wait, and how far the first has got.
  struct Input {
    Input(size_t capacity_bytes, size_t max_bytes) : packets(capacity_bytes, max_bytes) {}
    model::PacketRing packets;
    model::PacketRing::Record front;
    size_t offset = 0;
    bool busy = false;
  };
  // A stream out of the card: the packet that is being put together.
  struct Output {
    std::vector<uint8_t> bytes;
    bool complete = false;
  };
  struct Grant {
    uint8_t queue;  // 16 f + q
    uint16_t count;
  };
  // Packets move only in cycles with traffic.
  enum class Traffic : bool { kStopped, kFlowing };

  void Cycle(Traffic traffic);
  // Of this cycle's first or second half.
  void DumpTrace(int half);
  void FlushGrants();
  bool InputWaits() const;
  // Puts the next beat of `input`, if any, at the given ports. Whether there is one.
  static bool Drive(Input& input, uint32_t* data, uint64_t& keep, bool& last);
  static void Advance(Input& input);
  void Collect();

  model::CardSink& sink_;
  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Vfarrier_card> card_;
  std::unique_ptr<RtlTrace> trace_;
  uint64_t trace_from_ = 0;
  uint64_t trace_to_ = 0;
  uint64_t cycles_ = 0;
  int64_t now_ns_ = 0;
  Input from_wire_;
  std::array<Input, kFunctions> from_host_;
  Output to_wire_;
  std::array<Output, kFunctions> to_host_;
  std::array<int, kFunctions> to_host_queue_{};
  std::vector<Grant> grants_;
};

}  // namespace farrier::sim
