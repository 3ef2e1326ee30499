#include "hw/driver/ethdev_port.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>

#include "hw/driver/prefix.h"

namespace farrier::driver {
namespace {

uint8_t* Bytes(rte_mbuf* mbuf) { return rte_pktmbuf_mtod(mbuf, uint8_t*); }

}  // namespace

EthdevPort::~EthdevPort() {
  for (Early& early : early_) {
    rte_pktmbuf_free_bulk(early.packets.data() + early.begin, early.end - early.begin);
  }
  rte_pktmbuf_free_bulk(waiting_.data(), waiting_.size());
}

size_t EthdevPort::RxBurst(std::span<runtime::Packet> out) {
  if (armed_) Disarm();
  if (!waiting_.empty()) Flush();
  size_t n = 0;
  for (uint32_t i = 0; i < queues() && n < out.size(); ++i) {
    ReceiveFrom((next_queue_ + i) % queues(), out, n);
  }
  next_queue_ = (next_queue_ + 1) % queues();
  return n;
}

void EthdevPort::ReceiveFrom(uint32_t queue, std::span<runtime::Packet> out, size_t& n) {
  Early& early = early_[queue];
  while (n < out.size()) {
    std::array<rte_mbuf*, kBurst> burst;
    std::span<rte_mbuf*> got;
    const size_t wanted = std::min(out.size() - n, kBurst);
    if (early.begin < early.end) {
      const size_t count = std::min(wanted, early.end - early.begin);
      got = std::span(early.packets).subspan(early.begin, count);
      early.begin += count;
    } else {
      got = std::span(burst).first(Take(queue, std::span(burst).first(wanted)));
    }
    for (rte_mbuf* mbuf : got) {
      const std::span<const uint8_t> bytes = WithoutPadding({Bytes(mbuf), mbuf->data_len});
      runtime::RxMetadata metadata;
      bool for_engine = false;
      if (mbuf->nb_segs > 1) {
        CountBadPrefix();  // longer than a buffer, and so than max_frame
      } else {
        for_engine = Accept(queue, bytes, metadata);
      }
      if (!for_engine) {
        rte_pktmbuf_free(mbuf);
        continue;
      }
      const auto frame = static_cast<uint32_t>(bytes.size()) - regs::kPrefixBytes;
      out[n] =
          runtime::Packet(Bytes(mbuf) + regs::kPrefixBytes, frame, frame, mbuf, regs::kPrefixBytes);
      out[n++].rx = metadata;
    }
    if (got.size() < wanted && early.begin == early.end) return;
  }
}

size_t EthdevPort::Take(uint32_t queue, std::span<rte_mbuf*> out) {
  const uint16_t n =
      rte_eth_rx_burst(port_, DpdkQueue(queue), out.data(), static_cast<uint16_t>(out.size()));
  if (n > 0 && doorbell_ != nullptr) Grant(queue, n);
  return n;
}

void EthdevPort::Grant(uint32_t queue, uint32_t credits) {
  const regs::CreditDoorbell word{
      .count = credits, .queue = DpdkQueue(queue), .function = function_};
  // A card that has gone delivers nothing either.
  doorbell_->Write(regs::kRegCredit, word.Pack()).IgnoreError();
}

void EthdevPort::Release(std::span<runtime::Packet> packets) {
  for (auto& packet : packets) {
    if (packet.empty()) continue;
    rte_pktmbuf_free(static_cast<rte_mbuf*>(packet.buffer()));
    packet = runtime::Packet();
  }
}

size_t EthdevPort::Reserve(std::span<runtime::Packet> out) {
  if (!waiting_.empty()) Flush();
  if (!waiting_.empty()) return 0;
  // The device gives descriptors and mbufs back only when something is sent. So what is out of
  // the pool may be less than it seems, and one packet is always lent to find out.
  const size_t out_of_pool = rte_mempool_in_use_count(tx_pool_);
  const size_t room =
      std::max<size_t>(1, tx_descriptors_ - std::min<size_t>(out_of_pool, tx_descriptors_));
  const size_t most = MayLend(std::min(out.size(), room), max_frame_);
  size_t n = 0;
  while (n < most) {
    std::array<rte_mbuf*, kBurst> burst;
    const size_t wanted = std::min(most - n, kBurst);
    if (rte_pktmbuf_alloc_bulk(tx_pool_, burst.data(), wanted) < 0) break;
    for (size_t i = 0; i < wanted; ++i) {
      out[n++] = runtime::Packet(Bytes(burst[i]) + regs::kPrefixBytes, 0, max_frame_, burst[i]);
    }
  }
  Lent(n);
  return n;
}

void EthdevPort::Commit(std::span<runtime::Packet> packets) {
  for (auto& packet : packets) {
    if (packet.empty()) continue;
    auto* mbuf = static_cast<rte_mbuf*>(packet.buffer());
    const uint32_t frame = std::min(packet.length(), packet.capacity());
    if (frame == 0) {
      Unused(1);
      rte_pktmbuf_free(mbuf);
    } else {
      Stamp(packet.tx, frame,
            std::span<uint8_t, regs::kPrefixBytes>(Bytes(mbuf), regs::kPrefixBytes));
      mbuf->data_len = static_cast<uint16_t>(regs::kPrefixBytes + frame);
      mbuf->pkt_len = mbuf->data_len;
      waiting_.push_back(mbuf);
    }
    packet = runtime::Packet();
  }
  Flush();
}

void EthdevPort::Flush() {
  size_t sent = 0;
  while (sent < waiting_.size()) {
    const auto wanted =
        static_cast<uint16_t>(std::min<size_t>(waiting_.size() - sent, tx_descriptors_));
    const uint16_t n = rte_eth_tx_burst(port_, first_queue_, waiting_.data() + sent, wanted);
    sent += n;
    if (n < wanted) break;
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + sent);
}

void EthdevPort::Disarm() {
  for (uint32_t queue = 0; queue < event_fds_.size(); ++queue) {
    rte_eth_dev_rx_intr_disable(port_, DpdkQueue(queue));
  }
  armed_ = false;
}

bool EthdevPort::ArmRxEvent() {
  // There is no event for a descriptor becoming free.
  if (!waiting_.empty()) Flush();
  if (!waiting_.empty()) return false;
  for (const Early& early : early_) {
    if (early.begin < early.end) return false;
  }
  for (uint32_t queue = 0; queue < event_fds_.size(); ++queue) {
    uint64_t count;
    [[maybe_unused]] const ssize_t drained = read(event_fds_[queue], &count, sizeof(count));
    rte_eth_dev_rx_intr_enable(port_, DpdkQueue(queue));
    armed_ = true;
  }
  // What arrived before the card could see that an event is wanted made none.
  bool arrived = false;
  for (uint32_t queue = 0; queue < queues(); ++queue) {
    Early& early = early_[queue];
    early.begin = 0;
    early.end = Take(queue, early.packets);
    arrived |= early.end > 0;
  }
  if (arrived && armed_) Disarm();
  // Without an event nobody would wake the engine.
  return !arrived && !event_fds_.empty();
}

}  // namespace farrier::driver
