#include "host/fleet_handover.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/card_setup.h"
#include "hw/driver/owner_row.h"
#include "hw/regs/registers.h"

namespace farrier::host {
namespace {

constexpr char kStart[] = "host.start";
constexpr char kSession[] = "host.session";
constexpr char kRest[] = "host.rest";

constexpr const char* kPonyKinds[] = {"pony.engine", "pony.session", "pony.flow",
                                      "pony.connection"};
constexpr uint32_t kPonySchema = 1;
constexpr const char* kPacketKinds[] = {"packet.element", "packet.held"};
constexpr uint32_t kPacketSchema = 1;

// Records written per visit to a running engine: short against its poll.
constexpr int kSnapshotBudget = 16;

// A parcel with copies of `fds`: the channel owns what it sends.
absl::StatusOr<upgrade::Parcel> MakeParcel(absl::string_view kind,
                                           const google::protobuf::MessageLite& body,
                                           const std::vector<int>& fds) {
  upgrade::Parcel parcel;
  upgrade::Attachment& attachment = *parcel.message.mutable_attachment();
  attachment.set_kind(std::string(kind));
  attachment.set_bytes(body.SerializeAsString());
  for (int fd : fds) {
    parcel.fds.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!parcel.fds.back().valid()) return absl::ErrnoToStatus(errno, "F_DUPFD_CLOEXEC");
  }
  return parcel;
}

absl::Status PostAttachment(upgrade::Channel& channel, absl::string_view kind,
                            const google::protobuf::MessageLite& body,
                            const std::vector<int>& fds) {
  absl::StatusOr<upgrade::Parcel> parcel = MakeParcel(kind, body, fds);
  return parcel.ok() ? channel.Post(*std::move(parcel)) : parcel.status();
}

}  // namespace

std::map<std::string, uint32_t> WrittenKinds(const Config& config) {
  std::map<std::string, uint32_t> kinds;
  for (const char* kind : kPonyKinds) kinds[kind] = kPonySchema;
  if (config.packet_engines().empty()) return kinds;
  for (const char* kind : kPacketKinds) kinds[kind] = kPacketSchema;
  return kinds;
}

std::map<std::string, upgrade::VersionRange> RestorableKinds() {
  std::map<std::string, upgrade::VersionRange> kinds;
  const auto add = [&](const char* kind, uint32_t schema) {
    kinds[kind].set_oldest(schema);
    kinds[kind].set_newest(schema);
  };
  for (const char* kind : kPonyKinds) add(kind, kPonySchema);
  for (const char* kind : kPacketKinds) add(kind, kPacketSchema);
  return kinds;
}

std::unique_ptr<FleetHandover> FleetHandover::OfOld(Fleet& fleet, Belongings belongings,
                                                    std::function<void()> stop_serving) {
  auto handover = std::unique_ptr<FleetHandover>(new FleetHandover);
  handover->fleet_ = &fleet;
  fleet.set_handing_over(true);
  handover->belongings_ = std::move(belongings);
  handover->stop_serving_ = std::move(stop_serving);
  return handover;
}

std::unique_ptr<FleetHandover> FleetHandover::OfNew(EventLoop& loop, Fleet::CardOpener open_card,
                                                    std::function<void()> serve) {
  auto handover = std::unique_ptr<FleetHandover>(new FleetHandover);
  handover->loop_ = &loop;
  handover->open_card_ = std::move(open_card);
  handover->serve_ = std::move(serve);
  return handover;
}

// ---- The card's rows.

absl::StatusOr<upgrade::Row> FleetHandover::Read(upgrade::EngineIndex engine) {
  absl::StatusOr<regs::SwitchWord> word =
      driver::OwnerRow(fleet_->card().csr(), OwnerOf(engine)).Read();
  if (!word.ok()) return word.status();
  return upgrade::Row{.state = static_cast<upgrade::RowState>(word->state),
                      .mine = word->function == fleet_->card().function(),
                      .generation = static_cast<uint16_t>(word->generation)};
}

absl::Status FleetHandover::Write(upgrade::EngineIndex engine, upgrade::RowState state,
                                  uint16_t expected_generation) {
  // The successor gets no new session of an engine on the move.
  if (state == upgrade::RowState::kHeld) fleet_->sessions().Freeze();
  const regs::SwitchWord word =
      EngineRow(static_cast<regs::OwnerState>(state), fleet_->card().function(), engine,
                fleet_->card().queues_per_engine(), expected_generation);
  const auto owner = static_cast<uint32_t>(OwnerOf(engine));
  return fleet_->card().csr().Write(regs::kRegOwnerSwitch(owner), word.Pack());
}

// ---- The old side.

