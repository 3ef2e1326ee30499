#pragma once

#include <dirent.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/app_sessions.h"
#include "host/event_loop.h"
#include "host/unix_socket.h"

namespace farrier::host::testing {

// A directory of a test's own, gone with it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char path[] = "/tmp/farrier-app-XXXXXX";
    path_ = mkdtemp(path);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// The part of farrierd that serves the app socket, on a thread of its own, with the test as engine.
class AppDaemon {
 public:
  explicit AppDaemon(AppSessionsOptions options = {}) : loop_(*EventLoop::Create(clock_)) {
    sessions_ = std::make_unique<AppSessions>(
        *loop_, options,
        AppSessionsCallbacks{
            .add =
                [this](const AppSessionInfo& info, const pony::SessionMemory& memory) {
                  if (!add_status.ok()) return add_status;
                  if (on_add) on_add(info, memory);
                  added[info.id] = memory;
                  return absl::OkStatus();
                },
            .remove =
                [this](const AppSessionInfo& info) {
                  if (on_remove) on_remove(info);
                  removed.push_back(info);
                  if (done_at_once) sessions_->RemoveDone(info.id);
                }});
    thread_ = std::thread([this] { loop_->Run(); });
  }

  ~AppDaemon() {
    Do([this](AppSessions&) { loop_->Stop(); });
    thread_.join();
    sessions_.reset();
  }

  void Serve(const std::string& path) {
    Do([&path](AppSessions& sessions) {
      auto listener = ListenUnix(path, SOCK_SEQPACKET, 0600);
      ASSERT_TRUE(listener.ok()) << listener.status();
      sessions.Listen(*std::move(listener));
      sessions.Start();
    });
  }

  // Runs `task` on the loop's thread and waits for it.
  void Do(const std::function<void(AppSessions&)>& task) {
    std::promise<void> done;
    loop_->Post([&] {
      task(*sessions_);
      done.set_value();
    });
    done.get_future().wait();
  }

  // Waits until `condition` holds, for at most ten seconds.
  bool Until(const std::function<bool(AppSessions&)>& condition) {
    for (int i = 0; i < 5000; ++i) {
      bool holds = false;
      Do([&](AppSessions& sessions) { holds = condition(sessions); });
      if (holds) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }

  EventLoop& loop() { return *loop_; }

  // All of these on the loop's thread, or before Serve.
  absl::Status add_status;
  bool done_at_once = true;
  std::function<void(const AppSessionInfo&, const pony::SessionMemory&)> on_add;
  std::function<void(const AppSessionInfo&)> on_remove;
  std::map<uint32_t, pony::SessionMemory> added;
  std::vector<AppSessionInfo> removed;

 private:
  runtime::MonotonicClock clock_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<AppSessions> sessions_;
  std::thread thread_;
};

// What a process holds: to see that nothing leaks.
struct Holdings {
  size_t fds = 0;
  size_t mappings = 0;  // of memfds
  bool operator==(const Holdings&) const = default;
};

inline Holdings HoldingsNow() {
  Holdings now;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++now.fds;
  }
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:") != std::string::npos) ++now.mappings;
  }
  return now;
}

inline void PrintTo(const Holdings& holdings, std::ostream* out) {
  *out << holdings.fds << " descriptors, " << holdings.mappings << " memfd mappings";
}

}  // namespace farrier::host::testing
