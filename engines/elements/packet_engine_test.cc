#include "engines/elements/packet_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "engines/elements/pipeline.h"
#include "engines/elements/state.pb.h"
#include "engines/elements/testing/frames.h"
#include "engines/elements/testing/state_list.h"
#include "engines/elements/vxlan_encap.h"

namespace farrier::elements {
namespace {

using testing::Bytes;
using ::testing::ElementsAre;
using testing::FakePort;
using ::testing::HasSubstr;
using testing::MakeFrame;
using testing::StateList;

std::unique_ptr<PacketEngine> MakeEngine(const std::string& json,
                                         const std::vector<NamedPort>& ports) {
  absl::StatusOr<Pipeline> pipeline = ParsePipeline(json, "test");
  EXPECT_TRUE(pipeline.ok()) << pipeline.status();
  if (!pipeline.ok()) return nullptr;
  absl::StatusOr<std::unique_ptr<PacketEngine>> engine = PacketEngine::Create(*pipeline, ports);
  EXPECT_TRUE(engine.ok()) << engine.status();
  return engine.ok() ? *std::move(engine) : nullptr;
}

// "element.counter" of those that are not 0.
std::map<std::string, uint64_t> CountersOf(const PacketEngine& engine) {
  std::map<std::string, uint64_t> counters;
  for (const CounterValue& value : engine.Counters()) {
    if (value.value != 0) counters[value.element + "." + value.counter] = value.value;
  }
  return counters;
}

std::vector<Bytes> Frames(int first, int count) {
  std::vector<Bytes> frames;
  for (int i = first; i < first + count; ++i) {
    frames.push_back(MakeFrame({.source_port = static_cast<uint16_t>(i)}));
  }
  return frames;
}

constexpr char kStraight[] = R"({"elements": [
    {"name": "in", "fromPort": {"port": "wire", "output": "count"}},
    {"name": "count", "counter": {"output": "out"}},
    {"name": "out", "toPort": {"port": "wire"}}]})";

TEST(PacketEngine, TakesABatchWithinItsBudgetAndGivesEverythingBack) {
  FakePort port;
  auto engine = MakeEngine(kStraight, {{"wire", &port}});
  EXPECT_EQ(engine->kind(), "packet");
  EXPECT_EQ(engine->Poll(1, 16), 0);
  for (const Bytes& frame : Frames(0, 20)) port.Arrive(frame, 50);
  EXPECT_EQ(engine->Poll(1, 16), 16);
  EXPECT_EQ(port.lent(), 0);
  EXPECT_EQ(port.commits, 1);
  EXPECT_EQ(engine->OldestInput(100), 50);
  EXPECT_EQ(engine->Poll(1, 16), 4);
  EXPECT_EQ(engine->OldestInput(100), runtime::kNever);
  EXPECT_EQ(port.TakeSent(), Frames(0, 20));
  EXPECT_EQ(CountersOf(*engine), (std::map<std::string, uint64_t>{{"in.packets", 20},
                                                                  {"in.bytes", 20 * 62},
                                                                  {"count.packets", 20},
                                                                  {"count.bytes", 20 * 62},
                                                                  {"out.packets", 20},
                                                                  {"out.bytes", 20 * 62}}));
}

TEST(PacketEngine, SharesItsBudgetAmongPorts) {
  FakePort a, b;
  auto engine = MakeEngine(R"({"elements": [
      {"name": "a", "fromPort": {"port": "a", "output": "drop"}},
      {"name": "b", "fromPort": {"port": "b", "output": "drop"}},
      {"name": "drop", "discard": {}}]})",
                           {{"a", &a}, {"b", &b}});
  for (const Bytes& frame : Frames(0, 100)) {
    a.Arrive(frame);
    b.Arrive(frame);
  }
  for (int i = 0; i < 4; ++i) EXPECT_EQ(engine->Poll(1, 16), 16);
  EXPECT_EQ(a.waiting(), 100u - 32);
  EXPECT_EQ(b.waiting(), 100u - 32);
}

