#include "bench/clocked_engine.h"

#include <algorithm>
#include <cmath>

namespace farrier::bench {

using runtime::Nanoseconds;

ClockedEngine::ClockedEngine(Nanoseconds service, unsigned seed, double load, double load_after,
                             Nanoseconds step)
    : service_(service),
      load_(load),
      load_after_(load_after),
      step_(step),
      random_(seed),
      next_(clock_.Now()) {
  waits_.reserve(1 << 20);
  DrawNext();
}

void ClockedEngine::DrawNext() {
  const double rate = (next_ < step_ ? load_ : load_after_) / static_cast<double>(service_);
  std::uniform_real_distribution<double> uniform(1e-9, 1);
  next_ += static_cast<Nanoseconds>(-std::log(uniform(random_)) / rate) + 1;
}

int ClockedEngine::Poll(Nanoseconds, int budget) {
  int inputs = 0;
  Nanoseconds now = clock_.Now();
  Nanoseconds cycles = cycles_.Now();
  for (; inputs < budget && next_ <= now; ++inputs) {
    waits_.push_back({.came = next_, .waited = now - next_});
    DrawNext();
    const Nanoseconds end = cycles + service_;
    Nanoseconds after;
    while ((after = cycles_.Now()) < end) {
    }
    now += after - cycles;
    cycles = after;
  }
  return inputs;
}

void ClockedEngine::PrepareWait(Nanoseconds, runtime::WaitSet& wait) {
  wait.deadline = next_;
  wait.busy = next_ <= clock_.Now();
}

Nanoseconds ClockedEngine::OldestInput(Nanoseconds now) {
  return next_ <= now ? next_ : runtime::kNever;
}

}  // namespace farrier::bench
