#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace farrier::pony {

// Elements with consecutive 32-bit numbers (they wrap), added at the end and removed at the front.
// Grows and never shrinks, so that in a steady state nothing is allocated.
template <typename T>
class SlidingWindow {
 public:
  uint32_t begin() const { return begin_; }  // number of the first element
  uint32_t end() const { return end_; }      // one after the last
  uint32_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  bool Contains(uint32_t number) const { return number - begin_ < size(); }

  T& operator[](uint32_t number) { return ring_[number & (ring_.size() - 1)]; }
  const T& operator[](uint32_t number) const { return ring_[number & (ring_.size() - 1)]; }
  T& front() { return (*this)[begin_]; }

  T& PushBack(T value) {
    if (size() == ring_.size()) Grow();
    T& place = (*this)[end_++];
    place = std::move(value);
    return place;
  }
  void PopFront() { ++begin_; }

  // Empties it; the next element has this number.
  void Restart(uint32_t number) { begin_ = end_ = number; }

 private:
  void Grow() {
    std::vector<T> grown(ring_.empty() ? 4 : 2 * ring_.size());
    for (uint32_t n = begin_; n != end_; ++n) {
      grown[n & (grown.size() - 1)] = std::move((*this)[n]);
    }
    ring_ = std::move(grown);
  }

  std::vector<T> ring_;  // a power of two long
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
};

}  // namespace farrier::pony
