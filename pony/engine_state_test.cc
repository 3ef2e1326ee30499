#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include "pony/state.pb.h"
#include "pony/testing/traffic.h"
#include "pony/testing/two_hosts.h"

namespace farrier::pony {
namespace {

using testing::RecordList;
using testing::Traffic;
using testing::TwoHosts;

class EngineStateTest : public ::testing::TestWithParam<int> {};

// Both engines move, again and again, in the middle of everything.
TEST_P(EngineStateTest, TrafficGoesOnWhereItWas) {
  TwoHosts hosts(GetParam());
  hosts.Start();
  hosts.network().set_faults(
      {.loss = 0.03, .duplication = 0.03, .corruption = 0.01, .reordering = 0.05});
  Traffic traffic(&hosts, 1, GetParam(), {.messages = 150});
  int upgrades = 0;
  int steps = 0;
  const bool done = hosts.RunUntil([&] {
    traffic.Pump();
    if (++steps % 11 == 0) {
      hosts.Upgrade(++upgrades % 2, [&] {
        for (int i = 0; i < 5; ++i) {
          traffic.Pump();
          hosts.Step();
        }
      });
    }
    return traffic.Done() || !traffic.error().empty();
  });
  EXPECT_EQ(traffic.error(), "");
  EXPECT_TRUE(done);
  EXPECT_GE(upgrades, 4);
  for (int host : {0, 1}) {
    EXPECT_EQ(hosts.engine(host).epoch(), 100u + host);
    const EngineStats& stats = hosts.engine(host).stats();
    EXPECT_EQ(stats.messages_sent, 150u) << "counters move along";
    EXPECT_EQ(stats.messages_received, 150u);
    EXPECT_EQ(stats.epoch_changes, 0u);
    EXPECT_EQ(stats.connections_failed, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, EngineStateTest, ::testing::Range(1, 13));

TEST(EngineState, AMoveByItselfCausesNoRetransmission) {
  TwoHosts hosts(1);
  hosts.Start();
  Traffic traffic(&hosts, 1, 1, {.messages = 200});
  int steps = 0;
  hosts.RunUntil([&] {
    traffic.Pump();
    if (++steps % 50 == 0) hosts.Upgrade(1, [&] { hosts.Step(); });
    return traffic.Done();
  });
  EXPECT_EQ(traffic.error(), "");
  EXPECT_GT(steps, 100);
  for (int host : {0, 1}) {
    const EngineStats& stats = hosts.engine(host).stats();
    EXPECT_EQ(stats.retransmitted_fast + stats.retransmitted_timeout, 0u);
  }
}

// Everything moves with Delta alone as well.
TEST(EngineState, ADeltaWithoutASnapshotIsEverything) {
  TwoHosts hosts(2);
  hosts.Start();
  Traffic traffic(&hosts, 1, 2, {.messages = 50});
  for (int i = 0; i < 60; ++i) {
    traffic.Pump();
    hosts.Step();
  }
  RecordList whole;
  hosts.engine(0).Delta(whole);
  std::map<std::string, int> kinds;
  for (const auto& record : whole.records) ++kinds[record.kind];
  EXPECT_EQ(kinds["pony.engine"], 1);
  EXPECT_EQ(kinds["pony.session"], 1);
  EXPECT_EQ(kinds["pony.flow"], 1);
  EXPECT_EQ(kinds["pony.connection"], 2);
}

TEST(EngineState, ADeltaHasOnlyWhatChanged) {
  TwoHosts hosts(2);
  hosts.Start();
  Traffic traffic(&hosts, 1, 2, {.messages = 50});
  hosts.RunUntil([&] {
    traffic.Pump();
    return traffic.Done();
  });
  hosts.RunFor(runtime::kSecond);
  traffic.Pump();
  hosts.RunFor(runtime::kSecond);
  RecordList snapshot;
  while (!hosts.engine(0).Snapshot(snapshot, 1)) hosts.Step();
  EXPECT_EQ(snapshot.records.size(), 5u);
  hosts.RunFor(runtime::kSecond);
  RecordList delta;
  hosts.engine(0).Delta(delta);
  ASSERT_EQ(delta.records.size(), 1u) << "counters always";
  EXPECT_EQ(delta.records[0].kind, "pony.engine");
}

TEST(EngineState, AfterARollbackTheOldGoesOnAndMayBeMovedAgain) {
  TwoHosts hosts(6);
  hosts.Start();
  hosts.network().set_faults({.loss = 0.05, .reordering = 0.05});
  Traffic traffic(&hosts, 1, 6, {.messages = 100});
  int steps = 0;
  const bool done = hosts.RunUntil([&] {
    traffic.Pump();
    ++steps;
    RecordList lost;
    if (steps % 60 == 20) hosts.engine(1).Snapshot(lost, 2);
    if (steps % 60 == 40) hosts.engine(1).Delta(lost);
    if (steps % 60 == 0) hosts.Upgrade(1, [&] { hosts.Step(); });
    return traffic.Done() || !traffic.error().empty();
  });
  EXPECT_EQ(traffic.error(), "");
  EXPECT_TRUE(done);
}

TEST(EngineState, SessionsAndConnectionsThatEndDuringTheSnapshotAreGone) {
  TwoHosts hosts(7);
  hosts.Start();
  Traffic first(&hosts, 1, 7, {.messages = 20});
  Traffic second(&hosts, 2, 8, {.messages = 20});
  hosts.RunUntil([&] {
    first.Pump();
    second.Pump();
    return first.Done() && second.Done();
  });
  EXPECT_EQ(hosts.engine(1).connections(), 4u);
  int calls = 0;
  hosts.Upgrade(1, [&] {
    if (++calls == 3) hosts.RemoveApp(1, 1);  // when all that is its own has been written
    hosts.Step();
  });
  EXPECT_GE(calls, 3);
  EXPECT_EQ(hosts.engine(1).connections(), 2u);
  hosts.RunFor(runtime::kSecond);
  EXPECT_EQ(hosts.engine(0).connections(), 2u) << "the peers were told";
}

TEST(EngineState, TheAppIsSignalledOnceAfterAMove) {
  TwoHosts hosts(1);
  hosts.Start();
  testing::FakeApp& app = hosts.AddApp(0, 1);
  hosts.RunFor(runtime::kMillisecond);
  app.CompletionSignals();
  hosts.Upgrade(0, [] {});
  EXPECT_EQ(app.CompletionSignals(), 0u) << "not before it has the card";
  hosts.RunFor(runtime::kMillisecond);
  EXPECT_EQ(app.CompletionSignals(), 1u);
}

TEST(EngineState, ACommandRungForBeforeTheMoveIsHeard) {
  TwoHosts hosts(1);
  hosts.Start();
  testing::FakeApp& app = hosts.AddApp(0, 1);
  hosts.RunFor(runtime::kMillisecond);
  hosts.Upgrade(0, [] {});
  app.Listen(80);
  hosts.RunFor(runtime::kMillisecond);
  EXPECT_EQ(app.Events().size(), 1u);
}

// The state of an engine in the middle of things.
RecordList SomeState(TwoHosts& hosts) {
  hosts.Start();
  hosts.network().set_faults({.loss = 0.2, .reordering = 0.2});
  Traffic traffic(&hosts, 1, 2, {.messages = 100});
  for (int i = 0; i < 300; ++i) {
    traffic.Pump();
    hosts.Step();
  }
  RecordList state;
  hosts.engine(0).Delta(state);
  return state;
}

TEST(EngineState, FieldsOfANewerBuildSurvive) {
  TwoHosts hosts(2);
  RecordList state = SomeState(hosts);
  // Field 1000, length-delimited, "later", in every record; and a counter nobody knows.
  const std::string field = std::string("\xc2\x3e\x05", 3) + "later";
  for (auto& record : state.records) {
    if (record.kind == "pony.engine") {
      EngineRecord engine;
      ASSERT_TRUE(engine.ParseFromString(record.bytes));
      (*engine.mutable_counters())["hooves"] = 4;
      record.bytes = engine.SerializeAsString();
    }
    record.bytes += field;
  }
  PonyEngine successor(hosts.Options(0), &hosts.port(0));
  ASSERT_TRUE(successor.AdoptSession(1, hosts.app(0, 1).memory()).ok());
  ASSERT_TRUE(successor.Restore(state).ok());
  RecordList again;
  successor.Delta(again);
  ASSERT_EQ(again.records.size(), state.records.size());
  for (const auto& record : again.records) {
    EXPECT_NE(record.bytes.find(field), std::string::npos) << record.kind;
    EngineRecord engine;
    if (record.kind != "pony.engine") continue;
    ASSERT_TRUE(engine.ParseFromString(record.bytes));
    EXPECT_EQ(engine.counters().at("hooves"), 4u);
  }
}

TEST(EngineState, WhatIsRestoredIsWhatWasSaved) {
  TwoHosts hosts(2);
  RecordList state = SomeState(hosts);
  PonyEngine successor(hosts.Options(0), &hosts.port(0));
  ASSERT_TRUE(successor.AdoptSession(1, hosts.app(0, 1).memory()).ok());
  ASSERT_TRUE(successor.Restore(state).ok());
  RecordList again;
  successor.Delta(again);
  ASSERT_EQ(again.records.size(), state.records.size());
  for (size_t i = 1; i < state.records.size(); ++i) {  // the first holds a map, in any order
    EXPECT_EQ(again.records[i].bytes, state.records[i].bytes) << state.records[i].kind;
  }
}

TEST(EngineState, RecordsThatMakeNoSenseAreRefused) {
  TwoHosts hosts(2);
  RecordList state = SomeState(hosts);
  auto restore = [&](RecordList records, bool adopt = true) {
    PonyEngine successor(hosts.Options(0), &hosts.port(0));
    if (adopt) {
      EXPECT_TRUE(successor.AdoptSession(1, hosts.app(0, 1).memory()).ok());
    }
    records.Rewind();
    return successor.Restore(records);
  };
  ASSERT_TRUE(restore(state).ok());
  EXPECT_EQ(restore(state, /*adopt=*/false).code(), absl::StatusCode::kNotFound);
  for (size_t i = 0; i < state.records.size(); ++i) {
    RecordList bad = state;
    bad.records[i].schema = 2;
    EXPECT_EQ(restore(bad).code(), absl::StatusCode::kUnimplemented);
    bad = state;
    bad.records[i].kind += "x";
    EXPECT_EQ(restore(bad).code(), absl::StatusCode::kUnimplemented);
    bad = state;
    bad.records[i].bytes = "\xff\xff\xff";
    EXPECT_EQ(restore(bad).code(), absl::StatusCode::kDataLoss) << bad.records[i].kind;
  }
  RecordList bad = state;
  ConnectionRecord connection;
  ASSERT_TRUE(connection.ParseFromString(bad.records.back().bytes));
  connection.set_posted_offset(0, uint64_t{1} << 60);
  bad.records.back().bytes = connection.SerializeAsString();
  EXPECT_EQ(restore(bad).code(), absl::StatusCode::kDataLoss) << "beyond the region";

  // Whatever the bytes say, it is taken or refused; nothing else happens.
  google::protobuf::LogSilencer silence;
  std::mt19937_64 random(1);
  for (int round = 0; round < 3000; ++round) {
    RecordList noisy = state;
    std::string& bytes = noisy.records[random() % noisy.records.size()].bytes;
    for (int n = random() % 3; n >= 0; --n) bytes[random() % bytes.size()] ^= 1 << random() % 8;
    (void)restore(noisy);
  }
}

}  // namespace
}  // namespace farrier::pony
