#include "hw/sim/vhost_function.h"

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <map>

#include "absl/strings/str_format.h"

namespace farrier::sim {
namespace {

constexpr uint16_t kBurst = 32;
constexpr uint32_t kBuffers = 2048;
// A packet that is too long must still be seen as such; longer ones come as chains.
constexpr uint32_t kBufferBytes =
    RTE_PKTMBUF_HEADROOM + regs::kPrefixBytes + regs::kMaxPacketBytes + 128;

// Virtio's numbering: queue pair q has the host's RX ring 2q and its TX ring 2q + 1.
uint16_t ToHostRing(size_t queue) { return static_cast<uint16_t>(2 * queue); }
uint16_t FromHostRing(size_t queue) { return static_cast<uint16_t>(2 * queue + 1); }

// Feature bits of virtio 1.2 (sections 5.1.3 and 6) that hosts are not offered: checksums and
// segmentation are the card's business or nobody's; event indices and packed rings would only make
// credits harder to count. (The kernel's headers for these do not compile as C++.)
constexpr uint64_t kRefusedFeatures = 1ull << 0 |     // NET_F_CSUM
                                      1ull << 1 |     // NET_F_GUEST_CSUM
                                      0xFull << 7 |   // NET_F_GUEST_TSO4, _TSO6, _ECN, _UFO
                                      0xFull << 11 |  // NET_F_HOST_TSO4, _TSO6, _ECN, _UFO
                                      1ull << 21 |    // NET_F_GUEST_ANNOUNCE
                                      1ull << 29 |    // F_EVENT_IDX
                                      1ull << 34;     // F_RING_PACKED

// DPDK's callbacks know a device by its number, and that by its socket.
std::mutex registry_mutex;
std::map<std::string, VhostFunction*>& Registry() {
  static auto& registry = *new std::map<std::string, VhostFunction*>;
  return registry;
}

VhostFunction* FunctionOf(int device) {
  char path[PATH_MAX];
  if (rte_vhost_get_ifname(device, path, sizeof(path)) < 0) return nullptr;
  std::lock_guard lock(registry_mutex);
  const auto it = Registry().find(path);
  return it == Registry().end() ? nullptr : it->second;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VhostFunction>> VhostFunction::Open(const std::string& path,
                                                                   int function, int epoll_fd) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("vhost-user socket %s: the path is longer than %d characters", path,
                        sizeof(sockaddr_un::sun_path) - 1));
  }
  std::unique_ptr<VhostFunction> opened(new VhostFunction(path, function, epoll_fd));
  if (auto status = opened->Start(); !status.ok()) return status;
  return opened;
}

VhostFunction::VhostFunction(std::string path, int function, int epoll_fd)
    : path_(std::move(path)), function_(function), epoll_fd_(epoll_fd) {}

absl::Status VhostFunction::Start() {
  const auto failed = [&](const char* what) {
    return absl::UnavailableError(
        absl::StrFormat("vhost-user socket %s: %s: %s", path_, what, strerror(errno)));
  };
  pool_ = rte_pktmbuf_pool_create(absl::StrFormat("function%d", function_).c_str(), kBuffers, 0, 0,
                                  kBufferBytes, SOCKET_ID_ANY);
  if (pool_ == nullptr) return failed("packet pool");
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {}};
  if (wake_fd_ < 0 || epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) < 0) {
    return failed("eventfd");
  }
  unlink(path_.c_str());  // the caller has made sure that no card is alive in this directory
  if (rte_vhost_driver_register(path_.c_str(), RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS) < 0) {
    return failed("cannot be created");
  }
  started_ = true;
  {
    std::lock_guard lock(registry_mutex);
    Registry()[path_] = this;
  }
  static const rte_vhost_device_ops kOps = {
      .new_device = NewDevice,
      .destroy_device = DestroyDevice,
      .vring_state_changed = RingStateChanged,
  };
  if (rte_vhost_driver_disable_features(path_.c_str(), kRefusedFeatures) < 0 ||
      rte_vhost_driver_callback_register(path_.c_str(), &kOps) < 0 ||
      rte_vhost_driver_start(path_.c_str()) < 0) {
    return failed("cannot be served");
  }
  return absl::OkStatus();
}

