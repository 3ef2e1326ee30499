#include "hw/sim/card_process.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hw/regs/registers.h"
#include "hw/sim/card_loop.h"

namespace farrier::sim {
namespace {

// The CSR socket is looked at this often under load.
constexpr int64_t kCsrIntervalNs = 20'000;
// Until a file may be played, this often it is asked whether somebody listens.
constexpr int64_t kAudienceIntervalNs = 10'000'000;

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& tv) { return tv.tv_sec + tv.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

uint64_t Read64(model::Card& card, uint32_t lo_offset) {
  const uint64_t lo = card.ReadCsr(lo_offset);
  return static_cast<uint64_t>(card.ReadCsr(lo_offset + 4)) << 32 | lo;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CardProcess>> CardProcess::Open(const CardProcessOptions& options) {
  std::unique_ptr<CardProcess> process(new CardProcess);
  if (auto status = process->SetUp(options); !status.ok()) return status;
  return process;
}

absl::Status CardProcess::MakeCard(const CardProcessOptions& options) {
  auto capture = options.pcap.empty() ? nullptr : std::make_unique<CaptureCard>(*this);
  model::CardSink& sink = capture ? static_cast<model::CardSink&>(*capture) : *this;
  auto backend = MakeBackend(options.backend, options.mac, options.trace, sink);
  if (!backend.ok()) return backend.status();
  backend_ = *std::move(backend);
  if (!capture) return absl::OkStatus();
  capture_ = capture.get();
  auto begun = capture->Begin(std::move(backend_.card), backend_.functions, options.pcap);
  backend_.card = std::move(capture);
  return begun;
}

absl::Status CardProcess::SetUp(const CardProcessOptions& options) {
  backend_name_ = options.backend;
  if (auto status = MakeCard(options); !status.ok()) return status;
  for (const int function : options.raw) {
    if (function < 0 || function >= backend_.functions) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "function %d cannot be raw: the card has 0 to %d", function, backend_.functions - 1));
    }
    const uint32_t offset = regs::kRegFunctionControl(function);
    auto control = regs::FunctionControl::Unpack(backend_.card->ReadCsr(offset));
    control.raw = 1;
    backend_.card->WriteCsr(offset, control.Pack());
  }
  directory_ = options.directory;
  std::error_code error;
  made_directory_ = std::filesystem::create_directories(directory_, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrFormat("directory %s: %s", directory_.string(), error.message()));
  }
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return absl::InternalError(strerror(errno));
  // First, because this finds out whether another card lives here.
  auto csr = CsrServer::Listen(directory_ / "csr.sock", epoll_fd_);
  if (!csr.ok()) return csr.status();
  csr_ = std::move(*csr);
  auto wire = Wire::Open(options.wire);
  if (!wire.ok()) return wire.status();
  wire_ = std::move(*wire);
  for (int i = 0; i < backend_.functions; ++i) {
    auto function =
        VhostFunction::Open(directory_ / absl::StrFormat("function%d.sock", i), i, epoll_fd_);
    if (!function.ok()) return function.status();
    functions_.push_back(std::move(*function));
  }
  started_ns_ = CardNow();
  return absl::OkStatus();
}

CardProcess::~CardProcess() {
  functions_.clear();
  wire_.reset();
  csr_.reset();
  if (epoll_fd_ >= 0) close(epoll_fd_);
  std::error_code not_empty;
  if (made_directory_) {
    std::filesystem::remove(directory_ / "functions.lock", not_empty);  // its daemons'
    std::filesystem::remove(directory_, not_empty);
  }
}

void CardProcess::ToHost(int function, int queue, std::span<const uint8_t> bytes) {
  functions_[function]->Send(queue, bytes);
}

void CardProcess::ToWire(std::span<const uint8_t> frame) { wire_->Send(frame); }

bool CardProcess::SomebodyReceives() {
  const auto posted = [](const auto& function) { return function->HasCredits(); };
  if (std::ranges::none_of(functions_, posted)) return false;
  for (uint32_t owner = 0; owner < regs::kOwners; ++owner) {
    const auto row = regs::SwitchWord::Unpack(backend_.card->ReadCsr(regs::kRegOwnerSwitch(owner)));
    if (row.state == static_cast<uint32_t>(regs::OwnerState::kAttached) &&
        row.function < functions_.size() && functions_[row.function]->HasCredits()) {
      return true;
    }
  }
  return false;
}

