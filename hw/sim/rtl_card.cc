#include "hw/sim/rtl_card.h"

#include <Vfarrier_card.h>
#include <verilated.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "hw/regs/registers.h"
#include "hw/rtl/coverage.h"

namespace farrier::sim {
namespace {

constexpr size_t kBeatBytes = 64;
constexpr size_t kBeatWords = kBeatBytes / 4;
constexpr size_t kInputBytes = 128 * 1024;
constexpr int kCyclesPerStep = 2048;
constexpr int kMaxCsrCycles = 100'000;  // more means that the RTL hangs
constexpr uint32_t kMaxGrant = 65'535;

// A hang of our own logic: there is nothing to go on with.
[[noreturn]] void Hangs(const char* what) {
  std::fprintf(stderr, "rtl_card: %s did not end within %d cycles\n", what, kMaxCsrCycles);
  std::abort();
}

size_t KeptBytes(uint64_t keep) { return static_cast<size_t>(std::popcount(keep)); }

uint64_t KeepMask(size_t bytes) {
  return bytes >= kBeatBytes ? ~uint64_t{0} : (uint64_t{1} << bytes) - 1;
}

void Append(std::vector<uint8_t>& bytes, const uint32_t* words, uint64_t keep) {
  const size_t count = KeptBytes(keep);
  const size_t at = bytes.size();
  bytes.resize(at + count);
  std::memcpy(bytes.data() + at, words, count);
}

// The stream's size field: of the whole packet, on each of its beats. Longer than it can say is as
// long as it can say; the card takes much less.
uint16_t SizeField(size_t length) {
  return static_cast<uint16_t>(std::min<size_t>(length, std::numeric_limits<uint16_t>::max()));
}

uint64_t Load64(const uint32_t* words) { return words[0] | uint64_t{words[1]} << 32; }

}  // namespace

RtlCard::RtlCard(const std::array<uint8_t, 6>& mac, model::CardSink& sink)
    : sink_(sink),
      context_(std::make_unique<VerilatedContext>()),
      card_(std::make_unique<Vfarrier_card>(context_.get())),
      from_wire_(kInputBytes, regs::kMaxPacketBytes),
      from_host_{Input(kInputBytes, regs::kPrefixBytes + regs::kMaxPacketBytes),
                 Input(kInputBytes, regs::kPrefixBytes + regs::kMaxPacketBytes)} {
  card_->mac_i = 0;
  for (const uint8_t byte : mac) card_->mac_i = card_->mac_i << 8 | byte;
  card_->link_i = 1;
  card_->bready_i = 1;
  card_->rready_i = 1;
  card_->rst_ni = 0;
  Cycle(Traffic::kStopped);
  card_->rst_ni = 1;
  for (int i = 0; !card_->ready_o; ++i) {
    if (i == kMaxCsrCycles) Hangs("the reset");
    Cycle(Traffic::kStopped);
  }
}

RtlCard::~RtlCard() {
  card_->final();
  rtl::WriteCoverage(*context_);
}

absl::Status RtlCard::Trace(const TraceOptions& options) {
  auto trace = RtlTrace::Open(*context_, *card_, options.file);
  if (!trace.ok()) return trace.status();
  trace_ = *std::move(trace);
  trace_from_ = std::max(options.first_cycle, cycles_);
  trace_to_ =
      options.cycles == 0 ? std::numeric_limits<uint64_t>::max() : trace_from_ + options.cycles;
  return absl::OkStatus();
}

void RtlCard::DumpTrace(int half) {
  if (cycles_ < trace_from_) return;
  if (cycles_ >= trace_to_) {
    trace_.reset();
    return;
  }
  trace_->Dump(cycles_ * RtlTrace::kCycleNs + static_cast<uint64_t>(half) * RtlTrace::kCycleNs / 2);
}

uint32_t RtlCard::ReadCsr(uint32_t offset) {
  FlushGrants();
  card_->arvalid_i = 1;
  card_->araddr_i = offset;
  for (int i = 0; !card_->rvalid_o; ++i) {
    if (i == kMaxCsrCycles) Hangs("a CSR read");
    const bool taken = card_->arready_o;
    Cycle(Traffic::kStopped);
    if (taken) card_->arvalid_i = 0;
  }
  const uint32_t value = card_->rdata_o;
  Cycle(Traffic::kStopped);
  return value;
}

void RtlCard::WriteCsr(uint32_t offset, uint32_t value) {
  FlushGrants();
  card_->awvalid_i = 1;
  card_->awaddr_i = offset;
  card_->wvalid_i = 1;
  card_->wdata_i = value;
  for (int i = 0; !card_->bvalid_o; ++i) {
    if (i == kMaxCsrCycles) Hangs("a CSR write");
    const bool address_taken = card_->awready_o;
    const bool data_taken = card_->wready_o;
    Cycle(Traffic::kStopped);
    if (address_taken) card_->awvalid_i = 0;
    if (data_taken) card_->wvalid_i = 0;
  }
  Cycle(Traffic::kStopped);
}

void RtlCard::GrantCredits(int function, int queue, uint32_t count) {
  if (function < 0 || function >= kFunctions || queue < 0 ||
      queue >= static_cast<int>(regs::kMaxQueues) || count == 0) {
    return;
  }
  // May be called by the sink, that is within a cycle: kept until the next.
  grants_.push_back({static_cast<uint8_t>(function * regs::kMaxQueues + queue),
                     static_cast<uint16_t>(std::min(count, kMaxGrant))});
}

bool RtlCard::FromWire(std::span<const uint8_t> frame) { return from_wire_.packets.Push(frame, 0); }

bool RtlCard::FromHost(int function, int /*queue*/, std::span<const uint8_t> bytes) {
  if (function < 0 || function >= kFunctions) return true;  // no such lane: lost
  return from_host_[function].packets.Push(bytes, static_cast<uint32_t>(function));
}

bool RtlCard::Step(int64_t now_ns) {
  now_ns_ = std::max(now_ns_, now_ns);
  if (NextEvent() > now_ns_) return false;
  FlushGrants();
  for (int i = 0; i < kCyclesPerStep; ++i) {
    Cycle(Traffic::kFlowing);
    if (card_->idle_o && !InputWaits() && grants_.empty()) break;
  }
  return true;
}

int64_t RtlCard::NextEvent() const {
  if (InputWaits() || !grants_.empty() || !card_->idle_o) return now_ns_;
  return static_cast<int64_t>(
      std::min<uint64_t>(card_->wake_o, std::numeric_limits<int64_t>::max()));
}

bool RtlCard::InputWaits() const {
  if (from_wire_.busy || !from_wire_.packets.empty()) return true;
  return std::ranges::any_of(
      from_host_, [](const Input& input) { return input.busy || !input.packets.empty(); });
}

void RtlCard::FlushGrants() {
  for (const Grant& grant : grants_) {
    card_->grant_i = 1;
    card_->grant_queue_i = grant.queue;
    card_->grant_count_i = grant.count;
    // The card takes none for some cycles after credits were reset.
    for (bool taken = false; !taken; Cycle(Traffic::kStopped)) taken = card_->grant_ready_o;
  }
  card_->grant_i = 0;
  grants_.clear();
}

bool RtlCard::Drive(Input& input, uint32_t* data, uint64_t& keep, bool& last) {
  if (!input.busy) {
    if (input.packets.empty()) return false;
    input.front = input.packets.Front();
    input.offset = 0;
    input.busy = true;
  }
  // What is longer than the card takes was not kept whole; only its length counts.
  const size_t left = input.front.length - input.offset;
  const size_t bytes = std::min(left, kBeatBytes);
  const size_t kept = input.front.bytes.size();
  if (input.offset < kept) {
    std::memcpy(data, input.front.bytes.data() + input.offset,
                std::min(bytes, kept - input.offset));
  }
  keep = KeepMask(bytes);
  last = left <= kBeatBytes;
  return true;
}

void RtlCard::Advance(Input& input) {
  input.offset += kBeatBytes;
  if (input.offset < input.front.length) return;
  input.packets.Pop();
  input.busy = false;
}

void RtlCard::Cycle(Traffic traffic) {
  Vfarrier_card& card = *card_;
  const bool flowing = traffic == Traffic::kFlowing;
  card.clk_i = 0;
  card.time_i = static_cast<uint64_t>(now_ns_);
  uint64_t keep = 0;
  bool last = false;
  card.rx_valid_i = flowing && Drive(from_wire_, card.rx_data_i.data(), keep, last);
  card.rx_keep_i = keep;
  card.rx_last_i = last;
  card.rx_size_i = card.rx_valid_i ? SizeField(from_wire_.front.length) : 0;
  card.h2c_valid_i = 0;
  card.h2c_last_i = 0;
  for (int f = 0; flowing && f < kFunctions; ++f) {
    if (!Drive(from_host_[f], card.h2c_data_i.data() + kBeatWords * f, keep, last)) continue;
    card.h2c_valid_i |= 1u << f;
    const uint32_t size = SizeField(from_host_[f].front.length);
    card.h2c_size_i = (card.h2c_size_i & ~(0xFFFFu << 16 * f)) | size << 16 * f;
    card.h2c_last_i |= static_cast<uint32_t>(last) << f;
    card.h2c_keep_i[2 * f] = static_cast<uint32_t>(keep);
    card.h2c_keep_i[2 * f + 1] = static_cast<uint32_t>(keep >> 32);
  }
  card.c2h_ready_i = flowing ? (1u << kFunctions) - 1 : 0;
  card.tx_ready_i = flowing;
  card.eval();
  if (trace_) DumpTrace(0);

  if (flowing) {
    if (card.rx_valid_i) Advance(from_wire_);
    for (int f = 0; f < kFunctions; ++f) {
      if ((card.h2c_valid_i & card.h2c_ready_o) >> f & 1) Advance(from_host_[f]);
    }
    if (card.c2h_valid_o || card.tx_valid_o) Collect();
  }
  card.clk_i = 1;
  card.eval();
  if (trace_) DumpTrace(1);
  ++cycles_;

  // Only now, between two cycles, may the sink call back.
  for (int f = 0; flowing && f < kFunctions; ++f) {
    if (!to_host_[f].complete) continue;
    to_host_[f].complete = false;
    sink_.ToHost(f, to_host_queue_[f], to_host_[f].bytes);
    to_host_[f].bytes.clear();
  }
  if (to_wire_.complete) {
    to_wire_.complete = false;
    sink_.ToWire(to_wire_.bytes);
    to_wire_.bytes.clear();
  }
}

void RtlCard::Collect() {
  const Vfarrier_card& card = *card_;
  for (int f = 0; f < kFunctions; ++f) {
    if (!(card.c2h_valid_o >> f & 1)) continue;
    Append(to_host_[f].bytes, card.c2h_data_o.data() + kBeatWords * f,
           Load64(card.c2h_keep_o.data() + 2 * f));
    to_host_[f].complete = card.c2h_last_o >> f & 1;
    to_host_queue_[f] = card.c2h_queue_o >> (4 * f) & 0xF;
  }
  if (card.tx_valid_o) {
    Append(to_wire_.bytes, card.tx_data_o.data(), card.tx_keep_o);
    to_wire_.complete = card.tx_last_o;
  }
}

}  // namespace farrier::sim
