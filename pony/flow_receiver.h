#pragma once

#include <array>
#include <cstdint>

#include "engines/runtime/clock.h"
#include "pony/wire.h"

namespace farrier::pony {

class FlowRecord;

// The receiving half of a flow: which sequence numbers have come, and when to say so.
class FlowReceiver {
 public:
  enum class Arrival { kNew, kDuplicate, kOutside };

  explicit FlowReceiver(runtime::Nanoseconds ack_delay) : ack_delay_(ack_delay) {}

  // What a sequenced packet with this number would be.
  Arrival Classify(uint32_t sequence) const;

  // Takes note of a sequenced packet that is new or a duplicate. `arrival` is card time.
  void Accept(const PacketHeader& header, runtime::Nanoseconds arrival, runtime::Nanoseconds now);

  // Writes ack, SACK words (at most `max_sack_words`) and echo into a packet that is about to
  // leave. If all fitted, no ack is owed any more.
  void FillAck(PacketHeader& header, uint32_t max_sack_words, runtime::Nanoseconds now);

  // When an ack has to leave by itself at the latest; kNever if none is owed.
  runtime::Nanoseconds ack_deadline() const { return ack_deadline_; }

  uint32_t expected() const { return expected_; }

  void Save(FlowRecord& record) const;
  bool Load(const FlowRecord& record);  // false: contradicts itself

 private:
  bool Has(uint32_t sequence) const {
    return (received_[sequence % kFlowSpan / 64] >> (sequence % 64)) & 1;
  }
  uint64_t Word(uint32_t from) const;  // 64 sequence numbers, the first in bit 0

  runtime::Nanoseconds ack_delay_;
  uint32_t expected_ = 0;  // everything before has come
  uint32_t highest_ = 0;   // one after the highest that has come
  // A ring of bits over [expected_, expected_ + kFlowSpan).
  std::array<uint64_t, kFlowSpan / 64> received_{};

  uint32_t unacked_ = 0;  // packets since the last ack
  runtime::Nanoseconds ack_deadline_ = runtime::kNever;
  bool has_echo_ = false;
  uint64_t echo_ = 0;
  runtime::Nanoseconds echo_arrival_ = 0;
};

}  // namespace farrier::pony
