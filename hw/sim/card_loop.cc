#include "hw/sim/card_loop.h"

#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <ctime>

namespace farrier::sim {
namespace {

constexpr int kYields = 4;
constexpr int64_t kFirstSleepNs = 10'000;
constexpr int64_t kLongestSleepNs = 100'000;
constexpr int kSteps = 16;

}  // namespace

int64_t CardNow() {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * int64_t{1'000'000'000} + ts.tv_nsec;
}

bool StepCard(model::Card& card) {
  const int64_t now_ns = CardNow();
  int steps = 0;
  while (steps < kSteps && card.Step(now_ns)) ++steps;
  return steps > 0;
}

bool WaitFor(int fd, int64_t until_ns, int64_t longest_ns) {
  pollfd wait = {.fd = fd, .events = POLLIN, .revents = 0};
  const timespec timeout = {.tv_sec = 0,
                            .tv_nsec = std::clamp<int64_t>(until_ns - CardNow(), 0, longest_ns)};
  return ppoll(&wait, 1, &timeout, nullptr) > 0;
}

void RunCard(const std::atomic<bool>& stop, const std::function<bool(int64_t now_ns)>& work,
             const std::function<void(int64_t longest_ns)>& sleep) {
  int idle = 0;
  int64_t sleep_ns = kFirstSleepNs;
  while (!stop.load(std::memory_order_relaxed)) {
    if (work(CardNow())) {
      idle = 0;
      sleep_ns = kFirstSleepNs;
    } else if (++idle <= kYields) {
      sched_yield();
    } else {
      sleep(sleep_ns);
      sleep_ns = std::min(sleep_ns * 2, kLongestSleepNs);
    }
  }
}

}  // namespace farrier::sim
