#include "host/binary_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace farrier::host {
namespace {

using ::testing::HasSubstr;

class BinaryCheckTest : public testing::Test {
 protected:
  BinaryCheckTest() {
    char name[] = "/tmp/farrier-binary-XXXXXX";
    directory_ = mkdtemp(name);
    path_ = directory_ + "/farrierd";
    std::ofstream(path_) << "#!/bin/true\n";
    chmod(path_.c_str(), 0755);
  }
  ~BinaryCheckTest() override { std::filesystem::remove_all(directory_); }

  static std::string Error(const std::string& path) {
    return std::string(OpenTrustedBinary(path).status().message());
  }

  std::string directory_;
  std::string path_;
};

TEST_F(BinaryCheckTest, AnExecutableOfOurOwnIsTaken) {
  absl::StatusOr<UniqueFd> fd = OpenTrustedBinary(path_);
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_TRUE(fd->valid());
}

TEST_F(BinaryCheckTest, WhatOthersCanWriteIsRefused) {
  for (mode_t mode : {0775, 0757, 0777}) {
    chmod(path_.c_str(), mode);
    EXPECT_THAT(Error(path_), HasSubstr("can be written by others: chmod go-w")) << mode;
  }
}

TEST_F(BinaryCheckTest, AnotherUsersFileIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(chown(path_.c_str(), 65534, 65534), 0);
  EXPECT_THAT(Error(path_), HasSubstr("belongs to user 65534"));
}

TEST_F(BinaryCheckTest, WhatCannotBeRunIsRefused) {
  chmod(path_.c_str(), 0644);
  EXPECT_THAT(Error(path_), HasSubstr("is not executable"));
  EXPECT_THAT(Error(directory_), HasSubstr("is no regular file"));
  EXPECT_THAT(Error(directory_ + "/missing"), HasSubstr("cannot be opened"));
  EXPECT_THAT(Error("farrierd"), HasSubstr("must be an absolute path"));
  EXPECT_THAT(Error(""), HasSubstr("must be an absolute path"));
  EXPECT_THAT(Error(path_ + std::string("\0x", 2)), HasSubstr("zero byte"));
}

TEST_F(BinaryCheckTest, AFifoDoesNotHangUs) {
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0755), 0);
  EXPECT_THAT(Error(fifo), HasSubstr("is no regular file"));
}

}  // namespace
}  // namespace farrier::host
