#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "pony/client/pony.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/random.h"
#include "tests/simulator/session.h"

namespace farrier::sim {

class App;

// What apps see of their host's daemon, whichever process that is at the moment.
class SessionService {
 public:
  virtual ~SessionService() = default;

  // A new session on the app's engine; null while nobody answers: try again later. The
  // service keeps the memory alive for as long as an engine may touch it.
  virtual std::shared_ptr<Session> Open(App& app) = 0;

  // The app closed its socket, or died.
  virtual void Close(App& app, uint32_t session) = 0;

  // The app ran: doorbells may have been rung.
  virtual void Rung() = 0;
};

// An oracle's notebook, shared by everybody in a world: the first thing that went wrong.
class Verdict {
 public:
  explicit Verdict(const EventQueue& queue) : queue_(queue) {}
  void Fail(const std::string& what);
  bool ok() const { return first_.empty(); }
  const std::string& first() const { return first_; }

 private:
  const EventQueue& queue_;
  std::string first_;
};

struct AppOptions {
  std::string name;
  uint32_t engine = 0;                      // of its host, that serves it
  Nanoseconds slowest = 50 * kMicrosecond;  // from an event to its handling
};

// A simulated application: a session, a loop that sleeps until there are events, and a life that
// may stall or end at any moment. Subclasses say what it does.
class App {
 public:
  App(EventQueue& queue, Random random, Verdict& verdict, SessionService& service,
      AppOptions options);
  virtual ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // Opens a session, as soon as somebody answers.
  void Start();

  // Does nothing for a while, events or not.
  void Stall(Nanoseconds duration);

  // Ends for good, at once.
  void Kill();

  // Ends, and starts again as a new process.
  void Restart();

  // From the service: completions may wait; the daemon's end of the socket is closed.
  void Wake();
  void Hangup();

  const std::string& name() const { return options_.name; }
  uint32_t engine() const { return options_.engine; }
  Session* session() { return session_.get(); }

 protected:
  // A session has been opened: everything begins anew.
  virtual void OnOpen() = 0;
  virtual void OnEvent(const PonyEvent& event) = 0;
  // The session is lost; every event that was to come is, too.
  virtual void OnHangup() = 0;
  // libpony finds that the rings make no sense.
  virtual void OnBroken(int error);

  // A call of libpony that puts a command on the ring, made now or when there is room for it.
  // Anything it returns but success and -EAGAIN is a failure.
  using Command = std::function<int(pony_session*)>;
  void Submit(Command command);
  // Tags that name buffers of the region, the same in every run of a seed; never 0.
  uint64_t TagOf(const void* buffer) const;
  void* BufferOf(uint64_t tag) const;
  void Fail(const std::string& what);
  EventQueue& queue() { return queue_; }
  Random& random() { return random_; }
  Lifetime& life() { return life_; }
  bool alive() const { return alive_; }

 private:
  void TryOpen();
  void Run();
  void Push();

  EventQueue& queue_;
  Random random_;
  Verdict& verdict_;
  SessionService& service_;
  const AppOptions options_;
  std::shared_ptr<Session> session_;
  std::deque<Command> waiting_;  // for room on the command ring
  bool alive_ = true;
  Nanoseconds stalled_until_ = 0;
  Timer run_;
  Timer open_;
  Lifetime life_;
};

}  // namespace farrier::sim
