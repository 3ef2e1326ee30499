#include "pony/flow.h"

#include <algorithm>

#include "pony/fixed_window.h"
#include "pony/session.h"

namespace farrier::pony {
namespace {

FlowSender MakeSender(const EngineOptions& options) {
  return FlowSender({.min_rto = options.min_rto, .max_rto = options.max_rto},
                    MakeFixedWindow(options.window, options.pacing_mbps));
}

}  // namespace

Flow::Flow(const FlowKey& flow_key, const Endpoints& flow_endpoints, const EngineOptions& options,
           TimerHandler& handler)
    : key(flow_key),
      endpoints(flow_endpoints),
      sender(MakeSender(options)),
      receiver(options.ack_delay),
      timeout(handler, *this),
      ack(handler, *this),
      departure(handler, *this) {}

void Flow::Restart(uint32_t epoch, const EngineOptions& options) {
  peer_epoch = epoch;
  sender = MakeSender(options);
  receiver = FlowReceiver(options.ack_delay);
  control.clear();
  dirty = true;
}

void Flow::Enqueue(Connection* connection) {
  if (connection->queued) return;
  const uint32_t session = connection->session->id();
  auto it = std::lower_bound(ready_.begin(), ready_.end(), session,
                             [](const SessionQueue& q, uint32_t id) { return q.session < id; });
  if (it == ready_.end() || it->session != session) it = ready_.insert(it, {session, {}});
  it->connections.push_back(connection);
  connection->queued = true;
  ++ready_count_;
}

void Flow::Remove(Connection* connection) {
  if (!connection->queued) return;
  for (SessionQueue& queue : ready_) {
    if (std::erase(queue.connections, connection) > 0) --ready_count_;
  }
  connection->queued = false;
}

void Flow::ForgetSession(uint32_t session) {
  std::erase_if(ready_, [&](const SessionQueue& queue) { return queue.session == session; });
}

Connection* Flow::NextConnection() {
  if (ready_count_ == 0) return nullptr;
  while (turn_ >= ready_.size() || ready_[turn_].connections.empty()) {
    turn_ = turn_ + 1 < ready_.size() ? turn_ + 1 : 0;
  }
  Connection* connection = ready_[turn_].connections.front();
  ready_[turn_].connections.pop_front();
  connection->queued = false;
  --ready_count_;
  ++turn_;
  return connection;
}

}  // namespace farrier::pony
