#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hw/model/card.h"
#include "hw/regs/registers.h"
#include "tests/conformance/backends.h"
#include "tests/conformance/frames.h"

namespace farrier::conformance {

using regs::FilterTable;
using regs::GlobalCounter;
using regs::OwnerCounter;
using regs::OwnerState;
using regs::SwitchWord;

// Where an owner's packets go.
struct Place {
  uint32_t function = 0;
  uint32_t queue = 0;
  uint32_t log2_queues = 0;
};

using FilterKey = std::array<uint32_t, regs::kFilterKeyWords>;

// A card out of reset, with the host and the wire around it, on a clock that only the test moves.
// Nothing here knows how many steps anything takes. When a test ends, every packet offered must be
// accounted for.
class CardTest : public testing::TestWithParam<Backend>, protected model::CardSink {
 protected:
  static constexpr uint32_t kManyCredits = 10'000;
  static constexpr uint32_t kIp = 0x0A000002;

  void SetUp() override;
  void TearDown() override;

  // CardSink.
  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override;
  void ToWire(std::span<const uint8_t> frame) override;

  // Steps until nothing moves.
  void Run();
  // Moves the clock, then runs.
  void Advance(int64_t ns);
  int64_t now() const { return now_ns_; }

  uint32_t Read(uint32_t offset) { return card_->ReadCsr(offset); }
  void Write(uint32_t offset, uint32_t value) { card_->WriteCsr(offset, value); }
  regs::Capabilities capabilities() {
    return regs::Capabilities::Unpack(Read(regs::kRegCapabilities));
  }
  uint32_t functions() { return Read(regs::kRegFunctions); }
  uint32_t queues() { return Read(regs::kRegQueues); }

  // Owner rows.
  SwitchWord Row(uint32_t owner);
  OwnerState State(uint32_t owner) { return static_cast<OwnerState>(Row(owner).state); }
  regs::OwnerStatus Status(uint32_t owner);
  uint32_t Parked(uint32_t owner) { return Read(regs::kRegOwnerParked(owner)); }
  uint32_t RxNext(uint32_t owner) { return Read(regs::kRegOwnerRxNext(owner)); }
  uint32_t Refused(uint32_t owner) { return Read(regs::kRegOwnerRefused(owner)); }
  // Writes a word expecting `generation`; nothing has run since when it returns.
  void WriteSwitch(uint32_t owner, OwnerState state, const Place& place, uint32_t generation);
  // Expects the current generation, runs, and must be accepted.
  void Attach(uint32_t owner, const Place& place);
  // The same for any state, leaving the row's place as it is.
  void Become(uint32_t owner, OwnerState state);
  void Hold(uint32_t owner) { Become(owner, OwnerState::kHeld); }
  void SetDefaultOwner(uint32_t owner) {
    owners_.insert(owner);
    Write(regs::kRegDefaultOwner, owner);
  }
  void SetQuota(uint32_t owner, uint32_t cells) { Write(regs::kRegOwnerQuota(owner), cells); }

  // Filters.
  static FilterKey ListenKey(uint32_t ip, uint16_t port, uint8_t protocol = 17, uint32_t vlan = 0);
  static FilterKey FlowKey(const FrameSpec& spec, uint32_t vlan = 0);
  // Index of a key in a way.
  uint32_t PlaceOf(FilterTable table, const FilterKey& key, uint32_t way);
  void Commit(FilterTable table, const FilterKey& key, uint32_t way, uint32_t index, uint32_t owner,
              bool valid = true);
  // Installs a key at its own place in a way.
  void Install(FilterTable table, const FilterKey& key, uint32_t owner, uint32_t way = 0);
  // UDP to kIp and a port.
  void Listen(uint16_t port, uint32_t owner);
  // A filter for the port, credits, and the row attached.
  void Serve(uint16_t port, uint32_t owner, const Place& place);

  void Grant(uint32_t function, uint32_t queue, uint32_t count) {
    card_->GrantCredits(static_cast<int>(function), static_cast<int>(queue), count);
  }

  // Offers a frame until it is taken.
  void Offer(const Bytes& frame);
  void OfferHost(uint32_t function, uint32_t queue, const Bytes& bytes);
  // A UDP frame for a port, with the next id; runs. Returns the id.
  uint32_t Send(uint16_t port, size_t length = 60);
  // `count` of them.
  std::vector<uint32_t> SendMany(uint16_t port, int count, size_t length = 60);

  // Sends one frame; how it arrived on a prefixed function, which it must have.
  RxPacket SendAndTake(const Bytes& frame);

  // What has arrived since the last call, in order.
  std::vector<RxPacket> TakeHost();
  std::vector<Bytes> TakeWire();
  // The same, which must all be packets (no MARK) at one place; their ids.
  std::vector<uint32_t> TakeIds(const Place& place);
  // The same; must be one MARK and nothing else.
  RxPacket TakeMark(const Place& place);

  uint64_t Count(uint32_t owner, OwnerCounter which);
  uint64_t Count(GlobalCounter which);

  model::Card& card() { return *card_; }
  void NewCard();

  uint32_t next_id_ = 1;

 private:
  void CheckConservation();
  uint64_t ReadCounter(uint32_t offset);

  std::unique_ptr<model::Card> card_;
  int64_t now_ns_ = 1'000'000'000;
  std::vector<RxPacket> to_host_;
  std::vector<Bytes> to_wire_;
  uint64_t frames_offered_ = 0;
  uint64_t frames_to_wire_ = 0;
  std::set<uint32_t> owners_ = {0};
};

std::string BackendName(const testing::TestParamInfo<Backend>& info);
void PrintTo(const Backend& backend, std::ostream* out);

}  // namespace farrier::conformance

// What a test is about. Every card of today has all capabilities.
#define FARRIER_NEEDS(capability) \
  ASSERT_TRUE(capabilities().capability) << "this card lacks " #capability

// Runs a suite derived from CardTest on every backend.
#define FARRIER_ON_EVERY_CARD(suite)                                                           \
  INSTANTIATE_TEST_SUITE_P(Card, suite, testing::ValuesIn(::farrier::conformance::Backends()), \
                           ::farrier::conformance::BackendName)
