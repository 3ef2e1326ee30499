#include "tests/simulator/app.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace farrier::sim {

void Verdict::Fail(const std::string& what) {
  if (!first_.empty()) return;
  first_ = absl::StrCat("at ", queue_.Now(), " ns: ", what);
}

App::App(EventQueue& queue, Random random, Verdict& verdict, SessionService& service,
         AppOptions options)
    : queue_(queue),
      random_(std::move(random)),
      verdict_(verdict),
      service_(service),
      options_(std::move(options)),
      run_(queue, [this] { Run(); }),
      open_(queue, [this] { TryOpen(); }),
      life_(queue) {}

App::~App() = default;

void App::Start() { open_.Set(queue_.Now() + random_.Uniform(0, 100 * kMicrosecond)); }

void App::TryOpen() {
  session_ = service_.Open(*this);
  if (session_ == nullptr) {
    open_.Set(queue_.Now() + random_.Uniform(100 * kMicrosecond, 2 * kMillisecond));
    return;
  }
  OnOpen();
  Wake();
}

void App::Stall(Nanoseconds duration) {
  stalled_until_ = std::max(stalled_until_, queue_.Now() + duration);
}

void App::Kill() {
  if (!alive_) return;
  alive_ = false;
  life_.End();
  run_.Cancel();
  open_.Cancel();
  if (session_ == nullptr) return;
  service_.Close(*this, session_->id());
  session_ = nullptr;
}

void App::Restart() {
  if (!alive_ || session_ == nullptr) return;
  service_.Close(*this, session_->id());
  Hangup();
}

void App::Wake() {
  if (!alive_ || session_ == nullptr) return;
  const Nanoseconds when = queue_.Now() + random_.Uniform(kMicrosecond, options_.slowest);
  run_.SetNoLaterThan(std::max(when, stalled_until_));
}

void App::Hangup() {
  if (!alive_ || session_ == nullptr) return;
  run_.Cancel();
  session_ = nullptr;
  waiting_.clear();
  OnHangup();
  open_.Set(queue_.Now() + random_.Uniform(100 * kMicrosecond, 2 * kMillisecond));
}

void App::Run() {
  if (queue_.Now() < stalled_until_) {
    run_.Set(stalled_until_);
    return;
  }
  std::array<PonyEvent, 16> events;
  const int count = pony_poll(session_->pony(), events.data(), static_cast<int>(events.size()));
  if (count < 0) return OnBroken(count);
  for (int i = 0; i < count && alive_; ++i) OnEvent(events[i]);
  if (!alive_) return;
  Push();
  if (count > 0 || pony_arm(session_->pony()) == 0) Wake();
  service_.Rung();  // taking events from a full ring rings, too
}

void App::OnBroken(int error) {
  Fail(absl::StrCat("the completion ring is broken: ", strerror(-error)));
}

void App::Submit(Command command) {
  if (session_ == nullptr) return;
  waiting_.push_back(std::move(command));
  Push();
}

void App::Push() {
  bool pushed = false;
  while (!waiting_.empty()) {
    const int result = waiting_.front()(session_->pony());
    if (result == -EAGAIN) break;
    if (result < 0) Fail(absl::StrCat("libpony refuses a command: ", strerror(-result)));
    waiting_.pop_front();
    pushed = true;
  }
  if (pushed) service_.Rung();
  // Room on the ring is not signalled: look again.
  if (!waiting_.empty()) Wake();
}

uint64_t App::TagOf(const void* buffer) const {
  return static_cast<uint64_t>(static_cast<const uint8_t*>(buffer) - session_->memory().region) + 1;
}

void* App::BufferOf(uint64_t tag) const { return session_->memory().region + (tag - 1); }

void App::Fail(const std::string& what) {
  verdict_.Fail(absl::StrCat("app ", options_.name, ": ", what));
}

}  // namespace farrier::sim
