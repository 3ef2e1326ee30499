#include "host/card_link.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/card_setup.h"
#include "host/function_lock.h"
#include "hw/driver/eal.h"
#include "hw/driver/ethdev_port.h"
#include "hw/driver/socket_csr_window.h"

namespace farrier::host {
namespace {

constexpr uint32_t kEthernetBytes = 18;  // header with a VLAN tag
constexpr uint16_t kDescriptors = 512;   // per ring

// For the process that drove the function before to come to its end.
constexpr runtime::Nanoseconds kFunctionPatience = 5 * runtime::kSecond;

// Generous: what the packet pools of one engine take, in MB.
uint32_t PoolMegabytes(uint32_t max_frame, uint32_t queues) {
  constexpr uint32_t kBuffersPerPool = kDescriptors + 256, kOverhead = 512;
  return ((queues + 1) * kBuffersPerPool * (max_frame + kOverhead) >> 20) + 2;
}

class SimCardLink final : public CardLink {
 public:
  static absl::StatusOr<std::unique_ptr<CardLink>> Open(const Config& config, uint32_t function) {
    auto link =
        std::unique_ptr<SimCardLink>(new SimCardLink(config.card().sim().directory(), function));
    absl::StatusOr<std::unique_ptr<driver::CsrWindow>> csr = link->OpenCsr();
    if (!csr.ok()) return csr.status();
    link->csr_ = *std::move(csr);
    absl::StatusOr<FunctionLock> lock =
        FunctionLock::Take(link->directory_, function, kFunctionPatience);
    if (!lock.ok()) return lock.status();
    link->lock_ = *std::move(lock);
    absl::StatusOr<driver::CardInfo> info = IdentifyFor(*link->csr_, config, function);
    if (!info.ok()) return info.status();
    link->info_ = *info;

    const uint32_t max_frame = config.network().mtu() + kEthernetBytes;
    const uint32_t engines = config.pony().engines();
    link->queues_per_engine_ = QueuesPerEngine(config, link->info_);
    const uint32_t queues = engines * link->queues_per_engine_;
    absl::StatusOr<std::unique_ptr<driver::Eal>> eal = driver::Eal::Start(
        {.memory_mb = 32 + engines * PoolMegabytes(max_frame, link->queues_per_engine_)});
    if (!eal.ok()) return eal.status();
    link->eal_ = *std::move(eal);
    driver::EthdevFunctionOptions options{
        .devargs = driver::EthdevFunction::VirtioUser(
            absl::StrCat(link->directory_, "/function", function, ".sock"), queues, kDescriptors),
        .queues_per_owner = link->queues_per_engine_,
        .descriptors = kDescriptors,
        .max_frame = max_frame};
    for (uint32_t engine = 0; engine < engines; ++engine) {
      options.owners.push_back(OwnerOf(engine));
    }
    absl::StatusOr<std::unique_ptr<driver::EthdevFunction>> opened =
        driver::EthdevFunction::Open(options);
    if (!opened.ok()) return opened.status();
    link->ports_ = *std::move(opened);
    return link;
  }

  driver::CsrWindow& csr() override { return *csr_; }
  const driver::CardInfo& info() const override { return info_; }
  uint32_t function() const override { return function_; }
  uint32_t queues_per_engine() const override { return queues_per_engine_; }
  absl::StatusOr<bool> DrivenByAnother(uint32_t function) const override {
    return lock_->HeldByAnother(function);
  }
  driver::OwnerPort& port(uint32_t engine) override { return ports_->port(engine); }

  absl::StatusOr<std::unique_ptr<driver::CsrWindow>> OpenCsr() const override {
    auto window = driver::SocketCsrWindow::Connect(directory_ + "/csr.sock");
    if (window.ok()) return *std::move(window);
    return absl::Status(window.status().code(),
                        absl::StrCat("card.sim.directory: ", window.status().message()));
  }

 private:
  SimCardLink(std::string directory, uint32_t function)
      : directory_(std::move(directory)), function_(function) {}

  const std::string directory_;
  const uint32_t function_;
  std::optional<FunctionLock> lock_;  // released after everything else
  driver::CardInfo info_;
  uint32_t queues_per_engine_ = 1;
  std::unique_ptr<driver::CsrWindow> csr_;
  std::unique_ptr<driver::Eal> eal_;
  std::unique_ptr<driver::EthdevFunction> ports_;  // closed before DPDK ends
};

}  // namespace

absl::StatusOr<std::unique_ptr<CardLink>> OpenCardLink(const Config& config, uint32_t function) {
  return SimCardLink::Open(config, function);
}

}  // namespace farrier::host