// The group drops it then, but its ports live on: what they lent must not be lost to their pools.
TEST(PacketEngine, GivesEverythingBackAlsoWhenItThrows) {
  FakePort in, copies, broken;
  auto engine = MakeEngine(R"({"elements": [
      {"name": "in", "fromPort": {"port": "in", "output": "tap"}},
      {"name": "tap", "tap": {"every": 2, "copies": "copies", "output": "out"}},
      {"name": "copies", "toPort": {"port": "copies"}},
      {"name": "out", "toPort": {"port": "broken"}},
      {"name": "in2", "fromPort": {"port": "copies", "output": "drop"}},
      {"name": "in3", "fromPort": {"port": "broken", "output": "drop"}},
      {"name": "drop", "discard": {}}]})",
                           {{"in", &in}, {"copies", &copies}, {"broken", &broken}});
  for (const Bytes& frame : Frames(0, 8)) in.Arrive(frame);
  broken.broken = true;
  EXPECT_THROW(engine->Poll(1, 16), std::runtime_error);
  EXPECT_EQ(in.lent(), 0) << "received";
  EXPECT_EQ(copies.lent(), 0) << "borrowed";
  EXPECT_EQ(copies.TakeSent().size(), 4u) << "what was complete has left";
}

TEST(PacketEngine, SleepsOnThePortsEventsAndNotWhenSomethingHasArrived) {
  FakePort port;
  port.event_fds = {7, 8};
  auto engine = MakeEngine(kStraight, {{"wire", &port}});
  runtime::WaitSet wait;
  engine->PrepareWait(10, wait);
  EXPECT_EQ(port.armed, 1);
  EXPECT_THAT(wait.fds, ElementsAre(7, 8));
  EXPECT_FALSE(wait.busy);
  EXPECT_EQ(wait.deadline, runtime::kNever);
  port.Arrive(MakeFrame({}));
  runtime::WaitSet again;
  engine->PrepareWait(10, again);
  EXPECT_TRUE(again.busy);
}

constexpr runtime::Nanoseconds kStart = 1'000'000;

constexpr char kShaped[] = R"({"elements": [
    {"name": "in", "fromPort": {"port": "wire", "output": "shape"}},
    {"name": "shape", "shaper": {"rate": 4960000, "burstBytes": 124,
        "limits": {"packets": 100, "bytes": 100000}, "output": "out"}},
    {"name": "out", "toPort": {"port": "wire"}}]})";  // a frame of 62 bytes each 100 us

TEST(PacketEngine, SleepsUntilTheShapersNextDeparture) {
  FakePort port;
  auto engine = MakeEngine(kShaped, {{"wire", &port}});
  for (const Bytes& frame : Frames(0, 4)) port.Arrive(frame, kStart - 5);
  engine->Poll(kStart, 16);
  EXPECT_EQ(port.TakeSent(), Frames(0, 2));
  runtime::WaitSet wait;
  engine->PrepareWait(kStart, wait);
  EXPECT_FALSE(wait.busy);
  EXPECT_EQ(wait.deadline, kStart + 100 * runtime::kMicrosecond);
  EXPECT_EQ(engine->OldestInput(kStart), runtime::kNever) << "it waits for its time, not for us";
  EXPECT_EQ(engine->Poll(wait.deadline - 1, 16), 0);
  EXPECT_EQ(engine->OldestInput(wait.deadline + 3), wait.deadline);
  runtime::WaitSet late;
  engine->PrepareWait(wait.deadline, late);
  EXPECT_TRUE(late.busy);
  EXPECT_EQ(engine->Poll(wait.deadline, 16), 1);
  EXPECT_EQ(engine->Poll(wait.deadline + runtime::kSecond, 16), 1);
  EXPECT_EQ(port.TakeSent(), Frames(2, 2));
}

constexpr char kQueued[] = R"({"elements": [
    {"name": "in", "fromPort": {"port": "wire", "output": "wait"}},
    {"name": "wait", "queue": {"limits": {"packets": 100, "bytes": 100000}, "output": "out"}},
    {"name": "out", "toPort": {"port": "wire"}}]})";

TEST(PacketEngine, WhatFindsNoRoomInThePortWaitsInTheQueueAndIsTriedAgain) {
  FakePort port;
  port.room = 3;
  auto engine = MakeEngine(kQueued, {{"wire", &port}});
  for (const Bytes& frame : Frames(0, 10)) port.Arrive(frame, 5);
  EXPECT_EQ(engine->Poll(100, 16), 10);
  EXPECT_EQ(port.TakeSent(), Frames(0, 3));
  EXPECT_EQ(CountersOf(*engine)["wait.holds_packets"], 7u);
  EXPECT_EQ(engine->Poll(100, 16), 0);
  runtime::WaitSet wait;
  engine->PrepareWait(100, wait);
  EXPECT_FALSE(wait.busy);
  EXPECT_LT(wait.deadline, 100 + runtime::kMillisecond);
  port.room = 100;
  EXPECT_EQ(engine->Poll(200, 4), 4);
  EXPECT_EQ(engine->OldestInput(200), 5);
  EXPECT_EQ(engine->Poll(200, 16), 3);
  EXPECT_EQ(port.TakeSent(), Frames(3, 7));
  EXPECT_EQ(port.lent(), 0);
}

