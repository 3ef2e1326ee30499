#pragma once

#include <cstdint>

namespace farrier::pony {

// What an engine counts. Carried along by upgrades.
struct EngineStats {
  uint64_t messages_sent = 0;  // acknowledged in full
  uint64_t messages_received = 0;
  uint64_t message_bytes_sent = 0;
  uint64_t message_bytes_received = 0;
  uint64_t packets_sent = 0;
  uint64_t packets_received = 0;
  uint64_t acks_sent = 0;  // packets that carried nothing else
  uint64_t retransmitted_timeout = 0;
  uint64_t retransmitted_fast = 0;
  uint64_t duplicates = 0;  // packets received again
  uint64_t connections_opened = 0;
  uint64_t connections_failed = 0;
  uint64_t commands = 0;
  uint64_t commands_refused = 0;
  uint64_t sessions_fenced = 0;  // for ring indices that cannot be
  uint64_t epoch_changes = 0;    // peers' engines found to be new

  // Packets received and thrown away, by reason.
  uint64_t drop_not_ours = 0;   // other MAC, IP, port or protocol
  uint64_t drop_malformed = 0;  // lengths, version, type, fields
  uint64_t drop_ip_checksum = 0;
  uint64_t drop_crc = 0;
  uint64_t drop_unknown_peer = 0;  // no neighbour
  uint64_t drop_stale_epoch = 0;   // from or for another incarnation
  uint64_t drop_window = 0;        // sequence far outside of what can be in flight
  uint64_t drop_overload = 0;      // too many answers wait already

  // Calls visit(name, counter) for each.
  template <typename Visitor>
  void ForEach(Visitor&& visit) {
    Each(*this, visit);
  }
  template <typename Visitor>
  void ForEach(Visitor&& visit) const {
    Each(*this, visit);
  }

 private:
  template <typename Stats, typename Visitor>
  static void Each(Stats& s, Visitor& visit) {
    visit("messages_sent", s.messages_sent);
    visit("messages_received", s.messages_received);
    visit("message_bytes_sent", s.message_bytes_sent);
    visit("message_bytes_received", s.message_bytes_received);
    visit("packets_sent", s.packets_sent);
    visit("packets_received", s.packets_received);
    visit("acks_sent", s.acks_sent);
    visit("retransmitted_timeout", s.retransmitted_timeout);
    visit("retransmitted_fast", s.retransmitted_fast);
    visit("duplicates", s.duplicates);
    visit("connections_opened", s.connections_opened);
    visit("connections_failed", s.connections_failed);
    visit("commands", s.commands);
    visit("commands_refused", s.commands_refused);
    visit("sessions_fenced", s.sessions_fenced);
    visit("epoch_changes", s.epoch_changes);
    visit("drop_not_ours", s.drop_not_ours);
    visit("drop_malformed", s.drop_malformed);
    visit("drop_ip_checksum", s.drop_ip_checksum);
    visit("drop_crc", s.drop_crc);
    visit("drop_unknown_peer", s.drop_unknown_peer);
    visit("drop_stale_epoch", s.drop_stale_epoch);
    visit("drop_window", s.drop_window);
    visit("drop_overload", s.drop_overload);
  }
};

}  // namespace farrier::pony
