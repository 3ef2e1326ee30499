#pragma once

#include <Vtx_path.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "hw/regs/registers.h"
#include "hw/rtl/test/bench.h"
#include "hw/rtl/test/bits.h"

namespace farrier::rtl {
using Bytes = std::vector<uint8_t>;
using regs::OwnerState;

inline constexpr int kFunctions = 2;  // as Verilated
inline constexpr size_t kBeatBytes = 64;
inline constexpr uint64_t kCycleNs = 4;
inline constexpr uint64_t kStartNs = 1'000'000'000;
inline constexpr uint64_t kHorizonNs = 4096 * regs::kSlotNs;

inline size_t BeatsOf(size_t bytes) { return (bytes + kBeatBytes - 1) / kBeatBytes; }
inline size_t CellsOf(size_t bytes) { return (bytes + regs::kCellBytes - 1) / regs::kCellBytes; }

// What a packet asks for in its prefix.
struct TxSpec {
  uint8_t owner = 1;
  size_t length = 60;
  uint64_t departure_ns = 0;
  uint8_t pacing_class = 0;
  uint16_t generation = 1;
  uint32_t sequence = 1;
  bool report = false;
  bool insert_checksum = false;
};

// TX as a whole, with hosts that send and a wire that takes; owner 1 is attached.
class TxPathBench : public SeededTest {
 protected:
  struct Departure {
    Bytes frame;
    uint64_t first_cycle;  // of its first beat
    uint64_t first_ns;
  };
  struct Report {
    uint32_t owner;
    uint32_t sequence;
    uint64_t ns;
  };

  TxPathBench() {
    path_->enabled_i = 3;
    path_->tx_ready_i = 1;
    path_->clear_i = 1;
    for (uint32_t i = 0; i < 256; ++i) {
      path_->clear_index_i = i;
      path_.Tick();
    }
    path_->clear_i = 0;
    Attach(1);
    Run(20);
  }

  // Sets of functions.
  void SetRaw(uint32_t functions) { path_->raw_i = functions; }
  void SetGuard(uint32_t functions) { path_->guard_i = functions; }

  // The owner's row becomes ATTACHED with that generation.
  void Attach(uint32_t owner, uint32_t generation = 1) {
    Bits news(path_->switched_i);
    news.Put(12, generation);
    news.Put(2, static_cast<uint32_t>(OwnerState::kAttached));
    news.Put(8, owner);
    news.Put(1, 1);
    Cycle();
    path_->switched_i = 0;
  }

  uint32_t Access(bool write, uint32_t offset, uint32_t value) {
    Bits request(path_->access_i);
    request.Put(32, value);
    request.Put(20, offset);
    request.Put(1, write);
    path_->access_valid_i = 1;
    for (int i = 0; i < 100; ++i) {
      path_.Settle();
      Bits answer(path_->access_o);
      const auto data = static_cast<uint32_t>(answer.Get(32));
      bad_access_ = answer.Get(1) != 0;
      const bool done = answer.Get(1) != 0;
      Cycle();
      if (!done) continue;
      path_->access_valid_i = 0;
      return data;
    }
    ADD_FAILURE() << "no answer at " << offset;
    return 0;
  }
  uint32_t Read(uint32_t offset) { return Access(false, offset, 0); }
  void Write(uint32_t offset, uint32_t value) { Access(true, offset, value); }

  static Bytes Frame(size_t length, uint32_t number) {
    Bytes frame(length);
    for (size_t i = 0; i < length; ++i) frame[i] = static_cast<uint8_t>(number + 7 * i);
    for (size_t i = 0; i < std::min<size_t>(4, length); ++i) {
      frame[i] = static_cast<uint8_t>(number >> 8 * i);
    }
    return frame;
  }
  static uint32_t NumberOf(const Bytes& frame) {
    uint32_t number = 0;
    std::memcpy(&number, frame.data(), sizeof number);
    return number;
  }

  static Bytes WithPrefix(const TxSpec& spec, const Bytes& frame) {
    namespace prefix = regs::prefix;
    Bytes packet(regs::kPrefixBytes);
    for (const auto& fixed : prefix::kFixed) packet[fixed.offset] = fixed.value;
    packet[prefix::kKind] = static_cast<uint8_t>(regs::PrefixKind::kPacket);
    packet[prefix::kFlags] =
        static_cast<uint8_t>((spec.report ? prefix::kFlagReportDeparture : 0) |
                             (spec.insert_checksum ? prefix::kFlagInsertChecksum : 0));
    packet[prefix::kOwner] = spec.owner;
    packet[prefix::kPacingClass] = spec.pacing_class;
    std::memcpy(&packet[prefix::kGeneration], &spec.generation, 2);
    std::memcpy(&packet[prefix::kSequence], &spec.sequence, 4);
    std::memcpy(&packet[prefix::kTime], &spec.departure_ns, 8);
    packet.insert(packet.end(), frame.begin(), frame.end());
    return packet;
  }

  void Offer(int function, Bytes packet) { input_[function].push_back(std::move(packet)); }
  // Prefixed, on function 0; its number.
  uint32_t Send(const TxSpec& spec) {
    Offer(0, WithPrefix(spec, Frame(spec.length, next_)));
    return next_++;
  }

