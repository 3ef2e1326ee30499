#include <algorithm>

#include "pony/engine_core.h"

namespace farrier::pony {
namespace {

// Questions asked of a peer that does not answer and to which nothing is to be said.
constexpr uint32_t kIdleHellos = 5;
constexpr uint32_t kMostTimerWaits = 4;  // polls
constexpr size_t kTimersPerPoll = 64;    // more wait for the next

}  // namespace

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
uint64_t EngineCore::Random() {
  uint64_t z = random_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

void EngineCore::OpenHello(Flow& flow) {
  flow.dirty = true;
  if (flow.hello.open) return;
  flow.hello.open = flow.hello.due = true;
  flow.hello.nonce = Random();
  flow.hello.tries = 0;
  flow.hello.deadline = now_ + options_.min_rto;
  SetTimeout(flow);
  Activate(flow);
}

// A peer that was connected to an engine here before this one learns now that it is gone: it may
// have nothing to send by which it would find out.
void EngineCore::Announce() {
  for (const auto& [ip, neighbor] : neighbors_) {
    for (uint32_t i = 0; i < neighbor.engines; ++i) {
      Flow* flow = FindOrMakeFlow({ip, static_cast<uint16_t>(neighbor.first_port + i)});
      if (flow != nullptr) OpenHello(*flow);
    }
  }
}

// After anything that moves flow.Timeout(). If that became later, the timer stays as it is and is
// set again when it fires.
void EngineCore::SetTimeout(Flow& flow) {
  const runtime::Nanoseconds time = flow.Timeout();
  if (time == runtime::kNever) {
    flow.timeout.Cancel();
  } else if (time <= flow.timeout.due() - runtime::TimerWheel::kTick) {
    wheel_.Set(flow.timeout, time);
  }
}

// After anything that moves the flow's ack_deadline().
void EngineCore::SetAck(Flow& flow) {
  const runtime::Nanoseconds time = flow.receiver.ack_deadline();
  if (time == runtime::kNever) {
    flow.ack.Cancel();
  } else if (time > now_) {
    if (time <= flow.ack.due() - runtime::TimerWheel::kTick) wheel_.Set(flow.ack, time);
  } else if (!flow.owes_ack) {
    flow.owes_ack = true;
    owing_.PushBack(&flow);
  }
}

// What was restored has its times in its state.
void EngineCore::SetAllTimers() {
  for (auto& [key, flow] : flows_) {
    flow->sender.GiveTime(now_);
    SetTimeout(*flow);
    SetAck(*flow);
  }
  for (auto& [id, connection] : connections_) {
    wheel_.Set(connection->connect_timeout, connection->deadline);
  }
}

// `unread`: packets have come that have not been looked at. Acks among them must not count as
// silence; but a flood of packets may not put timers off for long.
void EngineCore::RunTimers(bool unread) {
  put_off_ = unread && timer_waits_ < kMostTimerWaits;
  some_put_off_ = false;
  wheel_.Advance(now_, kTimersPerPoll);
  timer_waits_ = some_put_off_ ? timer_waits_ + 1 : 0;
}

bool EngineCore::PutOff(runtime::TimerWheel::Timer& timer) {
  if (!put_off_) return false;
  some_put_off_ = true;
  wheel_.Set(timer, now_);
  return true;
}

void EngineCore::OnConnectTimeout(Connection& connection) {
  if (!PutOff(connection.connect_timeout)) End(connection, PONY_UNREACHABLE);
}

void EngineCore::OnDeparture(Flow& flow) { Activate(flow); }

void EngineCore::OnAckDue(Flow& flow) { SetAck(flow); }

void EngineCore::OnTimeout(Flow& flow) {
  if (PutOff(flow.timeout)) return;
  if (flow.hello.open && flow.hello.deadline <= now_) AskAgain(flow);
  if (flow.sender.deadline() <= now_) {
    flow.dirty = true;
    flow.sender.OnTimeout(now_);
    if (now_ - flow.sender.stalled_since() >= options_.give_up) GiveUp(flow);
    Activate(flow);
  }
  SetTimeout(flow);
}

void EngineCore::AskAgain(Flow& flow) {
  Hello& hello = flow.hello;
  flow.dirty = true;
  if (hello.tries >= kIdleHellos && !flow.WantsToTalk()) {
    hello.open = hello.due = false;
    return;
  }
  hello.tries = std::min(hello.tries + 1, kMaxHelloBackoff);
  hello.due = true;
  hello.deadline = now_ + std::min(options_.min_rto << hello.tries, options_.max_rto);
  Activate(flow);
}

// The peer has gone. What is under way goes on as padding at the slowest pace, so that the sequence
// is whole should the peer come back.
void EngineCore::GiveUp(Flow& flow) {
  std::vector<Connection*> lost;
  for (auto& [id, connection] : connections_) {
    if (connection->flow == &flow && connection->state != Connection::State::kConnecting) {
      lost.push_back(connection.get());
    }
  }
  for (Connection* connection : lost) {
    AnswerAbort(flow, connection->peer_id);
    End(*connection, PONY_UNREACHABLE);
  }
}

}  // namespace farrier::pony
