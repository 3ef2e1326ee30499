#include "host/function_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

namespace farrier::host {
namespace {

using ::testing::HasSubstr;

class FunctionLockTest : public testing::Test {
 protected:
  FunctionLockTest() {
    std::string path = std::filesystem::temp_directory_path() / "farrier-XXXXXX";
    directory_ = mkdtemp(path.data());
  }
  ~FunctionLockTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
};

TEST_F(FunctionLockTest, AFunctionIsDrivenByOneProcess) {
  std::optional<FunctionLock> first = FunctionLock::Take(directory_, 1, 0).value();
  const auto second = FunctionLock::Take(directory_, 1, 0);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("function B of the card"));
  const auto other = FunctionLock::Take(directory_, 0, 0);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_TRUE(other->HeldByAnother(1).value());
  EXPECT_FALSE(other->HeldByAnother(2).value());
  first.reset();
  EXPECT_FALSE(other->HeldByAnother(1).value());
  EXPECT_TRUE(FunctionLock::Take(directory_, 1, 0).ok());
}

TEST_F(FunctionLockTest, ADeathReleasesIt) {
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FunctionLock::Take(directory_, 0, 0);
    if (!lock.ok()) _exit(1);
    raise(SIGSTOP);
    pause();
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status)) << "the child has the lock";
  EXPECT_FALSE(FunctionLock::Take(directory_, 0, 0).ok());
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  EXPECT_TRUE(FunctionLock::Take(directory_, 0, runtime::kSecond).ok());
}

TEST_F(FunctionLockTest, ADirectoryThatIsNotThereIsAnError) {
  EXPECT_THAT(std::string(FunctionLock::Take("/nonexistent", 0, 0).status().message()),
              HasSubstr("/nonexistent/functions.lock"));
}

}  // namespace
}  // namespace farrier::host
