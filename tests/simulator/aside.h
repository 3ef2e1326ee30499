#pragma once

#include <functional>
#include <semaphore>
#include <thread>

namespace farrier::sim {

// A function that can be left in its middle and gone on with later. It has a thread of its own, but
// either that one runs or its owner's: what happens is as reproducible as without.
class Aside {
 public:
  // Nothing of `function` happens before Resume.
  explicit Aside(std::function<void()> function)
      : thread_([this, function = std::move(function)] {
          inside_.acquire();
          function();
          ended_ = true;
          outside_.release();
        }) {}
  // Requires that it has ended.
  ~Aside() { thread_.join(); }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

  // The owner: goes on with the function, until it pauses or has ended. Requires that it has not.
  void Resume() {
    inside_.release();
    outside_.acquire();
  }
  bool ended() const { return ended_; }

  // The function: back to the owner, until that goes on with it.
  void Pause() {
    outside_.release();
    inside_.acquire();
  }

 private:
  std::binary_semaphore inside_{0};
  std::binary_semaphore outside_{0};
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace farrier::sim
