#include "examples/echo_checker.h"

#include <gtest/gtest.h>

#include <set>

namespace farrier::examples {
namespace {

EchoContent Content(uint32_t connection = 0) { return {7, connection, 8, 65536}; }

std::vector<uint8_t> Message(uint64_t number, uint32_t connection = 0) {
  const EchoContent content = Content(connection);
  std::vector<uint8_t> bytes(content.Length(number));
  content.Fill(number, bytes);
  return bytes;
}

TEST(EchoContentTest, LengthsAreLogUniformWithinTheirBounds) {
  const EchoContent content = Content();
  int small = 0;
  uint32_t least = UINT32_MAX, most = 0;
  for (uint64_t n = 0; n < 20'000; ++n) {
    const uint32_t length = content.Length(n);
    least = std::min(least, length);
    most = std::max(most, length);
    if (length < 725) ++small;  // the geometric middle of 8 and 65536
  }
  EXPECT_EQ(least, 8u);
  EXPECT_GT(most, 65000u);
  EXPECT_LE(most, 65536u);
  EXPECT_NEAR(small, 10'000, 300);
  EXPECT_EQ(EchoContent(1, 0, 65536, 65536).Length(3), 65536u);
}

TEST(EchoContentTest, NoTwoMessagesAreAlike) {
  std::set<std::vector<uint8_t>> seen;
  for (uint32_t connection = 0; connection < 4; ++connection) {
    for (uint64_t n = 0; n < 250; ++n) seen.insert(Message(n, connection));
  }
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(EchoContentTest, EveryByteCounts) {
  const EchoContent content = Content();
  for (uint64_t n = 0; n < 20; ++n) {
    std::vector<uint8_t> message = Message(n);
    EXPECT_TRUE(content.Matches(n, message));
    for (size_t i = 0; i < message.size(); i += 1 + message.size() / 50) {
      message[i] ^= 1;
      EXPECT_FALSE(content.Matches(n, message)) << "message " << n << ", byte " << i;
      message[i] ^= 1;
    }
    message.push_back(0);
    EXPECT_FALSE(content.Matches(n, message));
  }
}

class EchoCheckerTest : public ::testing::Test {
 protected:
  EchoCheckerTest() {
    for (int64_t n = 0; n < 6; ++n) checker_.Sent(100 * n);  // stream 0: 0 2 4, stream 1: 1 3 5
  }
  std::optional<int64_t> Echo(uint64_t number, uint32_t stream) {
    return checker_.Received(stream, Message(number), 1000);
  }

  EchoChecker checker_{Content(), 2};
};

TEST_F(EchoCheckerTest, EchoesInOrderOfTheirStreamAreVerified) {
  EXPECT_EQ(Echo(1, 1), 900);
  EXPECT_EQ(Echo(3, 1), 700);
  EXPECT_EQ(Echo(0, 0), 1000);
  EXPECT_EQ(checker_.counts().verified, 3u);
  EXPECT_EQ(checker_.counts().lost, 3u);
  EXPECT_EQ(checker_.counts().bytes, Message(0).size() + Message(1).size() + Message(3).size());
}

TEST_F(EchoCheckerTest, OvertakingIsNotVerified) {
  EXPECT_FALSE(Echo(2, 0).has_value());
  EXPECT_EQ(checker_.counts().misordered, 1u);
  EXPECT_TRUE(Echo(0, 0).has_value());
  EXPECT_TRUE(Echo(4, 0).has_value());
  EXPECT_EQ(checker_.counts().lost, 3u);
}

TEST_F(EchoCheckerTest, SecondEchoIsADuplicate) {
  EXPECT_TRUE(Echo(0, 0).has_value());
  EXPECT_FALSE(Echo(0, 0).has_value());
  EXPECT_EQ(checker_.counts().duplicated, 1u);
  EXPECT_EQ(checker_.counts().verified, 1u);
  EXPECT_EQ(checker_.counts().lost, 5u);
}

TEST_F(EchoCheckerTest, WrongBytesLengthsStreamsAndConnectionsAreCorruption) {
  std::vector<uint8_t> message = Message(0);
  message.back() ^= 0x80;
  EXPECT_FALSE(checker_.Received(0, message, 0).has_value());
  message = Message(2);
  message.pop_back();
  EXPECT_FALSE(checker_.Received(0, message, 0).has_value());
  EXPECT_FALSE(checker_.Received(0, Message(4, 1), 0).has_value());
  EXPECT_FALSE(Echo(1, 0).has_value());
  EXPECT_FALSE(Echo(1, 9).has_value());
  EXPECT_FALSE(checker_.Received(1, {}, 0).has_value());
  EXPECT_EQ(checker_.counts().corrupted, 6u);
  EXPECT_EQ(checker_.counts().verified, 0u);
  EXPECT_EQ(checker_.counts().echoed, 6u);
}

TEST_F(EchoCheckerTest, NoiseWithoutAnythingOutstandingIsCorruption) {
  EchoChecker idle(Content(), 1);
  EXPECT_FALSE(idle.Received(0, Message(0), 0).has_value());
  EXPECT_EQ(idle.counts().corrupted, 1u);
  EXPECT_EQ(idle.counts().lost, 0u);
}

}  // namespace
}  // namespace farrier::examples
