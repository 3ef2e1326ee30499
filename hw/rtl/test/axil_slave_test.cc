#include <Vaxil_slave.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "hw/rtl/test/bench.h"

namespace farrier::rtl {
namespace {

// Whoever answers the slave's requests: a word per address, some cycles later.
uint32_t Content(uint32_t address) { return address * 2654435761u + 1; }

class AxilSlaveTest : public SeededTest {
 protected:
  struct Request {
    bool write;
    uint32_t address;
    uint32_t data;
    bool operator==(const Request&) const = default;
  };

  // One clock, with the request side played. What was asked is kept in asked_.
  void Tick(Random& random) {
    slave_.Settle();
    slave_->done_i = 0;
    if (slave_->request_o) {
      const Request now = {slave_->write_o != 0, slave_->address_o, slave_->data_o};
      if (!current_) {
        current_ = now;
        wait_ = static_cast<int>(random.Below(6));
      } else {
        ASSERT_EQ(now.write, current_->write);
        ASSERT_EQ(now.address, current_->address) << "changed before it was answered";
        if (wait_-- == 0) {
          slave_->done_i = 1;
          slave_->data_i = Content(now.address);
          asked_.push_back({now.write, now.address, now.write ? now.data : 0});
          current_.reset();
        }
      }
    }
    slave_.Tick();
  }

  Bench<Vaxil_slave> slave_;
  std::optional<Request> current_;
  std::vector<Request> asked_;
  int wait_ = 0;
};

TEST_P(AxilSlaveTest, WritesAndReadsArriveOnceWhateverTheTiming) {
  Random random(GetParam());
  for (int round = 0; round < 500; ++round) {
    const Request write = {true, static_cast<uint32_t>(random.Next()),
                           static_cast<uint32_t>(random.Next())};
    const Request read = {false, static_cast<uint32_t>(random.Next()), 0};
    const uint64_t which = 1 + random.Below(3);  // a write, a read, or both at once
    bool write_address_due = which & 1, data_due = which & 1, write_answer_due = which & 1;
    bool read_address_due = which & 2, read_answer_due = which & 2;
    asked_.clear();
    for (int cycle = 0; write_answer_due || read_answer_due; ++cycle) {
      ASSERT_LT(cycle, 1000) << "no answer";
      // A valid stays until it is taken; address and data come in any order.
      slave_->awvalid_i = write_address_due && (slave_->awvalid_i || random.Chance(40));
      slave_->wvalid_i = data_due && (slave_->wvalid_i || random.Chance(40));
      slave_->arvalid_i = read_address_due && (slave_->arvalid_i || random.Chance(40));
      slave_->awaddr_i = write.address;
      slave_->wdata_i = write.data;
      slave_->araddr_i = read.address;
      slave_->bready_i = random.Chance(50);
      slave_->rready_i = random.Chance(50);
      slave_.Settle();
      if (slave_->bvalid_o) {
        ASSERT_TRUE(write_answer_due);
        ASSERT_EQ(std::ranges::count(asked_, write), 1);
        ASSERT_EQ(slave_->bresp_o, 0);
        if (slave_->bready_i) write_answer_due = false;
      }
      if (slave_->rvalid_o) {
        ASSERT_TRUE(read_answer_due);
        ASSERT_EQ(std::ranges::count(asked_, read), 1);
        ASSERT_EQ(slave_->rdata_o, Content(read.address));
        ASSERT_EQ(slave_->rresp_o, 0);
        if (slave_->rready_i) read_answer_due = false;
      }
      if (slave_->awvalid_i && slave_->awready_o) write_address_due = false;
      if (slave_->wvalid_i && slave_->wready_o) data_due = false;
      if (slave_->arvalid_i && slave_->arready_o) read_address_due = false;
      ASSERT_NO_FATAL_FAILURE(Tick(random));
    }
    ASSERT_EQ(asked_.size(), which == 3 ? 2u : 1u);
  }
}

FARRIER_SEEDS(AxilSlaveTest);

}  // namespace
}  // namespace farrier::rtl