TEST(PacketEngine, NamesThePortsItLacks) {
  FakePort port;
  const absl::StatusOr<Pipeline> pipeline = ParsePipeline(kStraight, "test");
  const NamedPort other = {"lan", &port};
  const absl::Status status = PacketEngine::Create(*pipeline, {&other, 1}).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("wire, wire; it has: lan"));
  EXPECT_FALSE(PacketEngine::Create(Pipeline(), {&other, 1}).ok());
}

// The example, in both directions.
TEST(PacketEngine, RunsTheExample) {
  FakePort uplink(64), inside(64), monitor(64);
  std::ifstream file(FARRIER_EXAMPLE_PIPELINE);
  std::stringstream text;
  text << file.rdbuf();
  auto engine =
      MakeEngine(text.str(), {{"uplink", &uplink}, {"inside", &inside}, {"monitor", &monitor}});
  const Bytes voice = MakeFrame({.destination = "192.168.7.1", .dscp = 46});
  const Bytes web =
      MakeFrame({.destination = "192.168.7.1", .protocol = 6, .destination_port = 80});
  const Bytes ssh =
      MakeFrame({.destination = "192.168.7.1", .protocol = 6, .destination_port = 22});
  const Bytes elsewhere = MakeFrame({.destination = "192.168.8.1"});
  for (const Bytes& frame : {voice, web, ssh, elsewhere}) inside.Arrive(frame);
  engine->Poll(kStart, 64);
  std::vector<Bytes> tunnelled = uplink.TakeSent();
  ASSERT_EQ(tunnelled.size(), 4u);
  for (Bytes& frame : tunnelled) {
    // The other end's answer: addresses exchanged.
    std::swap_ranges(frame.begin() + 26, frame.begin() + 30, frame.begin() + 30);
    uplink.Arrive(frame);
  }
  uplink.Arrive(voice);
  engine->Poll(kStart, 64);
  EXPECT_EQ(inside.TakeSent(), (std::vector<Bytes>{voice, web}));
  for (int i = 0; i < 99; ++i) uplink.Arrive(tunnelled[1]);
  for (int i = 0; i < 4; ++i) engine->Poll(kStart + i * runtime::kSecond, 64);
  EXPECT_EQ(inside.TakeSent(), std::vector<Bytes>(99, web));
  EXPECT_EQ(monitor.TakeSent(), std::vector<Bytes>{web});
  const std::map<std::string, uint64_t> counters = CountersOf(*engine);
  EXPECT_EQ(counters.at("plain.packets"), 1u);
  EXPECT_EQ(counters.at("firewall.denied"), 2u);
  EXPECT_EQ(counters.at("parts.rule0"), 1u);
  EXPECT_EQ(counters.at("parts.otherwise"), 100u);
}

