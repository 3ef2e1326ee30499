#include "engines/elements/acl.h"

#include <gtest/gtest.h>

#include "engines/elements/testing/harness.h"

namespace farrier::elements {
namespace {

using testing::Bytes;
using testing::MakeFrame;

class AclTest : public ::testing::TestWithParam<bool> {
 protected:
  AclTest() {
    const std::vector<Acl::Rule> rules = {{{.destination_ports = PortRange{22, 22}}, true},
                                          {{.protocol = 6}, false},
                                          {{.protocol = 17}, true}};
    acl_ = std::make_unique<Acl>("acl", rules, GetParam());
    acl_->Connect(0, &sink_);
  }

  testing::Sink sink_;
  std::unique_ptr<Acl> acl_;
};

TEST_P(AclTest, TheFirstMatchDecidesAndElseTheDefault) {
  const Bytes ssh = MakeFrame({.protocol = 6, .destination_port = 22});
  const Bytes tcp = MakeFrame({.protocol = 6});
  const Bytes udp = MakeFrame({});
  const Bytes icmp = MakeFrame({.protocol = 1});
  testing::PushFrames(*acl_, {tcp, ssh, udp, tcp, icmp, udp});
  std::vector<Bytes> passed = {ssh, udp, udp};
  if (GetParam()) passed.insert(passed.begin() + 2, icmp);
  EXPECT_EQ(sink_.frames, passed);
  const uint64_t by_default = GetParam() ? 1 : 0;
  EXPECT_EQ(testing::CountersOf(*acl_),
            (std::map<std::string, uint64_t>{{"allowed", 3 + by_default},
                                             {"denied", 3 - by_default},
                                             {"malformed", 0},
                                             {"rule0", 1},
                                             {"rule1", 2},
                                             {"rule2", 2},
                                             {"otherwise", 1}}));
}

TEST_P(AclTest, DeniesMalformedFramesWhateverTheDefault) {
  Bytes frame = MakeFrame({});
  frame[14] = 0x55;  // IP version 5
  testing::PushFrames(*acl_, {frame, Bytes(3)});
  EXPECT_TRUE(sink_.frames.empty());
  EXPECT_EQ(testing::CountersOf(*acl_)["malformed"], 2u);
  EXPECT_EQ(testing::CountersOf(*acl_)["denied"], 0u);
  EXPECT_EQ(testing::CountersOf(*acl_)["otherwise"], 0u);
}

TEST_P(AclTest, PassesNoEmptyBatchOn) {
  testing::PushFrames(*acl_, {MakeFrame({.protocol = 6})});
  EXPECT_EQ(sink_.batches, 0);
}

INSTANTIATE_TEST_SUITE_P(Default, AclTest, ::testing::Bool());

}  // namespace
}  // namespace farrier::elements
