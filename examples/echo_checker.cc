#include "examples/echo_checker.h"

#include <algorithm>

namespace farrier::examples {

void EchoChecker::Sent(int64_t now_ns) {
  const uint64_t number = counts_.sent++;
  ++counts_.lost;
  waiting_[Stream(number)].push_back({number, now_ns});
}

std::optional<int64_t> EchoChecker::Received(uint32_t stream, std::span<const uint8_t> message,
                                             int64_t now_ns) {
  ++counts_.echoed;
  const std::optional<uint64_t> number = content_.Number(message);
  const bool known = number && *number < counts_.sent;
  if (stream >= waiting_.size() || (known && Stream(*number) != stream)) {
    ++counts_.corrupted;
    return std::nullopt;
  }
  std::deque<Waiting>& waiting = waiting_[stream];
  const auto found = std::find_if(waiting.begin(), waiting.end(), [&](const Waiting& message) {
    return known && message.number == *number;
  });
  if (found == waiting.end()) {
    if (known && content_.Matches(*number, message)) {
      ++counts_.duplicated;
    } else {
      // It cannot be told which message this was: by its place it is the next.
      ++counts_.corrupted;
      if (!waiting.empty()) {
        waiting.pop_front();
        --counts_.lost;
      }
    }
    return std::nullopt;
  }
  const bool next = found == waiting.begin();
  const int64_t round_trip = now_ns - found->sent_ns;
  waiting.erase(found);
  --counts_.lost;
  if (!content_.Matches(*number, message)) {
    ++counts_.corrupted;
    return std::nullopt;
  }
  if (!next) {
    ++counts_.misordered;
    return std::nullopt;
  }
  ++counts_.verified;
  counts_.bytes += message.size();
  return round_trip;
}

}  // namespace farrier::examples
