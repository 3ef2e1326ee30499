#include "hw/driver/fpga_preflight.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/testing/fake_fpga.h"

namespace farrier::driver {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ResultOf;

class FpgaPreflightTest : public FakeFpga {
 protected:
  std::vector<std::string> Problems() {
    std::vector<std::string> messages;
    for (const absl::Status& status : Preflight(card_).problems) {
      messages.emplace_back(status.message());
    }
    return messages;
  }
};

TEST_F(FpgaPreflightTest, AGoodCardHasNoProblems) {
  EXPECT_THAT(Problems(), IsEmpty());
  EXPECT_THAT(Preflight(card_).notes, ElementsAre(HasSubstr("not been set up"),
                                                  HasSubstr("EPOCH 0"), HasSubstr("link is down")));
}

TEST_F(FpgaPreflightTest, NotesTellTheCardsState) {
  PutCsr(regs::kRegEpoch, 77);
  PutWord(0x8204, 3);
  ASSERT_TRUE(SetUpShell(**Bar2::Map(Bar()), {}).ok());
  EXPECT_THAT(Preflight(card_).notes,
              ElementsAre("the shell is set up", HasSubstr("EPOCH 77"), "the link is up"));
}

TEST_F(FpgaPreflightTest, NothingIsChanged) {
  const auto all = [&] {
    std::ifstream file(Bar(), std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  const std::string before = all();
  Preflight(card_);
  EXPECT_TRUE(all() == before);
}

TEST_F(FpgaPreflightTest, AMissingFunctionIsNamed) {
  std::filesystem::remove_all(Function(1));
  EXPECT_THAT(Problems(),
              ElementsAre(AllOf(HasSubstr("0000:81:00.1 is not there"), HasSubstr("make flash"))));
}

TEST_F(FpgaPreflightTest, AnotherVendorsDeviceIsRefused) {
  Put(Function(0) / "vendor", "0x8086\n");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("0000:81:00.0 is of vendor 0x8086")));
}

TEST_F(FpgaPreflightTest, AFunctionThatIsNotForVfioSaysHowToBindIt) {
  Bind(0, "onic");
  Bind(1, "");
  EXPECT_THAT(
      Problems(),
      ElementsAre(
          AllOf(HasSubstr("0000:81:00.0 is bound to onic, not to vfio-pci"),
                HasSubstr("drivers/onic/unbind; modprobe vfio-pci; echo vfio-pci > "),
                HasSubstr("0000:81:00.0/driver_override")),
          AllOf(HasSubstr("0000:81:00.1 is bound to no driver"), Not(HasSubstr("unbind")))));
}

TEST_F(FpgaPreflightTest, FunctionsThatShareAnIommuGroupAreRefused) {
  Group(1, "10");
  EXPECT_THAT(Problems(),
              ElementsAre(HasSubstr("0000:81:00.0 shares its IOMMU group 10 with 0000:81:00.1"),
                          HasSubstr("0000:81:00.1 shares its IOMMU group 10 with 0000:81:00.0")));
}

TEST_F(FpgaPreflightTest, SharingWithManagementIsRefusedToo) {
  Group(2, "11");
  EXPECT_THAT(Problems(),
              ElementsAre(HasSubstr("0000:81:00.1 shares its IOMMU group 11 with 0000:81:00.2")));
}

TEST_F(FpgaPreflightTest, WithoutAnIommuNothingGoes) {
  Group(0, "");
  EXPECT_THAT(Problems(), ElementsAre(AllOf(HasSubstr("0000:81:00.0 is in no IOMMU group"),
                                            HasSubstr("intel_iommu=on"))));
}

TEST_F(FpgaPreflightTest, ManagementMustBeUnbound) {
  Bind(2, "vfio-pci");
  EXPECT_THAT(Problems(),
              ElementsAre(AllOf(HasSubstr("0000:81:00.2, for management, is bound to vfio-pci"),
                                HasSubstr("/drivers/vfio-pci/unbind"))));
}

TEST_F(FpgaPreflightTest, ManagementMustAnswerToMemoryAccesses) {
  Put(Function(2) / "config", std::string("\xee\x10\x3f\x92\x04\x00", 6));
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("setpci -s 0000:81:00.2 COMMAND=0002:0002")));
}

TEST_F(FpgaPreflightTest, TheStockDriverIsRefused) {
  PutPmd(kStockParams);
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("qbase and global_init")));
}

TEST_F(FpgaPreflightTest, HugePagesMustBeFree) {
  Put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
  EXPECT_THAT(Problems(),
              ElementsAre(AllOf(HasSubstr("no huge page is free"), HasSubstr("nr_hugepages"))));
}

TEST_F(FpgaPreflightTest, ACardThatHasGoneIsSaidToHave) {
  CardGoes();
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("the card has gone")));
}

TEST_F(FpgaPreflightTest, AnotherDesignIsNoFarrierCard) {
  PutCsr(regs::kRegMagic, 0xDEADBEEF);
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("MAGIC reads 0xdeadbeef")));
}

TEST_F(FpgaPreflightTest, AnotherNumberOfFunctionsIsRefused) {
  PutCsr(regs::kRegFunctions, 1);
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("built for 1 functions")));
}

TEST_F(FpgaPreflightTest, AShellThatSomebodyElseSetUpIsRefused) {
  PutWord(0x1000, 0x40);
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("another program has used the card")));
}

TEST_F(FpgaPreflightTest, EverythingIsSaidAtOnce) {
  PutPmd(kStockParams);
  Bind(0, "onic");
  Bind(2, "onic");
  Group(1, "");
  EXPECT_EQ(Problems().size(), 4u);
}

}  // namespace
}  // namespace farrier::driver