  bool InputWaits() const { return !input_[0].empty() || !input_[1].empty(); }

  void Cycle() {
    path_->time_i = ns_;
    path_->h2c_valid_i = path_->h2c_last_i = 0;
    for (int f = 0; f < kFunctions; ++f) {
      if (input_[f].empty() || held_back_) continue;
      const Bytes& packet = input_[f].front();
      const size_t left = packet.size() - offset_[f];
      path_->h2c_size_i &= ~(0xFFFFu << 16 * f);
      path_->h2c_size_i |= static_cast<uint32_t>(packet.size()) << 16 * f;
      std::memcpy(path_->h2c_data_i.data() + 16 * f, packet.data() + offset_[f],
                  std::min(left, kBeatBytes));
      const uint64_t keep = left >= kBeatBytes ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
      std::memcpy(path_->h2c_keep_i.data() + 2 * f, &keep, sizeof keep);
      path_->h2c_valid_i |= 1u << f;
      if (left <= kBeatBytes) path_->h2c_last_i |= 1u << f;
    }
    path_.Settle();
    for (int f = 0; f < kFunctions; ++f) {
      if (!(path_->h2c_valid_i >> f & 1)) continue;
      if (!(path_->h2c_ready_o >> f & 1)) {
        // Only because it is another lane's turn.
        ASSERT_NE(path_->h2c_ready_o & path_->h2c_valid_i, 0u) << "the stream was stopped";
        continue;
      }
      if ((offset_[f] += kBeatBytes) < input_[f].front().size()) continue;
      offset_[f] = 0;
      input_[f].pop_front();
    }
    ObserveWire();
    Count();
    path_.Tick();
    ++cycle_;
    ns_ += ns_per_cycle_;
  }

  void Run(int cycles) {
    for (int i = 0; i < cycles; ++i) ASSERT_NO_FATAL_FAILURE(Cycle());
  }

  // Until nothing moves, with time jumping to where something does.
  void RunOut() {
    for (int i = 0; i < 2'000'000; ++i) {
      path_.Settle();
      if (path_->idle_o && !InputWaits()) {
        if (path_->wake_o == ~uint64_t{0}) return;
        ns_ = std::max<uint64_t>(ns_, path_->wake_o);
      }
      ASSERT_NO_FATAL_FAILURE(Cycle());
    }
    FAIL() << "never idle";
  }

  Bench<Vtx_path> path_;
  std::vector<Departure> out_;
  std::vector<Report> reports_;
  std::map<uint32_t, uint32_t> sent_, stale_, full_, clamped_;  // by owner
  uint32_t full_total_ = 0, guarded_ = 0, bad_prefix_ = 0, disabled_ = 0;
  uint64_t out_bytes_ = 0;
  uint64_t cycle_ = 0;
  uint64_t ns_ = kStartNs;
  uint64_t ns_per_cycle_ = kCycleNs;
  uint32_t next_ = 1;
  bool held_back_ = false;
  bool bad_access_ = false;

 private:
  void ObserveWire() {
    if (!path_->tx_valid_o) {
      ASSERT_FALSE(inside_) << "a bubble within a frame";
      ASSERT_FALSE(path_->tx_last_o);
      return;
    }
    if (!inside_) {
      first_cycle_ = cycle_;
      first_ns_ = ns_;
      inside_ = true;
    }
    if (!path_->tx_ready_i) return;
    const auto bytes = static_cast<size_t>(std::popcount(path_->tx_keep_o));
    const auto* data = reinterpret_cast<const uint8_t*>(path_->tx_data_o.data());
    frame_.insert(frame_.end(), data, data + bytes);
    if (!path_->tx_last_o) {
      ASSERT_EQ(bytes, kBeatBytes);
      return;
    }
    ASSERT_EQ(path_->tx_size_o, frame_.size());
    out_bytes_ += frame_.size();
    out_.push_back({std::move(frame_), first_cycle_, first_ns_});
    frame_ = {};
    inside_ = false;
  }

  void Count() {
    Bits count(path_->count_o);
    const bool sent = count.Get(1), stale = count.Get(1), full = count.Get(1),
               clamped = count.Get(1);
    const auto owner = static_cast<uint32_t>(count.Get(8));
    sent_[owner] += sent;
    stale_[owner] += stale;
    full_[owner] += full;
    clamped_[owner] += clamped;
    full_total_ += path_->full_o;
    guarded_ += path_->guard_o;
    bad_prefix_ += path_->bad_prefix_o;
    disabled_ += path_->disabled_o;
    Bits report(path_->report_o);
    const uint64_t departed = report.Get(64);
    const auto sequence = static_cast<uint32_t>(report.Get(32));
    const auto told = static_cast<uint32_t>(report.Get(8));
    if (report.Get(1)) reports_.push_back({told, sequence, departed});
  }

  std::deque<Bytes> input_[kFunctions];
  size_t offset_[kFunctions] = {};
  Bytes frame_;
  bool inside_ = false;
  uint64_t first_cycle_ = 0, first_ns_ = 0;
};

}  // namespace farrier::rtl