absl::Status FleetHandover::SendAttachments(bool last, upgrade::Channel& channel) {
  const AppSessions::Exported exported = fleet_->sessions().Export();
  if (!last) {
    sync_sessions_ = true;
    StartAttachment start;
    *start.mutable_config() = fleet_->config();
    start.set_function((fleet_->card().function() + 1) % fleet_->card().info().functions);
    *start.mutable_upgrades() = belongings_.upgrades;
    std::vector<int> listeners = {belongings_.control_listener, exported.listener};
    if (belongings_.metrics_listener >= 0) listeners.push_back(belongings_.metrics_listener);
    absl::Status status = PostAttachment(channel, kStart, start, listeners);
    return status.ok() ? SyncSessions(channel) : status;
  }
  sync_sessions_ = false;
  // Before the successor serves, and may read counters itself: see OwnerRow::ReadCounters.
  for (uint32_t i = 0; i < held_.size(); ++i) {
    const uint64_t now = CountHeld(i);
    held_[i] = now - std::min(now, held_[i]);
  }
  stop_serving_();
  fleet_->sessions().Freeze();
  RestAttachment rest;
  rest.set_next_session_id(exported.next_id);
  *rest.mutable_groups() = fleet_->config().groups();
  for (AccountRecord& account : fleet_->Accounts()) *rest.add_accounts() = std::move(account);
  return PostAttachment(channel, kRest, rest, exported.handshakes);
}

