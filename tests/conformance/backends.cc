#include "tests/conformance/backends.h"

#include "hw/model/functional_card.h"
#include "hw/sim/rtl_card.h"

namespace farrier::conformance {

const std::vector<Backend>& Backends() {
  static const auto* const backends = new std::vector<Backend>{
      {"model",
       [](model::CardSink& sink) {
         return std::make_unique<model::FunctionalCard>(model::CardOptions{}, sink);
       }},
      {"rtl",
       [](model::CardSink& sink) {
         return std::make_unique<sim::RtlCard>(model::CardOptions{}.mac, sink);
       }},
  };
  return *backends;
}

}  // namespace farrier::conformance