VhostFunction::~VhostFunction() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  seen_changed_.notify_all();
  CloseQueues();
  if (started_) rte_vhost_driver_unregister(path_.c_str());
  {
    std::lock_guard lock(registry_mutex);
    Registry().erase(path_);
  }
  if (started_) unlink(path_.c_str());
  if (wake_fd_ >= 0) close(wake_fd_);
  rte_mempool_free(pool_);
}

int VhostFunction::NewDevice(int device) {
  VhostFunction* function = FunctionOf(device);
  if (function == nullptr) return -1;
  std::lock_guard lock(function->mutex_);
  function->devices_.push_back(device);
  function->Changed();
  return 0;
}

void VhostFunction::DestroyDevice(int device) {
  VhostFunction* function = FunctionOf(device);
  if (function == nullptr) return;
  std::unique_lock lock(function->mutex_);
  std::erase(function->devices_, device);
  function->Changed();
  // After this the rings' memory goes away.
  const uint32_t change = function->changes_;
  function->seen_changed_.wait(lock, [&] {
    return function->closing_ || static_cast<int32_t>(function->seen_ - change) >= 0;
  });
}

int VhostFunction::RingStateChanged(int device, uint16_t, int) {
  // The vhost thread holds the rings' locks here: it must not wait for the card's thread.
  if (VhostFunction* function = FunctionOf(device)) function->Changed();
  return 0;
}

void VhostFunction::Changed() {
  changes_.fetch_add(1);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void VhostFunction::Refresh(model::Card& card) {
  if (changes_.load(std::memory_order_relaxed) == seen_) return;
  std::lock_guard lock(mutex_);
  const uint32_t change = changes_.load();
  const int device = devices_.empty() ? -1 : devices_.back();
  if (device != device_) {
    CloseQueues();
    device_ = device;
    if (device_ >= 0) ++counters_.hosts;
  }
  // Rings may have been added, stopped, or replaced.
  for (Queue& queue : queues_) queue.credits = 0;
  auto control = regs::FunctionControl::Unpack(card.ReadCsr(regs::kRegFunctionControl(function_)));
  control.reset_credits = 1;
  card.WriteCsr(regs::kRegFunctionControl(function_), control.Pack());
  OpenQueues();
  seen_ = change;
  seen_changed_.notify_all();
}

void VhostFunction::OpenQueues() {
  const size_t rings = device_ < 0 ? 0 : rte_vhost_get_vring_num(device_);
  open_queues_ = std::min(rings / 2, queues_.size());
  for (size_t q = 0; q < queues_.size(); ++q) {
    Queue& queue = queues_[q];
    if (queue.kick_fd >= 0) {
      epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, queue.kick_fd, nullptr);
      close(queue.kick_fd);
      queue.kick_fd = -1;
    }
    queue.ring_size = 0;
    if (q >= open_queues_) continue;
    rte_vhost_vring ring;
    if (rte_vhost_get_vhost_vring(device_, ToHostRing(q), &ring) == 0) queue.ring_size = ring.size;
    if (rte_vhost_get_vhost_vring(device_, FromHostRing(q), &ring) < 0 || ring.kickfd < 0) continue;
    queue.kick_fd = dup(ring.kickfd);
    // Edge-triggered: it is never read, for the host may pass what it likes as its kick fd.
    epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {}};
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, queue.kick_fd, &event);
  }
}

void VhostFunction::CloseQueues() {
  for (Queue& queue : queues_) {
    counters_.lost_to_dead_host += queue.out.size();
    rte_pktmbuf_free_bulk(queue.out.data(), queue.out.size());
    rte_pktmbuf_free_bulk(queue.in.data(), queue.in.size());
    queue.out.clear();
    queue.in.clear();
  }
  device_ = -1;
  OpenQueues();
}

