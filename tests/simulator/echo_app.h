#pragma once

#include <cstdint>
#include <map>

#include "tests/simulator/app.h"

namespace farrier::sim {

// A server that sends every message back on the stream it came from, out of the buffer it came
// into.
class EchoApp final : public App {
 public:
  static constexpr int kBuffers = 2;  // posted per connection

  EchoApp(EventQueue& queue, Random random, Verdict& verdict, SessionService& service,
          AppOptions options, uint16_t service_number)
      : App(queue, std::move(random), verdict, service, std::move(options)),
        service_number_(service_number) {}

  bool listening() const { return listening_; }
  uint64_t echoed() const { return echoed_; }

 protected:
  void OnOpen() override;
  void OnEvent(const PonyEvent& event) override;
  void OnHangup() override;

 private:
  void Post(uint32_t connection, void* buffer);

  const uint16_t service_number_;
  bool listening_ = false;
  uint64_t echoed_ = 0;
  std::map<uint32_t, int> connections_;  // to the number of buffers that the engine has
};

}  // namespace farrier::sim
