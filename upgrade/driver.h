#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "engines/runtime/clock.h"
#include "upgrade/channel.h"
#include "upgrade/engine_host.h"
#include "upgrade/side.h"

namespace farrier::upgrade {

// Carries out what one side wants, with what a process has: its engines, the card's rows, the
// channel, the other process. Real processes and the simulator use this one; only the four
// interfaces differ. One thread; never sleeps. All that is passed must outlive it.
class Driver {
 public:
  Driver(Side& side, EngineHost& host, RowAccess& rows, Channel& channel, PeerProcess& peer,
         const runtime::Clock& clock);

  // Does what there is to do now: takes messages, polls what is awaited, one part of a snapshot.
  // True if anything was done: then there may be more.
  bool Step();

  // When Step is to be called next though nothing comes in by the channel; kNever if never.
  runtime::Nanoseconds NextStep() const;

  bool done() const { return side_.outcome() != Outcome::kUnderWay; }

 private:
  // Looks again at what is polled after this long.
  static constexpr runtime::Nanoseconds kPollInterval = 50 * runtime::kMicrosecond;

  // Tells the side what happened, and whatever that leads to.
  void Dispatch(Event event);
  void Dispatch();
  void Carry(Actions actions);
  void Do(Send& action);
  void Do(KillPeer& action);
  void Do(ReadRow& action);
  void Do(WriteRow& action);
  void Do(SendAttachments& action);
  void Do(TakeSnapshot& action);
  void Do(AwaitMark& action);
  void Do(StopEngine& action);
  void Do(TakeDelta& action);
  void Do(AwaitTxDrained& action);
  void Do(ResumeEngine& action);
  void Do(DropSnapshot& action);
  void Do(ReleaseEngine& action);
  void Do(AcceptAttachment& action);
  void Do(PrepareEngines& action);
  void Do(Restore& action);
  void Do(StartEngine& action);
  void Do(Serve& action);
  void Do(StartFresh& action);

  bool TakeMessages();
  bool PollAwaited();
  bool PollSnapshot();
  void TellRow(EngineIndex engine);
  // The answer to an action about one engine.
  template <typename Success>
  void Answer(EngineIndex engine, const absl::Status& status, Success success);

  Side& side_;
  EngineHost& host_;
  RowAccess& rows_;
  Channel& channel_;
  PeerProcess& peer_;
  const runtime::Clock& clock_;
  bool started_ = false;
  bool channel_open_ = true;
  bool congested_ = false;
  std::deque<Event> events_;            // happened, not told to the side yet
  std::vector<runtime::UniqueFd> fds_;  // that came with the message being told
  // What is awaited.
  std::set<EngineIndex> marks_;
  std::set<EngineIndex> tx_drains_;
  std::optional<EngineIndex> snapshot_;
  std::optional<std::vector<EngineSpec>> prepare_;
  bool peer_exit_ = false;
};

}  // namespace farrier::upgrade
