#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/config.h"
#include "hw/driver/card_info.h"
#include "hw/driver/csr_window.h"
#include "hw/driver/owner_port.h"

namespace farrier::host {

// A daemon's way to its card: the registers, and the packet ports of its engines on one function.
// Control thread; ports as OwnerPort says.
class CardLink {
 public:
  virtual ~CardLink() = default;

  virtual driver::CsrWindow& csr() = 0;
  virtual const driver::CardInfo& info() const = 0;
  virtual uint32_t function() const = 0;

  // Queue pairs of each engine.
  virtual uint32_t queues_per_engine() const = 0;

  // Whether another living process drives this function.
  virtual absl::StatusOr<bool> DrivenByAnother(uint32_t function) const = 0;

  // Of an engine; has posted its receive buffers.
  virtual driver::OwnerPort& port(uint32_t engine) = 0;

  // A window for another thread.
  virtual absl::StatusOr<std::unique_ptr<driver::CsrWindow>> OpenCsr() const = 0;
};

// Opens the card that the configuration names and starts DPDK, once per process. Unavailable when
// the card is not there, AlreadyExists when another process drives the function.
absl::StatusOr<std::unique_ptr<CardLink>> OpenCardLink(const Config& config, uint32_t function);

// What stands in the way of opening it as far as can be told without DPDK and without changing
// anything; each says what would mend it. Notes on the card's state go to `notes`.
std::vector<absl::Status> CardProblems(const Config& config, std::vector<std::string>& notes);

}  // namespace farrier::host
