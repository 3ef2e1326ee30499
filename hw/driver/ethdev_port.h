#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hw/driver/owner_port.h"

struct rte_mbuf;
struct rte_mempool;

namespace farrier::driver {

// An OwnerPort on one queue pair of a DPDK port. Made by EthdevFunction.
class EthdevPort final : public OwnerPort {
 public:
  ~EthdevPort() override;

  size_t RxBurst(std::span<runtime::Packet> out) override;
  void Release(std::span<runtime::Packet> packets) override;
  size_t Reserve(std::span<runtime::Packet> out) override;
  void Commit(std::span<runtime::Packet> packets) override;
  int RxEventFd() const override { return event_fd_; }
  bool ArmRxEvent() override;

 private:
  friend class EthdevFunction;
  static constexpr size_t kBurst = 64;

  EthdevPort(runtime::OwnerId owner, uint16_t port, uint16_t queue)
      : OwnerPort(owner), port_(port), queue_(queue) {}

  // Hands the packets in waiting_ to the device, as many as it takes.
  void Flush();
  void Disarm();

  const uint16_t port_;
  const uint16_t queue_;
  uint16_t tx_descriptors_ = 0;
  uint32_t max_frame_ = 0;
  rte_mempool* rx_pool_ = nullptr;
  rte_mempool* tx_pool_ = nullptr;
  int event_fd_ = -1;
  bool armed_ = false;
  // Received while the event was being armed, and still to be returned by RxBurst.
  std::array<rte_mbuf*, kBurst> early_;
  size_t early_begin_ = 0;
  size_t early_end_ = 0;
  std::vector<rte_mbuf*> waiting_;  // committed, the device had no descriptor
};

struct EthdevFunctionOptions {
  // DPDK's name and arguments of the port, without the number of queues, e.g.
  // "virtio_user0,path=/run/farrier/card1/function0.sock,queue_size=512,queues=2".
  std::string devargs;
  std::vector<runtime::OwnerId> owners;  // queue pair i belongs to owners[i]
  uint16_t descriptors = 512;            // per ring; a power of two
  uint32_t max_frame = 1518;             // bytes; longer packets are dropped as bad
};

// A function of a card as a DPDK port: a queue pair per owner, each with its own packet pools.
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

  size_t size() const { return ports_.size(); }
  EthdevPort& port(size_t queue) { return *ports_[queue]; }

 private:
  explicit EthdevFunction(uint16_t port) : port_(port) {}
  absl::Status Configure(const EthdevFunctionOptions& options);

  const uint16_t port_;
  std::vector<std::unique_ptr<EthdevPort>> ports_;
  std::vector<rte_mempool*> pools_;
};

}  // namespace farrier::driver
