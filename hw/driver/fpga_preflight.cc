#include "hw/driver/fpga_preflight.h"

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "hw/driver/card_info.h"
#include "hw/driver/qdma_pmd.h"
#include "hw/driver/resource_csr_window.h"
#include "hw/driver/shell_registers.h"

namespace farrier::driver {
namespace {

constexpr char kVendor[] = "0x10ee";  // AMD, formerly Xilinx
constexpr char kVfio[] = "vfio-pci";

class Checker {
 public:
  explicit Checker(const FpgaCard& card) : card_(card) {}

  PreflightReport Run() && {
    Take(CheckQdmaPmd(card_.pmd));
    CheckHugePages();
    bool there = true;
    for (uint32_t f = 0; f <= FpgaCard::kFunctions; ++f) {
      there = CheckExists(card_.function(f)) && there;
    }
    if (!there) return std::move(report_);
    for (uint32_t f = 0; f < FpgaCard::kFunctions; ++f) CheckForVfio(card_.function(f));
    if (CheckManagement(card_.management())) CheckRegisters(card_.management());
    return std::move(report_);
  }

 private:
  void Take(const absl::Status& status) {
    if (!status.ok()) report_.problems.push_back(status);
  }
  void Refuse(std::string what, const std::string& command) {
    report_.problems.push_back(
        absl::FailedPreconditionError(absl::StrCat(what, "; run: ", command)));
  }

  // DPDK and the device share memory of huge pages.
  void CheckHugePages() {
    const auto directory = card_.sysfs / "kernel/mm/hugepages/hugepages-2048kB";
    std::ifstream file(directory / "free_hugepages");
    uint64_t free = 0;
    if (!(file >> free) || free > 0) return;
    Refuse("no huge page is free",
           absl::StrCat("echo 256 > ", (directory / "nr_hugepages").string()));
  }

  bool CheckExists(const PciFunction& function) {
    if (!function.Exists()) {
      report_.problems.push_back(absl::NotFoundError(absl::StrCat(
          "PCI function ", function.address(),
          " is not there; see lspci -d 10ee:, and load the card's bitstream: make flash")));
      return false;
    }
    if (function.Vendor() != kVendor) {
      report_.problems.push_back(absl::FailedPreconditionError(
          absl::StrCat("PCI function ", function.address(), " is of vendor ", function.Vendor(),
                       ", not ", kVendor, "; see lspci -d 10ee: for the card's address")));
      return false;
    }
    return true;
  }

  void CheckForVfio(const PciFunction& function) {
    const std::string at = (card_.sysfs / "bus/pci").string();
    const std::string driver = function.Driver();
    if (driver != kVfio) {
      const std::string unbind = driver.empty()
                                     ? ""
                                     : absl::StrCat("echo ", function.address(), " > ", at,
                                                    "/drivers/", driver, "/unbind; ");
      Refuse(absl::StrCat(function.address(), " is bound to ",
                          driver.empty() ? "no driver" : driver, ", not to ", kVfio),
             absl::StrCat(unbind, "modprobe ", kVfio, "; echo ", kVfio, " > ", at, "/devices/",
                          function.address(), "/driver_override; echo ", function.address(), " > ",
                          at, "/drivers_probe"));
    }
    if (function.IommuGroup().empty()) {
      Refuse(
          absl::StrCat(function.address(), " is in no IOMMU group: the IOMMU is off"),
          "add intel_iommu=on (Intel) to the kernel's command line, enable VT-d or AMD-Vi in the "
          "firmware, reboot");
    } else if (const auto others = function.GroupOthers(); !others.empty()) {
      Refuse(
          absl::StrFormat("%s shares its IOMMU group %s with %s: two farrierds could not have one "
                          "function each",
                          function.address(), function.IommuGroup(), absl::StrJoin(others, ", ")),
          "lspci -vv to find a slot whose root port has Access Control Services, and put the card "
          "there");
    }
  }

  // Whether its registers may be looked at.
  bool CheckManagement(const PciFunction& function) {
    if (const std::string driver = function.Driver(); !driver.empty()) {
      Refuse(absl::StrCat(function.address(), ", for management, is bound to ", driver,
                          ": its registers cannot be mapped"),
             absl::StrCat("echo ", function.address(), " > ", card_.sysfs.string(),
                          "/bus/pci/drivers/", driver, "/unbind"));
      return false;
    }
    if (!function.MemoryEnabled()) {
      Refuse(absl::StrCat(function.address(), " does not answer to memory accesses"),
             absl::StrCat("setpci -s ", function.address(), " COMMAND=0002:0002"));
      return false;
    }
    return true;
  }

  void CheckRegisters(const PciFunction& function) {
    auto window = ResourceCsrWindow::Open(function.Resource(2));
    if (!window.ok()) return Take(window.status());
    const auto info = Identify(**window);
    if (!info.ok()) return Take(info.status());
    const auto shell = InspectShell((*window)->bar(), FpgaCard::kFunctions);
    if (!shell.ok()) return Take(shell.status());
    if (info->functions != FpgaCard::kFunctions) {
      Refuse(absl::StrFormat("the card was built for %d functions besides management, not %d",
                             info->functions, FpgaCard::kFunctions),
             "make bitstream, make flash");
    }
    report_.notes.push_back(*shell == ShellState::kFresh
                                ? "the shell has not been set up since the card's boot"
                                : "the shell is set up");
    report_.notes.push_back(
        info->epoch == 0
            ? "EPOCH 0: the card holds no rows and filters of anybody's"
            : absl::StrFormat("EPOCH %d: a farrierd's rows and filters are there", info->epoch));
    report_.notes.push_back(
        info->link_up ? "the link is up"
        : *shell == ShellState::kFresh
            ? "the link is down, as it is before the shell has been set up"
            : "the link is down: cable, the other end, and its forward error correction (rsFec)");
  }

  const FpgaCard& card_;
  PreflightReport report_;
};

}  // namespace

PreflightReport Preflight(const FpgaCard& card) { return Checker(card).Run(); }

}  // namespace farrier::driver
