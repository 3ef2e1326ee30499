#pragma once

#include <Vbox_250mhz.h>
#include <gtest/gtest.h>
#include <verilated.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "hw/regs/registers.h"

namespace farrier::shell {

using Bytes = std::vector<uint8_t>;

inline constexpr size_t kBeatBytes = 64;
inline constexpr int kPhysFunctions = 3;  // A, B, management
inline constexpr int kManagement = 2;
inline constexpr int kMacPorts = 2;

inline size_t BeatsOf(size_t bytes) { return (bytes + kBeatBytes - 1) / kBeatBytes; }
inline uint64_t KeepOf(size_t left) {
  return left >= kBeatBytes ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
}

// A port or lane `index` of a flat vector, whatever type Verilator gave it.
template <typename Port>
void PutLane(Port& port, size_t width, size_t index, uint64_t value) {
  if constexpr (requires { port.data(); }) {
    for (size_t bit = 0; bit < width; ++bit) {
      auto& word = port.data()[(width * index + bit) / 32];
      const uint32_t mask = 1u << (width * index + bit) % 32;
      word = (value >> bit & 1) != 0 ? word | mask : word & ~mask;
    }
  } else {
    const uint64_t mask = KeepOf(width) << width * index;
    port = static_cast<Port>((port & ~mask) | (value << width * index & mask));
  }
}

template <typename Port>
uint64_t GetLane(const Port& port, size_t width, size_t index) {
  if constexpr (requires { port.data(); }) {
    uint64_t value = 0;
    for (size_t bit = 0; bit < width; ++bit) {
      const size_t at = width * index + bit;
      value |= uint64_t{port.data()[at / 32] >> at % 32 & 1} << bit;
    }
    return value;
  } else {
    return static_cast<uint64_t>(port) >> width * index & KeepOf(width);
  }
}

// A packet as it left the box.
struct Taken {
  Bytes bytes;
  uint32_t src = 0;
  uint32_t dst = 0;
};

// Checks the rules of a lane out of the box, beat by beat, and collects its packets.
class OutLane {
 public:
  void Observe(bool valid, const uint32_t* data, uint64_t keep, bool last, uint32_t size,
               uint32_t src, uint32_t dst, bool ready) {
    if (!valid) {
      EXPECT_FALSE(inside_) << "a bubble within a packet";
      EXPECT_FALSE(last) << "tlast without tvalid";
      EXPECT_TRUE(std::all_of(data, data + 16, [](uint32_t word) { return word == 0; }))
          << "tdata without tvalid";
      return;
    }
    if (!inside_) {
      packet_ = {.src = src, .dst = dst};
      size_ = size;
    }
    EXPECT_EQ(size, size_) << "tuser_size changed within a packet";
    inside_ = true;
    if (!ready) return;
    const auto count = static_cast<size_t>(std::popcount(keep));
    EXPECT_EQ(keep, KeepOf(count));
    EXPECT_TRUE(last || count == kBeatBytes);
    const auto* bytes = reinterpret_cast<const uint8_t*>(data);
    packet_.bytes.insert(packet_.bytes.end(), bytes, bytes + count);
    if (!last) return;
    EXPECT_EQ(packet_.bytes.size(), size_) << "tuser_size is not what tkeep says";
    packets.push_back(std::move(packet_));
    inside_ = false;
  }

  bool inside() const { return inside_; }

  std::vector<Taken> packets;

 private:
  bool inside_ = false;
  uint32_t size_ = 0;
  Taken packet_;
};

// A lane into the box: packets that wait, one beat per cycle.
struct InLane {
  std::deque<Bytes> packets;
  size_t offset = 0;
  bool paused = false;
};

// The box with the shell around it played by the test. axil rises with every other rise of axis.
class Box {
 public:
  Box() : box_(std::make_unique<Vbox_250mhz>(&context_)) {
    box_->mod_rstn = 0xFFFF;
    box_->m_axis_qdma_c2h_tready = (1 << kPhysFunctions) - 1;
    box_->m_axis_adap_tx_250mhz_tready = (1 << kMacPorts) - 1;
    box_->s_axil_bready = box_->s_axil_rready = 1;
    Reset();
    while (!reset_done()) Tick();
  }
  ~Box() { box_->final(); }

  Vbox_250mhz* operator->() { return box_.get(); }

  // The shell's pulse, one axil cycle long.
  void Reset() {
    ToAxil();
    box_->mod_rstn = 0xFFFE;
    Tick(), Tick();
    box_->mod_rstn = 0xFFFF;
  }
  bool reset_done() const { return box_->mod_rst_done == 0xFFFF; }

  // One cycle of axis: lanes driven and observed before the edge.
  void Tick() {
    DriveAll();
    box_->axis_aclk = 0;
    if (cycle_ % 2 == 1) box_->axil_aclk = 0;
    box_->eval();
    ObserveAll();
    box_->axis_aclk = 1;
    if (cycle_ % 2 == 0) box_->axil_aclk = 1;
    box_->eval();
    ++cycle_;
  }
  void Run(int cycles) {
    while (cycles-- > 0) Tick();
  }
  uint64_t cycle() const { return cycle_; }

  uint32_t Read(uint32_t offset) {
    ToAxil();
    box_->s_axil_arvalid = 1;
    box_->s_axil_araddr = offset;
    Until([&] { return box_->s_axil_arready; });
    box_->s_axil_arvalid = 0;
    uint32_t value = 0;
    Until([&] {
      value = box_->s_axil_rdata;
      return box_->s_axil_rvalid;
    });
    EXPECT_EQ(box_->s_axil_rresp, 0);
    return value;
  }

