#pragma once

#include "engines/elements/element.h"

namespace farrier::elements {

// Counts what passes: packets, and bytes of frames.
class Counter final : public Element {
 public:
  explicit Counter(std::string name) : Element(std::move(name), 1) {}

  void Push(runtime::Nanoseconds now, Batch batch) override {
    passed_.Add(batch);
    Emit(now, batch);
  }
  std::vector<CounterRef> Counters() override {
    return {{"packets", &passed_.packets}, {"bytes", &passed_.bytes}};
  }

 private:
  Traffic passed_;
};

}  // namespace farrier::elements
