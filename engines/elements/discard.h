#pragma once

#include "engines/elements/element.h"

namespace farrier::elements {

// An end: drops what comes, and counts it.
class Discard final : public Element {
 public:
  explicit Discard(std::string name) : Element(std::move(name), 0) {}

  void Push(runtime::Nanoseconds, Batch batch) override { dropped_.Add(batch); }
  std::vector<CounterRef> Counters() override {
    return {{"packets", &dropped_.packets}, {"bytes", &dropped_.bytes}};
  }

 private:
  Traffic dropped_;
};

}  // namespace farrier::elements
