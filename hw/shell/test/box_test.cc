// The plugin in the shell's 250 MHz box, by the rules of the box: registers over the clock
// crossing, reset, and packets lane by lane. What packets mean is the conformance suite's
// (tests/conformance).

#include "hw/shell/test/box.h"

#include <numeric>
#include <random>

#include "hw/driver/prefix.h"

namespace farrier::shell {
namespace {

using regs::OwnerState;

Bytes Frame(size_t length) {
  Bytes frame(length);
  std::iota(frame.begin(), frame.end(), uint8_t{1});
  return frame;
}

class BoxTest : public testing::Test {
 protected:
  // Owner 0, the default owner, to `queue` of `function`.
  void Attach(uint32_t function, uint32_t queue = 0) {
    const auto row = regs::SwitchWord::Unpack(box_.Read(regs::kRegOwnerSwitch(0)));
    box_.Write(regs::kRegOwnerSwitch(0),
               regs::SwitchWord{.state = static_cast<uint32_t>(OwnerState::kAttached),
                                .function = function,
                                .queue_base = queue,
                                .generation = row.generation}
                   .Pack());
    generation_ = regs::SwitchWord::Unpack(box_.Read(regs::kRegOwnerSwitch(0))).generation;
  }
  void Grant(uint32_t function, uint32_t queue, uint32_t count = 1000) {
    box_.Write(regs::kRegCredit,
               regs::CreditDoorbell{.count = count, .queue = queue, .function = function}.Pack());
  }
  Bytes Prefixed(const Bytes& frame, uint32_t sequence) {
    Bytes packet(regs::kPrefixBytes);
    driver::EncodeTx({.generation = static_cast<uint16_t>(generation_), .sequence = sequence},
                     std::span(packet).first<regs::kPrefixBytes>());
    packet.insert(packet.end(), frame.begin(), frame.end());
    return packet;
  }

