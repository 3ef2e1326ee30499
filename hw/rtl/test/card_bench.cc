#include "hw/rtl/test/card_bench.h"

#include <algorithm>
#include <cstring>

namespace farrier::rtl {
namespace {

constexpr int kResetCycles = 100'000;
constexpr int kPatientCycles = 20'000;  // under whatever backpressure there is
constexpr int kSettleCycles = 400'000;
constexpr int kQuietCycles = 4;

// Copies a beat onto lane `lane` of a port of flat vectors.
void PutBeat(const Beat& beat, uint32_t* data, uint32_t* keep) {
  std::memcpy(data, beat.data, sizeof beat.data);
  keep[0] = static_cast<uint32_t>(beat.keep);
  keep[1] = static_cast<uint32_t>(beat.keep >> 32);
}

}  // namespace

CardBench::CardBench(uint32_t seed, uint64_t mac)
    : wire_(seed * 8 + 1, false),
      hosts_{StreamSource(seed * 8 + 2, true), StreamSource(seed * 8 + 3, true)},
      to_wire_sink_(seed * 8 + 4),
      to_host_sinks_{StreamSink(seed * 8 + 5), StreamSink(seed * 8 + 6)},
      csr_(seed * 8 + 7) {
  context_.randSeed(static_cast<int>(seed));
  context_.randReset(2);
  card_ = std::make_unique<Vfarrier_card>(&context_);
  card_->mac_i = mac;
  card_->link_i = 1;
  card_->time_i = 0;
  card_->grant_i = 0;
  Reset();
  for (int i = 0; i < kResetCycles && !card_->ready_o; ++i) Cycle();
  EXPECT_TRUE(card_->ready_o) << "the reset does not end";
}

void CardBench::Grant(int function, int queue, uint32_t count) {
  while (count > 0) {
    const auto some = static_cast<uint16_t>(std::min(count, 65'535u));
    grants_.push_back({static_cast<uint8_t>(16 * function + queue), some});
    count -= some;
  }
}

void CardBench::set_backpressure(Backpressure mode) {
  to_wire_sink_.set_backpressure(mode);
  set_host_backpressure(mode);
}

void CardBench::set_host_backpressure(Backpressure mode) {
  for (StreamSink& sink : to_host_sinks_) sink.set_backpressure(mode);
}

void CardBench::Drive() {
  Vfarrier_card& card = *card_;
  const Beat& rx = wire_.Drive();
  card.rx_valid_i = rx.valid;
  uint32_t keep[2];
  PutBeat(rx, card.rx_data_i.data(), keep);
  card.rx_keep_i = rx.keep;
  card.rx_last_i = rx.last;
  card.rx_size_i = rx.size;
  card.h2c_valid_i = card.h2c_last_i = card.h2c_size_i = card.c2h_ready_i = 0;
  for (int f = 0; f < kFunctions; ++f) {
    const Beat& beat = hosts_[f].Drive();
    PutBeat(beat, card.h2c_data_i.data() + 16 * f, card.h2c_keep_i.data() + 2 * f);
    card.h2c_valid_i |= static_cast<uint32_t>(beat.valid) << f;
    card.h2c_last_i |= static_cast<uint32_t>(beat.last) << f;
    card.h2c_size_i |= static_cast<uint32_t>(beat.size) << 16 * f;
    card.c2h_ready_i |= static_cast<uint32_t>(to_host_sinks_[f].Ready()) << f;
  }
  card.tx_ready_i = to_wire_sink_.Ready();
  card.grant_i = !grants_.empty();
  if (card.grant_i) {
    card.grant_queue_i = grants_.front().queue;
    card.grant_count_i = grants_.front().count;
  }
  csr_.Drive(card);
}

void CardBench::Observe() {
  const Vfarrier_card& card = *card_;
  EXPECT_EQ(card.rx_ready_o, 1);
  wire_.Finish(true);
  for (int f = 0; f < kFunctions; ++f) hosts_[f].Finish(card.h2c_ready_o >> f & 1);
  if (card.grant_i && card.grant_ready_o) grants_.pop_front();
  csr_.Observe(card);

  Beat beat;
  for (int f = 0; f < kFunctions; ++f) {
    beat.valid = card.c2h_valid_o >> f & 1;
    std::memcpy(beat.data, card.c2h_data_o.data() + 16 * f, sizeof beat.data);
    beat.keep = card.c2h_keep_o[2 * f] | uint64_t{card.c2h_keep_o[2 * f + 1]} << 32;
    beat.last = card.c2h_last_o >> f & 1;
    beat.size = static_cast<uint16_t>(card.c2h_size_o >> 16 * f);
    if (beat.valid) {
      EXPECT_EQ(card.c2h_dst_o >> 16 * f & 0xFFFF, 1u << f);
      EXPECT_EQ(card.c2h_src_o >> 16 * f & 0xFFFF, 1u << 6);
    }
    if (to_host_sinks_[f].Observe(beat)) {
      to_host_.push_back(
          {f, static_cast<int>(card.c2h_queue_o >> 4 * f & 0xF), to_host_sinks_[f].packet()});
    }
  }
  beat.valid = card.tx_valid_o;
  std::memcpy(beat.data, card.tx_data_o.data(), sizeof beat.data);
  beat.keep = card.tx_keep_o;
  beat.last = card.tx_last_o;
  beat.size = card.tx_size_o;
  if (beat.valid) {
    EXPECT_EQ(card.tx_dst_o, 1u << 6);
  }
  if (to_wire_sink_.Observe(beat)) to_wire_.push_back(to_wire_sink_.packet());
}

void CardBench::Cycle() {
  card_->clk_i = 0;
  Drive();
  card_->eval();
  if (card_->rst_ni) Observe();
  card_->clk_i = 1;
  card_->eval();
}

void CardBench::Reset() {
  card_->rst_ni = 0;
  Cycle();
  card_->rst_ni = 1;
  to_wire_sink_.Reset();
  for (StreamSink& sink : to_host_sinks_) sink.Reset();
  grants_.clear();
  to_host_.clear();
  to_wire_.clear();
}

bool CardBench::Settle() {
  int quiet = 0;
  for (int i = 0; i < kSettleCycles; ++i) {
    if (i == kPatientCycles) {
      set_backpressure(Backpressure::kNone);
      wire_.set_bubbles(0, 0);
      for (StreamSource& host : hosts_) host.set_bubbles(0, 0);
    }
    Cycle();
    bool busy = !card_->idle_o || !wire_.empty() || !csr_.idle() || !grants_.empty() ||
                card_->wake_o <= card_->time_i || to_wire_sink_.inside();
    for (int f = 0; f < kFunctions; ++f) {
      busy |= !hosts_[f].empty() || to_host_sinks_[f].inside();
    }
    quiet = busy ? 0 : quiet + 1;
    if (quiet == kQuietCycles) return true;
  }
  return false;
}

}  // namespace farrier::rtl
