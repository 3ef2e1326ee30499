#pragma once

#include <Vfarrier_card.h>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "hw/rtl/test/axi_lite.h"
#include "hw/rtl/test/axi_stream.h"

namespace farrier::rtl {

// The whole card with a driver on each of its interfaces. Registers and memories begin with values
// that depend on the seed: nothing may depend on what has not been written.
class CardBench {
 public:
  static constexpr int kFunctions = 2;  // as Verilated

  struct ToHost {
    int function;
    int queue;
    Bytes bytes;
  };

  CardBench(uint32_t seed, uint64_t mac);
  ~CardBench() {
    card_->final();
    WriteCoverage(context_);
  }

  StreamSource& wire() { return wire_; }
  StreamSource& host(int function) { return hosts_[function]; }
  AxiLiteMaster<Vfarrier_card>& csr() { return csr_; }

  void Grant(int function, int queue, uint32_t count);
  void set_time(uint64_t ns) { card_->time_i = ns; }
  uint64_t time() const { return card_->time_i; }
  uint64_t wake() const { return card_->wake_o; }

  // How all sinks are ready from now on.
  void set_backpressure(Backpressure mode);
  void set_host_backpressure(Backpressure mode);  // of the functions' alone

  void Cycle();
  // A reset of one cycle in the middle of the streams, but not of a CSR access. What came out is
  // forgotten, and the card is not ready yet.
  void Reset();
  bool ready() const { return card_->ready_o; }
  // Until nothing is under way at this time; sinks that are never ready become so. False: the card
  // did not come to rest.
  bool Settle();

  // What came out since the last call.
  std::vector<ToHost> TakeHost() { return std::exchange(to_host_, {}); }
  std::vector<Bytes> TakeWire() { return std::exchange(to_wire_, {}); }

 private:
  struct Credit {
    uint8_t queue;
    uint16_t count;
  };

  void Drive();
  void Observe();

  VerilatedContext context_;
  std::unique_ptr<Vfarrier_card> card_;
  StreamSource wire_;
  std::array<StreamSource, kFunctions> hosts_;
  StreamSink to_wire_sink_;
  std::array<StreamSink, kFunctions> to_host_sinks_;
  AxiLiteMaster<Vfarrier_card> csr_;
  std::deque<Credit> grants_;
  std::vector<ToHost> to_host_;
  std::vector<Bytes> to_wire_;
};

}  // namespace farrier::rtl
