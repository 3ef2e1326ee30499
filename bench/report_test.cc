#include "bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace farrier::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Report, AFigureMeetsItsTargetOrNot) {
  EXPECT_TRUE((Figure{"x", 20, "ms", "<= 20"}.met()));
  EXPECT_FALSE((Figure{"x", 20.1, "ms", "<= 20"}.met()));
  EXPECT_TRUE((Figure{"x", 3, "", ">= 3"}.met()));
  EXPECT_FALSE((Figure{"x", 1, "", "== 0"}.met()));
  EXPECT_TRUE((Figure{"x", 1, "", ""}.met()));
  EXPECT_FALSE((Figure{"x", 1, "", "about 1"}.met()));
}

TEST(Report, KeepsOtherVariantsAndReplacesItsOwn) {
  const std::filesystem::path path =
      std::filesystem::path(::testing::TempDir()) / "farrier_report_test" / "run.json";
  std::filesystem::remove(path);
  ASSERT_TRUE(WriteReport(path, "rtl.", {{"rtl.lost", 0, "messages", "== 0"}}).ok());
  ASSERT_TRUE(WriteReport(path, "model.", {{"model.old", 1, "ms", ""}}).ok());
  ASSERT_TRUE(WriteReport(path, "model.", {{"model.new", 2, "ms", "<= 1"}}).ok());
  const std::string text = Read(path);
  EXPECT_THAT(text, HasSubstr("rtl.lost"));
  EXPECT_THAT(text, HasSubstr("model.new"));
  EXPECT_THAT(text, Not(HasSubstr("model.old")));
  EXPECT_THAT(text, HasSubstr("\"met\": false"));
  EXPECT_THAT(text, HasSubstr("\"cores\""));
  std::filesystem::remove_all(path.parent_path());
}

TEST(Report, ReplacesAFileThatIsNoReport) {
  const std::filesystem::path path =
      std::filesystem::path(::testing::TempDir()) / "farrier_report_garbage.json";
  std::ofstream(path) << "{\"figures\": 7";
  ASSERT_TRUE(WriteReport(path, "", {{"x", 1, "", ""}}).ok());
  EXPECT_THAT(Read(path), HasSubstr("\"name\": \"x\""));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace farrier::bench
