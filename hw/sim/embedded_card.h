#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "hw/driver/csr_window.h"
#include "hw/model/functional_card.h"
#include "hw/regs/registers.h"
#include "hw/sim/embedded_port.h"
#include "hw/sim/wire.h"

namespace farrier::sim {

// A card inside this process: the functional model with a DPDK port as its wire, on a thread of its
// own, which sleeps when there is nothing to do. It has one function, as the second would be a
// successor's. It ends with the process, and all that it holds with it.
class EmbeddedCard final : public model::CardSink {
 public:
  // `wire`: devargs of a DPDK port; `mac`: its address. After Eal::Start. kUnavailable, with the
  // port's name, if DPDK has no such port.
  static absl::StatusOr<std::unique_ptr<EmbeddedCard>> Open(const std::string& wire,
                                                            const std::array<uint8_t, 6>& mac);
  // No engine uses a port any more. Windows stay, and say that the card is gone.
  ~EmbeddedCard() override;

  // A port on queue pairs that no other has; it lasts as long as the card.
  EmbeddedPort& AddPort(const EmbeddedPortOptions& options);

  // A window for any one thread, which waits for the card's thread.
  std::unique_ptr<driver::CsrWindow> OpenCsr() const;

 private:
  class Requests;
  class Window;

  explicit EmbeddedCard(const std::array<uint8_t, 6>& mac);

  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override;
  void ToWire(std::span<const uint8_t> frame) override;

  // One round of work; false: there was none.
  bool Work(int64_t now_ns);
  void Sleep(int64_t longest_ns);
  // Any thread; does not block.
  void Wake();

  const std::shared_ptr<Requests> requests_;
  const int wake_fd_;
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stop_{false};

  // The card's thread's.
  model::FunctionalCard card_;
  std::unique_ptr<Wire> wire_;
  std::vector<std::unique_ptr<EmbeddedPort>> ports_;
  std::array<EmbeddedPort*, regs::kMaxQueues> port_of_queue_{};

  std::thread thread_;
};

}  // namespace farrier::sim
