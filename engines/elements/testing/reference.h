#pragma once

#include <optional>

#include "engines/elements/match.h"
#include "engines/elements/testing/frames.h"

namespace farrier::elements::testing {

// What a frame is, found out the slow and plain way; shares no code with headers.cc.
struct Facts {
  bool malformed = false;
  bool fragment = false;
  int version = 0;  // 4, 6; 0: not IP
  std::optional<int> ether_type, vlan, protocol, dscp, source_port, destination_port;
  Bytes source, destination;
};
Facts FactsOf(const Bytes& frame);

bool Matches(const Match& rule, const Facts& facts);

}  // namespace farrier::elements::testing