// All kinds of element in one graph, under fire.
TEST(PacketEngine, SurvivesRandomTrafficAndAccountsForEveryPacket) {
  constexpr char kAll[] = R"({"elements": [
      {"name": "in", "fromPort": {"port": "wire", "output": "decap"}},
      {"name": "decap", "vxlanDecap": {"vni": 1, "output": "pop", "others": "pop"}},
      {"name": "pop", "vlanPop": {"output": "sort", "untagged": "sort"}},
      {"name": "sort", "classifier": {"rules": [
          {"match": {"protocol": 17}, "output": "acl"},
          {"match": {"protocol": 6}, "output": "shape"},
          {"match": {"fragment": true}, "output": "drop"}], "otherwise": "wait"}},
      {"name": "acl", "acl": {"rules": [{"match": {"destinationPorts": {"first": 0, "last": 1500}},
          "action": "DENY"}], "otherwise": "ALLOW", "output": "push"}},
      {"name": "drop", "discard": {}},
      {"name": "push", "vlanPush": {"id": 9, "output": "encap"}},
      {"name": "encap", "vxlanEncap": {"vni": 1, "sourceMac": "02:00:00:00:00:01",
          "destinationMac": "02:00:00:00:00:02", "sourceIp": "10.0.0.1", "destinationIp": "10.0.0.2",
          "output": "tap"}},
      {"name": "tap", "tap": {"every": 3, "maxBytes": 70, "output": "wait", "copies": "shape"}},
      {"name": "shape", "shaper": {"rate": 1000000000, "burstBytes": 2000,
          "limits": {"packets": 20, "bytes": 1500, "drop": "OLDEST"}, "output": "wait"}},
      {"name": "wait", "queue": {"limits": {"packets": 50, "bytes": 5000}, "output": "out"}},
      {"name": "out", "toPort": {"port": "wire"}}]})";
  std::map<std::string, uint64_t> all;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    std::mt19937_64 random(seed);
    FakePort port(seed % 2 == 0 ? 64 : static_cast<uint32_t>(random() % 64));
    auto engine = MakeEngine(kAll, {{"wire", &port}});
    runtime::Nanoseconds now = kStart;
    uint64_t arrived = 0;
    uint64_t sent = 0;
    std::vector<Bytes> replay;
    for (int step = 0; step < 2000; ++step) {
      now += static_cast<runtime::Nanoseconds>(random() % 3000);
      port.room = random() % 40;
      for (uint64_t n = random() % 30; n > 0; --n, ++arrived) {
        Bytes frame;
        if (!replay.empty() && random() % 3 == 0) {
          frame = replay[random() % replay.size()];
        } else {
          frame = MakeFrame({.vlans = std::vector<uint16_t>(random() % 4),
                             .protocol = static_cast<uint8_t>(random() % 2 ? 17 : random() % 8),
                             .source_port = static_cast<uint16_t>(random()),
                             .destination_port = static_cast<uint16_t>(random() % 3000),
                             .options = static_cast<int>(random() % 3),
                             .fragment_offset = static_cast<uint16_t>(random() % 8 == 0),
                             .payload = random() % 200});
        }
        if (random() % 5 == 0 && !frame.empty()) frame[random() % frame.size()] ^= random() % 256;
        if (random() % 5 == 0) frame.resize(random() % (frame.size() + 1));
        port.Arrive(std::move(frame), now);
      }
      engine->Poll(now, 1 + static_cast<int>(random() % 64));
      sent += port.sent.size();
      replay = port.TakeSent();
    }
    port.room = SIZE_MAX;
    for (int i = 0; i < 100'000 && port.waiting() > 0; ++i) engine->Poll(++now, 64);
    for (int i = 0; i < 10; ++i) engine->Poll(now += runtime::kSecond, 64);
    sent += port.sent.size();
    std::map<std::string, uint64_t> c = CountersOf(*engine);
    EXPECT_EQ(c["in.packets"], arrived);
    EXPECT_EQ(c["wait.holds_packets"] + c["shape.holds_packets"], 0u);
    // Each leaves, or is dropped for a reason; copies come on top.
    const uint64_t dropped = c["decap.fragment"] + c["decap.malformed"] + c["decap.bad_checksum"] +
                             c["acl.denied"] + c["acl.malformed"] + c["drop.packets"] +
                             c["push.no_headroom"] + c["push.too_short"] + c["encap.no_headroom"] +
                             c["encap.too_short"] + c["encap.too_long"] + c["shape.dropped"] +
                             c["shape.too_long"] + c["wait.dropped"] + c["wait.too_long"] +
                             c["out.no_room"] + c["out.too_long"] + c["out.empty"];
    EXPECT_EQ(arrived + c["tap.copied"], sent + dropped) << "seed " << seed;
    EXPECT_EQ(c["out.no_room"], 0u) << "behind a queue";
    EXPECT_GT(sent, 1000u);
    for (const auto& [name, value] : c) all[name] += value;
  }
  for (const char* some : {"decap.packets", "decap.others", "pop.popped", "tap.copied", "tap.cut",
                           "shape.dropped", "shape.held", "wait.dropped", "wait.held",
                           "sort.malformed", "acl.denied", "encap.no_headroom"}) {
    EXPECT_GT(all[some], 10u) << some;
  }
}

// --- State.

