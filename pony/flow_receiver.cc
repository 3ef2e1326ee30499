#include "pony/flow_receiver.h"

#include <algorithm>

#include "pony/state.pb.h"

namespace farrier::pony {
namespace {

// An ack for every so many packets, however fast they come: a sender with a small window must not
// wait for the delayed one.
constexpr uint32_t kPacketsPerAck = 4;

}  // namespace

FlowReceiver::Arrival FlowReceiver::Classify(uint32_t sequence) const {
  const int32_t ahead = static_cast<int32_t>(sequence - expected_);
  if (ahead < 0)
    return ahead >= -static_cast<int32_t>(kFlowSpan) ? Arrival::kDuplicate : Arrival::kOutside;
  if (ahead >= static_cast<int32_t>(kFlowSpan)) return Arrival::kOutside;
  return Has(sequence) ? Arrival::kDuplicate : Arrival::kNew;
}

void FlowReceiver::Accept(const PacketHeader& header, runtime::Nanoseconds arrival,
                          runtime::Nanoseconds now) {
  const bool fresh = Classify(header.sequence) == Arrival::kNew;
  if (fresh) {
    received_[header.sequence % kFlowSpan / 64] |= uint64_t{1} << (header.sequence % 64);
    if (static_cast<int32_t>(header.sequence + 1 - highest_) > 0) highest_ = header.sequence + 1;
    while (Has(expected_)) {
      received_[expected_ % kFlowSpan / 64] &= ~(uint64_t{1} << (expected_ % 64));
      ++expected_;
    }
    if (static_cast<int32_t>(highest_ - expected_) < 0) highest_ = expected_;
  }
  has_echo_ = true;
  echo_ = header.timestamp;
  echo_arrival_ = arrival;
  ++unacked_;
  // A gap, or a duplicate: the sender needs to know now.
  const bool at_once = !fresh || highest_ != expected_ || unacked_ >= kPacketsPerAck;
  ack_deadline_ = std::min(ack_deadline_, at_once ? now : now + ack_delay_);
}

uint64_t FlowReceiver::Word(uint32_t from) const {
  const uint32_t word = from % kFlowSpan / 64;
  const uint32_t shift = from % 64;
  uint64_t bits = received_[word] >> shift;
  if (shift != 0) bits |= received_[(word + 1) % received_.size()] << (64 - shift);
  return bits;
}

void FlowReceiver::FillAck(PacketHeader& header, uint32_t max_sack_words,
                           runtime::Nanoseconds now) {
  header.ack = expected_;
  const uint32_t wanted = (highest_ - expected_ + 63) / 64;
  const uint32_t words = std::min(wanted, max_sack_words);
  header.sack_words = static_cast<uint8_t>(words);
  for (uint32_t w = 0; w < words; ++w) header.sack[w] = Word(expected_ + 1 + 64 * w);
  if (has_echo_ && ack_deadline_ != runtime::kNever) {
    header.flags |= kFlagEcho;
    header.timestamp_echo = echo_;
    header.echo_delay =
        static_cast<uint32_t>(std::clamp<runtime::Nanoseconds>(now - echo_arrival_, 0, UINT32_MAX));
  }
  if (words == wanted) {
    unacked_ = 0;
    ack_deadline_ = runtime::kNever;
  }
}

void FlowReceiver::Save(FlowRecord& record) const {
  record.set_expected(expected_);
  record.set_highest(highest_);
  for (uint64_t word : received_) record.add_received(word);
  record.set_unacked(unacked_);
  record.set_ack_deadline(ack_deadline_);
  record.set_has_echo(has_echo_);
  record.set_echo(echo_);
  record.set_echo_arrival(echo_arrival_);
}

bool FlowReceiver::Load(const FlowRecord& record) {
  if (record.received_size() != static_cast<int>(received_.size())) return false;
  if (record.highest() - record.expected() > kFlowSpan) return false;
  expected_ = record.expected();
  highest_ = record.highest();
  std::copy(record.received().begin(), record.received().end(), received_.begin());
  if (Has(expected_)) return false;
  unacked_ = record.unacked();
  ack_deadline_ = record.ack_deadline();
  has_echo_ = record.has_echo();
  echo_ = record.echo();
  echo_arrival_ = record.echo_arrival();
  return true;
}

}  // namespace farrier::pony
