#include "host/successor.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/binary_check.h"

namespace farrier::host {
namespace {

Successor Start(std::vector<std::string> arguments) {
  return Successor::Start(OpenTrustedBinary("/bin/sh").value(), "sh", arguments).value();
}

std::string Receive(Successor& successor) {
  pollfd wait{.fd = successor.channel().get(), .events = POLLIN};
  if (poll(&wait, 1, 10'000) != 1) return "(nothing)";
  char buffer[64];
  const ssize_t length = read(wait.fd, buffer, sizeof(buffer));
  return std::string(buffer, length > 0 ? static_cast<size_t>(length) : 0);
}

bool Ended(const Successor& successor) {
  pollfd wait{.fd = successor.pidfd(), .events = POLLIN};
  return poll(&wait, 1, 10'000) == 1;
}

TEST(Successor, HasTheChannelAsDescriptor3AndItsArguments) {
  Successor successor = Start({"-c", "printf '%s' \"$1\" >&3", "sh", "hello"});
  EXPECT_EQ(Receive(successor), "hello");
  EXPECT_TRUE(Ended(successor));
  EXPECT_EQ(successor.Reap(), "ended with code 0");
}

TEST(Successor, InheritsNothingElse) {
  UniqueFd careless(socket(AF_UNIX, SOCK_STREAM, 0));  // without SOCK_CLOEXEC
  Successor successor = Start({"-c",
                               "set -- /proc/self/fd/[4-9]* /proc/self/fd/[1-9][0-9]; "
                               "n=0; for f; do [ -S \"$f\" ] && n=$((n+1)); done; "
                               "printf %s $n >&3"});
  EXPECT_EQ(Receive(successor), "0");
}

TEST(Successor, ItsEndIsSeenAndTold) {
  Successor successor = Start({"-c", "exit 7"});
  EXPECT_TRUE(Ended(successor));
  EXPECT_EQ(successor.Reap(), "ended with code 7");
  EXPECT_EQ(successor.Reap(), "is gone");
}

TEST(Successor, IsKilledWithItsHandle) {
  pid_t pid;
  {
    Successor successor = Start({"-c", "exec sleep 1000"});
    pid = successor.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(Successor, SurvivesItsHandleOnceReleased) {
  pid_t pid;
  {
    Successor successor = Start({"-c", "exec sleep 1000"});
    pid = successor.pid();
    successor.Release();
  }
  EXPECT_EQ(kill(pid, SIGKILL), 0);
}

TEST(Successor, WhatCannotRunIsAnError) {
  UniqueFd not_a_program(memfd_create("x", MFD_CLOEXEC));
  EXPECT_FALSE(Successor::Start(not_a_program, "x", {}).ok());
}

}  // namespace
}  // namespace farrier::host
