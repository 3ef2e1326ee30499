#pragma once

#include "tests/simulator/app.h"

namespace farrier::sim {

// An app that writes whatever it likes wherever it can: garbage over its rings, its indices and its
// region, commands that make no sense and some that do, doorbells without end. Now and then it
// starts again.
class Scribbler final : public App {
 public:
  // `service`: what it listens on and connects to, on `remote_ip`.
  Scribbler(EventQueue& queue, Random random, Verdict& verdict, SessionService& service,
            AppOptions options, uint32_t remote_ip, uint16_t number)
      : App(queue, std::move(random), verdict, service, std::move(options)),
        service_(service),
        remote_ip_(remote_ip),
        number_(number),
        scribble_(queue, [this] { Scribble(); }) {}

  uint64_t scribbles() const { return scribbles_; }

 protected:
  void OnOpen() override;
  void OnEvent(const PonyEvent&) override {}
  void OnHangup() override { scribble_.Cancel(); }
  void OnBroken(int) override {}

 private:
  void Scribble();
  PonyCommand AlmostValid();

  SessionService& service_;
  const uint32_t remote_ip_;
  const uint16_t number_;
  uint64_t scribbles_ = 0;
  uint32_t tail_ = 0;
  Timer scribble_;
};

}  // namespace farrier::sim