bool CardProcess::Work(int64_t now_ns) {
  model::Card& card = *backend_.card;
  if (capture_ != nullptr) capture_->SetTime(now_ns);
  bool moved = false;
  for (auto& function : functions_) {
    function->Refresh(card);
    function->GrantCredits(card);
    if (!wire_->congested()) moved |= function->Receive(card) > 0;
  }
  if (!playing_ && now_ns >= next_audience_ns_) {
    next_audience_ns_ = now_ns + kAudienceIntervalNs;
    playing_ = !wire_->plays_file() || SomebodyReceives();
  }
  if (playing_) moved |= wire_->Receive(card, now_ns) > 0;
  moved |= StepCard(card);
  for (auto& function : functions_) function->Flush();
  wire_->Flush(now_ns);
  if (now_ns >= next_csr_ns_) {
    next_csr_ns_ = now_ns + kCsrIntervalNs;
    const size_t answered = csr_->Serve(card);
    csr_requests_ += answered;
    moved |= answered > 0;
  }
  return moved;
}

void CardProcess::Sleep(int64_t longest_ns) {
  for (auto& function : functions_) {
    if (!function->ArmKicks()) return;
  }
  const int64_t until = std::min(backend_.card->NextEvent(), wire_->NextEvent());
  if (WaitFor(epoll_fd_, until, longest_ns)) {
    std::array<epoll_event, 64> events;  // edges are taken back by looking at them
    epoll_wait(epoll_fd_, events.data(), events.size(), 0);
    next_csr_ns_ = 0;
  } else {
    next_csr_ns_ = CardNow() + kCsrIntervalNs;  // the epoll would have known of requests
  }
}

void CardProcess::Run(const std::atomic<bool>& stop) {
  RunCard(
      stop, [this](int64_t now_ns) { return Work(now_ns); },
      [this](int64_t longest_ns) { Sleep(longest_ns); });
}

std::string CardProcess::Report() {
  model::Card& card = *backend_.card;
  const double seconds = static_cast<double>(CardNow() - started_ns_) * 1e-9;
  const double cpu_seconds = CpuSeconds();
  std::string json = absl::StrFormat(
      "{\n  \"backend\": \"%s\",\n  \"seconds\": %.3f,\n  \"cpu_seconds\": %.3f,\n"
      "  \"csr_requests\": %d,\n",
      backend_name_, seconds, cpu_seconds, csr_requests_);
  if (backend_.cycles) {
    const auto cycles = static_cast<double>(backend_.cycles());
    absl::StrAppendFormat(&json, "  \"cycles\": %.0f,\n  \"cycles_per_cpu_second\": %.0f,\n",
                          cycles, cycles / cpu_seconds);
  }
  if (capture_ != nullptr) {
    const auto& captured = capture_->counters();
    absl::StrAppendFormat(&json, "  \"capture\": {\"packets\": %d, \"lost\": %d},\n",
                          captured.packets, captured.lost);
  }
  const auto& wire = wire_->counters();
  const auto& faults = wire_->faults();
  absl::StrAppendFormat(
      &json,
      "  \"wire\": {\"rx_packets\": %d, \"tx_packets\": %d, \"tx_dropped\": %d},\n"
      "  \"faults\": {\"lost\": %d, \"duplicated\": %d, \"reordered\": %d, "
      "\"corrupted\": %d},\n  \"functions\": [",
      wire.rx_packets, wire.tx_packets, wire.tx_dropped, faults.lost, faults.duplicated,
      faults.reordered, faults.corrupted);
  const char* separator = "\n";
  for (const auto& function : functions_) {
    const auto& c = function->counters();
    absl::StrAppendFormat(&json,
                          "%s    {\"hosts\": %d, \"to_host\": %d, \"from_host\": %d, "
                          "\"lost_to_dead_host\": %d, \"lost_no_memory\": %d}",
                          separator, c.hosts, c.to_host, c.from_host, c.lost_to_dead_host,
                          c.lost_no_memory);
    separator = ",\n";
  }
  absl::StrAppend(&json, "\n  ],\n  \"owners\": {");
  separator = "\n";
  for (uint32_t owner = 0; owner < regs::kOwners; ++owner) {
    card.WriteCsr(regs::kRegCounterSnapshot, owner);
    std::string counters;
    bool any = false;
    for (uint32_t i = 0; i < regs::kOwnerCounters; ++i) {
      const uint64_t value = Read64(card, regs::kRegOwnerCounter(i));
      any |= value != 0;
      absl::StrAppendFormat(&counters, "%s\"%s\": %d", i > 0 ? ", " : "",
                            regs::kOwnerCounterNames[i], value);
    }
    if (!any) continue;
    absl::StrAppendFormat(&json, "%s    \"%d\": {%s}", separator, owner, counters);
    separator = ",\n";
  }
  absl::StrAppend(&json, "\n  },\n  \"global\": {");
  for (uint32_t i = 0; i < regs::kGlobalCounters; ++i) {
    absl::StrAppendFormat(&json, "%s\"%s\": %d", i > 0 ? ", " : "", regs::kGlobalCounterNames[i],
                          Read64(card, regs::kRegGlobalCounter(i)));
  }
  return json + "}\n}\n";
}

}  // namespace farrier::sim
