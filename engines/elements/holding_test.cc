#include <gtest/gtest.h>

#include "engines/elements/queue.h"
#include "engines/elements/testing/harness.h"

namespace farrier::elements {
namespace {

using testing::Bytes;

std::vector<Bytes> Frames(int first, int count, size_t size = 100) {
  std::vector<Bytes> frames;
  for (int i = first; i < first + count; ++i) frames.emplace_back(size, static_cast<uint8_t>(i));
  return frames;
}

class QueueTest : public ::testing::Test {
 protected:
  void Make(const HoldingElement::Limits& limits) {
    queue_ = std::make_unique<Queue>("queue", limits);
    queue_->Connect(0, &sink_);
  }

  testing::Sink sink_;
  std::unique_ptr<Queue> queue_;
};

TEST_F(QueueTest, LetsPassWhatFindsRoomAndHoldsTheRestInOrder) {
  Make({.packets = 100, .bytes = 100'000});
  sink_.room = 3;
  testing::PushFrames(*queue_, Frames(0, 10));
  EXPECT_EQ(sink_.Take(), Frames(0, 3));
  EXPECT_EQ(queue_->store().size(), 7u);
  // Nothing overtakes, though there is room again.
  sink_.room = 2;
  testing::PushFrames(*queue_, Frames(10, 2));
  EXPECT_TRUE(sink_.frames.empty());
  EXPECT_EQ(queue_->Serve(2, 64), 2u);
  EXPECT_EQ(sink_.Take(), Frames(3, 2));
  sink_.room = 100;
  EXPECT_EQ(queue_->Serve(3, 64), 7u);
  EXPECT_EQ(sink_.Take(), Frames(5, 7));
  EXPECT_EQ(testing::CountersOf(*queue_),
            (std::map<std::string, uint64_t>{
                {"packets", 12}, {"bytes", 1200}, {"held", 9}, {"dropped", 0}, {"too_long", 0}}));
}

TEST_F(QueueTest, ServesNoMoreThanItsBudget) {
  Make({.packets = 200, .bytes = 100'000});
  sink_.room = 0;
  testing::PushFrames(*queue_, Frames(0, 200));
  sink_.room = 1000;
  EXPECT_EQ(queue_->Serve(1, 70), 70u);
  EXPECT_EQ(queue_->Serve(1, 200), 130u);
  EXPECT_EQ(sink_.frames, Frames(0, 200));
}

TEST_F(QueueTest, DropsTheNewestOrTheOldestWhenFull) {
  for (const auto drop : {HoldingElement::Drop::kTail, HoldingElement::Drop::kOldest}) {
    const bool tail = drop == HoldingElement::Drop::kTail;
    Make({.packets = 5, .bytes = 100'000, .drop = drop});
    sink_.room = 0;
    testing::PushFrames(*queue_, Frames(0, 8));
    sink_.room = 100;
    queue_->Serve(1, 64);
    EXPECT_EQ(sink_.Take(), Frames(tail ? 0 : 3, 5));
    EXPECT_EQ(testing::CountersOf(*queue_)["dropped"], 3u);
  }
}

TEST_F(QueueTest, IsBoundedInBytesAsWell) {
  Make({.packets = 100, .bytes = 350, .drop = HoldingElement::Drop::kOldest});
  sink_.room = 0;
  testing::PushFrames(*queue_, Frames(0, 3));
  testing::PushFrames(*queue_, {Bytes(251, 9)});
  EXPECT_EQ(queue_->store().size(), 1u) << "all three had to go";
  testing::PushFrames(*queue_, {Bytes(351, 9)});
  EXPECT_EQ(queue_->store().size(), 1u) << "nothing goes for what can never fit";
  EXPECT_EQ(testing::CountersOf(*queue_)["dropped"], 3u);
  EXPECT_EQ(testing::CountersOf(*queue_)["too_long"], 1u);
}

TEST_F(QueueTest, AsksToBeServedAtOnceOrLaterIfThereIsNoRoom) {
  Make({.packets = 100, .bytes = 100'000});
  EXPECT_EQ(queue_->NextServe(1000), runtime::kNever);
  sink_.room = 0;
  testing::PushFrames(*queue_, Frames(0, 4), 1000, 0, {.arrival = 900});
  EXPECT_GT(queue_->NextServe(1000), 1000);
  EXPECT_LT(queue_->NextServe(1000), 1000 + runtime::kMillisecond);
  EXPECT_EQ(queue_->Waiting(1000), runtime::kNever) << "more CPU would not help";
  sink_.room = 4;
  queue_->Serve(1000, 1);
  EXPECT_LE(queue_->NextServe(1000), 1000);
  EXPECT_EQ(queue_->Waiting(1000), 900);
  queue_->Serve(1000, 64);
  EXPECT_EQ(queue_->NextServe(1000), runtime::kNever);
  EXPECT_EQ(queue_->Waiting(1000), runtime::kNever);
}

TEST_F(QueueTest, HeldPacketsKeepTheirMetadataAndHaveHeadroom) {
  class Prepender final : public Element {
   public:
    Prepender() : Element("prepender", 1) {}
    void Push(runtime::Nanoseconds now, Batch batch) override {
      for (Frame* frame : batch) {
        ASSERT_TRUE(frame->packet->Prepend(kHeldHeadroom));
        std::fill_n(frame->packet->data(), kHeldHeadroom, uint8_t{0xFF});
      }
      Emit(now, batch);
    }
    std::vector<CounterRef> Counters() override { return {}; }
  } prepender;
  Make({.packets = 10, .bytes = 10'000});
  queue_->Connect(0, &prepender);
  prepender.Connect(0, &sink_);
  sink_.room = 0;
  testing::PushFrames(*queue_, Frames(0, 10), 1, 0, {.arrival = 5, .pacing_class = 7});
  sink_.room = 10;
  queue_->Serve(2, 10);
  ASSERT_EQ(sink_.frames.size(), 10u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Bytes(sink_.frames[i].begin() + kHeldHeadroom, sink_.frames[i].end()),
              Bytes(100, static_cast<uint8_t>(i)));
    EXPECT_EQ(sink_.metadata[i].arrival, 5);
    EXPECT_EQ(sink_.metadata[i].pacing_class, 7);
  }
}

}  // namespace
}  // namespace farrier::elements
