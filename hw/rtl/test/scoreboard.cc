#include "hw/rtl/test/scoreboard.h"

#include <algorithm>
#include <utility>

#include "tests/conformance/frames.h"

namespace farrier::rtl {
namespace {

constexpr int kMaxModelSteps = 100'000;
// Events of a test (multiples of 8 ns behind such a time) do not fall on the beginning of a slot:
// which of two things at one instant comes first is nobody's business.
constexpr int64_t kStart = 1'000'000'000 / 64 * 64 + 3;

void CompareStream(const std::vector<Bytes>& got, const std::vector<Bytes>& expected,
                   const std::string& where) {
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    if (got[i] == expected[i]) continue;
    const auto at =
        std::mismatch(got[i].begin(), got[i].end(), expected[i].begin(), expected[i].end());
    FAIL() << "packet " << i << " at " << where << ": " << got[i].size() << " bytes, expected "
           << expected[i].size() << "; they differ from byte " << at.first - got[i].begin();
  }
  ASSERT_EQ(got.size(), expected.size()) << "packets at " << where;
}

std::map<uint32_t, std::vector<Bytes>> ByLane(const std::vector<Bytes>& frames) {
  std::map<uint32_t, std::vector<Bytes>> streams;
  for (const Bytes& frame : frames) {
    streams[frame.size() < 4 ? 0 : conformance::FrameId(frame) & 0xFF].push_back(frame);
  }
  return streams;
}

// Each place of either, with what is there.
template <typename Key>
void CompareAll(const std::map<Key, std::vector<Bytes>>& got,
                const std::map<Key, std::vector<Bytes>>& expected,
                const std::function<std::string(const Key&)>& name) {
  static const std::vector<Bytes> kNothing;
  for (const auto& [key, packets] : expected) {
    const auto found = got.find(key);
    CompareStream(found == got.end() ? kNothing : found->second, packets, name(key));
  }
  for (const auto& [key, packets] : got) {
    if (!expected.contains(key)) CompareStream(packets, kNothing, name(key));
  }
}

}  // namespace

Scoreboard::Scoreboard(uint32_t seed, uint64_t mac)
    : rtl_(seed, mac), model_(ModelOptions(), *this) {
  SetTime(kStart);
  Settle();
}

// As the RTL is Verilated; it says so.
model::CardOptions Scoreboard::ModelOptions() {
  model::CardOptions options;
  const auto ask = [&](uint32_t offset, uint32_t& answer) {
    rtl_.csr().Read(offset, [&answer](uint32_t value) { answer = value; });
  };
  ask(regs::kRegHoldCells, options.hold_cells);
  ask(regs::kRegTxCells, options.tx_cells);
  ask(regs::kRegPacingSlots, options.pacing_slots);
  for (uint32_t i = 0; i < model::kFilterTables; ++i) {
    ask(regs::kRegFilterDepth(i), options.filter_depth[i]);
  }
  EXPECT_TRUE(rtl_.Settle());
  return options;
}

void Scoreboard::ToHost(int function, int queue, std::span<const uint8_t> bytes) {
  model_host_.push_back({function, queue, Bytes(bytes.begin(), bytes.end())});
}

void Scoreboard::ToWire(std::span<const uint8_t> frame) {
  model_wire_.emplace_back(frame.begin(), frame.end());
}

void Scoreboard::SetTime(int64_t ns) {
  now_ns_ = ns;
  rtl_.set_time(static_cast<uint64_t>(ns));
}

void Scoreboard::Advance(int64_t ns, bool step_by_step) {
  const int64_t target = now_ns_ + (ns + 7) / 8 * 8;
  while (now_ns_ < target && !testing::Test::HasFatalFailure()) {
    const int64_t next = model_.NextEvent();
    SetTime(step_by_step && next > now_ns_ ? std::min(next, target) : target);
    Settle();
  }
}

void Scoreboard::Settle() {
  ASSERT_TRUE(rtl_.Settle()) << "the card does not come to rest";
  for (int i = 0; model_.Step(now_ns_); ++i) ASSERT_LT(i, kMaxModelSteps);
}

void Scoreboard::Write(uint32_t offset, uint32_t value) {
  rtl_.csr().Write(offset, value);
  Settle();
  model_.WriteCsr(offset, value);
  Settle();
}

