#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engines/runtime/clock.h"
#include "pony/congestion_controller.h"
#include "pony/wire.h"

namespace farrier::pony {

class FlowRecord;

// What a sequenced packet carries, so that it can be made, and made again, when it can leave.
struct PacketContent {
  PacketType type = PacketType::kPad;
  uint32_t connection = 0;       // ours; 0 = none
  uint32_t peer_connection = 0;  // of kRefuse and kAbort
  uint32_t argument = 0;         // of kConnect and kRefuse
  uint32_t message = 0;          // of kData, with the next two
  uint32_t offset = 0;
  uint32_t length = 0;
};

// The sending half of a flow: what is under way, what got lost, when to send it again.
class FlowSender {
 public:
  struct Timing {
    runtime::Nanoseconds min_rto;
    runtime::Nanoseconds max_rto;
  };

  FlowSender(Timing timing, std::unique_ptr<CongestionController> controller);

  // Something may leave now, as far as the window and the sequence space go.
  bool HasRoom() const {
    if (lost_ > 0 && probes_ > 0) return true;
    return in_flight_ < Window() && (lost_ > 0 || next_ - acked_ < kFlowSpan);
  }
  bool HasLost() const { return lost_ > 0; }
  bool Idle() const { return next_ == acked_; }

  // The earliest time for the next packet; the past: at once.
  runtime::Nanoseconds NextDeparture() const { return controller_->NextDeparture(); }

  // The time for the packet that is about to leave, as the card is to be told; 0: not timed.
  runtime::Nanoseconds Departure(runtime::Nanoseconds now) const;

  // A new packet leaves; returns its sequence. Requires HasRoom and no lost ones.
  uint32_t Send(const PacketContent& content, runtime::Nanoseconds now);

  // The oldest lost packet leaves again. Requires HasRoom and HasLost.
  struct Resend {
    uint32_t sequence;
    const PacketContent* content;
    bool by_timeout;
  };
  Resend SendLost(runtime::Nanoseconds now);

  // Takes the ack, SACK words and echo of a packet; appends what has been acknowledged by it for
  // the first time. False if it acknowledges what was never sent. `arrival` is card time.
  bool OnAck(const PacketHeader& header, runtime::Nanoseconds arrival, runtime::Nanoseconds now,
             std::vector<PacketContent>& acked);

  // When OnTimeout is due; kNever if nothing is under way.
  runtime::Nanoseconds deadline() const { return deadline_; }
  void OnTimeout(runtime::Nanoseconds now);

  // Time went by in which nothing could be heard: what is under way has a whole timeout yet.
  void GiveTime(runtime::Nanoseconds now);

  // Since when packets have been under way and none was acknowledged; kNever if none are.
  runtime::Nanoseconds stalled_since() const { return stalled_since_; }

  uint32_t in_flight() const { return in_flight_; }
  runtime::Nanoseconds rto() const;

  void Save(FlowRecord& record) const;
  bool Load(const FlowRecord& record);  // false: contradicts itself

 private:
  enum class State : uint8_t { kUnderWay, kLost, kLostByTimeout, kAcked };
  struct Entry {
    PacketContent content;
    State state = State::kAcked;
    bool again = false;                 // departed more than once
    uint64_t transmission = 0;          // of the last departure, counted over the whole flow
    runtime::Nanoseconds departed = 0;  // then
  };

  Entry& At(uint32_t sequence) { return ring_[sequence % kFlowSpan]; }
  const Entry& At(uint32_t sequence) const { return ring_[sequence % kFlowSpan]; }
  uint32_t Window() const;
  void Depart(Entry& entry, runtime::Nanoseconds now);
  bool MarkAcked(Entry& entry, runtime::Nanoseconds echo, std::vector<PacketContent>& acked);
  void FindLost(runtime::Nanoseconds now);
  void SampleRtt(runtime::Nanoseconds rtt);

  Timing timing_;
  std::unique_ptr<CongestionController> controller_;
  std::vector<Entry> ring_;  // [acked_, next_); allocated when first needed
  uint32_t acked_ = 0;       // everything before is acknowledged
  uint32_t next_ = 0;
  uint32_t in_flight_ = 0;  // entries kUnderWay
  uint32_t lost_ = 0;       // entries kLost or kLostByTimeout
  uint32_t lost_from_ = 0;  // none is lost before
  uint64_t transmissions_ = 0;
  uint64_t acked_transmission_ = 0;          // the latest known to have arrived
  runtime::Nanoseconds acked_departed_ = 0;  // when it departed
  uint32_t probes_ = 0;                      // lost ones that may leave though the window is full
  bool disordered_ = false;                  // sequence order is not the order of departure

  runtime::Nanoseconds srtt_ = 0;  // 0 = no sample yet
  runtime::Nanoseconds rttvar_ = 0;
  uint32_t backoff_ = 0;
  runtime::Nanoseconds deadline_ = runtime::kNever;
  runtime::Nanoseconds stalled_since_ = runtime::kNever;
};

}  // namespace farrier::pony
