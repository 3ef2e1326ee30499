#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace farrier::driver {

struct EalOptions {
  uint32_t memory_mb = 128;            // everything DPDK allocates: packet pools, rings
  std::string file_prefix;             // of its runtime directory; empty: "farrier-<pid>"
  bool telemetry = false;              // DPDK's socket in the runtime directory
  bool huge_pages = false;             // off: ordinary memory, no set-up of the machine needed
  std::string pci_driver;              // a driver's shared object, for the next; empty: no PCI
  std::string pci_function;            // address and arguments of the one function to be opened
  bool verbose = false;                // DPDK's notices and not only its errors, on stderr
  std::vector<std::string> arguments;  // more EAL arguments, e.g. {"--vdev=net_null0"}
};

// DPDK's environment of this process: one PCI function or none, no shared configuration, threads
// where the scheduler puts them. DPDK can be started once per process. Made and destroyed on one
// thread.
class Eal {
 public:
  // Also removes the runtime directories that processes left behind which were killed.
  static absl::StatusOr<std::unique_ptr<Eal>> Start(const EalOptions& options);

  // Ports are closed by now. Removes the runtime directory.
  ~Eal();
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

 private:
  explicit Eal(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {}

  std::vector<std::string> arguments_;  // DPDK keeps pointers into them
};

// Creates the DPDK port that `devargs` name, e.g. "net_memif0,role=server,socket=/run/wire", and
// returns its number; that of EalOptions::pci_function, named by its address, is there already.
// After Eal::Start; control thread.
absl::StatusOr<uint16_t> AddPort(const std::string& devargs);

// Stops, closes and removes it.
void RemovePort(uint16_t port);

}  // namespace farrier::driver
