#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hw/model/card.h"
#include "hw/sim/fault_injector.h"

struct rte_mbuf;
struct rte_mempool;

namespace farrier::sim {

struct WireOptions {
  std::string port;                // devargs of a DPDK port
  FaultSpec faults;                // for what arrives
  uint32_t frames_per_second = 0;  // taken from the port at most; 0: as they come
};

// The card's wire: a DPDK port, whatever its driver, behind a fault injector for what arrives. If
// the port cannot start or loses its peer (a memif client before its server) it is started again
// and again. On the card's thread.
//
// A memif is never closed: its control channel lives on EAL's interrupt thread, which a close
// does not exclude, and closing while the peer leaves crashes there. It lasts until its process
// ends, by _Exit, and the kernel takes it back; only a server's socket file is removed.
class Wire {
 public:
  struct Counters {
    uint64_t rx_packets = 0;  // given to the card
    uint64_t tx_packets = 0;
    uint64_t tx_dropped = 0;  // the port took nothing for 10 ms, or has no link
  };

  // After Eal::Start. kUnavailable, with the port's name, if DPDK has no such port.
  static absl::StatusOr<std::unique_ptr<Wire>> Open(const WireOptions& options);
  // Closes the port: a file that it writes is complete, a program in the kernel detached.
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Gives the card what has arrived, as far as it takes it; returns how many frames.
  size_t Receive(model::Card& card, int64_t now_ns);

  // Queues a frame; Flush sends.
  void Send(std::span<const uint8_t> frame);
  void Flush(int64_t now_ns);

  // So much waits to be sent that the card should take no more from its hosts.
  bool congested() const { return tx_.size() >= kCongested; }

  // When the wire next wants Receive although nothing arrives; INT64_MAX if never.
  int64_t NextEvent() const { return std::min(injector_.NextExpiry(), next_frame_ns_); }

  // A capture file is played as the wire: its frames can wait until somebody would get them.
  bool plays_file() const { return plays_file_; }

  const Counters& counters() const { return counters_; }
  const FaultInjector::Counters& faults() const { return injector_.counters(); }

 private:
  static constexpr size_t kCongested = 256;

  Wire(uint16_t port, const WireOptions& options)
      : port_(port),
        has_faults_(options.faults.any()),
        frames_per_second_(options.frames_per_second),
        injector_(options.faults) {}

  absl::Status Configure(const std::string& devargs);
  void KeepStarted(int64_t now_ns);
  bool Offer(model::Card& card, std::span<const uint8_t> frame);
  // How many frames may be taken from the port now, by the set pace.
  uint16_t Allowance(int64_t now_ns);

  const uint16_t port_;
  std::string socket_;  // file that the memif server has made; empty if none
  const bool has_faults_;
  const uint32_t frames_per_second_;
  double allowance_ = 0;  // frames, at last_allowance_ns_
  int64_t last_allowance_ns_ = 0;
  int64_t next_frame_ns_ = std::numeric_limits<int64_t>::max();  // when held back by the pace
  bool plays_file_ = false;
  bool closable_ = true;
  rte_mempool* pool_ = nullptr;
  bool started_ = false;
  bool was_up_ = false;       // since it was started
  int64_t started_ns_ = 0;    // 0: not known yet
  bool restartable_ = false;  // a memif client: connects only when it is started
  int64_t next_start_ns_ = 0;
  int64_t last_progress_ns_ = 0;
  FaultInjector injector_;
  std::vector<FaultInjector::Frame> arrived_;  // scratch
  std::deque<FaultInjector::Frame> waiting_;   // arrived, and not yet taken by the card
  std::vector<uint8_t> linear_;                // scratch
  std::vector<rte_mbuf*> tx_;                  // to be sent
  Counters counters_;
};

}  // namespace farrier::sim
