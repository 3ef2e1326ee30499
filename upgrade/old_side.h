#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "upgrade/side.h"

namespace farrier::upgrade {

// Versions of the messages that this build speaks.
inline constexpr uint32_t kOldestProtocol = 1;
inline constexpr uint32_t kNewestProtocol = 1;

struct OldSideOptions {
  std::string build;                                   // version string of this process
  std::vector<EngineSpec> engines;                     // all of them
  std::map<std::string, uint32_t> kinds;               // records they write: kind -> schema
  Nanoseconds brownout_limit = 30 * runtime::kSecond;  // start until the last snapshot is restored
  Nanoseconds blackout_limit = runtime::kSecond;       // of one engine, HOLD until it has moved
  Nanoseconds finish_limit = 5 * runtime::kSecond;     // last engine moved until the new one serves
  Nanoseconds row_retry = runtime::kMillisecond;       // between tries to reach the card
};

// The process that has the engines. It gives up at the first failure: the engine that was under way
// goes on with its state (rollback), and those that had moved already are recovered empty once the
// new process has been killed. The card's row alone decides whether an engine had moved.
std::unique_ptr<Side> MakeOldSide(OldSideOptions options);

}  // namespace farrier::upgrade
