#pragma once

#include <map>
#include <memory>
#include <string>

#include "upgrade/side.h"

namespace farrier::upgrade {

struct NewSideOptions {
  std::string build;                          // version string of this process
  std::map<std::string, VersionRange> kinds;  // records that its engines restore: kind -> schemas
  // Silence of the old side while something is expected of it. After it the new side gives up; but
  // if a blackout has begun it kills the old process and takes over: not before twice the limit
  // that the old side sets itself for a blackout, and to be before the card's hold watchdog.
  Nanoseconds brownout_silence = 30 * runtime::kSecond;
  Nanoseconds blackout_silence = 5 * runtime::kSecond;
  Nanoseconds row_retry = runtime::kMillisecond;  // between tries to reach the card
};

// The process that takes the engines over. When the old one dies, it takes over all of them: those
// whose state had come complete with it, the others empty; but if it had not been told to prepare
// yet, it gives up, as it lacks what it takes.
std::unique_ptr<Side> MakeNewSide(NewSideOptions options);

}  // namespace farrier::upgrade
