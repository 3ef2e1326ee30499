#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "hw/model/card.h"

namespace farrier::sim {

// How a card that is software spends its thread; its clock is CLOCK_MONOTONIC.

int64_t CardNow();

// Steps the card, some times at most: then its inputs and outputs are to be looked at again. False:
// it had nothing to do. The clock is read anew: hosts ask for departures counted from the time when
// they hand a packet over, and the card's clock must not be behind that.
bool StepCard(model::Card& card);

// Until `fd` is readable (true), until `until_ns`, or for `longest_ns`.
bool WaitFor(int fd, int64_t until_ns, int64_t longest_ns);

// Calls `work` until `stop`. When it finds nothing to do (false), this gives way a few times, then
// calls `sleep`, with a longer limit each time. A wire (a memif, a packet socket) wakes nobody, so
// the longest is also how late a frame can be seen.
void RunCard(const std::atomic<bool>& stop, const std::function<bool(int64_t now_ns)>& work,
             const std::function<void(int64_t longest_ns)>& sleep);

}  // namespace farrier::sim
