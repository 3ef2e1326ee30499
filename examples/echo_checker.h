#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "examples/echo_content.h"

namespace farrier::examples {

struct EchoCounts {
  uint64_t sent = 0;
  uint64_t echoed = 0;      // everything that came back
  uint64_t verified = 0;    // the right bytes, in the order of its stream, once
  uint64_t corrupted = 0;   // not what was sent
  uint64_t duplicated = 0;  // came before
  uint64_t misordered = 0;  // right, but not its stream's next
  uint64_t bytes = 0;       // of verified messages
  uint64_t lost = 0;        // nothing came back for it, so far
};

// Judges the echoes of one connection: message number n goes out on stream n % streams.
class EchoChecker {
 public:
  EchoChecker(EchoContent content, uint32_t streams) : content_(content), waiting_(streams) {}

  const EchoContent& content() const { return content_; }
  uint32_t Stream(uint64_t number) const { return static_cast<uint32_t>(number % waiting_.size()); }
  const EchoCounts& counts() const { return counts_; }
  uint64_t outstanding() const { return counts_.lost; }

  // Messages go out in the order of their numbers, from 0.
  void Sent(int64_t now_ns);

  // Returns the round trip's time if the echo was verified. Streams nobody sent on count as
  // corruption.
  std::optional<int64_t> Received(uint32_t stream, std::span<const uint8_t> message,
                                  int64_t now_ns);

 private:
  struct Waiting {
    uint64_t number;
    int64_t sent_ns;
  };

  EchoContent content_;
  EchoCounts counts_;
  std::vector<std::deque<Waiting>> waiting_;  // per stream, oldest first
};

}  // namespace farrier::examples
