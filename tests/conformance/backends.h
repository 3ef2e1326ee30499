#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hw/model/card.h"

namespace farrier::conformance {

// A kind of card: its name in test names, and how to make one just out of reset.
struct Backend {
  std::string name;
  std::function<std::unique_ptr<model::Card>(model::CardSink&)> make;
};

// All kinds the suite runs on. A new kind is added in backends.cc and nowhere else.
const std::vector<Backend>& Backends();

}  // namespace farrier::conformance
