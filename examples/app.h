#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pony/client/pony.h"

namespace farrier::examples {

// Blocks SIGINT and SIGTERM except while Wait sleeps, so that none is missed. Before anything else.
void CatchSignals();

// Whether one of them came.
bool Interrupted();

// Whether SIGUSR1 came: "that is enough, finish".
bool Enough();

// Sleeps until events wait, farrierd goes away, a signal comes or the time is over. Without a
// session it sleeps until the last two.
void Wait(pony_session* session, int timeout_ms);

// CLOCK_MONOTONIC.
int64_t NowNs();

// "10.0.0.2" as 0x0A000002; nullopt if it is no IPv4 address.
std::optional<uint32_t> ParseIp(const std::string& text);

// For people: "refused: nobody listens there".
const char* StatusText(uint8_t status);

}  // namespace farrier::examples
