#include "host/embedded_card_link.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/card_setup.h"
#include "hw/driver/eal.h"
#include "hw/sim/embedded_card.h"

namespace farrier::host {
namespace {

constexpr uint32_t kFunction = 0;   // its only one
constexpr uint32_t kMemoryMb = 96;  // the wire's buffers

class EmbeddedCardLink final : public CardLink {
 public:
  explicit EmbeddedCardLink(std::unique_ptr<sim::EmbeddedCard> card)
      : card_(std::move(card)), csr_(card_->OpenCsr()) {}

  absl::Status AddPorts(const Config& config) {
    absl::StatusOr<driver::CardInfo> info = IdentifyFor(*csr_, config, kFunction);
    if (!info.ok()) return info.status();
    info_ = *info;
    queues_per_engine_ = QueuesPerEngine(config, info_);
    for (uint32_t engine = 0; engine < EngineCount(config); ++engine) {
      ports_.push_back(&card_->AddPort({.owner = OwnerOf(engine),
                                        .queue = static_cast<int>(engine * queues_per_engine_),
                                        .queues = queues_per_engine_,
                                        .max_frame = MaxFrame(config)}));
    }
    return absl::OkStatus();
  }

  driver::CsrWindow& csr() override { return *csr_; }
  const driver::CardInfo& info() const override { return info_; }
  uint32_t function() const override { return kFunction; }
  uint32_t queues_per_engine() const override { return queues_per_engine_; }
  absl::StatusOr<bool> DrivenByAnother(uint32_t /*function*/) const override { return false; }
  driver::OwnerPort& port(uint32_t engine) override { return *ports_[engine]; }
  absl::StatusOr<std::unique_ptr<driver::CsrWindow>> OpenCsr() const override {
    return card_->OpenCsr();
  }

 private:
  const std::unique_ptr<sim::EmbeddedCard> card_;
  const std::unique_ptr<driver::CsrWindow> csr_;
  driver::CardInfo info_;
  uint32_t queues_per_engine_ = 1;
  std::vector<sim::EmbeddedPort*> ports_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CardLink>> OpenEmbeddedCardLink(const Config& config) {
  absl::StatusOr<std::unique_ptr<driver::Eal>> eal = driver::Eal::Start({.memory_mb = kMemoryMb});
  if (!eal.ok()) return eal.status();
  static_cast<void>(eal->release());
  absl::StatusOr<std::unique_ptr<sim::EmbeddedCard>> card = sim::EmbeddedCard::Open(
      config.card().embedded().port(), ParseMac(config.network().mac()).value());
  if (!card.ok()) {
    return absl::Status(card.status().code(),
                        absl::StrCat("card.embedded.port: ", card.status().message()));
  }
  auto link = std::make_unique<EmbeddedCardLink>(*std::move(card));
  if (absl::Status status = link->AddPorts(config); !status.ok()) return status;
  return link;
}

}  // namespace farrier::host
