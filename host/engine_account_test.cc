#include "host/engine_account.h"

#include <gtest/gtest.h>

namespace farrier::host {
namespace {

using runtime::kMillisecond;

TEST(EngineAccount, ChargesTheSessionThatIsWorkedFor) {
  EngineAccount account;
  account.Note(100 * kMillisecond,
               {.packets = 1000, .sessions = {{1, {.packets = 1000}}, {2, {}}}});
  EXPECT_EQ(account.OfSession(1), 100 * kMillisecond);
  EXPECT_EQ(account.OfSession(2), 0);
  EXPECT_EQ(account.own(), 0);
}

TEST(EngineAccount, KeepsTheEnginesOwnWorkApart) {
  EngineAccount account;
  account.Note(10 * kMillisecond, {.polls = 1'000'000, .sessions = {{1, {}}}});
  EXPECT_EQ(account.own(), 10 * kMillisecond);
  // As many acks as packets of the session.
  account.Note(30 * kMillisecond,
               {.polls = 1'000'000, .packets = 200, .sessions = {{1, {.packets = 100}}}});
  EXPECT_EQ(account.OfSession(1), 10 * kMillisecond);
  EXPECT_EQ(account.own(), 20 * kMillisecond);
}

TEST(EngineAccount, AddsUpToWhatWasSpent) {
  EngineAccount account;
  account.Note(7'654'321, {.polls = 999,
                           .packets = 77,
                           .sessions = {{1, {.packets = 7, .commands = 3, .bytes = 1234}},
                                        {2, {.packets = 60, .commands = 1, .bytes = 99}}}});
  EXPECT_GT(account.OfSession(2), account.OfSession(1));
  EXPECT_NEAR(static_cast<double>(account.own() + account.OfSession(1) + account.OfSession(2)),
              7'654'321, 3);
}

TEST(EngineAccount, CountsAnotherEngineFromZero) {
  EngineAccount account;
  account.Note(50 * kMillisecond, {.packets = 500, .sessions = {{1, {.packets = 500}}}});
  account.Note(4 * kMillisecond, {.packets = 10, .sessions = {{2, {.packets = 10}}}});
  EXPECT_EQ(account.OfSession(1), 0) << "it has ended";
  EXPECT_EQ(account.OfSession(2), 4 * kMillisecond);
}

TEST(EngineAccount, GoesOnInAnotherProcess) {
  EngineAccount old_one, new_one;
  old_one.Note(50 * kMillisecond, {.packets = 500, .sessions = {{1, {.packets = 400}}}});
  // The engine runs there before the account has come.
  new_one.Note(0, {.packets = 500, .sessions = {{1, {}}}});
  new_one.Note(4 * kMillisecond, {.packets = 510, .sessions = {{1, {.packets = 10}}}});
  new_one.Load(old_one.Save());
  EXPECT_EQ(new_one.OfSession(1), 44 * kMillisecond);
  EXPECT_EQ(new_one.own(), 10 * kMillisecond);
  EXPECT_EQ(new_one.carried_cpu(), 50 * kMillisecond);
  EngineAccount third;
  third.Load(new_one.Save());
  EXPECT_EQ(third.OfSession(1), 44 * kMillisecond);
  EXPECT_EQ(third.own(), 10 * kMillisecond);
  EXPECT_EQ(third.carried_cpu(), 54 * kMillisecond);
}

TEST(EngineAccount, HandsOnWhatANewerBuildKnows) {
  AccountRecord from_newer;
  from_newer.GetReflection()->MutableUnknownFields(&from_newer)->AddVarint(1000, 7);
  SessionCharge& session = *from_newer.add_sessions();
  session.set_id(1);
  session.GetReflection()->MutableUnknownFields(&session)->AddVarint(1001, 8);
  EngineAccount account;
  account.Load(from_newer);
  account.Note(kMillisecond, {.packets = 1, .sessions = {{1, {.packets = 1}}}});
  const AccountRecord saved = account.Save();
  EXPECT_EQ(saved.GetReflection()->GetUnknownFields(saved).field_count(), 1);
  ASSERT_EQ(saved.sessions_size(), 1);
  EXPECT_EQ(session.GetReflection()->GetUnknownFields(saved.sessions(0)).field_count(), 1);
  EXPECT_EQ(saved.sessions(0).cpu_ns(), 1'000'000u);
}

}  // namespace
}  // namespace farrier::host
