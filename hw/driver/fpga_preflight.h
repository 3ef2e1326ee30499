#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "hw/driver/pci_function.h"

namespace farrier::driver {

// A card on the FPGA, as OpenNIC's shell shows it with three PCI functions: A is .0, B is .1, and
// .2 is for management: its BAR2 holds the registers, and no driver is bound to it.
struct FpgaCard {
  std::string device;         // "0000:81:00"
  std::filesystem::path pmd;  // the patched QDMA driver, a shared object
  bool rs_fec = false;
  std::filesystem::path sysfs = "/sys";

  static constexpr uint32_t kFunctions = 2;

  PciFunction function(uint32_t function) const {
    return PciFunction(sysfs, device + "." + std::to_string(function));
  }
  PciFunction management() const { return function(kFunctions); }
};

struct PreflightReport {
  std::vector<absl::Status> problems;  // each ends with the command that would mend it
  std::vector<std::string> notes;      // what does not stop anybody: link, epoch
};

// Looks at everything that driving the card needs, without changing anything. All that is wrong, at
// once. Reads the card's registers only if nothing stands in the way before.
PreflightReport Preflight(const FpgaCard& card);

}  // namespace farrier::driver
