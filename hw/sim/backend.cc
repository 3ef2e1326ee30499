#include "hw/sim/backend.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "hw/model/functional_card.h"
#include "hw/sim/rtl_card.h"

namespace farrier::sim {

absl::StatusOr<Backend> MakeBackend(const std::string& name, const std::array<uint8_t, 6>& mac,
                                    const TraceOptions& trace, model::CardSink& sink) {
  if (name == "model") {
    if (!trace.file.empty()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("--trace %s: the model has no waveforms; use --backend rtl", trace.file));
    }
    model::CardOptions options;
    options.mac = mac;
    return Backend{.card = std::make_unique<model::FunctionalCard>(options, sink),
                   .functions = static_cast<int>(options.functions),
                   .cycles = nullptr};
  }
  if (name == "rtl") {
    auto card = std::make_unique<RtlCard>(mac, sink);
    if (!trace.file.empty()) {
      if (auto status = card->Trace(trace); !status.ok()) return status;
    }
    const RtlCard* const rtl = card.get();
    return Backend{.card = std::move(card), .functions = RtlCard::kFunctions, .cycles = [rtl] {
                     return rtl->cycles();
                   }};
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("there is no card \"%s\": it must be model or rtl", name));
}

}  // namespace farrier::sim
