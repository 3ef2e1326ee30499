#include <Vaxil_slave.h>

#include <optional>

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
          asked_ = now;
          ++answered_;
          current_.reset();
        }
      }
    }
    slave_.Tick();
  }

  Bench<Vaxil_slave> slave_;
  std::optional<Request> current_;
  std::optional<Request> asked_;
  int wait_ = 0;
  int answered_ = 0;
};

TEST_P(AxilSlaveTest, WritesAndReadsArriveOnceWhateverTheTiming) {
  Random random(GetParam());
  for (int access = 1; access <= 500; ++access) {
    const uint32_t address = static_cast<uint32_t>(random.Next());
    const uint32_t data = static_cast<uint32_t>(random.Next());
    const bool write = random.Chance(50);
    bool address_due = true;
    bool data_due = write;
    bool answered = false;
    asked_.reset();
    for (int cycle = 0; !answered; ++cycle) {
      ASSERT_LT(cycle, 1000) << "no answer";
      // A valid stays until it is taken; address and data come in any order.
      if (write) {
        slave_->awvalid_i = address_due && (slave_->awvalid_i || random.Chance(40));
        slave_->wvalid_i = data_due && (slave_->wvalid_i || random.Chance(40));
        slave_->awaddr_i = address;
        slave_->wdata_i = data;
      } else {
        slave_->arvalid_i = address_due && (slave_->arvalid_i || random.Chance(40));
        slave_->araddr_i = address;
      }
      slave_->bready_i = random.Chance(50);
      slave_->rready_i = random.Chance(50);
      slave_.Settle();
      ASSERT_FALSE(slave_->bvalid_o && !write);
      ASSERT_FALSE(slave_->rvalid_o && write);
      if (slave_->bvalid_o && slave_->bready_i) {
        answered = true;
        ASSERT_EQ(asked_, (Request{true, address, data}));
        ASSERT_EQ(slave_->bresp_o, 0);
      }
      if (slave_->rvalid_o) {
        ASSERT_EQ(slave_->rdata_o, Content(address));
      }
      if (slave_->rvalid_o && slave_->rready_i) {
        answered = true;
        ASSERT_EQ(asked_->write, false);
        ASSERT_EQ(asked_->address, address);
        ASSERT_EQ(slave_->rresp_o, 0);
      }
      if (slave_->awvalid_i && slave_->awready_o) address_due = false;
      if (slave_->arvalid_i && slave_->arready_o) address_due = false;
      if (slave_->wvalid_i && slave_->wready_o) data_due = false;
      ASSERT_NO_FATAL_FAILURE(Tick(random));
    }
    ASSERT_EQ(answered_, access);
  }
}

FARRIER_SEEDS(AxilSlaveTest);

}  // namespace
}  // namespace farrier::rtl
