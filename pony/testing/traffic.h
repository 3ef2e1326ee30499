#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "pony/testing/two_hosts.h"

namespace farrier::pony::testing {

// Apps on both of two hosts, connected, that send each other numbered messages on several streams
// and check every byte of what comes.
class Traffic {
 public:
  struct Options {
    int connections = 2;
    int streams = 3;
    int messages = 200;  // per side
    uint32_t min_length = 12;
    uint32_t max_length = 65536;  // log-uniform
  };

  // Adds app `session` to both hosts.
  Traffic(TwoHosts* hosts, uint32_t session, uint64_t seed, const Options& options);

  // Looks at what came and sends more. To be called between steps.
  void Pump();

  // Everything was received and every message came back as sent.
  bool Done() const;

  // What was wrong first; empty if nothing.
  const std::string& error() const { return error_; }

 private:
  static constexpr uint32_t kSlot = 65536;
  static constexpr int kSlots = 64;  // for sending, and as many for receiving

  struct Side {
    FakeApp* app = nullptr;
    std::vector<uint32_t> connections;
    std::vector<uint64_t> free_slots;
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> next_to_send;     // connection, stream
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> next_to_receive;  // connection, stream
    std::map<uint64_t, int> sent_back;                                  // by tag
    int sent = 0;
    int received = 0;
  };

  void OnEvent(int host, const PonyEvent& event);
  void OnReceived(int host, const PonyEvent& event);
  void SendMore(int host);
  void Fill(uint8_t* data, uint32_t length, int host, uint32_t stream, uint32_t number);
  void Fail(const std::string& what);

  Options options_;
  std::mt19937_64 random_;
  Side sides_[2];
  uint16_t service_ = 0;
  std::string error_;
};

}  // namespace farrier::pony::testing
