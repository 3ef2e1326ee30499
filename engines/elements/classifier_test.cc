#include "engines/elements/classifier.h"

#include <gtest/gtest.h>

#include "engines/elements/testing/harness.h"

namespace farrier::elements {
namespace {

using testing::Bytes;
using testing::MakeFrame;

class ClassifierTest : public ::testing::Test {
 protected:
  // UDP and DSCP 46 to output 0, TCP to 1.
  ClassifierTest() {
    const std::vector<Classifier::Rule> rules = {
        {{.protocol = 17}, 0}, {{.protocol = 6}, 1}, {{.dscp = 46}, 0}};
    classifier_ = std::make_unique<Classifier>("classifier", rules, 2);
    for (size_t i = 0; i < 3; ++i) classifier_->Connect(i, &sinks_[i]);
  }

  testing::Sink sinks_[3];
  std::unique_ptr<Classifier> classifier_;
};

TEST_F(ClassifierTest, PartsFramesAndKeepsTheirOrder) {
  std::vector<Bytes> udp, tcp, rest, all;
  for (uint8_t i = 0; i < 200; ++i) {
    const uint8_t protocol = i % 3 == 0 ? 17 : i % 3 == 1 ? 6 : 1;
    all.push_back(MakeFrame({.protocol = protocol, .fill = i}));
    (i % 3 == 0 ? udp : i % 3 == 1 ? tcp : rest).push_back(all.back());
  }
  testing::PushFrames(*classifier_, all);
  EXPECT_EQ(sinks_[0].frames, udp);
  EXPECT_EQ(sinks_[1].frames, tcp);
  EXPECT_EQ(sinks_[2].frames, rest);
}

TEST_F(ClassifierTest, RulesWithOneOutputShareItsBatch) {
  testing::PushFrames(*classifier_, {MakeFrame({}), MakeFrame({.protocol = 1, .dscp = 46})});
  EXPECT_EQ(sinks_[0].frames.size(), 2u);
  EXPECT_EQ(sinks_[0].batches, 1);
}

TEST_F(ClassifierTest, CountsByRuleAndMalformedFramesGoTheLastWay) {
  Bytes cut = MakeFrame({});
  cut.resize(30);
  testing::PushFrames(*classifier_, {MakeFrame({}), MakeFrame({.protocol = 1, .dscp = 46}),
                                     MakeFrame({.protocol = 1}), MakeFrame({.protocol = 1}), cut});
  EXPECT_EQ(testing::CountersOf(*classifier_),
            (std::map<std::string, uint64_t>{
                {"rule0", 1}, {"rule1", 0}, {"rule2", 1}, {"otherwise", 3}, {"malformed", 1}}));
  EXPECT_EQ(sinks_[2].frames.back(), cut);
}

TEST_F(ClassifierTest, HasRoomForWhatEachOfItsOutputsHasRoomFor) {
  sinks_[1].room = 5;
  EXPECT_EQ(classifier_->Room(64), 5u);
  EXPECT_EQ(classifier_->Room(3), 3u);
}

}  // namespace
}  // namespace farrier::elements
