// Reports of departures (SENT).

#include "tests/conformance/card_test.h"

namespace farrier::conformance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ReportTest : public CardTest {
 protected:
  void SetUp() override {
    CardTest::SetUp();
    Attach(1, {0, 2, 1});
    Advance(1'000);
  }

  void SendTx(uint32_t sequence, int64_t departure = 0, bool report = true, uint32_t owner = 1) {
    OfferHost(
        0, 0,
        TxPacket(static_cast<uint8_t>(owner), Row(owner).generation, sequence,
                 MakeFrame({.length = 600}),
                 {.departure = static_cast<uint64_t>(departure), .report_departure = report}));
    Run();
  }
};
FARRIER_ON_EVERY_CARD(ReportTest);

TEST_P(ReportTest, ADepartureIsReportedWhenAskedFor) {
  FARRIER_NEEDS(pacing);
  Grant(0, 2, 10);
  SendTx(0x01020304);
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(1));
  const RxPacket& report = packets[0];
  EXPECT_TRUE(report.is_sent());
  EXPECT_EQ(report.function, 0);
  EXPECT_EQ(report.queue, 2) << "the row's first queue";
  EXPECT_EQ(report.bytes.size(), regs::kMarkBytes);
  EXPECT_EQ(report.frame(), Bytes(64)) << "64 zero bytes";
  EXPECT_EQ(report.owner(), 1);
  EXPECT_EQ(report.generation(), 1u);
  EXPECT_EQ(report.sequence(), 0x01020304u);
  EXPECT_EQ(report.time(), now());
  EXPECT_EQ(report.flags(), 0);
  EXPECT_EQ(report.l3_offset(), 0);
  EXPECT_EQ(report.rss_hash(), 0u);
  EXPECT_EQ(RxNext(1), 0u) << "it takes no sequence";
  SendTx(5, 0, false);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_THAT(TakeWire(), SizeIs(2));
}

TEST_P(ReportTest, TheTimeIsThatOfTheDeparture) {
  FARRIER_NEEDS(pacing);
  Grant(0, 2, 10);
  const int64_t departure = (now() / regs::kSlotNs + 100) * regs::kSlotNs;
  SendTx(1, departure);
  EXPECT_THAT(TakeHost(), IsEmpty());
  Advance(departure - now());
  auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(1));
  EXPECT_EQ(packets[0].time(), departure);
}

TEST_P(ReportTest, ItTakesACreditBeyondMarks) {
  FARRIER_NEEDS(pacing);
  Grant(0, 2, 3);
  for (uint32_t i = 1; i <= 4; ++i) SendTx(i);
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(2));
  EXPECT_EQ(packets[1].sequence(), 2u);
  EXPECT_EQ(Count(GlobalCounter::kTxReportLost), 2u);
  EXPECT_THAT(TakeWire(), SizeIs(4)) << "the packets left all the same";
  Grant(0, 3, 100);
  SendTx(5);
  EXPECT_EQ(Count(GlobalCounter::kTxReportLost), 3u) << "another queue's credits do not count";
}

TEST_P(ReportTest, OnlyAnAttachedRowHearsOfIt) {
  FARRIER_NEEDS(pacing);
  Grant(0, 2, 100);
  Grant(0, 3, 100);
  SendTx(1, now() + 10'000);
  Hold(1);
  TakeHost();  // the MARKs
  Advance(10'000);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kTxReportLost), 1u);
  SendTx(2);
  EXPECT_EQ(Count(GlobalCounter::kTxReportLost), 2u);
  EXPECT_THAT(TakeWire(), SizeIs(2));
}

TEST_P(ReportTest, ADisabledFunctionHearsNothing) {
  FARRIER_NEEDS(pacing);
  Grant(0, 2, 100);
  SendTx(1, now() + 10'000);
  Write(regs::kRegFunctionControl(0), 0);
  Advance(10'000);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kTxReportLost), 1u);
}

TEST_P(ReportTest, ARawFunctionHearsNothing) {
  FARRIER_NEEDS(pacing);
  Grant(1, 0, 100);
  Write(regs::kRegFunctionControl(1), regs::FunctionControl{.enable = 1, .raw = 1}.Pack());
  Attach(1, {1, 0});
  SendTx(1);
  EXPECT_THAT(TakeHost(), IsEmpty());
  EXPECT_EQ(Count(GlobalCounter::kTxReportLost), 1u);
}

TEST_P(ReportTest, ReportsGoWhereTheRowIsNow) {
  FARRIER_NEEDS(pacing);
  Grant(0, 2, 100);
  Grant(1, 5, 100);
  SendTx(9, now() + 10'000);
  Attach(1, {1, 5});
  Advance(10'000);
  const auto packets = TakeHost();
  ASSERT_THAT(packets, SizeIs(1));
  EXPECT_EQ(packets[0].function, 1);
  EXPECT_EQ(packets[0].queue, 5);
  EXPECT_EQ(packets[0].sequence(), 9u);
}

TEST_P(ReportTest, ABurstIsReportedInOrder) {
  FARRIER_NEEDS(pacing);
  Grant(0, 2, 1'000);
  for (uint32_t i = 1; i <= 200; ++i) {
    OfferHost(
        0, 0,
        TxPacket(1, 1, i, MakeFrame({.length = 60}),
                 {.departure = static_cast<uint64_t>(now() + 5'000), .report_departure = true}));
  }
  Run();
  Advance(5'000);
  const auto packets = TakeHost();
  EXPECT_EQ(packets.size() + Count(GlobalCounter::kTxReportLost), 200u);
  EXPECT_GT(packets.size(), 0u);
  for (size_t i = 1; i < packets.size(); ++i) {
    EXPECT_GT(packets[i].sequence(), packets[i - 1].sequence());
  }
}

}  // namespace
}  // namespace farrier::conformance
