#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/echo_checker.h"

namespace farrier::examples {

// A time in which a connection that had messages outstanding saw no event at all: what a blackout
// looks like to an app. In ns of CLOCK_MONOTONIC.
struct Gap {
  int64_t begin_ns = 0;
  int64_t length_ns = 0;
};

struct EchoReport {
  struct Connection {
    EchoCounts counts;
    Gap longest_gap;
  };
  std::vector<Connection> connections;
  std::vector<int64_t> round_trips_ns;  // of verified messages
  uint64_t messages = 0;                // wanted
  int64_t duration_ns = 0;
  std::string failure;  // why it ended early; empty if it did not

  EchoCounts Total() const;
  bool Good() const;  // all messages verified, and nothing else came
};

// A table for people.
std::string RenderEchoReport(EchoReport report);

// A flat JSON object: counts, bytes, seconds, messages_per_second, megabytes_per_second,
// longest_gap_ms, round_trip_{p50,p90,p99,max}_us; and "connections", an array.
std::string EchoReportJson(EchoReport report);

}  // namespace farrier::examples
