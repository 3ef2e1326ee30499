#include "tests/simulator/sim_card.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace farrier::sim {
namespace {

// From something coming in to what the card makes of it; also the least time from there to the
// host's memory.
constexpr Nanoseconds kLeastLatency = 200;
constexpr Nanoseconds kMostLatency = 3 * kMicrosecond;

}  // namespace

SimCard::SimCard(EventQueue& queue, Random random, const Factory& make, FrameSink* wire)
    : queue_(queue),
      random_(std::move(random)),
      wire_(wire),
      card_(make(*this)),
      step_(queue, [this] { Step(queue_.Now()); }) {}

SimCard::Queue::Queue(EventQueue& queue, int at, driver::CardPort* to,
                      std::function<void()> wake_host)
    : number(at), port(to), wake(std::move(wake_host)), arrival(queue, [this] { Arrive(); }) {}

void SimCard::Queue::Arrive() {
  port->Deliver(number, under_way.front().second);
  under_way.pop_front();
  if (!under_way.empty()) arrival.Set(under_way.front().first);
  wake();
}

void SimCard::Connect(int function, int queue, driver::CardPort* port, std::function<void()> wake) {
  queues_[{function, queue}] = std::make_unique<Queue>(queue_, queue, port, std::move(wake));
}

void SimCard::DisconnectFunction(int function) {
  std::erase_if(queues_, [&](const auto& entry) { return entry.first.first == function; });
  auto control = regs::FunctionControl::Unpack(ReadCsr(regs::kRegFunctionControl(function)));
  control.reset_credits = 1;
  WriteCsr(regs::kRegFunctionControl(function), control.Pack());
}

void SimCard::Receive(Frame frame) {
  from_wire_.push_back(std::move(frame));
  Kick();
}

uint32_t SimCard::ReadCsr(uint32_t offset) { return card_->ReadCsr(offset); }

void SimCard::WriteCsr(uint32_t offset, uint32_t value) {
  const bool is_switch = offset >= regs::kRegOwnerSwitch(0) &&
                         offset < regs::kRegOwnerSwitch(regs::kOwners) &&
                         (offset - regs::kRegOwnerSwitch(0)) % 64 == 0;
  if (breaks_.ignore_generation && is_switch) {
    auto word = regs::SwitchWord::Unpack(value);
    word.generation = regs::SwitchWord::Unpack(card_->ReadCsr(offset)).generation;
    value = word.Pack();
  }
  card_->WriteCsr(offset, value);
  Kick();
}

void SimCard::GrantCredits(int function, int queue, uint32_t count) {
  card_->GrantCredits(function, queue, count);
  Kick();
}

bool SimCard::FromWire(std::span<const uint8_t> frame) { return card_->FromWire(frame); }

bool SimCard::FromHost(int function, int queue, std::span<const uint8_t> bytes) {
  Kick();
  return card_->FromHost(function, queue, bytes);
}

bool SimCard::Step(int64_t now_ns) {
  bool moved = false;
  for (bool more = true; more;) {
    more = false;
    while (!from_wire_.empty() && card_->FromWire(from_wire_.front())) {
      from_wire_.pop_front();
      more = true;
    }
    more |= card_->Step(now_ns);
    moved |= more;
  }
  for (auto& [place, queue] : queues_) queue->port->Flush();
  step_.SetNoLaterThan(card_->NextEvent());
  return moved;
}

void SimCard::ToHost(int function, int queue, std::span<const uint8_t> bytes) {
  const auto found = queues_.find({function, queue});
  if (found == queues_.end()) {
    ++delivered_to_nobody_;
    return;
  }
  Queue& to = *found->second;
  Frame frame(bytes.begin(), bytes.end());
  const bool mark = bytes.size() > regs::prefix::kKind &&
                    bytes[regs::prefix::kKind] == static_cast<uint8_t>(regs::PrefixKind::kMark);
  Nanoseconds when = queue_.Now() + random_.Uniform(kLeastLatency, slowest_delivery_);
  if (mark && breaks_.early_mark) {
    to.under_way.emplace_front(queue_.Now(), std::move(frame));
  } else {
    if (!to.under_way.empty()) when = std::max(when, to.under_way.back().first);
    to.under_way.emplace_back(when, std::move(frame));
  }
  to.arrival.Set(to.under_way.front().first);
}

void SimCard::ToWire(std::span<const uint8_t> frame) {
  wire_->Receive(Frame(frame.begin(), frame.end()));
}

void SimCard::Kick() {
  step_.SetNoLaterThan(queue_.Now() + random_.Uniform(kLeastLatency, kMostLatency));
}

uint64_t SimCard::Read64(uint32_t offset) {
  const uint64_t low = card_->ReadCsr(offset);
  return low | static_cast<uint64_t>(card_->ReadCsr(offset + 4)) << 32;
}

uint64_t SimCard::OwnerCounter(int owner, regs::OwnerCounter counter) {
  card_->WriteCsr(regs::kRegCounterSnapshot, static_cast<uint32_t>(owner));
  return Read64(regs::kRegOwnerCounter(static_cast<uint32_t>(counter)));
}

uint64_t SimCard::GlobalCounter(regs::GlobalCounter counter) {
  card_->WriteCsr(regs::kRegCounterSnapshot, 0);
  return Read64(regs::kRegGlobalCounter(static_cast<uint32_t>(counter)));
}

std::string SimCard::CheckIdentities() {
  using regs::OwnerCounter;
  std::string errors;
  uint64_t total_in = 0;
  for (uint32_t owner = 0; owner < regs::kOwners; ++owner) {
    card_->WriteCsr(regs::kRegCounterSnapshot, owner);
    const auto value = [&](OwnerCounter counter) {
      return Read64(regs::kRegOwnerCounter(static_cast<uint32_t>(counter)));
    };
    const uint64_t in = value(OwnerCounter::kIn);
    total_in += in;
    uint64_t out = 0;
    for (auto counter :
         {OwnerCounter::kDelivered, OwnerCounter::kParked, OwnerCounter::kQueued,
          OwnerCounter::kDropQuota, OwnerCounter::kDropNoCredit, OwnerCounter::kDropDetached,
          OwnerCounter::kDropState, OwnerCounter::kDropDiscarded}) {
      out += value(counter);
    }
    if (in != out) {
      absl::StrAppend(&errors, "owner ", owner, ": in ", in, ", accounted for ", out, "\n");
    }
    if (const uint64_t full = value(OwnerCounter::kTxFull); full != 0) {
      absl::StrAppend(&errors, "owner ", owner, ": ", full, " packets found no room for pacing\n");
    }
    if (const uint64_t clamped = value(OwnerCounter::kTxClamped); clamped != 0) {
      absl::StrAppend(&errors, "owner ", owner, ": ", clamped, " packets were too far ahead\n");
    }
  }
  using regs::GlobalCounter;
  const auto global = [&](GlobalCounter counter) {
    return Read64(regs::kRegGlobalCounter(static_cast<uint32_t>(counter)));
  };
  const uint64_t rx = global(GlobalCounter::kRxPackets);
  const uint64_t accounted =
      total_in + global(GlobalCounter::kRxMalformed) + global(GlobalCounter::kRxOversize) +
      global(GlobalCounter::kRxMemoryFull) + global(GlobalCounter::kRxRuleDrop);
  if (rx != accounted) {
    absl::StrAppend(&errors, "card: rx_packets ", rx, ", accounted for ", accounted, "\n");
  }
  return errors;
}

}  // namespace farrier::sim
