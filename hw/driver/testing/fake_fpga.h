#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "hw/driver/fpga_preflight.h"
#include "hw/driver/shell_registers.h"
#include "hw/regs/registers.h"

namespace farrier::driver {

// For tests: a sysfs of its own with a card on the FPGA in it, with nothing wrong about it. BAR2 is
// a file: what is written there stays.
class FakeFpga : public testing::Test {
 protected:
  static constexpr uint32_t kBarBytes = 4 << 20;
  static constexpr char kStockParams[] = "desc_prefetch=<0|1>";
  static constexpr char kPatchedParams[] = "desc_prefetch=<0|1> qbase=<int> global_init=<0|1>";

  FakeFpga() {
    std::string name = testing::TempDir() + "fpga-XXXXXX";
    top_ = mkdtemp(name.data());
    card_ = {.device = "0000:81:00", .pmd = top_ / "librte_net_qdma.so", .sysfs = top_ / "sys"};
    Put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "256\n");
    for (const char* driver : {"vfio-pci", "onic"}) {
      std::filesystem::create_directories(Sysfs() / "bus/pci/drivers" / driver);
    }
    for (uint32_t f = 0; f <= FpgaCard::kFunctions; ++f) {
      const std::string function = card_.function(f).address();
      const std::filesystem::path at = Function(f);
      std::filesystem::create_directories(at);
      Put(at / "vendor", "0x10ee\n");
      Put(at / "class", "0x020000\n");
      Put(at / "config", std::string("\xee\x10\x3f\x90\x06\x00", 6));
      Group(f, std::to_string(10 + f));
      if (f < FpgaCard::kFunctions) Bind(f, "vfio-pci");
    }
    std::ofstream(Bar()).flush();
    std::filesystem::resize_file(Bar(), kBarBytes);
    PutCsr(regs::kRegMagic, regs::kMagic);
    PutCsr(regs::kRegVersion, regs::kVersion);
    PutCsr(regs::kRegCapabilities, regs::Capabilities{.exact_filters = 1, .hold = 1}.Pack());
    PutCsr(regs::kRegFunctions, FpgaCard::kFunctions);
    PutCsr(regs::kRegQueues, 16);
    PutCsr(regs::kRegMtu, 9600);
    PutPmd(kPatchedParams);
  }
  ~FakeFpga() override { std::filesystem::remove_all(top_); }

  std::filesystem::path Sysfs() const { return card_.sysfs; }
  std::filesystem::path Function(uint32_t f) const {
    return Sysfs() / "bus/pci/devices" / card_.function(f).address();
  }
  std::filesystem::path Bar() const { return Function(FpgaCard::kFunctions) / "resource2"; }

  // `path` below the top, or absolute.
  void Put(const std::filesystem::path& path, const std::string& content) {
    std::filesystem::create_directories((top_ / path).parent_path());
    std::ofstream(top_ / path, std::ios::binary) << content;
  }
  void PutWord(uint32_t offset, uint32_t value) {
    std::fstream file(Bar(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(offset).write(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void PutCsr(uint32_t offset, uint32_t value) { PutWord(Bar2::kCardOffset + offset, value); }
  uint32_t Word(uint32_t offset) {
    uint32_t value = 0;
    std::ifstream(Bar(), std::ios::binary)
        .seekg(offset)
        .read(reinterpret_cast<char*>(&value), sizeof(value));
    return value;
  }
  // Every word of BAR2 reads all ones, as when the card has gone.
  void CardGoes() { std::ofstream(Bar(), std::ios::binary) << std::string(kBarBytes, '\xFF'); }
  void Bind(uint32_t f, const std::string& driver) {
    std::filesystem::remove(Function(f) / "driver");
    if (driver.empty()) return;
    std::filesystem::create_symlink(Sysfs() / "bus/pci/drivers" / driver, Function(f) / "driver");
  }
  // Into an IOMMU group, out of the one before.
  void Group(uint32_t f, const std::string& group) {
    const std::string function = card_.function(f).address();
    const std::filesystem::path link = Function(f) / "iommu_group";
    if (std::filesystem::exists(link)) std::filesystem::remove(link / "devices" / function);
    std::filesystem::remove(link);
    if (group.empty()) return;
    const std::filesystem::path members = Sysfs() / "kernel/iommu_groups" / group / "devices";
    std::filesystem::create_directories(members);
    std::filesystem::create_symlink(members.parent_path(), link);
    std::filesystem::create_symlink(Function(f), members / function);
  }
  void PutPmd(const std::string& params, const std::string& name = "net_qdma") {
    Put("librte_net_qdma.so",
        std::string("\x7f"
                    "ELF\0\0",
                    6) +
            R"(PMD_INFO_STRING= {"name": "net_other", "params": "qbase=<int>"})" + '\0' +
            R"(PMD_INFO_STRING= {"name": ")" + name + R"(", "params": ")" + params +
            R"(", "pci_ids": []})" + '\0');
  }

  std::filesystem::path top_;
  FpgaCard card_;
};

}  // namespace farrier::driver
