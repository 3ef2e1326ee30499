#include "host/handover_run.h"

#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/card_setup.h"

namespace farrier::host {

class HandoverRun::Peer final : public upgrade::PeerProcess {
 public:
  explicit Peer(int pidfd) : pidfd_(pidfd) {}
  void Kill() override { syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0); }
  bool HasExited() override {
    pollfd wait{.fd = pidfd_, .events = POLLIN};
    return poll(&wait, 1, 0) == 1;
  }

 private:
  const int pidfd_;
};

class HandoverRun::TracedChannel final : public upgrade::Channel {
 public:
  TracedChannel(upgrade::Channel& channel, const StepHook& on_step)
      : channel_(channel), on_step_(on_step) {}

  absl::Status Post(upgrade::Parcel parcel) override {
    Trace("send ", parcel.message);
    return channel_.Post(std::move(parcel));
  }
  absl::StatusOr<std::optional<upgrade::Parcel>> Receive() override {
    auto parcel = channel_.Receive();
    if (parcel.ok() && *parcel) Trace("receive ", (*parcel)->message);
    if (!parcel.ok()) closed_ = true;
    return parcel;
  }
  bool Congested() override { return channel_.Congested(); }

  // Nothing more comes: its descriptor would stay readable for ever.
  bool closed() const { return closed_; }

 private:
  void Trace(absl::string_view direction, const upgrade::Message& message) {
    const auto* field = message.GetReflection()->GetOneofFieldDescriptor(
        message, message.GetDescriptor()->oneof_decl(0));
    const std::string step = absl::StrCat(direction, field == nullptr ? "?" : field->name());
    spdlog::debug("hand-over: {}", step);
    if (on_step_) on_step_(step);
  }

  upgrade::Channel& channel_;
  const StepHook& on_step_;
  bool closed_ = false;
};

class HandoverRun::TracedRows final : public upgrade::RowAccess {
 public:
  TracedRows(upgrade::RowAccess& rows, const StepHook& on_step) : rows_(rows), on_step_(on_step) {}

  absl::StatusOr<upgrade::Row> Read(upgrade::EngineIndex engine) override {
    return rows_.Read(engine);
  }
  absl::Status Write(upgrade::EngineIndex engine, upgrade::RowState state,
                     uint16_t expected_generation) override {
    const std::string step =
        absl::StrCat("write ", std::string(StateName(static_cast<uint32_t>(state))));
    spdlog::debug("hand-over: {}, engine {}, expecting generation {}", step, engine,
                  expected_generation);
    if (on_step_) on_step_(step);
    return rows_.Write(engine, state, expected_generation);
  }

 private:
  upgrade::RowAccess& rows_;
  const StepHook& on_step_;
};

absl::StatusOr<std::unique_ptr<HandoverRun>> HandoverRun::Start(Options options) {
  auto channel = upgrade::SocketChannel::Create(std::move(options.channel));
  if (!channel.ok()) return channel.status();
  auto run = std::unique_ptr<HandoverRun>(new HandoverRun(std::move(options), *std::move(channel)));
  EventLoop& loop = *run->options_.loop;
  loop.Watch(run->socket_->fd(), EPOLLIN, [raw = run.get()](uint32_t) { raw->Pump(); });
  run->timer_ = loop.After(0, [raw = run.get()] {
    raw->timer_.reset();
    raw->Pump();
  });
  return run;
}

HandoverRun::HandoverRun(Options options, std::unique_ptr<upgrade::SocketChannel> channel)
    : options_(std::move(options)),
      socket_(std::move(channel)),
      peer_(std::make_unique<Peer>(options_.pidfd)),
      channel_(std::make_unique<TracedChannel>(*socket_, options_.on_step)),
      rows_(std::make_unique<TracedRows>(*options_.host, options_.on_step)),
      driver_(*options_.side, *options_.host, *rows_, *channel_, *peer_, options_.loop->clock()) {}

HandoverRun::~HandoverRun() {
  if (timer_) options_.loop->Cancel(*timer_);
  options_.loop->Forget(socket_->fd());
}

void HandoverRun::Pump() {
  if (timer_) options_.loop->Cancel(*timer_);
  timer_.reset();
  // A failure is the channel's, and the driver meets it too.
  options_.host->SyncSessions(*channel_).IgnoreError();
  const bool more = driver_.Step();
  if (channel_->closed()) options_.loop->Forget(socket_->fd());
  if (options_.progress) options_.progress(options_.side->report());
  if (driver_.done()) {
    options_.loop->Forget(socket_->fd());
    // It may destroy this, and so must not be ours any more.
    auto done = std::move(options_.done);
    done(options_.side->outcome());
    return;
  }
  const runtime::Nanoseconds now = options_.loop->clock().Now();
  const runtime::Nanoseconds next = more ? now : driver_.NextStep();
  if (next == runtime::kNever) return;
  timer_ = options_.loop->After(std::max<runtime::Nanoseconds>(next - now, 0), [this] {
    timer_.reset();
    Pump();
  });
}

}  // namespace farrier::host