void VhostFunction::GrantCredits(model::Card& card) {
  for (size_t q = 0; q < open_queues_; ++q) {
    Queue& queue = queues_[q];
    if (!queue.out.empty()) continue;  // they come first
    const uint32_t free =
        std::min<uint32_t>(rte_vhost_avail_entries(device_, ToHostRing(q)), queue.ring_size);
    if (free <= queue.credits) continue;
    card.GrantCredits(function_, static_cast<int>(q), free - queue.credits);
    queue.credits = free;
  }
}

size_t VhostFunction::Receive(model::Card& card) {
  size_t n = 0;
  for (size_t q = 0; q < open_queues_; ++q) {
    if (kicks_armed_) rte_vhost_enable_guest_notification(device_, FromHostRing(q), 0);
    Queue& queue = queues_[q];
    if (queue.in.empty()) {
      queue.in.resize(kBurst);
      queue.in.resize(
          rte_vhost_dequeue_burst(device_, FromHostRing(q), pool_, queue.in.data(), kBurst));
    }
    size_t taken = 0;
    while (taken < queue.in.size() && OfferIn(queue, taken, card)) ++taken;
    rte_pktmbuf_free_bulk(queue.in.data(), taken);
    queue.in.erase(queue.in.begin(), queue.in.begin() + taken);
    n += taken;
  }
  kicks_armed_ = false;
  counters_.from_host += n;
  return n;
}

bool VhostFunction::OfferIn(Queue& queue, size_t index, model::Card& card) {
  const rte_mbuf* mbuf = queue.in[index];
  std::span<const uint8_t> bytes(rte_pktmbuf_mtod(mbuf, const uint8_t*), mbuf->data_len);
  if (mbuf->nb_segs > 1) {
    linear_.resize(mbuf->pkt_len);
    size_t at = 0;
    for (const rte_mbuf* part = mbuf; part != nullptr; part = part->next) {
      std::memcpy(linear_.data() + at, rte_pktmbuf_mtod(part, const uint8_t*), part->data_len);
      at += part->data_len;
    }
    bytes = linear_;
  }
  return card.FromHost(function_, static_cast<int>(&queue - queues_.data()), bytes);
}

void VhostFunction::Send(int queue_number, std::span<const uint8_t> bytes) {
  Queue& queue = queues_[queue_number];
  if (queue.credits > 0) --queue.credits;
  if (static_cast<size_t>(queue_number) >= open_queues_) {
    ++counters_.lost_to_dead_host;
    return;
  }
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  char* room = mbuf == nullptr ? nullptr : rte_pktmbuf_append(mbuf, bytes.size());
  if (room == nullptr) {
    rte_pktmbuf_free(mbuf);
    ++counters_.lost_no_memory;
    return;
  }
  std::memcpy(room, bytes.data(), bytes.size());
  queue.out.push_back(mbuf);
}

void VhostFunction::Flush() {
  for (size_t q = 0; q < open_queues_; ++q) {
    Queue& queue = queues_[q];
    size_t sent = 0;
    while (sent < queue.out.size()) {
      const auto wanted = static_cast<uint16_t>(std::min<size_t>(queue.out.size() - sent, kBurst));
      const uint16_t n =
          rte_vhost_enqueue_burst(device_, ToHostRing(q), queue.out.data() + sent, wanted);
      rte_pktmbuf_free_bulk(queue.out.data() + sent, n);
      sent += n;
      if (n < wanted) break;  // small buffers: a packet took more than one; the rest waits
    }
    queue.out.erase(queue.out.begin(), queue.out.begin() + sent);
    counters_.to_host += sent;
  }
}

bool VhostFunction::ArmKicks() {
  kicks_armed_ = true;
  bool idle = true;
  for (size_t q = 0; q < open_queues_; ++q) {
    rte_vhost_enable_guest_notification(device_, FromHostRing(q), 1);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (size_t q = 0; q < open_queues_; ++q) {
    // A packet that the card refused is not a reason to stay awake: the card's own event is.
    if (queues_[q].in.empty() && rte_vhost_rx_queue_count(device_, FromHostRing(q)) > 0) {
      idle = false;
    }
  }
  return idle;
}

}  // namespace farrier::sim
