#include "bench/card_streams.h"

#include <Vfarrier_card.h>
#include <verilated.h>

#include <algorithm>

#include "hw/regs/registers.h"

namespace farrier::bench {
namespace {

constexpr uint32_t kBeatBytes = 64;
constexpr int kWordsPerBeat = 16;
constexpr uint16_t kGrant = 60'000;
constexpr uint64_t kPatience = 1'000;  // cycles without anything coming out

uint64_t KeepOf(uint32_t left) {
  return left >= kBeatBytes ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
}

}  // namespace

CardStreams::CardStreams(bool raw)
    : context_(std::make_unique<VerilatedContext>()),
      card_(std::make_unique<Vfarrier_card>(context_.get())) {
  card_->bready_i = card_->rready_i = 1;
  card_->c2h_ready_i = 3;
  card_->tx_ready_i = 1;
  card_->rst_ni = 0;
  Tick();
  card_->rst_ni = 1;
  while (!card_->ready_o) Tick();
  Write(regs::kRegFunctionControl(0), regs::FunctionControl{.enable = 1, .raw = raw}.Pack());
  Write(regs::kRegFunctionControl(1), regs::FunctionControl{.enable = 1, .raw = 1}.Pack());
  Write(regs::kRegOwnerSwitch(0),
        regs::SwitchWord{.state = static_cast<uint32_t>(regs::OwnerState::kAttached)}.Pack());
}

CardStreams::~CardStreams() { card_->final(); }

std::vector<CardStreams::Passage> CardStreams::Receive(const std::vector<uint32_t>& lengths) {
  return Run(Way::kReceive, lengths);
}

std::vector<CardStreams::Passage> CardStreams::Send(const std::vector<uint32_t>& lengths) {
  return Run(Way::kSend, lengths);
}

std::vector<CardStreams::Passage> CardStreams::Run(Way way, const std::vector<uint32_t>& lengths) {
  Vfarrier_card& card = *card_;
  const bool receive = way == Way::kReceive;
  // An EtherType that nobody filters.
  uint32_t* const data = receive ? card.rx_data_i.data() : card.h2c_data_i.data() + kWordsPerBeat;
  std::fill_n(data, kWordsPerBeat, 0xb588b588);
  std::vector<Passage> passages;
  std::vector<uint64_t> began;
  size_t next = 0;
  uint32_t offset = 0;
  uint64_t last_event = 0;
  bool inside = false;
  uint32_t granted = 0;
  for (uint64_t cycle = 0;
       (passages.size() < lengths.size() || inside) && cycle < last_event + kPatience; ++cycle) {
    // Credits come beside the streams and cost no cycle.
    card.grant_i = began.size() >= granted;
    card.grant_count_i = kGrant;
    if (card.grant_i) granted += kGrant;
    const bool valid = next < lengths.size();
    const uint32_t left = valid ? lengths[next] - offset : 0;
    const bool last = left <= kBeatBytes;
    card.rx_valid_i = receive && valid;
    card.h2c_valid_i = !receive && valid ? 2 : 0;
    if (receive) {
      card.rx_keep_i = KeepOf(left);
      card.rx_last_i = last;
      card.rx_size_i = valid ? static_cast<uint16_t>(lengths[next]) : 0;
    } else {
      card.h2c_keep_i[2] = static_cast<uint32_t>(KeepOf(left));
      card.h2c_keep_i[3] = static_cast<uint32_t>(KeepOf(left) >> 32);
      card.h2c_last_i = last ? 2 : 0;
      card.h2c_size_i = valid ? lengths[next] << 16 : 0;
    }
    card.clk_i = 0;
    card.eval();
    if (valid && (receive || (card.h2c_ready_o & 2))) {
      last_event = cycle;
      if (offset == 0) began.push_back(cycle);
      offset += kBeatBytes;
      if (last) {
        offset = 0;
        ++next;
      }
    }
    if (receive ? card.c2h_valid_o & 1 : card.tx_valid_o) {
      last_event = cycle;
      if (!inside) passages.push_back({.first_in = began[passages.size()], .first_out = cycle});
      passages.back().last_out = cycle;
      inside = !(receive ? card.c2h_last_o & 1 : card.tx_last_o);
    }
    card.clk_i = 1;
    card.eval();
  }
  if (inside) passages.pop_back();
  card.rx_valid_i = card.h2c_valid_i = card.grant_i = 0;
  return passages;
}

void CardStreams::Write(uint32_t offset, uint32_t value) {
  card_->awvalid_i = card_->wvalid_i = 1;
  card_->awaddr_i = offset;
  card_->wdata_i = value;
  Tick();
  card_->awvalid_i = card_->wvalid_i = 0;
  while (!card_->bvalid_o) Tick();
  Tick();
}

void CardStreams::Tick() {
  card_->clk_i = 0;
  card_->eval();
  card_->clk_i = 1;
  card_->eval();
}

}  // namespace farrier::bench
