#include "host/card_link.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "host/card_setup.h"
#include "host/embedded_card_link.h"
#include "host/function_lock.h"
#include "hw/driver/card_lock.h"
#include "hw/driver/eal.h"
#include "hw/driver/ethdev_port.h"
#include "hw/driver/fpga_preflight.h"
#include "hw/driver/qdma_pmd.h"
#include "hw/driver/resource_csr_window.h"
#include "hw/driver/shell_registers.h"
#include "hw/driver/socket_csr_window.h"

namespace farrier::host {
namespace {

constexpr uint16_t kDescriptors = 512;  // per ring
constexpr char kCardsDirectory[] =
    "/run/farrier/card-";  // and the device: locks of a card on the FPGA
constexpr absl::Duration kCardPatience = absl::Seconds(10);

// For the process that drove the function before to come to its end.
constexpr runtime::Nanoseconds kFunctionPatience = 5 * runtime::kSecond;

using CsrOpener = std::function<absl::StatusOr<std::unique_ptr<driver::CsrWindow>>()>;

// Generous: what the packet pools of one engine take, in MB.
uint32_t PoolMegabytes(uint32_t max_frame, uint32_t queues) {
  constexpr uint32_t kBuffersPerPool = kDescriptors + 256, kOverhead = 512;
  return ((queues + 1) * kBuffersPerPool * (max_frame + kOverhead) >> 20) + 2;
}

// Registers by a window, packets by a DPDK port.
class DpdkCardLink final : public CardLink {
 public:
  DpdkCardLink(CsrOpener open_csr, uint32_t function)
      : open_csr_(std::move(open_csr)), function_(function) {}

  // Reaches the card, takes the function for this process, and learns what the card is.
  absl::Status Identify(const Config& config, const std::string& lock_directory) {
    absl::StatusOr<std::unique_ptr<driver::CsrWindow>> csr = OpenCsr();
    if (!csr.ok()) return csr.status();
    csr_ = *std::move(csr);
    absl::StatusOr<FunctionLock> lock =
        FunctionLock::Take(lock_directory, function_, kFunctionPatience);
    if (!lock.ok()) return lock.status();
    lock_ = *std::move(lock);
    absl::StatusOr<driver::CardInfo> info = IdentifyFor(*csr_, config, function_);
    if (!info.ok()) return info.status();
    info_ = *info;
    queues_per_engine_ = QueuesPerEngine(config, info_);
    return absl::OkStatus();
  }

  absl::Status StartDpdk(const Config& config, driver::EalOptions options) {
    options.memory_mb =
        32 + EngineCount(config) * PoolMegabytes(MaxFrame(config), queues_per_engine_);
    absl::StatusOr<std::unique_ptr<driver::Eal>> eal = driver::Eal::Start(options);
    if (!eal.ok()) return eal.status();
    eal_ = *std::move(eal);
    return absl::OkStatus();
  }

  absl::Status OpenPorts(const Config& config, driver::EthdevFunctionOptions options) {
    options.queues_per_owner = queues_per_engine_;
    options.descriptors = kDescriptors;
    options.max_frame = MaxFrame(config);
    for (uint32_t engine = 0; engine < EngineCount(config); ++engine) {
      options.owners.push_back(OwnerOf(engine));
    }
    absl::StatusOr<std::unique_ptr<driver::EthdevFunction>> opened =
        driver::EthdevFunction::Open(options);
    if (!opened.ok()) return opened.status();
    ports_ = *std::move(opened);
    return absl::OkStatus();
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
    return open_csr_();
  }

