#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "pony/testing/fake_app.h"
#include "pony/testing/two_hosts.h"

namespace farrier::pony {
namespace {

using testing::FakeApp;
using testing::kIps;

// A wire of no length: what one port commits the other receives, without a copy.
class DirectPort final : public runtime::PacketPort {
 public:
  static constexpr uint32_t kFrame = 1536;
  static constexpr uint32_t kFrames = 512;

  explicit DirectPort(std::vector<uint8_t>* pool) : pool_(pool) {
    for (uint32_t i = 0; i < kFrames; ++i) free_.push_back(i);
  }
  void set_peer(DirectPort* peer) { peer_ = peer; }

  size_t RxBurst(std::span<runtime::Packet> out) override {
    size_t n = 0;
    for (; n < out.size() && head_ != arrived_.size(); ++n) {
      const auto [data, length] = arrived_[head_++];
      out[n] = runtime::Packet(data, length, kFrame, data);
    }
    if (head_ == arrived_.size()) {
      arrived_.clear();
      head_ = 0;
    }
    return n;
  }
  void Release(std::span<runtime::Packet> packets) override {
    for (runtime::Packet& packet : packets) {
      peer_->free_.push_back((packet.data() - peer_->pool_->data()) / kFrame);
      packet = runtime::Packet();
    }
  }
  size_t Reserve(std::span<runtime::Packet> out) override {
    size_t n = 0;
    for (; n < out.size() && !free_.empty(); ++n) {
      uint8_t* data = pool_->data() + free_.back() * kFrame;
      free_.pop_back();
      out[n] = runtime::Packet(data, 0, kFrame, data);
    }
    return n;
  }
  void Commit(std::span<runtime::Packet> packets) override {
    for (runtime::Packet& packet : packets) {
      if (packet.length() == 0) {
        free_.push_back((packet.data() - pool_->data()) / kFrame);
      } else {
        peer_->arrived_.push_back({packet.data(), packet.length()});
      }
      packet = runtime::Packet();
    }
  }
  std::span<const int> RxEventFds() const override { return {}; }
  bool ArmRxEvent() override { return arrived_.empty(); }

 private:
  std::vector<uint8_t>* pool_;
  DirectPort* peer_ = nullptr;
  std::vector<uint32_t> free_;
  std::vector<std::pair<uint8_t*, uint32_t>> arrived_;
  size_t head_ = 0;
};

// One way, both engines and both apps on one thread: half of the time each is one side's.
void BM_Messages(benchmark::State& state) {
  const uint32_t length = static_cast<uint32_t>(state.range(0));
  testing::TwoHosts hosts;
  std::array<std::vector<uint8_t>, 2> pools;
  for (auto& pool : pools) pool.resize(DirectPort::kFrame * DirectPort::kFrames);
  DirectPort ports[2] = {DirectPort(&pools[0]), DirectPort(&pools[1])};
  ports[0].set_peer(&ports[1]);
  ports[1].set_peer(&ports[0]);
  PonyEngine sender(hosts.Options(0), &ports[0]);
  PonyEngine receiver(hosts.Options(1), &ports[1]);
  FakeApp client(1024);
  FakeApp server(1024);
  (void)sender.AddSession(1, client.memory());
  (void)receiver.AddSession(1, server.memory());

  runtime::Nanoseconds now = 1;
  auto poll = [&] {
    now += 500;
    sender.Poll(now, 64);
    receiver.Poll(now, 64);
  };
  server.Listen(80);
  poll();
  client.Connect(kIps[1], 80);
  std::vector<PonyEvent> events;
  while ((events = client.Events()).empty()) poll();
  const uint32_t near = events[0].connection;
  events = server.Events();
  const uint32_t far = events.back().connection;
  for (uint64_t i = 0; i < 64; ++i) server.Post(far, i * 65536, i * 65536);

  int64_t under_way = 0;
  int64_t received = 0;
  const EngineStats before = receiver.stats();
  for (auto _ : state) {
    for (; under_way < 64; ++under_way) client.Send(near, 0, under_way * 65536, length);
    poll();
    for (const PonyEvent& event : server.Events()) {
      server.Post(far, event.offset, event.offset);
      ++received;
    }
    under_way -= client.Events().size();
  }
  state.SetItemsProcessed(received);
  state.SetBytesProcessed(received * length);
  state.counters["packets"] = benchmark::Counter(
      static_cast<double>(receiver.stats().packets_received - before.packets_received),
      benchmark::Counter::kIsRate);
  if (sender.stats().retransmitted_fast + sender.stats().retransmitted_timeout > 0) {
    state.SkipWithError("retransmitted");
  }
}
BENCHMARK(BM_Messages)->Arg(64)->Arg(1024)->Arg(16384)->Arg(65536);

// An idle engine that knows so many others: a poll in vain, and getting ready to sleep.
void BM_IdlePollAndPrepareWait(benchmark::State& state) {
  const uint32_t flows = static_cast<uint32_t>(state.range(0));
  constexpr uint32_t kEnginesEach = 64;
  testing::TwoHosts hosts;
  EngineOptions options = hosts.Options(0);
  options.neighbors.clear();
  for (uint32_t i = 0; i < flows / kEnginesEach; ++i) {
    options.neighbors.push_back({.ip = kIps[1] + i, .first_port = 7000, .engines = kEnginesEach});
  }
  std::array<std::vector<uint8_t>, 2> pools;
  for (auto& pool : pools) pool.resize(DirectPort::kFrame * DirectPort::kFrames);
  DirectPort ports[2] = {DirectPort(&pools[0]), DirectPort(&pools[1])};
  ports[0].set_peer(&ports[1]);
  ports[1].set_peer(&ports[0]);
  PonyEngine engine(options, &ports[0]);
  runtime::Nanoseconds now = 1;
  std::array<runtime::Packet, 64> burst;
  while (now < 20 * runtime::kSecond) {  // it greets them all, and nobody answers
    engine.Poll(now += runtime::kMillisecond, 64);
    while (const size_t n = ports[1].RxBurst(burst)) ports[1].Release({burst.data(), n});
  }
  runtime::WaitSet wait;
  for (auto _ : state) {
    wait.fds.clear();
    wait.deadline = runtime::kNever;
    engine.Poll(now += 500, 64);
    engine.PrepareWait(now, wait);
  }
  if (wait.busy || wait.deadline != runtime::kNever) state.SkipWithError("not idle");
}
BENCHMARK(BM_IdlePollAndPrepareWait)->Arg(64)->Arg(4096);

}  // namespace
}  // namespace farrier::pony