  // Address and data are offered `address_first` axil cycles apart.
  void Write(uint32_t offset, uint32_t value, int address_first = 0) {
    ToAxil();
    box_->s_axil_awaddr = offset;
    box_->s_axil_wdata = value;
    box_->s_axil_awvalid = address_first >= 0;
    box_->s_axil_wvalid = address_first <= 0;
    bool answered = false;
    for (int axil = 0; !answered && axil < 20'000; ++axil) {
      if (axil == std::abs(address_first)) {
        if (address_first > 0) box_->s_axil_wvalid = 1;
        if (address_first < 0) box_->s_axil_awvalid = 1;
      }
      box_->eval();
      const bool address = box_->s_axil_awvalid && box_->s_axil_awready;
      const bool data = box_->s_axil_wvalid && box_->s_axil_wready;
      answered = box_->s_axil_bvalid;
      Tick(), Tick();
      if (address) box_->s_axil_awvalid = 0;
      if (data) box_->s_axil_wvalid = 0;
    }
    EXPECT_TRUE(answered) << "a write is not answered";
  }

  // Into the box.
  std::array<InLane, kMacPorts> rx;
  std::array<InLane, kPhysFunctions> h2c;
  // Out of it.
  std::array<OutLane, kMacPorts> tx;
  std::array<OutLane, kPhysFunctions> c2h;

 private:
  // To just before a rise of axil.
  void ToAxil() {
    if (cycle_ % 2 == 1) Tick();
  }

  // Axil cycles until the condition held at a rise.
  template <typename Condition>
  void Until(Condition condition) {
    for (int axil = 0; axil < 20'000; ++axil) {
      box_->eval();
      const bool held = condition();
      Tick(), Tick();
      if (held) return;
    }
    ADD_FAILURE() << "the registers do not answer";
  }

  template <typename Valid, typename Data, typename Keep, typename Last, typename Size>
  static void Drive(const InLane& lane, int index, Valid& valid, Data& data, Keep& keep, Last& last,
                    Size& size) {
    const bool busy = !lane.packets.empty() && !lane.paused;
    PutLane(valid, 1, index, busy);
    if (!busy) return;
    const Bytes& packet = lane.packets.front();
    const size_t count = std::min(kBeatBytes, packet.size() - lane.offset);
    std::array<uint8_t, kBeatBytes> beat{};
    std::memcpy(beat.data(), packet.data() + lane.offset, count);
    std::memcpy(data.data() + 16 * index, beat.data(), kBeatBytes);
    PutLane(keep, 64, index, KeepOf(count));
    PutLane(last, 1, index, lane.offset + count == packet.size());
    PutLane(size, 16, index, packet.size());
  }

  static void Advance(InLane& lane, bool ready) {
    if (lane.packets.empty() || lane.paused || !ready) return;
    lane.offset += kBeatBytes;
    if (lane.offset < lane.packets.front().size()) return;
    lane.packets.pop_front();
    lane.offset = 0;
  }

  void DriveAll() {
    for (int m = 0; m < kMacPorts; ++m) {
      Drive(rx[m], m, box_->s_axis_adap_rx_250mhz_tvalid, box_->s_axis_adap_rx_250mhz_tdata,
            box_->s_axis_adap_rx_250mhz_tkeep, box_->s_axis_adap_rx_250mhz_tlast,
            box_->s_axis_adap_rx_250mhz_tuser_size);
    }
    for (int f = 0; f < kPhysFunctions; ++f) {
      Drive(h2c[f], f, box_->s_axis_qdma_h2c_tvalid, box_->s_axis_qdma_h2c_tdata,
            box_->s_axis_qdma_h2c_tkeep, box_->s_axis_qdma_h2c_tlast,
            box_->s_axis_qdma_h2c_tuser_size);
    }
  }

  void ObserveAll() {
    for (int f = 0; f < kPhysFunctions; ++f) {
      c2h[f].Observe(
          GetLane(box_->m_axis_qdma_c2h_tvalid, 1, f), box_->m_axis_qdma_c2h_tdata.data() + 16 * f,
          GetLane(box_->m_axis_qdma_c2h_tkeep, 64, f), GetLane(box_->m_axis_qdma_c2h_tlast, 1, f),
          GetLane(box_->m_axis_qdma_c2h_tuser_size, 16, f),
          GetLane(box_->m_axis_qdma_c2h_tuser_src, 16, f),
          GetLane(box_->m_axis_qdma_c2h_tuser_dst, 16, f),
          GetLane(box_->m_axis_qdma_c2h_tready, 1, f));
      Advance(h2c[f], GetLane(box_->s_axis_qdma_h2c_tready, 1, f));
    }
    for (int m = 0; m < kMacPorts; ++m) {
      tx[m].Observe(GetLane(box_->m_axis_adap_tx_250mhz_tvalid, 1, m),
                    box_->m_axis_adap_tx_250mhz_tdata.data() + 16 * m,
                    GetLane(box_->m_axis_adap_tx_250mhz_tkeep, 64, m),
                    GetLane(box_->m_axis_adap_tx_250mhz_tlast, 1, m),
                    GetLane(box_->m_axis_adap_tx_250mhz_tuser_size, 16, m),
                    GetLane(box_->m_axis_adap_tx_250mhz_tuser_src, 16, m),
                    GetLane(box_->m_axis_adap_tx_250mhz_tuser_dst, 16, m),
                    GetLane(box_->m_axis_adap_tx_250mhz_tready, 1, m));
      EXPECT_EQ(GetLane(box_->s_axis_adap_rx_250mhz_tready, 1, m), 1u) << "the wire was stalled";
      Advance(rx[m], true);
    }
  }

  VerilatedContext context_;
  std::unique_ptr<Vbox_250mhz> box_;
  uint64_t cycle_ = 0;
};

}  // namespace farrier::shell