absl::Status FleetHandover::SyncSessions(upgrade::Channel& channel) {
  if (!sync_sessions_) return absl::OkStatus();
  for (const AppSessions::ExportedSession& session : fleet_->sessions().Export().sessions) {
    if (!sessions_sent_.insert(session.info.id).second) continue;
    SessionAttachment body;
    body.set_id(session.info.id);
    body.set_engine(session.info.engine);
    body.set_abi_version(session.info.abi_version);
    body.set_ring_entries(session.info.ring_entries);
    body.set_region_bytes(session.info.region_bytes);
    body.set_name(session.info.name);
    body.set_pid(session.info.pid);
    body.set_uid(session.info.uid);
    body.set_gid(session.info.gid);
    absl::Status status = PostAttachment(channel, kSession, body, session.fds);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void FleetHandover::Abandon() {
  sync_sessions_ = false;
  fleet_->set_handing_over(false);
  fleet_->sessions().Thaw();
}

absl::StatusOr<bool> FleetHandover::TakeSnapshot(upgrade::EngineIndex engine,
                                                 runtime::StateSink& sink) {
  bool done = false;
  absl::Status asked = fleet_->unit(engine).With(
      [&](HostedEngine& hosted) { done = hosted.engine().Snapshot(sink, kSnapshotBudget); });
  if (!asked.ok()) return asked;
  if (done) {
    snapshots_done_.insert(engine);
    if (snapshots_done_.size() == fleet_->size()) {
      for (uint32_t i = 0; i < fleet_->size(); ++i) held_.push_back(CountHeld(i));
    }
  }
  return done;
}

absl::StatusOr<bool> FleetHandover::MarkSeen(upgrade::EngineIndex engine) {
  EngineUnit& unit = fleet_->unit(engine);
  return unit.port().MarkSeen(unit.generation());
}

absl::Status FleetHandover::Stop(upgrade::EngineIndex engine) {
  absl::Status stopped = fleet_->unit(engine).StopWell();
  if (stopped.ok()) fleet_->Account(engine);  // for the last time, if all goes well
  return stopped;
}

absl::Status FleetHandover::TakeDelta(upgrade::EngineIndex engine, runtime::StateSink& sink) {
  return fleet_->unit(engine).With([&](HostedEngine& hosted) { hosted.engine().Delta(sink); });
}

absl::StatusOr<bool> FleetHandover::TxDrained(upgrade::EngineIndex engine) {
  absl::StatusOr<uint32_t> seen =
      driver::OwnerRow(fleet_->card().csr(), OwnerOf(engine)).ReadTxSeen();
  if (!seen.ok()) return seen.status();
  return fleet_->unit(engine).TxDrained(*seen);
}

absl::Status FleetHandover::Resume(upgrade::EngineIndex engine, uint16_t generation) {
  return fleet_->StartEngine(engine, generation);
}

void FleetHandover::DropSnapshot(upgrade::EngineIndex engine) { fleet_->DropSnapshot(engine); }

void FleetHandover::Release(upgrade::EngineIndex engine) { fleet_->ReleaseEngine(engine); }

uint64_t FleetHandover::CountHeld(uint32_t engine) {
  const absl::StatusOr<driver::CounterSnapshot> counters =
      driver::OwnerRow(fleet_->card().csr(), OwnerOf(engine)).ReadCounters();
  return counters.ok() ? (*counters)[regs::OwnerCounter::kHeld] : 0;
}

// ---- The new side.

absl::Status FleetHandover::CheckEngine(upgrade::EngineIndex engine) const {
  if (fleet_ != nullptr && engine < fleet_->size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("there is no engine ", engine, " here"));
}

absl::Status FleetHandover::Accept(const upgrade::Attachment& attachment,
                                   std::vector<runtime::UniqueFd> fds) {
  const absl::Status malformed =
      absl::InvalidArgumentError(absl::StrCat("an attachment \"", attachment.kind(), "\" with ",
                                              fds.size(), " descriptors makes no sense here"));
  if (attachment.kind() == kStart) {
    StartAttachment start;
    const bool fits = fds.size() == 2 || fds.size() == 3;
    if (!start.ParseFromString(attachment.bytes()) || !fits || fleet_ != nullptr) {
      return malformed;
    }
    return AcceptStart(start, std::move(fds));
  }
  if (fleet_ == nullptr) return malformed;
  if (attachment.kind() == kSession) {
    SessionAttachment session;
    if (!session.ParseFromString(attachment.bytes()) || fds.size() != AppSessions::kSessionFds) {
      return malformed;
    }
    return AcceptSession(session, std::move(fds));
  }
  if (attachment.kind() == kRest) {
    RestAttachment rest;
    if (!rest.ParseFromString(attachment.bytes())) return malformed;
    return AcceptRest(rest, std::move(fds));
  }
  return malformed;  // of a farrierd that knows more than we do, and needs it understood
}

absl::Status FleetHandover::AcceptStart(const StartAttachment& start, std::vector<UniqueFd> fds) {
  Config config = start.config();
  if (absl::Status valid = ValidateConfig(config, "handed over"); !valid.ok()) return valid;
  own_fleet_ = std::make_unique<Fleet>(*loop_, std::move(config), open_card_);
  fleet_ = own_fleet_.get();
  fleet_->set_handing_over(true);
  function_ = start.function();
  control_listener_ = std::move(fds[0]);
  app_listener_ = std::move(fds[1]);
  if (fds.size() > 2) metrics_listener_ = std::move(fds[2]);
  belongings_.upgrades = start.upgrades();
  return absl::OkStatus();
}

absl::Status FleetHandover::AcceptSession(const SessionAttachment& session,
                                          std::vector<UniqueFd> fds) {
  AppSessionInfo info{.id = session.id(),
                      .engine = session.engine(),
                      .abi_version = session.abi_version(),
                      .ring_entries = session.ring_entries(),
                      .region_bytes = session.region_bytes(),
                      .name = session.name(),
                      .pid = session.pid(),
                      .uid = session.uid(),
                      .gid = session.gid()};
  return fleet_->Import(std::move(info), std::move(fds));
}

absl::Status FleetHandover::AcceptRest(const RestAttachment& rest, std::vector<UniqueFd> fds) {
  fleet_->sessions().Import(rest.next_session_id(), std::move(app_listener_), std::move(fds));
  for (const AccountRecord& account : rest.accounts()) fleet_->LoadAccount(account);
  for (const GroupConfig& group : rest.groups()) {
    // Nothing to give up for: the engines run here already, if in another way.
    if (auto set = fleet_->SetGroup(group); !set.ok()) {
      spdlog::error("settings handed over are not taken: {}", set.status().ToString());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FleetHandover::Prepare(const std::vector<upgrade::EngineSpec>& engines) {
  if (fleet_ == nullptr) return absl::InvalidArgumentError("nothing is known to be prepared");
  if (engines.size() != fleet_->size()) {
    return absl::InvalidArgumentError(absl::StrCat(engines.size(), " engines are announced, and ",
                                                   fleet_->size(), " are configured"));
  }
  for (uint32_t engine = 0; engine < engines.size(); ++engine) {
    const uint32_t owner = static_cast<uint32_t>(OwnerOf(engine));
    const std::string kind = EngineKind(fleet_->config(), engine);
    if (engines[engine].kind() != kind || engines[engine].owner() != owner) {
      return absl::InvalidArgumentError(absl::StrCat(
          "engine ", engine, " is announced as a \"", engines[engine].kind(), "\" of owner ",
          engines[engine].owner(), ", not as a \"", kind, "\" of owner ", owner));
    }
  }
  if (absl::Status status = fleet_->OpenCard(function_); !status.ok()) return status;
  return true;
}

absl::Status FleetHandover::Restore(upgrade::EngineIndex engine, runtime::StateSource& source) {
  if (absl::Status status = CheckEngine(engine); !status.ok()) return status;
  absl::Status restored;
  absl::Status asked = fleet_->unit(engine).With(
      [&](HostedEngine& hosted) { restored = hosted.engine().Restore(source); });
  return asked.ok() ? restored : asked;
}

absl::Status FleetHandover::Start(upgrade::EngineIndex engine, uint16_t generation) {
  return fleet_->StartEngine(engine, generation);
}

void FleetHandover::Serve() {
  // All engines are here, so their predecessor has agreed, or is gone.
  absl::Status leased = fleet_->TakeLease(/*agrees=*/true);
  if (!leased.ok()) spdlog::error("the card's lease is not ours: {}", leased.ToString());
  fleet_->set_handing_over(false);
  // After the old process's death without its last words the listener is here still.
  if (app_listener_.valid()) fleet_->sessions().Listen(std::move(app_listener_));
  serve_();
}

absl::Status FleetHandover::StartFresh(upgrade::EngineIndex engine, uint16_t generation) {
  return fleet_->StartFresh(engine, generation);
}

}  // namespace farrier::host
