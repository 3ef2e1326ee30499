#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engines/runtime/group_options.h"

namespace farrier::runtime {

// A thread of a group, as far as it matters for where an engine goes.
struct ThreadPlace {
  int64_t weight = 0;  // of the engines that were handed to it last
  bool stuck = false;  // in one of them
};

// The thread that an engine is handed to when it is added, when its group is formed anew, or when
// its thread is stuck: that with the least weight, or where the mode has all engines at first.
// threads.size(): one of its own, which is to be made. A thread that is stuck only if all are, and
// then the first; `threads` are empty only if the mode makes them as engines come.
size_t PlaceEngine(GroupMode mode, std::span<const ThreadPlace> threads);

}  // namespace farrier::runtime
