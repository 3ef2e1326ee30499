// A seed is all that it takes to see a run again.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/simulator/campaign.h"

namespace farrier::sim {
namespace {

constexpr char kMarker[] = "digest=";

uint64_t DigestOf(uint64_t seed) {
  WorldOptions options{.hosts = 3};
  options.link.faults = BadNetwork();
  World world(seed, options);
  Mesh mesh(world, 2, {.messages = 8});
  UpgradeAt(world, 0, 5 * kMillisecond);
  RemodesMet met;
  PlanRemodes(world, 20 * kMillisecond, met);
  world.queue().At(12 * kMillisecond, [&] { world.host(1).Kill(SimHost::Which::kOld); });
  world.Run(60 * kSecond, [&] { return mesh.done(world); });
  EXPECT_EQ(world.verdict().first(), "");
  return world.Digest();
}

TEST(Replay, AnotherSeedIsAnotherRun) { EXPECT_NE(DigestOf(1), DigestOf(2)); }

// Also run by the test below, in a process of its own.
TEST(Replay, TheSameSeedIsTheSameRun) {
  const uint64_t digest = DigestOf(1);
  EXPECT_EQ(DigestOf(1), digest);
  std::printf("%s%ju\n", kMarker, uintmax_t{digest});
}

TEST(Replay, TheSameSeedIsTheSameRunInAnotherProcess) {
  // Other addresses, other hash seeds.
  std::array<char, 4096> path;
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  ASSERT_GT(length, 0);
  const std::string command =
      absl::StrCat("'", std::string(path.data(), static_cast<size_t>(length)),
                   "' --gtest_filter=Replay.TheSameSeedIsTheSameRun");
  std::unique_ptr<FILE, int (*)(FILE*)> child(popen(command.c_str(), "r"), pclose);
  ASSERT_NE(child, nullptr);
  std::string output;
  std::array<char, 256> line;
  while (fgets(line.data(), line.size(), child.get()) != nullptr) output += line.data();
  EXPECT_NE(output.find(absl::StrCat(kMarker, DigestOf(1), "\n")), std::string::npos) << output;
}

}  // namespace
}  // namespace farrier::sim
