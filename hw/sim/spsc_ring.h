#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <vector>

namespace farrier::sim {

// A bounded queue from one thread to another, without locks. T is copied. (DPDK's rte_ring orders
// plain accesses by barriers on x86, which ThreadSanitizer cannot follow.)
template <typename T>
class SpscRing {
 public:
  explicit SpscRing(size_t at_least) : entries_(std::bit_ceil(at_least)) {}

  // Writer's thread. False: full.
  bool Push(T value) {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == entries_.size()) return false;
    entries_[tail & (entries_.size() - 1)] = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Reader's thread. False: empty.
  bool Pop(T& value) {
    const size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    value = entries_[head & (entries_.size() - 1)];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // Reader's thread.
  bool empty() const {
    return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_acquire);
  }

 private:
  std::vector<T> entries_;
  alignas(64) std::atomic<size_t> head_{0};
  alignas(64) std::atomic<size_t> tail_{0};
};

}  // namespace farrier::sim
