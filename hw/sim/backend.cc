#include "hw/sim/backend.h"

#include "absl/strings/str_format.h"
#include "hw/model/functional_card.h"

namespace farrier::sim {

absl::StatusOr<Backend> MakeBackend(const std::string& name, const std::array<uint8_t, 6>& mac,
                                    model::CardSink& sink) {
  if (name == "model") {
    model::CardOptions options;
    options.mac = mac;
    return Backend{.card = std::make_unique<model::FunctionalCard>(options, sink),
                   .functions = static_cast<int>(options.functions),
                   .cycles = nullptr};
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("there is no card \"%s\": it must be model", name));
}

}  // namespace farrier::sim
