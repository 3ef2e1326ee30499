#include "hw/sim/fault_injector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace farrier::sim {
namespace {

constexpr int kMaxReorderFrames = 8;
constexpr int64_t kMaxReorderNs = 2'000'000;

}  // namespace

absl::StatusOr<FaultSpec> ParseFaultSpec(const std::string& text) {
  FaultSpec spec;
  for (const auto part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::string item(part);
    const std::pair<std::string, std::string> field = absl::StrSplit(item, absl::MaxSplits('=', 1));
    if (field.first == "seed") {
      if (absl::SimpleAtoi(field.second, &spec.seed)) continue;
      return absl::InvalidArgumentError(
          absl::StrFormat("fault \"%s\": the seed must be a number", item));
    }
    double* probability = field.first == "loss"      ? &spec.loss
                          : field.first == "dup"     ? &spec.dup
                          : field.first == "reorder" ? &spec.reorder
                          : field.first == "corrupt" ? &spec.corrupt
                                                     : nullptr;
    if (probability == nullptr) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "fault \"%s\": it must be one of loss=, dup=, reorder=, corrupt=, seed=", item));
    }
    if (!absl::SimpleAtod(field.second, probability) || !(*probability >= 0 && *probability <= 1)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("fault \"%s\": a probability must be a number from 0 to 1", item));
    }
  }
  return spec;
}

bool FaultInjector::Chance(double probability) {
  // Not a standard distribution: those differ between libraries.
  const double drawn = static_cast<double>(random_() >> 11) * 0x1p-53;
  return drawn < probability;
}

void FaultInjector::Pass(std::span<const uint8_t> bytes, int64_t now_ns, std::vector<Frame>& out) {
  for (auto& delayed : delayed_) --delayed.after;
  if (Chance(spec_.loss)) {
    ++counters_.lost;
  } else {
    Frame frame(bytes.begin(), bytes.end());
    if (Chance(spec_.corrupt) && !frame.empty()) {
      ++counters_.corrupted;
      const uint64_t bit = random_() % (frame.size() * 8);
      frame[bit / 8] ^= 1 << (bit % 8);
    }
    const bool twice = Chance(spec_.dup);
    if (twice) {
      ++counters_.duplicated;
      out.push_back(frame);
    }
    if (Chance(spec_.reorder)) {
      ++counters_.reordered;
      const int after = 1 + static_cast<int>(random_() % kMaxReorderFrames);
      delayed_.push_back({std::move(frame), after, now_ns + kMaxReorderNs});
    } else {
      out.push_back(std::move(frame));
    }
  }
  Expire(now_ns, out);
}

void FaultInjector::Expire(int64_t now_ns, std::vector<Frame>& out) {
  std::erase_if(delayed_, [&](Delayed& delayed) {
    if (delayed.after > 0 && delayed.deadline_ns > now_ns) return false;
    out.push_back(std::move(delayed.frame));
    return true;
  });
}

int64_t FaultInjector::NextExpiry() const {
  int64_t next = INT64_MAX;
  for (const auto& delayed : delayed_) next = std::min(next, delayed.deadline_ns);
  return next;
}

}  // namespace farrier::sim
