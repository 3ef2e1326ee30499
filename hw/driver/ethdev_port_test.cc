#include "hw/driver/ethdev_port.h"

#include <algorithm>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hw/driver/eal.h"

namespace farrier::driver {
namespace {

using testing::HasSubstr;

// Registers as memory, and what was written to the doorbell.
struct Registers {
  std::map<uint32_t, uint32_t> words;
  std::vector<regs::CreditDoorbell> rung;
};

class Window final : public CsrWindow {
 public:
  explicit Window(Registers& registers) : registers_(registers) {}
  absl::StatusOr<uint32_t> Read(uint32_t offset) override { return registers_.words[offset]; }
  absl::Status Write(uint32_t offset, uint32_t value) override {
    if (offset == regs::kRegCredit) {
      registers_.rung.push_back(regs::CreditDoorbell::Unpack(value));
    } else {
      registers_.words[offset] = value;
    }
    return absl::OkStatus();
  }

 private:
  Registers& registers_;
};

// A port of DPDK's whose packets come back: what is sent is received.
class EthdevPortTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto eal = Eal::Start({.memory_mb = 64});
    ASSERT_TRUE(eal.ok()) << eal.status();
    eal_ = std::move(*eal).release();
  }
  static void TearDownTestSuite() { delete eal_; }

  std::unique_ptr<EthdevFunction> Open(const EthdevFunctionOptions& options) {
    auto function = EthdevFunction::Open(options);
    EXPECT_TRUE(function.ok()) << function.status();
    return *std::move(function);
  }
  EthdevFunctionOptions WithDoorbell() {
    return {.devargs = "net_ring0",
            .owners = {runtime::OwnerId{1}},
            .function = 1,
            .open_doorbell = [this]() -> absl::StatusOr<std::unique_ptr<CsrWindow>> {
              return std::make_unique<Window>(registers_);
            }};
  }
  static void Send(EthdevPort& port, int count) {
    std::vector<runtime::Packet> packets(static_cast<size_t>(count));
    ASSERT_EQ(port.Reserve(packets), packets.size());
    for (auto& packet : packets) packet.set_length(60);
    port.Commit(packets);
  }

  static Eal* eal_;
  Registers registers_;
};

Eal* EthdevPortTest::eal_ = nullptr;

TEST_F(EthdevPortTest, CreditsAreGrantedForTheRingAndThenForWhatWasReceived) {
  registers_.words[regs::kRegFunctionControl(1)] = regs::FunctionControl{.enable = 1}.Pack();
  const auto function = Open(WithDoorbell());
  EthdevPort& port = function->port(0);
  ASSERT_EQ(registers_.rung.size(), 1u);
  EXPECT_EQ(registers_.rung[0].count, 512u - 128u);
  EXPECT_EQ(registers_.rung[0].function, 1u);
  EXPECT_EQ(registers_.rung[0].queue, 0u);
  const auto control =
      regs::FunctionControl::Unpack(registers_.words[regs::kRegFunctionControl(1)]);
  EXPECT_EQ(control.reset_credits, 1u) << "the last host's are gone";
  EXPECT_EQ(control.enable, 1u);

  port.SetGeneration(1);
  Send(port, 5);
  std::vector<runtime::Packet> got(64);
  ASSERT_EQ(port.RxBurst(got), 5u);
  ASSERT_EQ(registers_.rung.size(), 2u);
  EXPECT_EQ(registers_.rung[1].count, 5u);
  port.Release(got);

  EXPECT_EQ(port.RxBurst(got), 0u);
  EXPECT_EQ(registers_.rung.size(), 2u) << "nothing received, nothing granted";

  // What is found while the engine goes to sleep counts once.
  Send(port, 2);
  EXPECT_FALSE(port.ArmRxEvent());
  ASSERT_EQ(port.RxBurst(got), 2u);
  ASSERT_EQ(registers_.rung.size(), 3u);
  EXPECT_EQ(registers_.rung[2].count, 2u);
  port.Release(got);
}

TEST_F(EthdevPortTest, APortWithoutEventsIsPolled) {
  const auto function = Open({.devargs = "net_ring1", .owners = {runtime::OwnerId{1}}});
  EXPECT_TRUE(function->port(0).RxEventFds().empty());
  EXPECT_FALSE(function->port(0).ArmRxEvent()) << "an engine that slept would never wake";
}

TEST_F(EthdevPortTest, AShortRingCannotBeGrantedByTheDoorbell) {
  auto options = WithDoorbell();
  options.descriptors = 128;
  EXPECT_TRUE(absl::IsInvalidArgument(EthdevFunction::Open(options).status()));
}

TEST_F(EthdevPortTest, APciFunctionThatNoDriverTookIsUnavailable) {
  const auto function =
      EthdevFunction::Open({.devargs = "0000:81:00.0", .owners = {runtime::OwnerId{1}}});
  EXPECT_TRUE(absl::IsUnavailable(function.status()));
  EXPECT_THAT(function.status().message(), HasSubstr("0000:81:00.0"));
}

}  // namespace
}  // namespace farrier::driver
