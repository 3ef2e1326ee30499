#include "upgrade/driver.h"

#include <algorithm>
#include <utility>

namespace farrier::upgrade {
namespace {

// Messages taken in one step, so that deadlines are looked at in between.
constexpr int kMessagesPerStep = 64;

class RecordSink final : public runtime::StateSink {
 public:
  void Append(runtime::StateRecord record) override {
    Record& copy = *records.Add();
    copy.set_kind(std::move(record.kind));
    copy.set_schema(record.schema);
    copy.set_bytes(std::move(record.bytes));
  }
  Records records;
};

class RecordSource final : public runtime::StateSource {
 public:
  explicit RecordSource(Records& records) : records_(records) {}
  std::optional<runtime::StateRecord> Next() override {
    if (next_ == records_.size()) return std::nullopt;
    Record& record = records_[next_++];
    return runtime::StateRecord{.kind = std::move(*record.mutable_kind()),
                                .schema = record.schema(),
                                .bytes = std::move(*record.mutable_bytes())};
  }

 private:
  Records& records_;
  int next_ = 0;
};

}  // namespace

Driver::Driver(Side& side, EngineHost& host, RowAccess& rows, Channel& channel, PeerProcess& peer,
               const runtime::Clock& clock)
    : side_(side), host_(host), rows_(rows), channel_(channel), peer_(peer), clock_(clock) {}

bool Driver::Step() {
  bool progress = false;
  if (!started_) {
    started_ = progress = true;
    Carry(side_.Start(clock_.Now()));
  }
  if (TakeMessages()) progress = true;
  if (PollAwaited()) progress = true;
  if (!done() && clock_.Now() >= side_.NextDeadline()) {
    Dispatch(Timeout{});
    progress = true;
  }
  congested_ = channel_open_ && channel_.Congested();
  return progress;
}

runtime::Nanoseconds Driver::NextStep() const {
  const runtime::Nanoseconds now = clock_.Now();
  if (!started_) return now;
  const bool polled =
      congested_ || snapshot_ || prepare_ || peer_exit_ || !marks_.empty() || !tx_drains_.empty();
  return std::min(side_.NextDeadline(), polled ? now + kPollInterval : runtime::kNever);
}

bool Driver::TakeMessages() {
  bool any = false;
  for (int i = 0; i < kMessagesPerStep && channel_open_ && !done(); ++i) {
    absl::StatusOr<std::optional<Parcel>> parcel = channel_.Receive();
    if (!parcel.ok()) {
      channel_open_ = false;
      if (!absl::IsUnavailable(parcel.status())) Dispatch(Failed{.status = parcel.status()});
      Dispatch(PeerGone{});
      return true;
    }
    if (!*parcel) return any;
    any = true;
    fds_ = std::move((*parcel)->fds);
    Dispatch(PeerSaid{std::move((*parcel)->message)});
    fds_.clear();
  }
  return any;
}

bool Driver::PollAwaited() {
  bool any = PollSnapshot();
  const auto poll = [&](std::set<EngineIndex>& awaited, auto has_come, auto event) {
    for (const EngineIndex engine : std::set<EngineIndex>(awaited)) {
      const absl::StatusOr<bool> come = has_come(engine);
      if (come.ok() && !*come) continue;
      awaited.erase(engine);
      Answer(engine, come.status(), event(engine));
      Dispatch();
      any = true;
    }
  };
  poll(
      marks_, [this](EngineIndex engine) { return host_.MarkSeen(engine); },
      [](EngineIndex engine) { return MarkSeen{engine}; });
  poll(
      tx_drains_, [this](EngineIndex engine) { return host_.TxDrained(engine); },
      [](EngineIndex engine) { return TxDrainedOut{engine}; });
  if (prepare_) {
    const absl::StatusOr<bool> prepared = host_.Prepare(*prepare_);
    if (!prepared.ok() || *prepared) {
      prepare_.reset();
      if (prepared.ok()) Dispatch(EnginesPrepared{});
      if (!prepared.ok()) Dispatch(Failed{.status = prepared.status()});
      any = true;
    }
  }
  if (peer_exit_ && peer_.HasExited()) {
    peer_exit_ = false;
    Dispatch(PeerExited{});
    any = true;
  }
  return any;
}

bool Driver::PollSnapshot() {
  if (!snapshot_ || channel_.Congested()) return false;
  const EngineIndex engine = *std::exchange(snapshot_, std::nullopt);
  RecordSink sink;
  const absl::StatusOr<bool> last = host_.TakeSnapshot(engine, sink);
  if (last.ok()) {
    Dispatch(SnapshotTaken{.engine = engine, .records = std::move(sink.records), .last = *last});
  } else {
    Dispatch(Failed{.status = last.status(), .engine = engine});
  }
  return true;
}

void Driver::Dispatch(Event event) {
  events_.push_back(std::move(event));
  Dispatch();
}

void Driver::Dispatch() {
  while (!events_.empty()) {
    Event event = std::move(events_.front());
    events_.pop_front();
    Carry(side_.On(std::move(event), clock_.Now()));
  }
}

void Driver::Carry(Actions actions) {
  for (Action& action : actions) std::visit([this](auto& a) { Do(a); }, action);
}

template <typename Success>
void Driver::Answer(EngineIndex engine, const absl::Status& status, Success success) {
  if (status.ok()) {
    events_.push_back(std::move(success));
  } else {
    events_.push_back(Failed{.status = status, .engine = engine});
  }
}

void Driver::Do(Send& action) {
  const absl::Status status = channel_.Post({.message = std::move(action.message)});
  // That the other side is gone is told when all it sent has been received.
  if (!status.ok() && !absl::IsUnavailable(status)) events_.push_back(Failed{.status = status});
}

void Driver::Do(KillPeer&) {
  peer_.Kill();
  peer_exit_ = true;
}

void Driver::Do(ReadRow& action) { TellRow(action.engine); }

void Driver::Do(WriteRow& action) {
  // Whether it was accepted, and even whether it arrived, is told by reading back.
  (void)rows_.Write(action.engine, action.state, action.expected_generation);
  TellRow(action.engine);
}

void Driver::TellRow(EngineIndex engine) {
  const absl::StatusOr<Row> row = rows_.Read(engine);
  events_.push_back(RowIs{engine, row.ok() ? std::optional<Row>(*row) : std::nullopt});
}

void Driver::Do(SendAttachments& action) {
  const absl::Status status = host_.SendAttachments(action.last, channel_);
  if (status.ok()) events_.push_back(AttachmentsSent{});
  if (!status.ok()) events_.push_back(Failed{.status = status});
}

void Driver::Do(TakeSnapshot& action) { snapshot_ = action.engine; }

void Driver::Do(AwaitMark& action) { marks_.insert(action.engine); }

void Driver::Do(StopEngine& action) {
  marks_.erase(action.engine);
  Answer(action.engine, host_.Stop(action.engine), EngineStopped{action.engine});
}

void Driver::Do(TakeDelta& action) {
  RecordSink sink;
  const absl::Status status = host_.TakeDelta(action.engine, sink);
  Answer(action.engine, status, DeltaTaken{action.engine, std::move(sink.records)});
}

void Driver::Do(AwaitTxDrained& action) { tx_drains_.insert(action.engine); }

void Driver::Do(ResumeEngine& action) {
  tx_drains_.erase(action.engine);
  Answer(action.engine, host_.Resume(action.engine, action.generation), EngineRuns{action.engine});
}

void Driver::Do(DropSnapshot& action) {
  if (snapshot_ == action.engine) snapshot_.reset();
  host_.DropSnapshot(action.engine);
}

void Driver::Do(ReleaseEngine& action) {
  tx_drains_.erase(action.engine);
  host_.Release(action.engine);
}

void Driver::Do(AcceptAttachment& action) {
  const absl::Status status = host_.Accept(action.attachment, std::exchange(fds_, {}));
  if (!status.ok()) events_.push_back(Failed{.status = status});
}

void Driver::Do(PrepareEngines& action) { prepare_ = std::move(action.engines); }

void Driver::Do(Restore& action) {
  RecordSource source(action.records);
  Answer(action.engine, host_.Restore(action.engine, source), Restored{action.engine});
}

void Driver::Do(StartEngine& action) {
  Answer(action.engine, host_.Start(action.engine, action.generation), EngineRuns{action.engine});
}

void Driver::Do(Serve&) { host_.Serve(); }

void Driver::Do(StartFresh& action) {
  Answer(action.engine, host_.StartFresh(action.engine, action.generation),
         EngineRuns{action.engine});
}

}  // namespace farrier::upgrade
