// What a timer of the wheel costs while many are outstanding.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/engine_figures.h"
#include "bench/statistics.h"
#include "engines/runtime/clock.h"
#include "engines/runtime/thread_meter.h"
#include "engines/runtime/timer_wheel.h"

namespace farrier::bench {
namespace {

using runtime::Nanoseconds;
using runtime::TimerWheel;

// A timer waits up to so long, all times being equally likely: retransmissions, keepalives, pacing.
constexpr Nanoseconds kLongest = runtime::kSecond;
constexpr size_t kAll = SIZE_MAX;

struct Load {
  Nanoseconds AnyDelay() {
    state = state * 6364136223846793005 + 1442695040888963407;  // Knuth's MMIX
    return (kLongest * static_cast<Nanoseconds>(state >> 34)) >> 30;
  }
  TimerWheel wheel;
  uint64_t state = 1;
};

class Again final : public TimerWheel::Timer {
 public:
  // Of all, so that a timer is no larger than it has to be.
  static inline Load* load = nullptr;

 private:
  void Fire(Nanoseconds now) override { load->wheel.Set(*this, now + load->AnyDelay()); }
};

// Each timer that fires is set again, so `outstanding` is what there always is; every call of
// Advance finds about 16 due. CPU ns for one timer to be set, to move down and to fire.
double InsertAndFire(size_t outstanding) {
  const auto load = std::make_unique<Load>();
  const auto timers = std::make_unique<Again[]>(outstanding);
  Again::load = load.get();
  for (size_t i = 0; i < outstanding; ++i) load->wheel.Set(timers[i], load->AnyDelay());
  const Nanoseconds step = kLongest / 2 / static_cast<Nanoseconds>(outstanding) * 16;
  Nanoseconds now = 0;
  const auto run = [&](size_t count) {
    size_t fired = 0;
    while (fired < count) fired += load->wheel.Advance(now += step, kAll);
    return static_cast<double>(fired);
  };
  run(2 * outstanding);  // until they are where they would be after a long time
  const runtime::KernelThreadMeter meter;
  const Nanoseconds start = meter.CpuTime();
  const double fired = run(std::max<size_t>(outstanding, 500'000));
  return static_cast<double>(meter.CpuTime() - start) / fired;
}

// CPU ns of an Advance for which there is nothing to do.
double IdleAdvance() {
  const auto load = std::make_unique<Load>();
  Again far;
  load->wheel.Set(far, 3600 * runtime::kSecond);
  constexpr int kCalls = 5'000'000;
  const runtime::KernelThreadMeter meter;
  const Nanoseconds start = meter.CpuTime();
  size_t fired = 0;
  for (int i = 0; i < kCalls; ++i) fired += load->wheel.Advance(i * Nanoseconds{100}, kAll);
  return static_cast<double>(meter.CpuTime() - start + static_cast<Nanoseconds>(fired)) / kCalls;
}

}  // namespace

std::vector<Figure> TimerWheelFigures(int runs) {
  std::vector<double> few, many, idle;
  for (int i = 0; i < runs; ++i) {
    few.push_back(InsertAndFire(10'000));
    many.push_back(InsertAndFire(1'000'000));
    idle.push_back(IdleAdvance());
  }
  return {{"timer_insert_fire_10k_ns", Median(few), "ns", "<= 50"},
          {"timer_insert_fire_1m_ns", Median(many), "ns", "<= 250"},
          {"timer_idle_advance_ns", Median(idle), "ns", ""}};
}

}  // namespace farrier::bench
