#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>

#include "hw/rtl/test/bench.h"

namespace farrier::rtl {

// An AXI-Lite master that does all that AXI allows: reads and writes at once, a write's data before
// or after its address, answers not taken at once. Noise on every wire whose valid is 0. Reads are
// done in their order, writes in theirs. Checks that answers are OKAY and stay until they are
// taken.
template <typename Module>
class AxiLiteMaster {
 public:
  using Done = std::function<void(uint32_t value)>;

  explicit AxiLiteMaster(uint32_t seed) : random_(seed) {}

  void Write(uint32_t address, uint32_t value) { writes_.push_back({address, value}); }
  void Read(uint32_t address, Done done) { reads_.push_back({address, std::move(done)}); }
  bool idle() const { return writes_.empty() && reads_.empty(); }

  // Before a cycle.
  void Drive(Module& card) {
    if (!writes_.empty() && !write_begun_) {
      write_begun_ = true;
      address_wait_ = Pause();
      data_wait_ = Pause();
      address_left_ = data_left_ = true;
    }
    card.awvalid_i = write_begun_ && address_left_ && address_wait_ == 0;
    card.wvalid_i = write_begun_ && data_left_ && data_wait_ == 0;
    card.awaddr_i = card.awvalid_i ? writes_.front().address : Noise();
    card.wdata_i = card.wvalid_i ? writes_.front().value : Noise();
    if (address_wait_ > 0) --address_wait_;
    if (data_wait_ > 0) --data_wait_;

    if (!reads_.empty() && !read_begun_) {
      read_begun_ = true;
      read_wait_ = Pause();
      read_left_ = true;
    }
    card.arvalid_i = read_begun_ && read_left_ && read_wait_ == 0;
    card.araddr_i = card.arvalid_i ? reads_.front().address : Noise();
    if (read_wait_ > 0) --read_wait_;
    card.bready_i = random_.Chance(60);
    card.rready_i = random_.Chance(60);
  }

  // Before the clock edge, outputs settled.
  void Observe(const Module& card) {
    if (card.awvalid_i && card.awready_o) address_left_ = false;
    if (card.wvalid_i && card.wready_o) data_left_ = false;
    if (card.arvalid_i && card.arready_o) read_left_ = false;
    EXPECT_TRUE(!b_held_ || card.bvalid_o) << "an answer was withdrawn";
    EXPECT_TRUE(!r_held_ || (card.rvalid_o && card.rdata_o == held_)) << "an answer changed";
    b_held_ = card.bvalid_o && !card.bready_i;
    r_held_ = card.rvalid_o && !card.rready_i;
    held_ = card.rdata_o;
    if (card.bvalid_o && card.bready_i) {
      ASSERT_TRUE(write_begun_ && !address_left_ && !data_left_) << "an answer to no write";
      EXPECT_EQ(card.bresp_o, 0);
      writes_.pop_front();
      write_begun_ = false;
    }
    if (card.rvalid_o && card.rready_i) {
      ASSERT_TRUE(read_begun_ && !read_left_) << "an answer to no read";
      EXPECT_EQ(card.rresp_o, 0);
      const Done done = std::move(reads_.front().done);
      reads_.pop_front();
      read_begun_ = false;
      if (done) done(card.rdata_o);
    }
  }

 private:
  struct WriteAccess {
    uint32_t address;
    uint32_t value;
  };
  struct ReadAccess {
    uint32_t address;
    Done done;
  };

  uint32_t Pause() { return random_.Chance(50) ? 0 : static_cast<uint32_t>(random_.Below(8)); }
  uint32_t Noise() { return static_cast<uint32_t>(random_.Next()); }

  Random random_;
  std::deque<WriteAccess> writes_;
  std::deque<ReadAccess> reads_;
  bool write_begun_ = false;
  bool read_begun_ = false;
  bool address_left_ = false;
  bool data_left_ = false;
  bool read_left_ = false;
  uint32_t address_wait_ = 0;
  uint32_t data_wait_ = 0;
  uint32_t read_wait_ = 0;
  bool b_held_ = false;
  bool r_held_ = false;
  uint32_t held_ = 0;
};

}  // namespace farrier::rtl
