#include "engines/runtime/placement.h"

namespace farrier::runtime {

size_t PlaceEngine(GroupMode mode, std::span<const ThreadPlace> threads) {
  size_t best = threads.size();
  for (size_t i = 0; i < threads.size(); ++i) {
    if (threads[i].stuck) continue;
    switch (mode) {
      case GroupMode::kCompacting:
        return i;
      case GroupMode::kSpreading:
        if (threads[i].weight == 0) return i;
        break;
      case GroupMode::kDedicating:
        if (best == threads.size() || threads[i].weight < threads[best].weight) best = i;
        break;
    }
  }
  if (mode == GroupMode::kSpreading) return threads.size();
  return best == threads.size() ? 0 : best;
}

}  // namespace farrier::runtime
