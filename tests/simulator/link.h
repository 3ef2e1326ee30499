#pragma once

#include <cstdint>
#include <vector>

#include "tests/simulator/event_queue.h"
#include "tests/simulator/random.h"

namespace farrier::sim {

// An Ethernet frame without FCS, exactly as large as its allocation, so that ASan sees overruns.
using Frame = std::vector<uint8_t>;

// Where frames arrive: the end of a link, a port of a switch, a card.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void Receive(Frame frame) = 0;
};

// What goes wrong on a wire; probabilities per frame, 0 to 1, each independent of the others.
struct Faults {
  double loss = 0;
  double duplicate = 0;  // a second copy arrives up to `late` after the first
  double reorder = 0;    // arrives up to `late` after its time: later ones overtake it
  double corrupt = 0;    // 1 to 3 bits flipped anywhere; no FCS would see it
  Nanoseconds late = 100 * kMicrosecond;
};

struct LinkOptions {
  Nanoseconds delay = 5 * kMicrosecond;  // from the last bit in to the last bit out
  uint64_t bits_per_second = 100'000'000'000;
  uint64_t queue_bytes = 4 << 20;  // waiting to be sent; more is dropped
  Faults faults;
};

struct LinkCounters {
  uint64_t frames = 0;  // given to the link
  uint64_t bytes = 0;
  uint64_t delivered = 0;
  uint64_t overflow = 0;
  uint64_t lost = 0;
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t corrupted = 0;
};

// One direction of a cable: a queue, a serializer, a delay, and accidents.
class Link final : public FrameSink {
 public:
  // `to` must outlive the link.
  Link(EventQueue& queue, Random random, const LinkOptions& options, FrameSink* to)
      : queue_(queue), random_(std::move(random)), options_(options), to_(to), life_(queue) {}

  void Receive(Frame frame) override;

  // From now on; frames under way keep their fate.
  void set_faults(const Faults& faults) { options_.faults = faults; }
  const LinkCounters& counters() const { return counters_; }

 private:
  void Deliver(Nanoseconds when, Frame frame);
  void Corrupt(Frame& frame);

  EventQueue& queue_;
  Random random_;
  LinkOptions options_;
  FrameSink* to_;
  Nanoseconds free_at_ = 0;  // when the serializer has sent everything that waits
  LinkCounters counters_;
  Lifetime life_;
};

}  // namespace farrier::sim
