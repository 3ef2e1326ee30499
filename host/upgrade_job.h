#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "host/control.pb.h"

namespace farrier::host {

// An upgrade as its two threads share it: the control thread tells, a thread of gRPC listens and
// may be as slow as its client.
class UpgradeJob {
 public:
  // Control thread.
  void Tell(UpgradeProgress progress) {
    std::lock_guard lock(mutex_);
    told_.push_back(std::move(progress));
    changed_.notify_one();
  }
  void Finish(absl::Status status) {
    std::lock_guard lock(mutex_);
    if (!status_) status_ = std::move(status);
    changed_.notify_one();
  }

  // gRPC's thread: passes on what is told until it is finished.
  absl::Status Listen(const std::function<void(const UpgradeProgress&)>& progress) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return status_ || !told_.empty(); });
      if (told_.empty()) return *status_;
      const UpgradeProgress next = std::move(told_.front());
      told_.pop_front();
      lock.unlock();
      progress(next);
      lock.lock();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<UpgradeProgress> told_;    // guarded by mutex_
  std::optional<absl::Status> status_;  // guarded by mutex_
};

}  // namespace farrier::host
