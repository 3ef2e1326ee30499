#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace farrier::sim {

// What a bad wire does to frames: probabilities, per frame.
struct FaultSpec {
  double loss = 0;
  double dup = 0;      // comes twice
  double reorder = 0;  // comes after up to 8 later frames, 2 ms later at most
  double corrupt = 0;  // one bit is flipped
  uint64_t seed = 1;

  bool any() const { return loss > 0 || dup > 0 || reorder > 0 || corrupt > 0; }
};

// Reads "loss=0.01,dup=0.02,reorder=0.1,corrupt=0.001,seed=7"; what is left out is as above.
absl::StatusOr<FaultSpec> ParseFaultSpec(const std::string& text);

// Applies a FaultSpec, the same way every time for the same seed and frames. One thread.
class FaultInjector {
 public:
  using Frame = std::vector<uint8_t>;

  struct Counters {
    uint64_t lost = 0;
    uint64_t duplicated = 0;
    uint64_t reordered = 0;
    uint64_t corrupted = 0;
  };

  explicit FaultInjector(const FaultSpec& spec) : spec_(spec), random_(spec.seed) {}

  // Takes a frame from the wire and appends to `out` what comes of it, and of those before it.
  void Pass(std::span<const uint8_t> frame, int64_t now_ns, std::vector<Frame>& out);

  // Appends the frames that were kept back long enough.
  void Expire(int64_t now_ns, std::vector<Frame>& out);

  // When Expire is next wanted; INT64_MAX if never.
  int64_t NextExpiry() const;

  const Counters& counters() const { return counters_; }

 private:
  struct Delayed {
    Frame frame;
    int after;  // frames
    int64_t deadline_ns;
  };

  bool Chance(double probability);

  const FaultSpec spec_;
  std::mt19937_64 random_;
  std::vector<Delayed> delayed_;  // oldest first
  Counters counters_;
};

}  // namespace farrier::sim
