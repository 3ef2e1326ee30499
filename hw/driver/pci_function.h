#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace farrier::driver {

// A PCI function as sysfs shows it, looked up anew at each call. Any thread.
class PciFunction {
 public:
  // `address` like "0000:81:00.0"; `sysfs` is /sys.
  PciFunction(const std::filesystem::path& sysfs, std::string address);

  const std::string& address() const { return address_; }
  bool Exists() const;
  std::string Vendor() const;  // "0x10ee"; empty if not known
  std::string Driver() const;  // that it is bound to; empty if none
  bool MemoryEnabled() const;  // it answers to memory accesses

  // The file of a base address register, to be mapped.
  std::filesystem::path Resource(int bar) const;

  // Number of its IOMMU group; empty without IOMMU.
  std::string IommuGroup() const;
  // Other functions in the group, bridges left out.
  std::vector<std::string> GroupOthers() const;

 private:
  const std::filesystem::path path_;
  const std::string address_;
};

// "0000:81:00", the address of a card without the function's number.
bool IsPciDevice(std::string_view text);
// "0000:81:00.0".
bool IsPciFunction(std::string_view text);

}  // namespace farrier::driver
