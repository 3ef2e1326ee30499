// A guest's own driver on a raw function: two virtual machines, each at its card, and the cards
// back to back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "hw/regs/registers.h"
#include "hw/sim/testing/card_process_fixture.h"

namespace farrier::e2e {
namespace {

using sim::testing::kPatience;
using ::testing::HasSubstr;

// Emulated without KVM, with other tests beside: a boot takes some seconds, or many.
constexpr absl::Duration kGuestPatience = absl::Seconds(240);
constexpr int kLacksSomething = 77;    // make_guest.sh's exit code
constexpr int kMergeableBuffers = 15;  // VIRTIO_NET_F_MRG_RXBUF

class Guests : public sim::testing::EveryCard {
 protected:
  void SetUp() override {
    auto qemu = RunToEnd({.argv = {"qemu-system-x86_64", "--version"}}, kPatience);
    if (!qemu.ok() || qemu->exit_code != 0) {
      GTEST_SKIP() << "no qemu-system-x86_64 here: make setup";
    }
    auto made = RunToEnd({.argv = {FARRIER_MAKE_GUEST, FARRIER_GUEST_KERNEL, FARRIER_GUEST_DIR}},
                         absl::Seconds(120));
    ASSERT_TRUE(made.ok()) << made.status();
    if (made->exit_code == kLacksSomething) GTEST_SKIP() << made->output;
    ASSERT_EQ(made->exit_code, 0) << made->output;
  }

  Process StartRawCard(const std::string& name, const std::string& role) {
    Process card = StartCard(name, Memif(role), {"--raw", "0"});
    const regs::SwitchWord attached{.state = static_cast<uint32_t>(regs::OwnerState::kAttached)};
    EXPECT_TRUE(Window(name)->Write(regs::kRegOwnerSwitch(0), attached.Pack()).ok());
    return card;
  }

  // 10.1.0.`number`. `more`: for the kernel's command line.
  Process StartGuest(int number, const std::string& card, const std::string& more) {
    const std::filesystem::path image = FARRIER_GUEST_DIR;
    const std::string socket = directory_ / card / "function0.sock";
    return Launch(
        absl::StrCat("guest", number),
        {"qemu-system-x86_64", "-machine", "pc", "-accel", "tcg", "-m", "128", "-smp", "1",
         "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
         "-kernel", image / "vmlinuz", "-initrd", image / "initramfs", "-append",
         // On a busy machine an emulated timer fails the kernel's check of it.
         absl::StrCat("console=ttyS0 quiet panic=-1 no_timer_check farrier.ip=10.1.0.", number, " ",
                      more),
         "-object", "memory-backend-memfd,id=memory,size=128M,share=on", "-numa",
         "node,memdev=memory", "-chardev", absl::StrCat("socket,id=card,path=", socket), "-netdev",
         "vhost-user,id=net,chardev=card", "-device",
         // QEMU 7.2 without KVM crashes when vhost-user meets MSI-X.
         absl::StrCat("virtio-net-pci,netdev=net,vectors=0,mac=52:54:00:00:00:0", number)});
  }
};

INSTANTIATE_TEST_SUITE_P(Cards, Guests, ::testing::Values("model", "rtl"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Guests, PingEachOtherThroughTwoCards) {
  Process a = StartRawCard("a", "server");
  Process b = StartRawCard("b", "client");
  Process first = StartGuest(1, "a", "");
  Process second = StartGuest(2, "b", "farrier.peer=10.1.0.1");
  ASSERT_TRUE(first.WaitForOutput("farrier-guest: up", kGuestPatience).ok()) << first.Output();
  ASSERT_TRUE(second.WaitForOutput("farrier-guest: done", kGuestPatience).ok()) << second.Output();
  for (const char* size : {"56", "1400", "8000"}) {
    EXPECT_THAT(second.Output(), HasSubstr(absl::StrCat("size ", size, " good")));
  }
  const std::string features = "farrier-guest: features ";
  const size_t at = first.Output().find(features);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(first.Output()[at + features.size() + kMergeableBuffers], '1') << first.Output();
  // A guest that is switched off is no reason for the card to stop.
  EXPECT_EQ(second.Stop(), 0) << second.Output();
  EXPECT_TRUE(b.Running());
  EXPECT_EQ(a.Stop(), 0) << a.Output();
  EXPECT_EQ(b.Stop(), 0) << b.Output();
  EXPECT_EQ(ReportedNumber("b", "lost_to_dead_host"), 0);
  first.Stop(absl::ZeroDuration());
}

}  // namespace
}  // namespace farrier::e2e
