#include "pony/flow_sender.h"

#include <algorithm>
#include <bit>

#include "pony/state.pb.h"

namespace farrier::pony {
namespace {

// A packet is lost when one that departed this many departures later has arrived (RFC 5681's three
// duplicate acks, counted in departures so that a retransmission can be found lost as well).
constexpr uint64_t kReordering = 3;
// Or when one has arrived that departed a round trip later (RFC 8985), but at least so much.
constexpr runtime::Nanoseconds kLeastReorderingTime = runtime::kMillisecond;
constexpr uint32_t kMaxBackoff = 16;
// Longer round trips are not believed: a peer chooses the echo.
constexpr runtime::Nanoseconds kMaxRtt = 60 * runtime::kSecond;

}  // namespace

FlowSender::FlowSender(Timing timing, std::unique_ptr<CongestionController> controller)
    : timing_(timing), controller_(std::move(controller)) {}

uint32_t FlowSender::Window() const {
  return std::max<uint32_t>(1, static_cast<uint32_t>(controller_->Window()));
}

runtime::Nanoseconds FlowSender::Departure(runtime::Nanoseconds now) const {
  const runtime::Nanoseconds departure = controller_->NextDeparture();
  // A packet without a time could overtake one whose time is about to come.
  return departure == 0 ? 0 : std::max(departure, now);
}

runtime::Nanoseconds FlowSender::rto() const {
  // RFC 6298, with the first guess at its lower bound: a hop is microseconds.
  runtime::Nanoseconds rto = srtt_ == 0 ? timing_.min_rto : srtt_ + 4 * rttvar_;
  rto = std::clamp(rto, timing_.min_rto, timing_.max_rto);
  for (uint32_t i = 0; i < backoff_ && rto < timing_.max_rto; ++i) rto *= 2;
  return std::min(rto, timing_.max_rto);
}

void FlowSender::Depart(Entry& entry, runtime::Nanoseconds now) {
  entry.state = State::kUnderWay;
  entry.transmission = ++transmissions_;
  entry.departed = std::max(now, controller_->NextDeparture());
  ++in_flight_;
  controller_->OnSent(entry.departed, PayloadOffset(0) + entry.content.length, in_flight_);
  if (deadline_ == runtime::kNever) deadline_ = now + rto();
}

uint32_t FlowSender::Send(const PacketContent& content, runtime::Nanoseconds now) {
  if (Idle()) stalled_since_ = now;
  if (ring_.empty()) ring_.resize(kFlowSpan);
  Entry& entry = At(next_);
  entry.content = content;
  entry.again = false;
  Depart(entry, now);
  return next_++;
}

FlowSender::Resend FlowSender::SendLost(runtime::Nanoseconds now) {
  while (At(lost_from_).state != State::kLost && At(lost_from_).state != State::kLostByTimeout) {
    ++lost_from_;
  }
  Entry& entry = At(lost_from_);
  const bool by_timeout = entry.state == State::kLostByTimeout;
  --lost_;
  if (probes_ > 0) --probes_;
  entry.again = disordered_ = true;
  Depart(entry, now);
  return {lost_from_++, &entry.content, by_timeout};
}

// `echo`: when the packet departed that made the peer say so, -1 if it does not tell.
bool FlowSender::MarkAcked(Entry& entry, runtime::Nanoseconds echo,
                           std::vector<PacketContent>& acked) {
  if (entry.state == State::kAcked) return false;
  if (entry.state == State::kUnderWay) {
    --in_flight_;
  } else {
    --lost_;
  }
  entry.state = State::kAcked;
  // Of a packet that departed more than once it may be an earlier departure that has arrived, as
  // the echo tells (RFC 3522): then nothing is known of those after it.
  if (entry.transmission > acked_transmission_ && (!entry.again || echo >= entry.departed)) {
    acked_transmission_ = entry.transmission;
    acked_departed_ = entry.departed;
  }
  acked.push_back(entry.content);
  return true;
}

bool FlowSender::OnAck(const PacketHeader& header, runtime::Nanoseconds arrival,
                       runtime::Nanoseconds now, std::vector<PacketContent>& acked) {
  if (static_cast<int32_t>(header.ack - next_) > 0) return false;
  const int32_t advance = static_cast<int32_t>(header.ack - acked_);
  if (advance < 0) return true;  // overtaken by a later one
  for (uint32_t w = 0; w < header.sack_words; ++w) {
    const uint32_t end = header.ack + 1 + 64 * w + std::bit_width(header.sack[w]);
    if (header.sack[w] != 0 && static_cast<int32_t>(end - next_) > 0) return false;
  }

  const runtime::Nanoseconds echo =
      (header.flags & kFlagEcho) ? static_cast<runtime::Nanoseconds>(header.timestamp_echo) : -1;
  uint32_t count = 0;
  for (; acked_ != header.ack; ++acked_) count += MarkAcked(At(acked_), echo, acked);
  if (static_cast<int32_t>(lost_from_ - acked_) < 0) lost_from_ = acked_;
  for (uint32_t w = 0; w < header.sack_words; ++w) {
    for (uint64_t bits = header.sack[w]; bits != 0; bits &= bits - 1) {
      count += MarkAcked(At(header.ack + 1 + 64 * w + std::countr_zero(bits)), echo, acked);
    }
  }
  if (count == 0) return true;

  AckSample sample{.now = now, .acked = count, .in_flight = in_flight_};
  if (header.flags & kFlagEcho) {
    const runtime::Nanoseconds rtt = arrival - echo;
    if (rtt > 0 && rtt <= kMaxRtt) {
      sample.rtt = rtt;
      sample.echo_delay = header.echo_delay;
      SampleRtt(rtt);
    }
  }
  backoff_ = probes_ = 0;
  controller_->OnAck(sample);
  deadline_ = Idle() ? runtime::kNever : now + rto();
  stalled_since_ = Idle() ? runtime::kNever : now;
  if (disordered_ || header.sack_words > 0) FindLost(now);
  if (Idle()) disordered_ = false;
  return true;
}

void FlowSender::FindLost(runtime::Nanoseconds now) {
  uint32_t found = 0;
  for (uint32_t sequence = next_; sequence != acked_;) {
    Entry& entry = At(--sequence);
    if (entry.state != State::kUnderWay || entry.transmission >= acked_transmission_) continue;
    if (entry.transmission + kReordering > acked_transmission_ &&
        entry.departed + std::max(srtt_, kLeastReorderingTime) > acked_departed_) {
      continue;
    }
    entry.state = State::kLost;
    --in_flight_;
    ++lost_;
    ++found;
    if (static_cast<int32_t>(sequence - lost_from_) < 0) lost_from_ = sequence;
  }
  if (found > 0) controller_->OnLoss(now, found);
}

void FlowSender::OnTimeout(runtime::Nanoseconds now) {
  // Silence is no proof of loss: hosts are descheduled, and a card holds packets during an upgrade.
  // So the oldest ask what has arrived (RFC 8985 section 7, with the oldest, since selective acks
  // tell about the rest): one at first, then twice as many each time.
  const uint32_t most = 1u << std::min(backoff_, 9u);
  for (uint32_t sequence = acked_; sequence != next_ && lost_ < most; ++sequence) {
    Entry& entry = At(sequence);
    if (entry.state != State::kUnderWay) continue;
    entry.state = State::kLostByTimeout;
    --in_flight_;
    ++lost_;
  }
  lost_from_ = acked_;
  probes_ = 1;
  // The first silence costs no window.
  if (backoff_ > 0) controller_->OnRto(now);
  backoff_ = std::min(backoff_ + 1, kMaxBackoff);
  deadline_ = now + rto();
}

void FlowSender::GiveTime(runtime::Nanoseconds now) {
  if (deadline_ != runtime::kNever) deadline_ = std::max(deadline_, now + rto());
}

void FlowSender::SampleRtt(runtime::Nanoseconds rtt) {
  if (srtt_ == 0) {
    srtt_ = rtt;
    rttvar_ = rtt / 2;
    return;
  }
  rttvar_ += (std::abs(srtt_ - rtt) - rttvar_) / 4;
  srtt_ += (rtt - srtt_) / 8;
}

void FlowSender::Save(FlowRecord& record) const {
  record.set_acked(acked_);
  record.set_next(next_);
  record.set_transmissions(transmissions_);
  record.set_acked_transmission(acked_transmission_);
  record.set_acked_departed(acked_departed_);
  record.set_disordered(disordered_);
  record.set_srtt(srtt_);
  record.set_rttvar(rttvar_);
  record.set_backoff(backoff_);
  record.set_deadline(deadline_);
  record.set_stalled_since(stalled_since_);
  record.set_next_departure(controller_->NextDeparture());
  for (uint32_t sequence = acked_; sequence != next_; ++sequence) {
    const Entry& entry = At(sequence);
    SentPacketRecord& sent = *record.add_sent();
    sent.set_state(static_cast<uint32_t>(entry.state));
    if (entry.state == State::kAcked) continue;
    sent.set_type(static_cast<uint32_t>(entry.content.type));
    sent.set_connection(entry.content.connection);
    sent.set_peer_connection(entry.content.peer_connection);
    sent.set_argument(entry.content.argument);
    sent.set_message(entry.content.message);
    sent.set_offset(entry.content.offset);
    sent.set_length(entry.content.length);
    sent.set_transmission(entry.transmission);
    sent.set_again(entry.again);
    sent.set_departed(entry.departed);
  }
}

bool FlowSender::Load(const FlowRecord& record) {
  const uint32_t count = record.next() - record.acked();
  if (count > kFlowSpan || count != static_cast<uint32_t>(record.sent_size())) return false;
  if (count > 0) ring_.resize(kFlowSpan);
  acked_ = record.acked();
  next_ = record.next();
  lost_from_ = acked_;
  transmissions_ = record.transmissions();
  acked_transmission_ = record.acked_transmission();
  acked_departed_ = record.acked_departed();
  disordered_ = record.disordered();
  srtt_ = record.srtt();
  rttvar_ = record.rttvar();
  backoff_ = std::min(record.backoff(), kMaxBackoff);
  deadline_ = record.deadline();
  stalled_since_ = record.stalled_since();
  controller_->NotBefore(record.next_departure());
  in_flight_ = lost_ = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const SentPacketRecord& sent = record.sent(static_cast<int>(i));
    if (sent.state() > static_cast<uint32_t>(State::kAcked)) return false;
    Entry& entry = At(acked_ + i);
    entry.state = static_cast<State>(sent.state());
    if (entry.state == State::kAcked) continue;
    if (sent.type() < static_cast<uint32_t>(kFirstSequenced) ||
        sent.type() > static_cast<uint32_t>(kLastType)) {
      return false;
    }
    entry.content = {.type = static_cast<PacketType>(sent.type()),
                     .connection = sent.connection(),
                     .peer_connection = sent.peer_connection(),
                     .argument = sent.argument(),
                     .message = sent.message(),
                     .offset = sent.offset(),
                     .length = sent.length()};
    entry.transmission = sent.transmission();
    entry.again = sent.again();
    entry.departed = sent.departed();
    (entry.state == State::kUnderWay ? in_flight_ : lost_) += 1;
  }
  return srtt_ >= 0 && rttvar_ >= 0;
}

}  // namespace farrier::pony
