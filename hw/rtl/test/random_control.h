#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "hw/regs/registers.h"
#include "hw/rtl/test/bench.h"
#include "hw/rtl/test/scoreboard.h"

namespace farrier::rtl {

// What software does to the cards of a random test: rows, filters, rules, RSS, guard, classes,
// quotas, heartbeats, credits. It keeps what the test's packets need to know of it.
class RandomControl {
 public:
  static constexpr uint32_t kOwners = 7;        // 0 is the default owner after reset
  static constexpr uint16_t kFirstPort = 7000;  // owner i > 0 listens on kFirstPort + i
  static constexpr uint32_t kIp = 0x0A000002;
  static constexpr uint32_t kClasses = 8;  // that are used; class i by function i % 2 alone

  // Both outlive this.
  RandomControl(Scoreboard& cards, Random& random) : cards_(cards), random_(random) {}

  // After reset.
  void Prepare();
  // One thing, when all is at rest.
  void Something();
  // What disturbs nothing, and does not depend on when it comes: beside packets.
  void ReadBeside();
  void WriteBeside();

  // Owners that alone may ask for departure reports: they have credits in plenty, for who gets the
  // last one, a packet or a report, is nobody's business.
  static bool Reports(uint32_t owner) { return owner == 1 || owner == 2; }
  // Owners whose quota of TX cells may be spent.
  bool few_cells(uint32_t owner) const { return few_cells_[owner]; }
  uint32_t generation(uint32_t owner) const { return generation_[owner]; }
  uint32_t NextTxSequence(uint32_t owner) { return ++tx_sequence_[owner]; }

  uint8_t SomeClassOf(int function);
  uint32_t class_of(int function) const { return function_class_[function]; }
  bool limited(uint32_t number) const { return limited_[number]; }
  // Something happens at times that the cards choose.
  bool timed() const { return timed_; }

  // Makes an ARP request of a frame: often one that the guard lets pass.
  void MakeArp(std::span<uint8_t> frame);

 private:
  using Key = std::array<uint32_t, regs::kFilterKeyWords>;

  // Two queues of its own, on either function.
  static uint32_t QueueOf(uint32_t owner) { return 2 * owner; }
  uint32_t Below(uint64_t end) { return static_cast<uint32_t>(random_.Below(end)); }

  void Switch(uint32_t owner, regs::OwnerState state, bool good);
  void Attach(uint32_t owner);
  void SwitchSome();
  void Install(regs::FilterTable table, const Key& key, uint32_t owner, bool valid);
  void InstallSome();
  void RuleSome(uint32_t index);
  void RssSome();
  void GuardSome();
  void PaceSome();
  void FunctionSome();
  void BeatSome();
  void CreditSome();
  void SettingSome();
  void GrantReporters();

  Scoreboard& cards_;
  Random& random_;
  uint32_t log2_queues_ = 0;
  uint32_t generation_[kOwners] = {};
  uint32_t tx_sequence_[kOwners] = {};
  bool few_cells_[kOwners] = {};
  bool limited_[regs::kClasses] = {};
  uint32_t function_class_[regs::kMaxFunctions] = {};
  bool timed_ = false;
};

}  // namespace farrier::rtl
