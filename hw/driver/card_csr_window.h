#pragma once

#include "hw/driver/csr_window.h"
#include "hw/model/card.h"

namespace farrier::driver {

// The window of a card in this process. On the card's thread; `card` outlives it.
class CardCsrWindow final : public CsrWindow {
 public:
  explicit CardCsrWindow(model::Card& card) : card_(card) {}

  absl::StatusOr<uint32_t> Read(uint32_t offset) override { return card_.ReadCsr(offset); }
  absl::Status Write(uint32_t offset, uint32_t value) override {
    card_.WriteCsr(offset, value);
    return absl::OkStatus();
  }

 private:
  model::Card& card_;
};

}  // namespace farrier::driver
