#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <bit>

#include "absl/strings/str_format.h"
#include "hw/driver/eal.h"
#include "hw/driver/ethdev_port.h"

namespace farrier::driver {
namespace {

// Beyond the rings: what an engine has in hand during a poll (64 received, 64 reserved) and the
// packets that wait for the device to give descriptors back.
constexpr uint32_t kSpareBuffers = 192;

// Descriptors that no credit is granted for: a driver fills them again some at a time.
constexpr uint32_t kUngranted = 128;

// No credits of a host that was there before.
absl::Status ResetCredits(CsrWindow& window, uint32_t function) {
  const uint32_t offset = regs::kRegFunctionControl(function);
  const auto now = window.Read(offset);
  if (!now.ok()) return now.status();
  auto control = regs::FunctionControl::Unpack(*now);
  control.reset_credits = 1;
  return window.Write(offset, control.Pack());
}

absl::Status DpdkError(const char* what, int error) {
  return absl::InternalError(absl::StrFormat("DPDK: %s: %s", what, rte_strerror(-error)));
}

}  // namespace

std::string EthdevFunction::VirtioUser(const std::string& socket, size_t queues,
                                       uint16_t descriptors, int index) {
  // A function has no MAC of its own, but DPDK complains of a device without one.
  return absl::StrFormat("virtio_user%d,path=%s,queues=%d,queue_size=%d,mac=02:fa:22:1e:20:00",
                         index, socket, queues, descriptors);
}

absl::StatusOr<std::unique_ptr<EthdevFunction>> EthdevFunction::Open(
    const EthdevFunctionOptions& options) {
  const size_t queues = options.owners.size() * options.queues_per_owner;
  if (queues == 0 || queues > regs::kMaxQueues) {
    return absl::InvalidArgumentError(
        absl::StrFormat("a function has 1 to %d queue pairs, not %d with %d for each of %d owners",
                        regs::kMaxQueues, queues, options.queues_per_owner, options.owners.size()));
  }
  if (options.descriptors < 64 || !std::has_single_bit(options.descriptors)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "a ring has a power of two of descriptors, at least 64, not %d", options.descriptors));
  }
  if (options.open_doorbell && options.descriptors <= kUngranted) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "a ring whose credits the doorbell grants has more than %d descriptors, not %d", kUngranted,
        options.descriptors));
  }
  if (options.max_frame < regs::kMinPacketBytes || options.max_frame > regs::kMaxPacketBytes) {
    return absl::InvalidArgumentError(absl::StrFormat("a card's frames have %d to %d bytes, not %d",
                                                      regs::kMinPacketBytes, regs::kMaxPacketBytes,
                                                      options.max_frame));
  }
  const auto port = AddPort(options.devargs);
  if (!port.ok()) return port.status();
  std::unique_ptr<EthdevFunction> function(new EthdevFunction(*port));
  if (auto status = function->Configure(options); !status.ok()) return status;
  return function;
}

absl::StatusOr<rte_mempool*> EthdevFunction::MakePool(const EthdevFunctionOptions& options,
                                                      uint32_t queue, const char* kind) {
  const uint32_t room = RTE_PKTMBUF_HEADROOM + regs::kPrefixBytes + options.max_frame;
  const uint32_t buffers = options.descriptors + kSpareBuffers;
  const std::string name = absl::StrFormat("p%d.%d.%s", port_, queue, kind);
  // No cache: engines run on threads of their own, and a pool that is counted exactly says
  // how many descriptors are in use.
  rte_mempool* pool = rte_pktmbuf_pool_create(name.c_str(), buffers, 0, 0, room, SOCKET_ID_ANY);
  if (pool == nullptr) {
    return absl::ResourceExhaustedError(absl::StrFormat("no memory for %d packets of %d bytes: %s",
                                                        buffers, room, rte_strerror(rte_errno)));
  }
  pools_.push_back(pool);
  return pool;
}

absl::Status EthdevFunction::Configure(const EthdevFunctionOptions& options) {
  const uint32_t each = options.queues_per_owner;
  const auto queues = static_cast<uint16_t>(options.owners.size() * each);
  rte_eth_conf conf = {};
  conf.intr_conf.rxq = 1;
  int error = rte_eth_dev_configure(port_, queues, queues, &conf);
  const bool events = error == 0;
  if (!events) {  // a device without Rx interrupts is polled
    conf.intr_conf.rxq = 0;
    error = rte_eth_dev_configure(port_, queues, queues, &conf);
  }
  if (error < 0) return DpdkError("rte_eth_dev_configure", error);

  rte_eth_dev_info info;
  rte_eth_dev_info_get(port_, &info);
  rte_eth_txconf txconf = info.default_txconf;
  txconf.tx_free_thresh = options.descriptors - 4;  // look for free descriptors at every send
  for (uint16_t queue = 0; queue < queues; ++queue) {
    const auto rx_pool = MakePool(options, queue, "rx");
    if (!rx_pool.ok()) return rx_pool.status();
    error =
        rte_eth_rx_queue_setup(port_, queue, options.descriptors, SOCKET_ID_ANY, nullptr, *rx_pool);
    if (error < 0) return DpdkError("rte_eth_rx_queue_setup", error);
    // Queue pairs come in pairs; an owner sends on its first.
    error = rte_eth_tx_queue_setup(port_, queue, options.descriptors, SOCKET_ID_ANY, &txconf);
    if (error < 0) return DpdkError("rte_eth_tx_queue_setup", error);
  }
  for (size_t i = 0; i < options.owners.size(); ++i) {
    const auto first = static_cast<uint16_t>(i * each);
    std::unique_ptr<EthdevPort> port(new EthdevPort(options.owners[i], port_, first, each));
    const auto tx_pool = MakePool(options, first, "tx");
    if (!tx_pool.ok()) return tx_pool.status();
    port->tx_pool_ = *tx_pool;
    port->tx_descriptors_ = options.descriptors;
    port->max_frame_ = options.max_frame;
    port->function_ = options.function;
    if (options.open_doorbell) {
      auto doorbell = options.open_doorbell();
      if (!doorbell.ok()) return doorbell.status();
      port->doorbell_ = *std::move(doorbell);
    }
    ports_.push_back(std::move(port));
  }
  if (options.open_doorbell) {
    auto status = ResetCredits(*ports_[0]->doorbell_, options.function);
    if (!status.ok()) return status;
  }
  error = rte_eth_dev_start(port_);
  if (error < 0) return DpdkError("rte_eth_dev_start", error);
  for (auto& port : ports_) {
    for (uint32_t queue = 0; options.open_doorbell && queue < each; ++queue) {
      port->Grant(queue, options.descriptors - kUngranted);
    }
    for (uint32_t queue = 0; events && queue < each; ++queue) {
      const uint16_t dpdk_queue = port->DpdkQueue(queue);
      const int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port_, dpdk_queue);
      if (fd < 0) break;  // there are none after all
      port->event_fds_.push_back(fd);
      rte_eth_dev_rx_intr_disable(port_, dpdk_queue);
    }
  }
  return absl::OkStatus();
}

EthdevFunction::~EthdevFunction() {
  ports_.clear();
  RemovePort(port_);
  for (rte_mempool* pool : pools_) rte_mempool_free(pool);
}

}  // namespace farrier::driver
