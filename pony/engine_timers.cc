#include <algorithm>

#include "pony/engine_core.h"

namespace farrier::pony {
namespace {

// Questions asked of a peer that does not answer and to which nothing is to be said.
constexpr uint32_t kIdleHellos = 5;

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
  NoteDeadline(flow.hello.deadline);
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

void EngineCore::RunTimers() {
  while (!connect_deadlines_.empty() && connect_deadlines_.begin()->first <= now_) {
    End(*Find(connect_deadlines_.begin()->second), PONY_UNREACHABLE);
  }
  timer_ = connect_deadlines_.empty() ? runtime::kNever : connect_deadlines_.begin()->first;

  for (auto& [key, flow] : flows_) {
    if (flow->hello.open && flow->hello.deadline <= now_) {
      Hello& hello = flow->hello;
      flow->dirty = true;
      if (hello.tries >= kIdleHellos && !flow->WantsToTalk()) {
        hello.open = hello.due = false;
      } else {
        hello.tries = std::min(hello.tries + 1, kMaxHelloBackoff);
        hello.due = true;
        hello.deadline = now_ + std::min(options_.min_rto << hello.tries, options_.max_rto);
        Activate(*flow);
      }
    }
    if (flow->sender.deadline() <= now_) {
      flow->dirty = true;
      flow->sender.OnTimeout(now_);
      if (now_ - flow->sender.stalled_since() >= options_.give_up) {
        // The peer has gone. What is under way goes on as padding at the slowest pace, so that the
        // sequence is whole should the peer come back.
        std::vector<Connection*> lost;
        for (auto& [id, connection] : connections_) {
          if (connection->flow == flow.get() &&
              connection->state != Connection::State::kConnecting) {
            lost.push_back(connection.get());
          }
        }
        for (Connection* connection : lost) {
          AnswerAbort(*flow, connection->peer_id);
          End(*connection, PONY_UNREACHABLE);
        }
      }
      Activate(*flow);
    }
    // An ack's delay is looked at in every poll: it is no reason to come back here.
    NoteDeadline(flow->sender.deadline());
    if (flow->hello.open) NoteDeadline(flow->hello.deadline);
  }
}

}  // namespace farrier::pony
