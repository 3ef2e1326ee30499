#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "engines/runtime/clock.h"
#include "engines/runtime/thread_class.h"
#include "engines/runtime/unique_fd.h"

namespace farrier::runtime {

// A thread that looks at something every so often, and less often while there is little to see.
class Ticker {
 public:
  struct Options {
    std::string name;
    Nanoseconds period = 10 * kMillisecond;
    ThreadClassRequest thread_class;
    Nanoseconds resting_period = 250 * kMillisecond;
    // On the thread. False: until Wake it need be called at the resting period only.
    std::function<bool()> tick;
  };
  static absl::StatusOr<std::unique_ptr<Ticker>> Start(Options options);
  ~Ticker();  // ends the thread

  // There is more to see again. Any thread; cheap if the thread is not resting.
  void Wake();

 private:
  Ticker(Options options, UniqueFd wake_fd)
      : options_(std::move(options)), wake_fd_(std::move(wake_fd)) {}
  void Run();
  void Wait(Nanoseconds timeout);

  const Options options_;
  const UniqueFd wake_fd_;  // eventfd
  std::atomic<bool> resting_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace farrier::runtime