  Box box_;
  uint32_t generation_ = 0;
};

TEST_F(BoxTest, RegistersAreReadAndWrittenAcrossTheClocks) {
  EXPECT_EQ(box_.Read(regs::kRegMagic), regs::kMagic);
  EXPECT_EQ(box_.Read(regs::kRegFunctions), 2u) << "the third is for management";
  EXPECT_EQ(box_.Read(regs::kRegMacHi), 0x02FAu);
  EXPECT_EQ(box_.Read(regs::kRegMacLo), 0x221E2000u);
  for (const int address_first : {0, 1, 7, -1, -7}) {
    const uint32_t value = 0xA5A50000u + static_cast<uint32_t>(address_first & 0xFF);
    box_.Write(regs::kRegScratch, value, address_first);
    EXPECT_EQ(box_.Read(regs::kRegScratch), value) << address_first;
  }
}

TEST_F(BoxTest, AnAddressIsTakenWithinTheWindow) {
  EXPECT_EQ(box_.Read(0x100000 + regs::kRegMagic), regs::kMagic);
}

TEST_F(BoxTest, AReadAndAWriteAtOnceAreBothAnswered) {
  box_.Write(regs::kRegScratch, 1);
  box_->s_axil_awaddr = regs::kRegScratch;
  box_->s_axil_wdata = 2;
  box_->s_axil_araddr = regs::kRegMagic;
  box_->s_axil_awvalid = box_->s_axil_wvalid = box_->s_axil_arvalid = 1;
  int written = 0, read = 0;
  for (int axil = 0; axil < 100; ++axil) {
    box_->eval();
    const bool address = box_->s_axil_awready, data = box_->s_axil_wready;
    const bool asked = box_->s_axil_arready;
    written += box_->s_axil_bvalid;
    if (box_->s_axil_rvalid) {
      ++read;
      EXPECT_EQ(box_->s_axil_rdata, regs::kMagic);
    }
    box_.Run(2);
    if (address) box_->s_axil_awvalid = 0;
    if (data) box_->s_axil_wvalid = 0;
    if (asked) box_->s_axil_arvalid = 0;
  }
  EXPECT_EQ(written, 1);
  EXPECT_EQ(read, 1);
  EXPECT_EQ(box_.Read(regs::kRegScratch), 2u);
}

TEST_F(BoxTest, AnAnswerWaitsUntilItIsTaken) {
  box_.Read(regs::kRegMagic);  // ends before a rise of axil
  box_->s_axil_rready = 0;
  box_->s_axil_arvalid = 1;
  box_->s_axil_araddr = regs::kRegMagic;
  box_.Run(2);
  box_->s_axil_arvalid = 0;
  for (int i = 0; i < 40; ++i) {
    box_.Run(2);
    if (i < 20) continue;
    EXPECT_EQ(box_->s_axil_rvalid, 1);
    EXPECT_EQ(box_->s_axil_rdata, regs::kMagic);
  }
  box_->s_axil_rready = 1;
  box_.Run(2);
  EXPECT_EQ(box_->s_axil_rvalid, 0);
}

TEST_F(BoxTest, APulseOfOneCycleResetsTheCard) {
  box_.Write(regs::kRegEpoch, 7);
  ASSERT_EQ(box_.Read(regs::kRegEpoch), 7u);
  box_.Reset();
  EXPECT_EQ(box_->mod_rst_done & 1, 0);
  EXPECT_EQ(box_->mod_rst_done, 0xFFFE) << "blocks that are not there are done at all times";
  const uint64_t begin = box_.cycle();
  while (!box_.reset_done()) box_.Tick();
  EXPECT_GE(box_.cycle() - begin, 200u);
  EXPECT_LE(box_.cycle() - begin, 300u);
  EXPECT_EQ(box_.Read(regs::kRegEpoch), 0u);
}

TEST_F(BoxTest, TimeCountsFourNanosecondsPerCycle) {
  const uint32_t first = box_.Read(regs::kRegTimeLo);
  const uint64_t begin = box_.cycle();
  box_.Run(1000);
  const uint32_t second = box_.Read(regs::kRegTimeLo);
  const uint64_t cycles = box_.cycle() - begin;
  EXPECT_EQ(second - first, 4 * cycles);
}

TEST_F(BoxTest, FramesReachTheirFunctionBehindAPrefix) {
  for (const uint32_t function : {0u, 1u}) {
    for (const uint32_t queue : {0u, 5u, 15u}) {
      Attach(function, queue);
      Grant(function, queue);
      for (const size_t length : {60, 64, 65, 127, 128, 129, 1514, 9600}) {
        const Bytes frame = Frame(length);
        box_.rx[0].packets.push_back(frame);
        box_.Run(1000);
        ASSERT_EQ(box_.c2h[function].packets.size(), 1u) << length;
        const Taken packet = box_.c2h[function].packets[0];
        box_.c2h[function].packets.clear();
        EXPECT_EQ(packet.src, 1u << 6);
        EXPECT_EQ(packet.dst, 1u << function);
        const bool padded = length <= 64;
        ASSERT_EQ(packet.bytes.size(), regs::kPrefixBytes + length + (padded ? 64 : 0));
        const auto bytes = driver::WithoutPadding(packet.bytes);
        ASSERT_EQ(bytes.size(), regs::kPrefixBytes + length);
        const auto prefix = driver::DecodeRx(bytes);
        ASSERT_TRUE(prefix);
        EXPECT_EQ(prefix->metadata.owner, runtime::OwnerId{0});
        for (int bit = 0; bit < 4; ++bit) {
          EXPECT_EQ(packet.bytes[26 + bit], queue >> bit & 1) << bit;
        }
        EXPECT_TRUE(
            std::equal(frame.begin(), frame.end(), packet.bytes.begin() + regs::kPrefixBytes));
      }
    }
  }
  EXPECT_TRUE(box_.c2h[kManagement].packets.empty());
}

TEST_F(BoxTest, NoPacketHasTwoBeatsOnARawFunctionEither) {
  Attach(0);
  Grant(0, 0);
  box_.Write(regs::kRegFunctionControl(0), regs::FunctionControl{.enable = 1, .raw = 1}.Pack());
  for (const size_t length : {60, 64, 65, 100, 127, 128, 129}) {
    Bytes frame = Frame(length);
    box_.rx[0].packets.push_back(frame);
    box_.Run(100);
    ASSERT_EQ(box_.c2h[0].packets.size(), 1u) << length;
    if (length > 64 && length <= 128) frame.resize(length + 64);
    EXPECT_EQ(box_.c2h[0].packets[0].bytes, frame) << length;
    box_.c2h[0].packets.clear();
  }
}

TEST_F(BoxTest, PaddedPacketsPassWhateverTheHostsPace) {
  Attach(0);
  Grant(0, 0);
  std::mt19937 random(1);
  size_t sent = 0;
  for (int i = 0; i < 300; ++i) {
    box_.rx[0].packets.push_back(Frame(60 + random() % 80));
    ++sent;
    while (box_.rx[0].packets.size() > 2) {
      box_->m_axis_qdma_c2h_tready = random() % 4 == 0 ? 0 : 7;
      box_.Tick();
    }
  }
  box_->m_axis_qdma_c2h_tready = 7;
  box_.Run(2000);
  ASSERT_EQ(box_.c2h[0].packets.size(), sent);
  for (const Taken& packet : box_.c2h[0].packets) {
    EXPECT_NE(BeatsOf(packet.bytes.size()), 2u);
    const auto bytes = driver::WithoutPadding(packet.bytes);
    const Bytes frame(bytes.begin() + regs::kPrefixBytes, bytes.end());
    EXPECT_EQ(frame, Frame(frame.size()));
  }
}

TEST_F(BoxTest, FramesLeaveForTheFirstMac) {
  Attach(1);
  uint32_t sequence = 0;
  for (const size_t length : {60, 64, 65, 1514, 9600}) {
    const Bytes frame = Frame(length);
    box_.h2c[1].packets.push_back(Prefixed(frame, ++sequence));
    box_.Run(1000);
    ASSERT_EQ(box_.tx[0].packets.size(), 1u) << length;
    EXPECT_EQ(box_.tx[0].packets[0].bytes, frame);
    EXPECT_EQ(box_.tx[0].packets[0].dst, 1u << 6);
    box_.tx[0].packets.clear();
  }
  EXPECT_TRUE(box_.tx[1].packets.empty());
}

TEST_F(BoxTest, TheManagementLaneIsDrainedAndTheSecondMacIgnored) {
  Attach(0);
  Grant(0, 0);
  box_.h2c[kManagement].packets.push_back(Prefixed(Frame(1000), 1));
  box_.rx[1].packets.push_back(Frame(1000));
  box_.Run(300);
  EXPECT_TRUE(box_.h2c[kManagement].packets.empty());
  EXPECT_TRUE(box_.rx[1].packets.empty());
  for (const OutLane& lane : box_.tx) EXPECT_TRUE(lane.packets.empty());
  for (const OutLane& lane : box_.c2h) EXPECT_TRUE(lane.packets.empty());
}

TEST_F(BoxTest, APacketThatAResetCutsIsEndedAtItsLength) {
  for (const size_t length : {1000, 960, 961}) {
    Attach(0);
    Grant(0, 0);
    box_.rx[0].packets.push_back(Frame(length));
    box_->m_axis_qdma_c2h_tready = 0;
    box_.Run(200);
    box_->m_axis_qdma_c2h_tready = 7;
    box_.Run(3);
    ASSERT_TRUE(box_.c2h[0].inside());
    box_->m_axis_qdma_c2h_tready = 0;
    box_.Reset();
    box_.Run(20);
    box_->m_axis_qdma_c2h_tready = 7;
    while (!box_.reset_done()) box_.Tick();
    box_.Run(100);
    // OutLane has checked that its length is the one announced.
    ASSERT_EQ(box_.c2h[0].packets.size(), 1u) << length;
    EXPECT_EQ(box_.c2h[0].packets[0].bytes.size(), regs::kPrefixBytes + length);
    EXPECT_EQ(box_.c2h[0].packets[0].bytes.back(), 0);
    box_.c2h[0].packets.clear();
  }
}

TEST_F(BoxTest, AFrameThatAResetCutsIsEndedForTheMacToo) {
  Attach(0);
  box_->m_axis_adap_tx_250mhz_tready = 0;
  box_.h2c[0].packets.push_back(Prefixed(Frame(1000), 1));
  box_.Run(100);
  box_->m_axis_adap_tx_250mhz_tready = 3;
  box_.Run(3);
  ASSERT_TRUE(box_.tx[0].inside());
  box_.Reset();
  while (!box_.reset_done()) box_.Tick();
  ASSERT_EQ(box_.tx[0].packets.size(), 1u);
  EXPECT_EQ(box_.tx[0].packets[0].bytes.size(), 1000u);
}

TEST_F(BoxTest, TheRestOfAPacketThatAResetCutsIsSwallowedOnItsWayIn) {
  Attach(0);
  Bytes packet = Prefixed(Frame(9000), 1);
  // Its tail would pass for a packet, in another life.
  for (size_t at = regs::kPrefixBytes; at + regs::kPrefixBytes < packet.size();
       at += regs::kPrefixBytes) {
    std::copy_n(packet.begin(), regs::kPrefixBytes, packet.begin() + static_cast<long>(at));
  }
  InLane& lane = box_.h2c[0];
  lane.packets.push_back(packet);
  const uint64_t begin = box_.cycle();
  box_.Run(20);
  box_.Reset();
  box_.Run(20);
  EXPECT_LE(box_.cycle() - begin, lane.offset / kBeatBytes) << "the lane stalls in reset";
  lane.paused = true;
  while (!box_.reset_done()) box_.Tick();
  Attach(0);
  ASSERT_EQ(generation_, 1u) << "the same as before";
  lane.paused = false;
  box_.Run(1000);
  EXPECT_TRUE(lane.packets.empty());
  EXPECT_TRUE(box_.tx[0].packets.empty());
  // What comes now is heard from its beginning.
  lane.packets.push_back(Prefixed(Frame(100), 1));
  box_.Run(100);
  ASSERT_EQ(box_.tx[0].packets.size(), 1u);
  EXPECT_EQ(box_.tx[0].packets[0].bytes, Frame(100));
}

}  // namespace
}  // namespace farrier::shell
