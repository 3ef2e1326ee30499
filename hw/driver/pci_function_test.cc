#include "hw/driver/pci_function.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/testing/fake_fpga.h"

namespace farrier::driver {
namespace {

using PciFunctionTest = FakeFpga;

TEST_F(PciFunctionTest, IsReadFromSysfs) {
  const PciFunction function = card_.function(1);
  EXPECT_EQ(function.address(), "0000:81:00.1");
  EXPECT_TRUE(function.Exists());
  EXPECT_EQ(function.Vendor(), "0x10ee");
  EXPECT_EQ(function.Driver(), "vfio-pci");
  EXPECT_EQ(function.IommuGroup(), "11");
  EXPECT_TRUE(function.MemoryEnabled());
  EXPECT_EQ(card_.management().Driver(), "");
}

TEST_F(PciFunctionTest, WhatIsNotThereIsEmpty) {
  const PciFunction function(Sysfs(), "0000:82:00.0");
  EXPECT_FALSE(function.Exists());
  EXPECT_EQ(function.Vendor(), "");
  EXPECT_EQ(function.Driver(), "");
  EXPECT_EQ(function.IommuGroup(), "");
  EXPECT_FALSE(function.MemoryEnabled());
  EXPECT_TRUE(function.GroupOthers().empty());
}

TEST_F(PciFunctionTest, BridgesDoNotCountAsOthersOfAGroup) {
  Group(1, "10");
  EXPECT_THAT(card_.function(0).GroupOthers(), testing::ElementsAre("0000:81:00.1"));
  Put(Function(1) / "class", "0x060400\n");
  EXPECT_TRUE(card_.function(0).GroupOthers().empty());
}

TEST(PciDevice, HasOneForm) {
  EXPECT_TRUE(IsPciDevice("0000:81:00"));
  EXPECT_TRUE(IsPciDevice("000a:ff:1f"));
  for (const char* text :
       {"", "81:00", "0000:81:00.0", "0000:8G:00", "0000:81:00 ", "../0:81:00"}) {
    EXPECT_FALSE(IsPciDevice(text)) << text;
  }
  EXPECT_TRUE(IsPciFunction("0000:81:00.7"));
  for (const char* text : {"", "0000:81:00", "0000:81:00.8", "0000:81:00.10", "net_ring0"}) {
    EXPECT_FALSE(IsPciFunction(text)) << text;
  }
}

}  // namespace
}  // namespace farrier::driver
