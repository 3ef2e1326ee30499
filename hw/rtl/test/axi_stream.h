#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "hw/rtl/test/bench.h"

namespace farrier::rtl {

constexpr size_t kBeatBytes = 64;
using Bytes = std::vector<uint8_t>;

// One beat of a 512-bit stream as OpenNIC's box has it.
struct Beat {
  bool valid = false;
  uint32_t data[kBeatBytes / 4] = {};
  uint64_t keep = 0;
  bool last = false;
  uint16_t size = 0;
};

// Packets into the card, beat by beat. Between beats, and between packets, there are bubbles at
// random; whatever stands on the wires then is noise.
class StreamSource {
 public:
  // `can_wait`: the sink may refuse a beat, which then stays as it is.
  StreamSource(uint32_t seed, bool can_wait) : random_(seed), can_wait_(can_wait) {}

  void Push(Bytes packet) { packets_.push_back(std::move(packet)); }
  bool empty() const { return packets_.empty(); }

  // Percent of cycles without a beat.
  void set_bubbles(uint32_t between_packets, uint32_t within) {
    between_ = between_packets;
    within_ = within;
  }

  // The beat of this cycle.
  const Beat& Drive() {
    if (waits_) return beat_;
    const bool bubble = packets_.empty() || random_.Chance(offset_ == 0 ? between_ : within_);
    for (uint32_t& word : beat_.data) word = static_cast<uint32_t>(random_.Next());
    beat_.keep = random_.Next();
    beat_.last = random_.Chance(50);
    beat_.size = static_cast<uint16_t>(random_.Next());
    beat_.valid = !bubble;
    if (bubble) return beat_;
    const Bytes& packet = packets_.front();
    const size_t left = packet.size() - offset_;
    const size_t bytes = std::min(left, kBeatBytes);
    std::memcpy(beat_.data, packet.data() + offset_, bytes);  // behind the end: noise
    beat_.keep = bytes == kBeatBytes ? ~uint64_t{0} : (uint64_t{1} << bytes) - 1;
    beat_.last = left <= kBeatBytes;
    beat_.size = static_cast<uint16_t>(std::min<size_t>(packet.size(), 0xFFFF));
    return beat_;
  }

  // After the cycle: whether the sink took it.
  void Finish(bool ready) {
    waits_ = beat_.valid && !ready && can_wait_;
    if (!beat_.valid || waits_) return;
    offset_ += kBeatBytes;
    if (beat_.last) {
      packets_.pop_front();
      offset_ = 0;
    }
  }

 private:
  Random random_;
  const bool can_wait_;
  std::deque<Bytes> packets_;
  size_t offset_ = 0;
  Beat beat_;
  bool waits_ = false;
  uint32_t between_ = 0;
  uint32_t within_ = 0;
};

// How a sink is ready.
enum class Backpressure { kNone, kAlways, kBursty, kSingleCycle, kRandom };

// Packets out of the card. Sees that the stream keeps the rules of OpenNIC's box: a beat stays
// until it is taken, no bubble within a packet, one size which is what tkeep says, zeros when not
// valid.
class StreamSink {
 public:
  explicit StreamSink(uint32_t seed) : random_(seed) {}

  void set_backpressure(Backpressure mode) { mode_ = mode; }

  // Whether this cycle takes a beat.
  bool Ready() {
    switch (mode_) {
      case Backpressure::kNone:
        ready_ = true;
        break;
      case Backpressure::kAlways:
        ready_ = false;
        break;
      case Backpressure::kBursty:
        if (burst_-- == 0) {
          burst_ = static_cast<uint32_t>(random_.Below(40));
          bursting_ = !bursting_;
        }
        ready_ = bursting_;
        break;
      case Backpressure::kSingleCycle:
        ready_ = !ready_;
        break;
      case Backpressure::kRandom:
        ready_ = random_.Chance(40);
        break;
    }
    return ready_;
  }

  // Before the clock edge. Returns whether a packet ended, which is then in packet().
  bool Observe(const Beat& beat) {
    if (ended_) {
      packet_.clear();
      ended_ = false;
    }
    if (!beat.valid) {
      EXPECT_FALSE(inside_) << "a bubble within a packet, or a beat withdrawn";
      EXPECT_FALSE(beat.last) << "last without valid";
      EXPECT_TRUE(std::all_of(beat.data, beat.data + 16, [](uint32_t word) { return word == 0; }))
          << "data without valid";
      return false;
    }
    if (stalled_) {
      EXPECT_EQ(std::memcmp(&beat, &held_, sizeof beat), 0) << "changed while it waited";
    }
    const auto count = static_cast<size_t>(std::popcount(beat.keep));
    EXPECT_EQ(beat.keep, count == kBeatBytes ? ~uint64_t{0} : (uint64_t{1} << count) - 1);
    EXPECT_TRUE(beat.last ? count > 0 : count == kBeatBytes) << "a gap in tkeep";
    if (inside_) {
      EXPECT_EQ(beat.size, held_.size) << "the size changed within a packet";
    }
    std::memcpy(&held_, &beat, sizeof beat);
    inside_ = true;
    stalled_ = !ready_;
    if (!ready_) return false;
    const auto* const bytes = reinterpret_cast<const uint8_t*>(beat.data);
    packet_.insert(packet_.end(), bytes, bytes + count);
    if (!beat.last) return false;
    EXPECT_EQ(packet_.size(), beat.size) << "the size is not what tkeep says";
    inside_ = false;
    ended_ = true;
    return true;
  }

  // Whatever was under way is not to be ended.
  void Reset() {
    inside_ = stalled_ = ended_ = false;
    packet_.clear();
  }

  const Bytes& packet() const { return packet_; }
  bool inside() const { return inside_; }

 private:
  Random random_;
  Backpressure mode_ = Backpressure::kNone;
  bool ready_ = false;
  bool bursting_ = false;
  uint32_t burst_ = 0;
  bool inside_ = false;
  bool stalled_ = false;
  bool ended_ = false;
  Beat held_;
  Bytes packet_;
};

}  // namespace farrier::rtl
