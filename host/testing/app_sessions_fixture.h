#pragma once

#include <string>

#include "gtest/gtest.h"
#include "host/app_sessions.h"
#include "host/testing/app_daemon.h"
#include "pony/client/pony.h"

namespace farrier::host::testing {

// A socket's path for a daemon to serve, and apps that connect there.
class AppSessionsTest : public ::testing::Test {
 protected:
  pony_session* Open(const char* name = "app") {
    const pony_options options{
        .socket_path = path_.c_str(), .name = name, .region_bytes = 1 << 20, .ring_entries = 16};
    pony_session* session = nullptr;
    char error[256] = "";
    EXPECT_EQ(pony_open(&options, &session, error, sizeof error), 0) << error;
    return session;
  }

  static bool NoSessions(AppSessions& sessions) { return sessions.List().empty(); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "app.sock";
};

}  // namespace farrier::host::testing
