#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hw/model/card.h"
#include "hw/regs/registers.h"

struct rte_mbuf;
struct rte_mempool;

namespace farrier::sim {

// One function of a card as a vhost-user socket: the queue pairs of whichever host is connected.
// Hosts come and go as they like; of several the newest is served. Rings are touched by the card's
// thread alone; DPDK's vhost thread only says what has changed, and is let go on when the card's
// thread has seen it.
class VhostFunction {
 public:
  struct Counters {
    uint64_t hosts = 0;              // that have been served
    uint64_t to_host = 0;            // packets put into a ring
    uint64_t from_host = 0;          // packets taken by the card
    uint64_t lost_to_dead_host = 0;  // delivered by the card, but the host was gone
    uint64_t lost_no_memory = 0;     // delivered by the card, but no packet buffer was free
  };

  // Opens the socket; after Eal::Start. What a host does to be served wakes `epoll_fd`.
  static absl::StatusOr<std::unique_ptr<VhostFunction>> Open(const std::string& path, int function,
                                                             int epoll_fd);
  // Disconnects the host and removes the socket.
  ~VhostFunction();
  VhostFunction(const VhostFunction&) = delete;
  VhostFunction& operator=(const VhostFunction&) = delete;

  // Takes note of hosts that came or went: whatever credits the card had are void then. Every
  // round, first of all.
  void Refresh(model::Card& card);

  // Grants the card what is free in the avail rings.
  void GrantCredits(model::Card& card);

  // Takes packets from the host and gives them to the card; returns how many.
  size_t Receive(model::Card& card);

  // From CardSink::ToHost. Flush puts them into the rings.
  void Send(int queue, std::span<const uint8_t> bytes);
  void Flush();

  // Asks the host for kicks, which wake the epoll; false if packets are waiting already. The next
  // Receive asks for silence again.
  bool ArmKicks();

  bool connected() const { return device_ >= 0; }

  // A host has buffers for the card to fill.
  bool HasCredits() const {
    return std::ranges::any_of(queues_, [](const Queue& queue) { return queue.credits > 0; });
  }

  const Counters& counters() const { return counters_; }

 private:
  struct Queue {
    int kick_fd = -1;  // our duplicate, in the epoll
    uint32_t ring_size = 0;
    uint32_t credits = 0;        // granted to the card and not used yet
    std::vector<rte_mbuf*> out;  // delivered by the card, not yet in the ring
    std::vector<rte_mbuf*> in;   // taken from the ring, not yet by the card
  };

  VhostFunction(std::string path, int function, int epoll_fd);

  absl::Status Start();
  // On DPDK's vhost thread.
  static int NewDevice(int device);
  static void DestroyDevice(int device);
  static int RingStateChanged(int device, uint16_t ring, int enable);
  void Changed();

  void OpenQueues();
  void CloseQueues();
  bool OfferIn(Queue& queue, size_t index, model::Card& card);

  const std::string path_;
  const int function_;
  const int epoll_fd_;
  int wake_fd_ = -1;
  bool started_ = false;
  rte_mempool* pool_ = nullptr;

  // Shared with the vhost thread.
  std::mutex mutex_;
  std::condition_variable seen_changed_;
  std::vector<int> devices_;  // oldest first
  uint32_t seen_ = 0;         // the last of changes_ that Refresh has acted upon
  bool closing_ = false;
  std::atomic<uint32_t> changes_{0};

  // The card's thread's.
  int device_ = -1;
  bool kicks_armed_ = false;
  std::array<Queue, regs::kMaxQueues> queues_;
  size_t open_queues_ = 0;
  std::vector<uint8_t> linear_;
  Counters counters_;
};

}  // namespace farrier::sim
