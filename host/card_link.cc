#include "host/card_link.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/card_setup.h"
#include "hw/driver/eal.h"
#include "hw/driver/ethdev_port.h"
#include "hw/driver/socket_csr_window.h"

namespace farrier::host {
namespace {

constexpr uint32_t kEthernetBytes = 18;  // header with a VLAN tag
constexpr uint16_t kDescriptors = 512;   // per ring

// Generous: what the packet pools of one engine take, in MB.
uint32_t PoolMegabytes(uint32_t max_frame) {
  constexpr uint32_t kPools = 2, kBuffersPerPool = kDescriptors + 256, kOverhead = 512;
  return (kPools * kBuffersPerPool * (max_frame + kOverhead) >> 20) + 2;
}

class SimCardLink final : public CardLink {
 public:
  static absl::StatusOr<std::unique_ptr<CardLink>> Open(const Config& config, uint32_t function) {
    auto link =
        std::unique_ptr<SimCardLink>(new SimCardLink(config.card().sim().directory(), function));
    absl::StatusOr<std::unique_ptr<driver::CsrWindow>> csr = link->OpenCsr();
    if (!csr.ok()) return csr.status();
    link->csr_ = *std::move(csr);
    absl::StatusOr<driver::CardInfo> info = IdentifyFor(*link->csr_, config, function);
    if (!info.ok()) return info.status();
    link->info_ = *info;

    const uint32_t max_frame = config.network().mtu() + kEthernetBytes;
    const uint32_t engines = config.pony().engines();
    absl::StatusOr<std::unique_ptr<driver::Eal>> eal =
        driver::Eal::Start({.memory_mb = 32 + engines * PoolMegabytes(max_frame)});
    if (!eal.ok()) return eal.status();
    link->eal_ = *std::move(eal);
    driver::EthdevFunctionOptions options{
        .devargs = driver::EthdevFunction::VirtioUser(
            absl::StrCat(link->directory_, "/function", function, ".sock"), engines, kDescriptors),
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
  driver::CardInfo info_;
  std::unique_ptr<driver::CsrWindow> csr_;
  std::unique_ptr<driver::Eal> eal_;
  std::unique_ptr<driver::EthdevFunction> ports_;  // closed before DPDK ends
};

}  // namespace

absl::StatusOr<std::unique_ptr<CardLink>> OpenCardLink(const Config& config, uint32_t function) {
  return SimCardLink::Open(config, function);
}

}  // namespace farrier::host
