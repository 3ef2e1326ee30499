#include "hw/driver/pci_function.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

namespace farrier::driver {
namespace {

constexpr size_t kCommandRegister = 4;  // in PCI configuration space
constexpr uint8_t kMemorySpace = 2;     // bit of its low byte
constexpr char kBridgeClass[] = "0x06";

std::string FirstLine(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string LinkName(const std::filesystem::path& link) {
  std::error_code none;
  return std::filesystem::read_symlink(link, none).filename();
}

// h stands for a hexadecimal digit in lower case, o for 0 to 7.
bool HasForm(std::string_view text, std::string_view form) {
  return std::ranges::equal(text, form, [](char c, char like) {
    switch (like) {
      case 'h':
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      case 'o':
        return c >= '0' && c <= '7';
      default:
        return c == like;
    }
  });
}

}  // namespace

PciFunction::PciFunction(const std::filesystem::path& sysfs, std::string address)
    : path_(sysfs / "bus/pci/devices" / address), address_(std::move(address)) {}

bool PciFunction::Exists() const {
  std::error_code none;
  return std::filesystem::exists(path_, none);
}

std::string PciFunction::Vendor() const { return FirstLine(path_ / "vendor"); }

std::string PciFunction::Driver() const { return LinkName(path_ / "driver"); }

bool PciFunction::MemoryEnabled() const {
  std::ifstream config(path_ / "config", std::ios::binary);
  std::array<char, kCommandRegister + 1> bytes{};
  config.read(bytes.data(), bytes.size());
  return config && (bytes[kCommandRegister] & kMemorySpace) != 0;
}

std::filesystem::path PciFunction::Resource(int bar) const {
  return path_ / ("resource" + std::to_string(bar));
}

std::string PciFunction::IommuGroup() const { return LinkName(path_ / "iommu_group"); }

std::vector<std::string> PciFunction::GroupOthers() const {
  std::vector<std::string> others;
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator(path_ / "iommu_group/devices", none)) {
    const std::string name = entry.path().filename();
    if (name != address_ && !FirstLine(entry.path() / "class").starts_with(kBridgeClass)) {
      others.push_back(name);
    }
  }
  std::ranges::sort(others);
  return others;
}

bool IsPciDevice(std::string_view text) { return HasForm(text, "hhhh:hh:hh"); }

bool IsPciFunction(std::string_view text) { return HasForm(text, "hhhh:hh:hh.o"); }

}  // namespace farrier::driver
