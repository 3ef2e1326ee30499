#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hw/driver/csr_window.h"
#include "hw/driver/owner_port.h"

struct rte_mbuf;
struct rte_mempool;

namespace farrier::driver {

// An OwnerPort on queue pairs of a DPDK port. Made by EthdevFunction.
class EthdevPort final : public OwnerPort {
 public:
  ~EthdevPort() override;

  size_t RxBurst(std::span<runtime::Packet> out) override;
  void Release(std::span<runtime::Packet> packets) override;
  size_t Reserve(std::span<runtime::Packet> out) override;
  void Commit(std::span<runtime::Packet> packets) override;
  std::span<const int> RxEventFds() const override { return event_fds_; }
  bool ArmRxEvent() override;

 private:
  friend class EthdevFunction;
  static constexpr size_t kBurst = 64;

  // Received while the event was being armed, and still to be returned by RxBurst.
  struct Early {
    std::array<rte_mbuf*, kBurst> packets;
    size_t begin = 0;
    size_t end = 0;
  };

  EthdevPort(runtime::OwnerId owner, uint16_t port, uint16_t first_queue, uint32_t queues)
      : OwnerPort(owner, queues), port_(port), first_queue_(first_queue), early_(queues) {}

  uint16_t DpdkQueue(uint32_t queue) const { return static_cast<uint16_t>(first_queue_ + queue); }
  // Takes packets from a queue of the device, and grants the card a credit for each where it counts
  // by the doorbell: their descriptors have been filled again.
  size_t Take(uint32_t queue, std::span<rte_mbuf*> out);
  void Grant(uint32_t queue, uint32_t credits);
  // Takes what has come on a queue, as far as there is room behind out[n].
  void ReceiveFrom(uint32_t queue, std::span<runtime::Packet> out, size_t& n);
  // Hands the packets in waiting_ to the device, as many as it takes.
  void Flush();
  void Disarm();

  const uint16_t port_;
  const uint16_t first_queue_;
  uint16_t tx_descriptors_ = 0;
  uint32_t max_frame_ = 0;
  rte_mempool* tx_pool_ = nullptr;
  std::vector<int> event_fds_;  // by queue, or none
  bool armed_ = false;
  uint32_t function_ = 0;                // the card's number of it
  std::unique_ptr<CsrWindow> doorbell_;  // none: the card sees the rings
  std::vector<Early> early_;             // by queue
  uint32_t next_queue_ = 0;              // whose turn it is
  std::vector<rte_mbuf*> waiting_;       // committed, the device had no descriptor
};

struct EthdevFunctionOptions {
  // DPDK's name and arguments of the port, without the number of queues, e.g.
  // "virtio_user0,path=/run/farrier/card1/function0.sock,queue_size=512,queues=2", or the address
  // of EalOptions::pci_function.
  std::string devargs;
  std::vector<runtime::OwnerId> owners;
  uint32_t queues_per_owner = 1;  // owners[i] has queue pairs i * queues_per_owner and on
  uint16_t descriptors = 512;     // per ring; a power of two
  uint32_t max_frame = 1518;      // bytes; longer packets are dropped as bad
  // For a card that does not see the rings and is granted credits by its doorbell: the function's
  // number there, and a window for each owner.
  uint32_t function = 0;
  std::function<absl::StatusOr<std::unique_ptr<CsrWindow>>()> open_doorbell;
};

// A function of a card as a DPDK port: queue pairs for each owner, with their own packet pools.
// After Eal::Start. Opened and destroyed on a control thread, while no engine uses its ports.
class EthdevFunction {
 public:
  // Devargs of a function of farrier-card for Open.
  static std::string VirtioUser(const std::string& socket, size_t queues, uint16_t descriptors,
                                int index = 0);

  // kUnavailable if the card is not there.
  static absl::StatusOr<std::unique_ptr<EthdevFunction>> Open(const EthdevFunctionOptions& options);

  ~EthdevFunction();
  EthdevFunction(const EthdevFunction&) = delete;
  EthdevFunction& operator=(const EthdevFunction&) = delete;

  size_t size() const { return ports_.size(); }              // owners
  EthdevPort& port(size_t owner) { return *ports_[owner]; }  // by place in `owners`

 private:
  explicit EthdevFunction(uint16_t port) : port_(port) {}
  absl::Status Configure(const EthdevFunctionOptions& options);
  absl::StatusOr<rte_mempool*> MakePool(const EthdevFunctionOptions& options, uint32_t queue,
                                        const char* kind);

  const uint16_t port_;
  std::vector<std::unique_ptr<EthdevPort>> ports_;
  std::vector<rte_mempool*> pools_;
};

}  // namespace farrier::driver
