#include "hw/sim/wire.h"

#include <rte_alarm.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <latch>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "hw/driver/eal.h"
#include "hw/regs/registers.h"

namespace farrier::sim {
namespace {

constexpr uint16_t kBurst = 32;
constexpr uint16_t kDescriptors = 1024;
constexpr uint32_t kBuffers = 2048;
// A frame that is one byte too long must still be seen as such.
constexpr uint32_t kBufferBytes = RTE_PKTMBUF_HEADROOM + regs::kMaxPacketBytes + 128;
// An XDP socket's frame lies in a page with the headers of mempool and mbuf, and mempool takes an
// odd number of cache lines. The socket takes some 2,000 for itself.
constexpr uint32_t kXdpBuffers = 8192;
constexpr uint32_t kXdpBufferBytes = 4096 - 2 * RTE_CACHE_LINE_SIZE - sizeof(rte_mbuf);
constexpr int64_t kStartIntervalNs = 200'000'000;
constexpr int64_t kHandshakeNs = 1'000'000'000;
constexpr int64_t kStuckNs = 10'000'000;

// The file of a memif server's socket; empty if it has none.
std::string SocketFile(const std::string& devargs) {
  std::string file;
  bool abstract = true;
  for (const absl::string_view argument : absl::StrSplit(devargs, ',')) {
    if (absl::StartsWith(argument, "socket="))
      file = std::string(argument.substr(std::strlen("socket=")));
    if (argument == "socket-abstract=no") abstract = false;
  }
  return abstract ? "" : file;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Wire>> Wire::Open(const WireOptions& options) {
  const auto port = driver::AddPort(options.port);
  if (!port.ok()) return port.status();
  std::unique_ptr<Wire> wire(new Wire(*port, options));
  if (auto status = wire->Configure(options.port); !status.ok()) return status;
  return wire;
}

absl::Status Wire::Configure(const std::string& devargs) {
  const auto failed = [&](const char* what, int error) {
    return absl::UnavailableError(
        absl::StrFormat("wire \"%s\": %s: %s", devargs, what, rte_strerror(-error)));
  };
  rte_eth_dev_info info;
  int error = rte_eth_dev_info_get(port_, &info);
  if (error < 0) return failed("rte_eth_dev_info_get", error);
  const std::string_view driver = info.driver_name;
  const bool xdp = driver == "net_af_xdp";
  closable_ = driver != "net_memif";
  plays_file_ = driver == "net_pcap" && devargs.find("rx_pcap=") != std::string::npos;
  pool_ = rte_pktmbuf_pool_create("wire", xdp ? kXdpBuffers : kBuffers, 0, 0,
                                  xdp ? kXdpBufferBytes : kBufferBytes, SOCKET_ID_ANY);
  if (pool_ == nullptr) return failed("packet pool", -rte_errno);
  if (driver == "net_memif") {
    restartable_ = devargs.find("role=server") == std::string::npos;
    if (!restartable_) socket_ = SocketFile(devargs);
    rte_log_set_level_pattern("pmd.net.memif", RTE_LOG_CRIT);  // no line per attempt to connect
  }
  rte_eth_conf conf = {};
  error = rte_eth_dev_configure(port_, 1, 1, &conf);
  if (error < 0) return failed("rte_eth_dev_configure", error);
  error = rte_eth_rx_queue_setup(port_, 0, kDescriptors, SOCKET_ID_ANY, nullptr, pool_);
  if (error < 0) return failed("rte_eth_rx_queue_setup", error);
  error = rte_eth_tx_queue_setup(port_, 0, kDescriptors, SOCKET_ID_ANY, nullptr);
  if (error < 0) return failed("rte_eth_tx_queue_setup", error);
  rte_eth_promiscuous_enable(port_);  // a memif has no such mode
  error = rte_eth_dev_start(port_);
  started_ = error == 0;
  if (!started_ && !restartable_) return failed("rte_eth_dev_start", error);
  return absl::OkStatus();
}

Wire::~Wire() {
  if (closable_) {
    rte_pktmbuf_free_bulk(tx_.data(), tx_.size());
    driver::RemovePort(port_);
    rte_mempool_free(pool_);
  }
  std::error_code gone;
  if (!socket_.empty()) std::filesystem::remove(socket_, gone);
}

void Wire::KeepStarted(int64_t now_ns) {
  if (!restartable_ || now_ns < next_start_ns_) return;
  next_start_ns_ = now_ns + kStartIntervalNs;
  if (started_ns_ == 0) started_ns_ = now_ns;
  rte_eth_link link;
  if (started_ && (rte_eth_link_get_nowait(port_, &link) < 0 || link.link_status)) {
    was_up_ = true;
    return;
  }
  // A memif that has reached its peer is shaking hands, and DPDK's driver does not bear to be
  // disturbed.
  if (started_ && !was_up_ && now_ns < started_ns_ + kHandshakeNs) return;
  // On EAL's interrupt thread, which is where it does that. This thread waits, so that nobody asks
  // a stopped port for packets.
  struct Attempt {
    Wire& wire;
    std::latch done{1};
  } attempt{*this};
  const auto restart = [](void* argument) {
    auto& [wire, done] = *static_cast<Attempt*>(argument);
    if (wire.started_) rte_eth_dev_stop(wire.port_);
    wire.started_ = rte_eth_dev_start(wire.port_) == 0;
    done.count_down();
  };
  if (rte_eal_alarm_set(1, restart, &attempt) == 0) attempt.done.wait();
  started_ns_ = now_ns;
  was_up_ = false;
}

uint16_t Wire::Allowance(int64_t now_ns) {
  if (frames_per_second_ == 0) return kBurst;
  if (last_allowance_ns_ > 0) {
    allowance_ += static_cast<double>(now_ns - last_allowance_ns_) * 1e-9 * frames_per_second_;
  }
  last_allowance_ns_ = now_ns;
  allowance_ = std::min<double>(allowance_, kBurst);  // what was missed does not pile up
  return static_cast<uint16_t>(allowance_);
}

bool Wire::Offer(model::Card& card, std::span<const uint8_t> frame) {
  if (!card.FromWire(frame)) return false;
  ++counters_.rx_packets;
  return true;
}

size_t Wire::Receive(model::Card& card, int64_t now_ns) {
  KeepStarted(now_ns);
  size_t n = 0;
  if (has_faults_) {
    arrived_.clear();
    injector_.Expire(now_ns, arrived_);
    for (auto& frame : arrived_) waiting_.push_back(std::move(frame));
  }
  while (!waiting_.empty() && Offer(card, waiting_.front())) {
    waiting_.pop_front();
    ++n;
  }
  if (!started_ || !waiting_.empty()) return n;
  std::array<rte_mbuf*, kBurst> burst;
  const uint16_t wanted = Allowance(now_ns);
  const uint16_t got = wanted == 0 ? 0 : rte_eth_rx_burst(port_, 0, burst.data(), wanted);
  if (frames_per_second_ > 0) {
    allowance_ -= got;
    // Nothing there: then there is nothing to be held back.
    next_frame_ns_ =
        got < wanted ? std::numeric_limits<int64_t>::max()
                     : now_ns + static_cast<int64_t>((1 - allowance_) * 1e9) / frames_per_second_;
  }
  for (uint16_t i = 0; i < got; ++i) {
    rte_mbuf* mbuf = burst[i];
    std::span<const uint8_t> frame(rte_pktmbuf_mtod(mbuf, const uint8_t*), mbuf->data_len);
    if (mbuf->nb_segs > 1) {
      linear_.resize(mbuf->pkt_len);
      size_t at = 0;
      for (const rte_mbuf* part = mbuf; part != nullptr; part = part->next) {
        std::memcpy(linear_.data() + at, rte_pktmbuf_mtod(part, const uint8_t*), part->data_len);
        at += part->data_len;
      }
      frame = linear_;
    }
    if (has_faults_) {
      arrived_.clear();
      injector_.Pass(frame, now_ns, arrived_);
      for (auto& passed : arrived_) waiting_.push_back(std::move(passed));
    } else if (!waiting_.empty() || !Offer(card, frame)) {
      waiting_.emplace_back(frame.begin(), frame.end());
    }
  }
  rte_pktmbuf_free_bulk(burst.data(), got);
  while (!waiting_.empty() && Offer(card, waiting_.front())) waiting_.pop_front();
  return n + got;
}

void Wire::Send(std::span<const uint8_t> frame) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  char* room = mbuf == nullptr ? nullptr : rte_pktmbuf_append(mbuf, frame.size());
  if (room == nullptr) {
    rte_pktmbuf_free(mbuf);
    ++counters_.tx_dropped;
    return;
  }
  std::memcpy(room, frame.data(), frame.size());
  tx_.push_back(mbuf);
}

void Wire::Flush(int64_t now_ns) {
  if (tx_.empty()) {
    last_progress_ns_ = now_ns;
    return;
  }
  size_t sent = 0;
  while (started_ && sent < tx_.size()) {
    const auto wanted = static_cast<uint16_t>(std::min<size_t>(tx_.size() - sent, kDescriptors));
    const uint16_t n = rte_eth_tx_burst(port_, 0, tx_.data() + sent, wanted);
    sent += n;
    if (n < wanted) break;
  }
  counters_.tx_packets += sent;
  tx_.erase(tx_.begin(), tx_.begin() + sent);
  if (sent > 0) last_progress_ns_ = now_ns;
  if (tx_.empty() || now_ns - last_progress_ns_ < kStuckNs) return;
  counters_.tx_dropped += tx_.size();
  rte_pktmbuf_free_bulk(tx_.data(), tx_.size());
  tx_.clear();
}

}  // namespace farrier::sim