// A queue behind a shaper behind a tap, with frames numbered by their source port.
constexpr char kHolding[] = R"({"elements": [
    {"name": "in", "fromPort": {"port": "wire", "output": "tap"}},
    {"name": "tap", "tap": {"every": 7, "output": "shape", "copies": "drop"}},
    {"name": "drop", "discard": {}},
    {"name": "shape", "shaper": {"rate": 496000000, "burstBytes": 620,
        "limits": {"packets": 1000, "bytes": 100000}, "output": "wait"}},
    {"name": "wait", "queue": {"limits": {"packets": 1000, "bytes": 100000}, "output": "out"}},
    {"name": "out", "toPort": {"port": "wire"}}]})";  // a frame each microsecond

TEST(PacketEngineState, MovesInTheMiddleOfTrafficWithoutLossDuplicateOrReordering) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    FakePort port;
    auto engine = MakeEngine(kHolding, {{"wire", &port}});
    runtime::Nanoseconds now = kStart;
    int next = 0;
    const auto step = [&] {
      for (uint64_t n = random() % 5; n > 0; --n) port.Arrive(Frames(next++, 1)[0], now);
      port.room = random() % 7;
      now += 1000 + static_cast<runtime::Nanoseconds>(random() % 2500);
      engine->Poll(now, 16);
    };
    int moves = 0;
    uint64_t held = 0;
    for (int i = 0; i < 3000; ++i) {
      step();
      if (random() % 300 != 0) continue;
      // Sometimes a hand-over is given up, before or after the delta.
      StateList snapshot, delta;
      while (!engine->Snapshot(snapshot, 1 + static_cast<int>(random() % 5))) step();
      for (uint64_t n = random() % 10; n > 0; --n) step();
      if (random() % 4 == 0) continue;
      engine->Delta(delta);
      if (random() % 4 == 0) continue;
      auto successor = MakeEngine(kHolding, {{"wire", &port}});
      while (!snapshot.records.empty()) {
        StateList part = snapshot.TakeFirst(1 + random() % 4);
        ASSERT_TRUE(successor->Restore(part).ok());
      }
      const absl::Status restored = successor->Restore(delta);
      ASSERT_TRUE(restored.ok()) << restored << " seed " << seed;
      ASSERT_EQ(CountersOf(*successor), CountersOf(*engine)) << "seed " << seed;
      held += CountersOf(*engine)["shape.holds_packets"];
      held += CountersOf(*engine)["wait.holds_packets"];
      engine = std::move(successor);
      ++moves;
    }
    port.room = SIZE_MAX;
    for (int i = 0; i < 2000; ++i) engine->Poll(now += runtime::kMicrosecond, 64);
    ASSERT_EQ(CountersOf(*engine)["shape.dropped"] + CountersOf(*engine)["wait.dropped"], 0u);
    const std::vector<Bytes> sent = port.TakeSent();
    ASSERT_EQ(sent.size(), static_cast<size_t>(next)) << "seed " << seed;
    for (int i = 0; i < next; ++i) ASSERT_EQ(sent[i], Frames(i, 1)[0]) << "seed " << seed;
    EXPECT_EQ(CountersOf(*engine)["drop.packets"], static_cast<uint64_t>(next) / 7);
    EXPECT_GT(moves, 0);
    EXPECT_GT(held, 0u) << "of what moved, some was held";
  }
}

class HeldState : public ::testing::Test {
 protected:
  // Ten packets are held.
  HeldState() {
    port_.room = 0;
    for (const Bytes& frame : Frames(0, 10)) port_.Arrive(frame, 33);
    engine_->Poll(kStart, 16);
  }
  absl::Status RestoreIn(PacketEngine& engine, std::vector<runtime::StateRecord> records) {
    StateList list;
    list.records = {records.begin(), records.end()};
    return engine.Restore(list);
  }
  std::vector<runtime::StateRecord> Everything() {
    StateList list;
    engine_->Delta(list);
    return {list.records.begin(), list.records.end()};
  }

  FakePort port_;
  std::unique_ptr<PacketEngine> engine_ = MakeEngine(kQueued, {{"wire", &port_}});
  std::unique_ptr<PacketEngine> successor_ = MakeEngine(kQueued, {{"wire", &port_}});
};

