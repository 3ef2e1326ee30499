#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "tests/simulator/event_queue.h"
#include "tests/simulator/random.h"
#include "upgrade/channel.h"

namespace farrier::sim {

// One end of a socket pair between two processes: in order, each parcel a random while under way.
// Destroying an end is its process' death: what it sent still arrives, then the end of file.
class SimChannel final : public upgrade::Channel {
 public:
  static std::pair<std::unique_ptr<SimChannel>, std::unique_ptr<SimChannel>> MakePair(
      EventQueue& queue, const Random& random);
  ~SimChannel() override;

  // Called when something, or the end of file, has arrived here.
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  absl::Status Post(upgrade::Parcel parcel) override;
  absl::StatusOr<std::optional<upgrade::Parcel>> Receive() override;
  bool Congested() override { return false; }

 private:
  static constexpr Nanoseconds kLeastDelay = 2 * kMicrosecond;
  static constexpr Nanoseconds kMostDelay = 200 * kMicrosecond;

  // One direction.
  struct Pipe {
    std::deque<std::pair<Nanoseconds, upgrade::Parcel>> parcels;  // by time of arrival
    Nanoseconds last_arrival = 0;  // of the last parcel, then of the end of file
    bool writer_gone = false;
    SimChannel* reader = nullptr;  // null: gone
  };

  SimChannel(EventQueue& queue, Random random, std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out)
      : queue_(queue), random_(std::move(random)), in_(std::move(in)), out_(std::move(out)) {}

  // When what is written now gets there; wakes the reader then.
  Nanoseconds Arrival();

  EventQueue& queue_;
  Random random_;
  std::shared_ptr<Pipe> in_;
  std::shared_ptr<Pipe> out_;
  std::function<void()> wake_;
};

}  // namespace farrier::sim