uint32_t Scoreboard::Read(uint32_t offset, uint32_t mask) {
  uint32_t value = 0;
  rtl_.csr().Read(offset, [&](uint32_t read) { value = read; });
  EXPECT_TRUE(rtl_.Settle());
  EXPECT_EQ(value & mask, model_.ReadCsr(offset) & mask) << "at 0x" << std::hex << offset;
  return value;
}

void Scoreboard::ReadBeside(uint32_t offset) {
  const uint32_t expected = model_.ReadCsr(offset);
  rtl_.csr().Read(
      offset, [=](uint32_t value) { EXPECT_EQ(value, expected) << "at 0x" << std::hex << offset; });
}

void Scoreboard::WriteBeside(uint32_t offset, uint32_t value) {
  rtl_.csr().Write(offset, value);
  model_.WriteCsr(offset, value);
}

void Scoreboard::Grant(int function, int queue, uint32_t count) {
  rtl_.Grant(function, queue, count);
  model_.GrantCredits(function, queue, count);
}

void Scoreboard::SetFunction(uint32_t function, const regs::FunctionControl& control) {
  raw_[function] = control.raw != 0;
  Write(regs::kRegFunctionControl(function), control.Pack());
}

void Scoreboard::FromWire(Bytes frame) {
  EXPECT_TRUE(model_.FromWire(frame));
  rtl_.wire().Push(std::move(frame));
}

void Scoreboard::FromHost(int function, Bytes packet) {
  EXPECT_TRUE(model_.FromHost(function, 0, packet));
  rtl_.host(function).Push(std::move(packet));
}

Scoreboard::Streams Scoreboard::ByPlace(const std::vector<CardBench::ToHost>& packets) const {
  Streams streams;
  for (const auto& [function, queue, bytes] : packets) {
    Place place = {function, queue, -1, false};
    Bytes comparable = bytes;
    if (!raw_[function]) {
      EXPECT_GE(bytes.size(), regs::kPrefixBytes);
      const bool report =
          bytes[regs::prefix::kKind] == static_cast<uint8_t>(regs::PrefixKind::kSent);
      place = {function, queue, bytes[regs::prefix::kOwner], report};
      // What TX has released meanwhile is a matter of time; the owner's register says it at the
      // end.
      std::fill_n(comparable.begin() + regs::prefix::kTxReleased, 4, 0);
    }
    streams[place].push_back(std::move(comparable));
  }
  return streams;
}

void Scoreboard::CompareStreams() {
  const auto host = rtl_.TakeHost();
  const auto wire = rtl_.TakeWire();
  to_host_ += host.size();
  to_wire_ += wire.size();
  CompareAll<Place>(ByPlace(host), ByPlace(std::exchange(model_host_, {})), [](const Place& place) {
    const auto [function, queue, owner, report] = place;
    return "function " + std::to_string(function) + " queue " + std::to_string(queue) + " owner " +
           std::to_string(owner) + (report ? " (reports)" : "");
  });
  CompareAll<uint32_t>(ByLane(wire), ByLane(std::exchange(model_wire_, {})), [](uint32_t lane) {
    return "the wire, from function " + std::to_string(lane >> 7) + " lane " +
           std::to_string(lane & 0x7F);
  });
}

void Scoreboard::CompareState(uint32_t owners) {
  for (uint32_t owner = 0; owner < owners; ++owner) {
    SCOPED_TRACE("owner " + std::to_string(owner));
    for (const uint32_t offset :
         {regs::kRegOwnerSwitch(owner), regs::kRegOwnerQuota(owner), regs::kRegOwnerCut(owner),
          regs::kRegOwnerRxNext(owner), regs::kRegOwnerTxSeen(owner), regs::kRegOwnerStatus(owner),
          regs::kRegOwnerParked(owner), regs::kRegOwnerRefused(owner),
          regs::kRegOwnerTxQuota(owner), regs::kRegOwnerTxTaken(owner),
          regs::kRegOwnerTxReleased(owner)}) {
      Read(offset);
    }
    Write(regs::kRegCounterSnapshot, owner);
    for (uint32_t i = 0; i < 2 * regs::kOwnerCounters; ++i) Read(regs::kRegOwnerCounter(0) + 4 * i);
  }
  for (uint32_t i = 0; i < 2 * regs::kGlobalCounters; ++i) Read(regs::kRegGlobalCounter(0) + 4 * i);
}

}  // namespace farrier::rtl
