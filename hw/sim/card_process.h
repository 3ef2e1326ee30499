#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hw/sim/backend.h"
#include "hw/sim/capture_card.h"
#include "hw/sim/csr_server.h"
#include "hw/sim/fault_injector.h"
#include "hw/sim/vhost_function.h"
#include "hw/sim/wire.h"

namespace farrier::sim {

struct CardProcessOptions {
  std::string backend = "model";
  std::filesystem::path directory;  // of the sockets; made if it is not there
  WireOptions wire;
  std::string pcap;  // file for everything that comes in and goes out; empty: none
  TraceOptions trace;
  std::set<int> raw;  // functions without prefix
  std::array<uint8_t, 6> mac = {0x02, 0xFA, 0x22, 0x1E, 0x20, 0x01};
};

// A card with everything around it that is on the board: host functions, CSR window, wire, clock
// (CLOCK_MONOTONIC). After Eal::Start. One thread, which sleeps when there is nothing to do.
class CardProcess final : public model::CardSink {
 public:
  static absl::StatusOr<std::unique_ptr<CardProcess>> Open(const CardProcessOptions& options);
  // Removes the sockets, and the directory if this made it and nothing else is in it.
  ~CardProcess() override;

  // Works until `stop`.
  void Run(const std::atomic<bool>& stop);

  // What happened so far, as JSON.
  std::string Report();

 private:
  CardProcess() = default;
  absl::Status SetUp(const CardProcessOptions& options);
  absl::Status MakeCard(const CardProcessOptions& options);

  void ToHost(int function, int queue, std::span<const uint8_t> bytes) override;
  void ToWire(std::span<const uint8_t> frame) override;

  // An owner is attached to a queue with buffers.
  bool SomebodyReceives();
  // One round of work; false: there was none.
  bool Work(int64_t now_ns);
  // Until something comes in, the card wants a step, or `longest_ns` is over.
  void Sleep(int64_t longest_ns);

  std::string backend_name_;
  std::filesystem::path directory_;
  bool made_directory_ = false;
  bool playing_ = false;  // somebody has come for what a wire from a file has
  int64_t next_audience_ns_ = 0;
  int epoll_fd_ = -1;
  Backend backend_;
  CaptureCard* capture_ = nullptr;  // if there is one, it is the backend's card
  std::vector<std::unique_ptr<VhostFunction>> functions_;
  std::unique_ptr<CsrServer> csr_;
  std::unique_ptr<Wire> wire_;
  int64_t next_csr_ns_ = 0;
  int64_t started_ns_ = 0;
  uint64_t csr_requests_ = 0;
};

}  // namespace farrier::sim