 private:
  const CsrOpener open_csr_;
  const uint32_t function_;
  std::optional<FunctionLock> lock_;  // released after everything else
  driver::CardInfo info_;
  uint32_t queues_per_engine_ = 1;
  std::unique_ptr<driver::CsrWindow> csr_;
  std::unique_ptr<driver::Eal> eal_;
  std::unique_ptr<driver::EthdevFunction> ports_;  // closed before DPDK ends
};

absl::StatusOr<std::unique_ptr<CardLink>> OpenSim(const Config& config, uint32_t function) {
  const std::string directory = config.card().sim().directory();
  auto link = std::make_unique<DpdkCardLink>(
      [directory]() -> absl::StatusOr<std::unique_ptr<driver::CsrWindow>> {
        auto window = driver::SocketCsrWindow::Connect(directory + "/csr.sock");
        if (window.ok()) return *std::move(window);
        return absl::Status(window.status().code(),
                            absl::StrCat("card.sim.directory: ", window.status().message()));
      },
      function);
  absl::Status status = link->Identify(config, directory);
  if (status.ok()) status = link->StartDpdk(config, {});
  if (status.ok()) {
    status = link->OpenPorts(config,
                             {.devargs = driver::EthdevFunction::VirtioUser(
                                  absl::StrCat(directory, "/function", function, ".sock"),
                                  EngineCount(config) * link->queues_per_engine(), kDescriptors)});
  }
  if (!status.ok()) return status;
  return link;
}

driver::FpgaCard FpgaCardOf(const Config& config) {
  const FpgaCard& fpga = config.card().fpga();
  return {.device = fpga.device(), .pmd = fpga.pmd(), .rs_fec = fpga.rs_fec()};
}

absl::StatusOr<std::unique_ptr<CardLink>> OpenFpga(const Config& config, uint32_t function) {
  const driver::FpgaCard card = FpgaCardOf(config);
  const std::string lock_directory = kCardsDirectory + card.device;
  absl::StatusOr<driver::CardLock> lock =
      driver::CardLock::Take(lock_directory, card.device, kCardPatience);
  if (!lock.ok()) return lock.status();
  if (const driver::PreflightReport report = Preflight(card); !report.problems.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "card.fpga: ", absl::StrJoin(report.problems, "\ncard.fpga: ",
                                     [](std::string* out, const absl::Status& problem) {
                                       absl::StrAppend(out, problem.message());
                                     })));
  }
  const std::filesystem::path registers = card.management().Resource(2);
  const CsrOpener open_csr = [registers]() -> absl::StatusOr<std::unique_ptr<driver::CsrWindow>> {
    return driver::ResourceCsrWindow::Open(registers);
  };
  auto link = std::make_unique<DpdkCardLink>(open_csr, function);
  if (absl::Status status = link->Identify(config, lock_directory); !status.ok()) return status;

  // The first to open a card after its boot sets up what is global, in the QDMA and the shell.
  absl::StatusOr<std::unique_ptr<driver::Bar2>> bar = driver::Bar2::Map(registers);
  if (!bar.ok()) return bar.status();
  absl::StatusOr<driver::ShellState> shell =
      driver::InspectShell(**bar, driver::FpgaCard::kFunctions);
  if (!shell.ok()) return shell.status();
  const bool fresh = *shell == driver::ShellState::kFresh;
  const std::string address = card.function(function).address();
  absl::Status status =
      link->StartDpdk(config, {.huge_pages = true,
                               .pci_driver = card.pmd,
                               .pci_function = driver::QdmaDevargs(address, function, fresh)});
  if (status.ok() && fresh) {
    status = driver::SetUpShell(**bar,
                                {.functions = driver::FpgaCard::kFunctions, .rs_fec = card.rs_fec});
  }
  if (status.ok()) {
    status = link->OpenPorts(config,
                             {.devargs = address, .function = function, .open_doorbell = open_csr});
  }
  if (!status.ok()) return status;
  return link;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CardLink>> OpenCardLink(const Config& config, uint32_t function) {
  if (config.card().has_fpga()) return OpenFpga(config, function);
  if (config.card().has_embedded()) return OpenEmbeddedCardLink(config);
  return OpenSim(config, function);
}

std::vector<absl::Status> CardProblems(const Config& config, std::vector<std::string>& notes) {
  if (!config.card().has_fpga()) return {};
  driver::PreflightReport report = Preflight(FpgaCardOf(config));
  notes = std::move(report.notes);
  return std::move(report.problems);
}

}  // namespace farrier::host
