#include "hw/driver/qdma_pmd.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/testing/fake_fpga.h"

namespace farrier::driver {
namespace {

using testing::HasSubstr;
using QdmaPmdTest = FakeFpga;

TEST_F(QdmaPmdTest, ThePatchedDriverIsTaken) {
  EXPECT_TRUE(CheckQdmaPmd(card_.pmd).ok()) << CheckQdmaPmd(card_.pmd);
}

TEST_F(QdmaPmdTest, TheStockDriverIsRefused) {
  PutPmd(kStockParams);
  const absl::Status status = CheckQdmaPmd(card_.pmd);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(status.message(), HasSubstr("without the argument qbase and global_init"));
  EXPECT_THAT(status.message(), HasSubstr("docs/hardware.md"));
}

TEST_F(QdmaPmdTest, HalfAPatchIsRefused) {
  PutPmd("qbase=<int> global_initial=<0|1>");
  EXPECT_THAT(CheckQdmaPmd(card_.pmd).message(), HasSubstr("without the argument global_init:"));
}

TEST_F(QdmaPmdTest, OlderDpdksSpacingIsReadToo) {
  Put(card_.pmd,
      R"(PMD_INFO_STRING= {"name" : "net_qdma", "params" : "qbase=<int> global_init=<0|1>"})");
  EXPECT_TRUE(CheckQdmaPmd(card_.pmd).ok());
}

TEST_F(QdmaPmdTest, AnotherDriverIsRefused) {
  PutPmd(kPatchedParams, "net_virtio");
  EXPECT_THAT(CheckQdmaPmd(card_.pmd).message(), HasSubstr("is no DPDK driver net_qdma"));
}

TEST_F(QdmaPmdTest, AFileThatIsNoneIsRefused) {
  for (const std::string& content :
       {std::string(), std::string("PMD_INFO_STRING= "),
        std::string("PMD_INFO_STRING= {\"name\": \"net_qdma\", \"params\": \"")}) {
    Put(card_.pmd, content);
    EXPECT_TRUE(absl::IsFailedPrecondition(CheckQdmaPmd(card_.pmd))) << content;
  }
  EXPECT_TRUE(absl::IsNotFound(CheckQdmaPmd(top_ / "none.so")));
  EXPECT_FALSE(CheckQdmaPmd(top_).ok()) << "a directory";
}

TEST(QdmaPmd, AFunctionStartsWhereItsQueuesDo) {
  EXPECT_EQ(QdmaDevargs("0000:81:00.0", 0, true), "0000:81:00.0,qbase=0,global_init=1");
  EXPECT_EQ(QdmaDevargs("0000:81:00.1", 1, false), "0000:81:00.1,qbase=16,global_init=0");
}

}  // namespace
}  // namespace farrier::driver
