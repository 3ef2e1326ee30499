#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "hw/model/card.h"
#include "hw/sim/pcapng_writer.h"

namespace farrier::sim {

// A card whose packets are also written into a capture file: interface 0 is the wire, as the card
// sees it, the others are its functions. Frames are written without their prefix, which is told in
// the packet's comment; times are the card's. Stands between the card and both of its sides.
class CaptureCard final : public model::Card, public model::CardSink {
 public:
  // `sink` outlives this.
  explicit CaptureCard(model::CardSink& sink) : sink_(sink) {}

  // Before anything else: the card that this is the sink of, and the file. An error names it.
  absl::Status Begin(std::unique_ptr<model::Card> card, int functions, const std::string& path);

  // The card's time, for what comes before the next Step. Also writes what has waited in memory for
  // 100 ms.
  void SetTime(int64_t now_ns);

  const PcapngWriter::Counters& counters() const { return writer_->counters(); }

  uint32_t ReadCsr(uint32_t offset) override { return card_->ReadCsr(offset); }
  void WriteCsr(uint32_t offset, uint32_t value) override;
  void GrantCredits(int function, int queue, uint32_t count) override {
    card_->GrantCredits(function, queue, count);
  }
  bool FromWire(std::span<const uint8_t> frame) override;
  bool FromHost(int function, int queue, std::span<const uint8_t> bytes) override;
  bool Step(int64_t now_ns) override { return card_->Step(now_ns); }
  int64_t NextEvent() const override { return card_->NextEvent(); }

  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override;
  void ToWire(std::span<const uint8_t> frame) override;

 private:
  void WriteWire(PcapngWriter::Direction direction, std::span<const uint8_t> frame);
  void WriteFunction(PcapngWriter::Direction direction, int function, int queue,
                     std::span<const uint8_t> bytes);

  model::CardSink& sink_;
  std::unique_ptr<PcapngWriter> writer_;
  std::unique_ptr<model::Card> card_;
  std::vector<bool> raw_;  // by function
  int64_t now_ns_ = 0;
  int64_t next_flush_ns_ = 0;
};

// What a prefix says, in words: "PACKET owner 1 generation 3 sequence 17 time 123456789 ...". A
// field that is 0 and may be left out is. `bytes` has at least PREFIX_BYTES.
std::string DescribePrefix(std::span<const uint8_t> bytes);

}  // namespace farrier::sim
