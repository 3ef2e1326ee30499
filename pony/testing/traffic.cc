#include "pony/testing/traffic.h"

#include <cmath>
#include <cstring>

namespace farrier::pony::testing {
namespace {

constexpr uint16_t kService = 4242;

}  // namespace

Traffic::Traffic(TwoHosts* hosts, uint32_t session, uint64_t seed, const Options& options)
    : options_(options), random_(seed) {
  for (int host : {0, 1}) {
    sides_[host].app = &hosts->AddApp(host, session);
    for (int slot = 0; slot < kSlots; ++slot) sides_[host].free_slots.push_back(slot * kSlot);
  }
  sides_[1].app->Listen(kService + session);
  service_ = kService + session;
}

void Traffic::Fail(const std::string& what) {
  if (error_.empty()) error_ = what;
}

// Connection, stream and number first, then bytes that follow from them.
void Traffic::Fill(uint8_t* data, uint32_t length, int host, uint32_t stream, uint32_t number) {
  const uint32_t words[3] = {static_cast<uint32_t>(host), stream, number};
  std::memcpy(data, words, sizeof(words));
  uint32_t state = host * 7919 + stream * 104729 + number * 1299709 + length;
  for (uint32_t i = sizeof(words); i < length; ++i) {
    state = state * 1664525 + 1013904223;
    data[i] = state >> 24;
  }
}

void Traffic::OnReceived(int host, const PonyEvent& event) {
  Side& side = sides_[host];
  uint32_t& expected = side.next_to_receive[{event.connection, event.stream}];
  const uint8_t* data = side.app->region() + event.offset;
  std::vector<uint8_t> want(std::max<uint32_t>(event.length, 12));
  Fill(want.data(), event.length, 1 - host, event.stream, expected);
  if (event.offset != event.tag) Fail("a buffer came back under another tag");
  if (std::memcmp(data, want.data(), event.length) != 0) {
    uint32_t words[3];
    std::memcpy(words, data, sizeof(words));
    Fail("connection " + std::to_string(event.connection) + " stream " +
         std::to_string(event.stream) + ": expected message " + std::to_string(expected) + " got " +
         std::to_string(words[2]) + " of stream " + std::to_string(words[1]) + " or wrong bytes");
  }
  ++expected;
  ++side.received;
  side.app->Post(event.connection, event.offset, event.offset);
}

void Traffic::OnEvent(int host, const PonyEvent& event) {
  Side& side = sides_[host];
  if (event.status != PONY_OK) {
    return Fail("host " + std::to_string(host) + ": event of kind " + std::to_string(event.kind) +
                " with status " + std::to_string(event.status));
  }
  switch (event.kind) {
    case PONY_EVENT_LISTENING:
      for (int i = 0; i < options_.connections; ++i) sides_[0].app->Connect(kIps[1], service_, i);
      break;
    case PONY_EVENT_CONNECTED:
    case PONY_EVENT_ACCEPTED: {
      const int each = kSlots / options_.connections;
      for (int i = 0; i < each; ++i) {
        const uint64_t offset =
            static_cast<uint64_t>(kSlots + side.connections.size() * each + i) * kSlot;
        side.app->Post(event.connection, offset, offset);
      }
      side.connections.push_back(event.connection);
      break;
    }
    case PONY_EVENT_RECEIVED:
      OnReceived(host, event);
      break;
    case PONY_EVENT_SENT:
      if (++side.sent_back[event.tag] != 1) Fail("a message came back twice");
      side.free_slots.push_back(event.tag % (kSlots * kSlot));
      break;
    default:
      Fail("unexpected event of kind " + std::to_string(event.kind));
  }
}

void Traffic::SendMore(int host) {
  Side& side = sides_[host];
  if (static_cast<int>(side.connections.size()) < options_.connections) return;
  while (side.sent < options_.messages && !side.free_slots.empty()) {
    const uint32_t connection = side.connections[random_() % side.connections.size()];
    const uint32_t stream = random_() % options_.streams;
    const double low = std::log(options_.min_length);
    const double high = std::log(options_.max_length);
    const uint32_t length = static_cast<uint32_t>(
        std::lround(std::exp(std::uniform_real_distribution<>(low, high)(random_))));
    const uint64_t offset = side.free_slots.back();
    uint32_t& number = side.next_to_send[{connection, stream}];
    Fill(side.app->region() + offset, length, host, stream, number);
    const uint64_t tag = offset + static_cast<uint64_t>(side.sent) * (kSlots * kSlot);
    if (!side.app->Send(connection, stream, offset, length, tag)) return;
    ++number;
    ++side.sent;
    side.free_slots.pop_back();
  }
}

void Traffic::Pump() {
  for (int host : {0, 1}) {
    for (const PonyEvent& event : sides_[host].app->Events()) OnEvent(host, event);
    SendMore(host);
  }
}

bool Traffic::Done() const {
  for (int host : {0, 1}) {
    if (sides_[host].received < options_.messages) return false;
    if (static_cast<int>(sides_[host].sent_back.size()) < options_.messages) return false;
  }
  return true;
}

}  // namespace farrier::pony::testing