TEST_F(HeldState, ADeltaWithoutASnapshotIsEverythingAndOneAfterItIsWhatChanged) {
  StateList snapshot, delta;
  engine_->Delta(delta);
  EXPECT_EQ(delta.records.size(), 3u + 10);
  while (!engine_->Snapshot(snapshot, 3)) continue;
  EXPECT_EQ(snapshot.records.size(), 3u + 10);
  delta.records.clear();
  port_.room = 4;
  for (const Bytes& frame : Frames(10, 2)) port_.Arrive(frame);
  engine_->Poll(kStart, 16);
  engine_->Delta(delta);
  EXPECT_EQ(delta.records.size(), 3u + 2);
}

TEST_F(HeldState, ASnapshotHasNoMoreThanItsBudgetAndComesToAnEndUnderTraffic) {
  StateList snapshot;
  size_t before = 0;
  int calls = 1;
  while (!engine_->Snapshot(snapshot, 2)) {
    EXPECT_LE(snapshot.records.size(), before + 2);
    before = snapshot.records.size();
    for (const Bytes& frame : Frames(0, 5)) port_.Arrive(frame);
    engine_->Poll(kStart, 16);
    ASSERT_LT(++calls, 20);
  }
}

TEST_F(HeldState, MetadataMovesWithAPacket) {
  ASSERT_TRUE(RestoreIn(*successor_, Everything()).ok());
  port_.room = 100;
  successor_->Poll(kStart, 1);
  EXPECT_EQ(successor_->OldestInput(kStart), 33);
}

TEST_F(HeldState, WhatANewerBuildSaysGoesOn) {
  std::vector<runtime::StateRecord> records = Everything();
  for (runtime::StateRecord& record : records) record.bytes += "\xa2\x06\x03new";  // field 100
  ElementRecord newer;
  newer.set_name("in");
  (*newer.mutable_counters())["of_tomorrow"] = 5;
  records.push_back({"packet.element", 1, newer.SerializeAsString()});
  ASSERT_TRUE(RestoreIn(*successor_, records).ok());
  StateList again;
  successor_->Delta(again);
  int kept = 0;
  bool counter = false;
  for (const runtime::StateRecord& record : again.records) {
    kept += record.bytes.find("\xa2\x06\x03new") != std::string::npos;
    counter |= record.bytes.find("of_tomorrow") != std::string::npos;
  }
  EXPECT_EQ(kept, 2 + 10) << "but for `in`, which came again without it";
  EXPECT_TRUE(counter);
}

TEST_F(HeldState, WhatContradictsItselfOrIsNotUnderstoodIsRefused) {
  const std::vector<runtime::StateRecord> good = Everything();
  const auto edited = [&](size_t at, const std::string& bytes) {
    std::vector<runtime::StateRecord> records = good;
    records[at].bytes = bytes;
    return records;
  };
  const auto refused = [&](std::vector<runtime::StateRecord> records, const char* why) {
    auto fresh = MakeEngine(kQueued, {{"wire", &port_}});
    const absl::Status status = RestoreIn(*fresh, std::move(records));
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  };
  ASSERT_EQ(good[1].kind, "packet.element");
  ASSERT_EQ(good[2].kind, "packet.held");

  std::vector<runtime::StateRecord> records = good;
  records.erase(records.begin() + 5);
  refused(records, "it held packets 0 to 10, but 9 came");
  records = good;
  records.erase(records.begin() + 11);
  refused(records, "it held packets 0 to 10, but 9 came");
  records = good;
  records[0].schema = 2;
  refused(records, "has schema 2; known: 1");
  records = good;
  records[0].kind = "packet.magic";
  refused(records, "unknown kind of record: packet.magic");
  refused(edited(0, "\xff"), "does not parse");
  refused(edited(2, "\xff"), "does not parse");

  ElementRecord element;
  element.set_name("nobody");
  refused(edited(0, element.SerializeAsString()), "nobody, which the pipeline does not have");
  element.set_name("wait");
  element.set_first(5);
  element.set_next(4);
  refused(edited(1, element.SerializeAsString()), "it held packets 5 to 4");
  element.set_name("in");
  element.set_next(7);
  refused(edited(0, element.SerializeAsString()), "it held packets 5 to 7");

  HeldPacketRecord held;
  held.set_element("in");
  refused(edited(2, held.SerializeAsString()), "of element in, which");
  held.set_element("wait");
  held.set_number(UINT64_MAX);
  refused(edited(2, held.SerializeAsString()), "a packet's number is");
  held.set_number(0);
  held.set_frame(std::string(100'001, 'x'));
  refused(edited(2, held.SerializeAsString()), "is beyond its limits");
}

}  // namespace
}  // namespace farrier::elements
