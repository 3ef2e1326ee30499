#include "host/engine_account.h"

#include <algorithm>
#include <utility>

namespace farrier::host {
namespace {

// In units of a byte that is copied and summed. Estimates.
constexpr double kPacket = 1000;
constexpr double kCommand = 500;
constexpr double kPoll = 250;

uint64_t Since(uint64_t before, uint64_t now) { return now >= before ? now - before : now; }

// Of packets, taken out of the engine's in all.
double Cost(const pony::SessionWork& before, const pony::SessionWork& now) {
  return kPacket * static_cast<double>(Since(before.packets, now.packets)) +
         kCommand * static_cast<double>(Since(before.commands, now.commands)) +
         static_cast<double>(Since(before.bytes, now.bytes));
}

}  // namespace

void EngineAccount::Note(runtime::Nanoseconds cpu, const EngineWork& work) {
  std::map<uint32_t, double> costs;
  uint64_t asked_packets = 0;
  double total = 0;
  for (const auto& [session, now] : work.sessions) {
    const pony::SessionWork before = std::exchange(work_.sessions[session], now);
    asked_packets += Since(before.packets, now.packets);
    total += costs[session] = Cost(before, now);
  }
  const uint64_t packets = Since(std::exchange(work_.packets, work.packets), work.packets);
  total += kPacket * static_cast<double>(packets - std::min(packets, asked_packets));
  total += kPoll * static_cast<double>(Since(std::exchange(work_.polls, work.polls), work.polls));
  const runtime::Nanoseconds before = std::exchange(cpu_, cpu);
  const runtime::Nanoseconds spent = cpu >= before ? cpu - before : cpu;
  double left = static_cast<double>(spent);
  for (const auto& [session, cost] : costs) {
    if (total == 0) break;
    const double share = static_cast<double>(spent) * cost / total;
    charged_[session] += share;
    left -= share;
  }
  own_ += static_cast<runtime::Nanoseconds>(left);
  const auto ended = [&](const auto& each) { return !work.sessions.contains(each.first); };
  std::erase_if(charged_, ended);
  std::erase_if(work_.sessions, ended);
}

runtime::Nanoseconds EngineAccount::OfSession(uint32_t session) const {
  const auto found = charged_.find(session);
  return found == charged_.end() ? 0 : static_cast<runtime::Nanoseconds>(found->second);
}

AccountRecord EngineAccount::Save() const {
  AccountRecord record = carried_;
  record.set_cpu_ns(carried_.cpu_ns() + static_cast<uint64_t>(cpu_));
  record.set_own_cpu_ns(static_cast<uint64_t>(own_));
  record.clear_sessions();
  for (const auto& [id, charge] : charged_) {
    SessionCharge& session = *record.add_sessions();
    const auto before =
        std::find_if(carried_.sessions().begin(), carried_.sessions().end(),
                     [id = id](const SessionCharge& each) { return each.id() == id; });
    if (before != carried_.sessions().end()) session = *before;
    session.set_id(id);
    session.set_cpu_ns(static_cast<uint64_t>(charge));
  }
  return record;
}

void EngineAccount::Load(const AccountRecord& predecessors) {
  carried_ = predecessors;
  own_ += static_cast<runtime::Nanoseconds>(predecessors.own_cpu_ns());
  for (const SessionCharge& session : predecessors.sessions()) {
    charged_[session.id()] += static_cast<double>(session.cpu_ns());
  }
}

}  // namespace farrier::host
