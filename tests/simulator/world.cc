#include "tests/simulator/world.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "hw/model/functional_card.h"

namespace farrier::sim {
namespace {

constexpr uint16_t kFirstPort = 7000;
constexpr uint32_t kPacingMbps = 5'000;  // slow enough for flows to run into the card's horizon

// A small card, quick to make.
std::unique_ptr<model::Card> MakeCard(model::CardSink& sink) {
  return std::make_unique<model::FunctionalCard>(
      model::CardOptions{.queues = 4, .hold_cells = 4096, .filter_depth = {16, 16, 16, 16}}, sink);
}

}  // namespace

World::World(uint64_t seed, const WorldOptions& options) : random_(seed), verdict_(queue_) {
  HostOptions host_options{.daemon = options.daemon,
                           .session = options.session,
                           .hand_over = options.hand_over,
                           .blackout_limit = options.blackout_limit};
  pony::EngineOptions& engine = host_options.daemon.engine;
  engine.engines = static_cast<uint16_t>(options.engines);
  engine.udp_port = kFirstPort;
  engine.pacing_mbps = kPacingMbps;
  for (int i = 0; i < options.hosts; ++i) {
    engine.neighbors.push_back({.ip = Ip(i),
                                .mac = MacOf(i),
                                .first_port = kFirstPort,
                                .engines = static_cast<uint16_t>(options.engines)});
  }
  const auto all_neighbors = engine.neighbors;
  for (int i = 0; i < options.hosts; ++i) {
    host_options.name = absl::StrCat("host", i);
    engine.ip = Ip(i);
    engine.mac = MacOf(i);
    engine.neighbors = all_neighbors;
    engine.neighbors.erase(engine.neighbors.begin() + i);
    FrameSink* port = switch_.AddPort();
    // Not learnt: links damage frames beyond what an FCS would let a switch learn from, and a host
    // with nothing to say would not be found again.
    switch_.AddStatic(MacOf(i), port);
    auto& to_switch = links_.emplace_back(std::make_unique<Link>(
        queue_, random_.Fork(absl::StrCat("uplink ", i)), options.link, port));
    uplinks_.push_back(to_switch.get());
    hosts_.push_back(std::make_unique<SimHost>(queue_, random_.Fork(host_options.name), verdict_,
                                               host_options, MakeCard, to_switch.get()));
    auto& to_host = links_.emplace_back(std::make_unique<Link>(
        queue_, random_.Fork(absl::StrCat("downlink ", i)), options.link, &hosts_.back()->card()));
    switch_.Connect(port, to_host.get());
    hosts_.back()->Boot();
  }
}

World::~World() = default;

EchoApp& World::AddEcho(int host, uint32_t engine, uint16_t service) {
  return Add<EchoApp>(host, engine, absl::StrCat("echo", service, "@host", host), service);
}

CheckingClient& World::AddClient(int host, uint32_t engine, std::vector<Target> targets) {
  auto& client = Add<CheckingClient>(
      host, engine, absl::StrCat("client", clients_.size(), "@host", host), std::move(targets));
  clients_.push_back(&client);
  return client;
}

bool World::Run(Nanoseconds limit, const std::function<bool()>& done) {
  const Nanoseconds end = queue_.Now() + limit;
  while (verdict_.ok()) {
    if (done()) return true;
    if (queue_.Now() > end || !queue_.RunNext()) {
      verdict_.Fail(absl::StrCat("not done in time\n", Describe()));
    }
  }
  return false;
}

void World::CheckCards() {
  for (auto& host : hosts_) {
    if (const std::string wrong = host->card().CheckIdentities(); !wrong.empty()) {
      verdict_.Fail(absl::StrCat(host->name(), ": ", wrong));
    }
    if (host->card().delivered_to_nobody() != 0) {
      verdict_.Fail(absl::StrCat(host->name(), ": the card sent without credit"));
    }
    Daemon* daemon = host->daemon();
    for (uint32_t engine = 0; daemon != nullptr && engine < daemon->engines(); ++engine) {
      const auto counters = daemon->port(engine).counters();
      if (counters.rx_bad_prefix + counters.rx_wrong_owner + counters.rx_no_buffer != 0) {
        verdict_.Fail(absl::StrCat(host->name(), " engine ", engine, ": the port dropped ",
                                   counters.rx_bad_prefix, " for their prefix, ",
                                   counters.rx_wrong_owner, " of other owners, ",
                                   counters.rx_no_buffer, " without a buffer"));
      }
    }
  }
}

void World::CheckSilence(Nanoseconds settle) {
  RunFor(settle);
  const uint64_t before = links().frames;
  RunFor(200 * kMillisecond);
  const uint64_t more = links().frames - before;
  if (more != 0) {
    verdict_.Fail(absl::StrCat(more, " frames were sent when there was nothing to say"));
  }
  for (auto& host : hosts_) {
    Daemon* daemon = host->daemon();
    if (daemon != nullptr && !daemon->group().settled()) {
      verdict_.Fail(absl::StrCat(host->name(), ": the group is still being formed anew"));
    }
  }
}

LinkCounters World::links() const {
  LinkCounters sum;
  for (const auto& link : links_) {
    const LinkCounters& one = link->counters();
    sum.frames += one.frames;
    sum.bytes += one.bytes;
    sum.delivered += one.delivered;
    sum.overflow += one.overflow;
    sum.lost += one.lost;
    sum.duplicated += one.duplicated;
    sum.reordered += one.reordered;
    sum.corrupted += one.corrupted;
  }
  return sum;
}

pony::EngineStats World::engines() {
  pony::EngineStats sum;
  for (auto& host : hosts_) {
    Daemon* daemon = host->daemon();
    for (uint32_t i = 0; daemon != nullptr && i < daemon->engines(); ++i) {
      std::vector<uint64_t> values;
      daemon->engine(i).stats().ForEach([&](auto, uint64_t value) { values.push_back(value); });
      auto value = values.begin();
      sum.ForEach([&](auto, uint64_t& total) { total += *value++; });
    }
  }
  return sum;
}

uint64_t World::cards(regs::OwnerCounter counter) {
  uint64_t sum = 0;
  for (auto& host : hosts_) {
    for (uint32_t owner = 0; owner <= host->engines(); ++owner) {
      sum += host->card().OwnerCounter(static_cast<int>(owner), counter);
    }
  }
  return sum;
}

uint64_t World::Digest() {
  uint64_t digest = 0;
  const auto mix = [&](uint64_t value) { digest = Random::Mix(digest ^ value); };
  mix(static_cast<uint64_t>(queue_.Now()));
  mix(queue_.happened());
  for (const auto& link : links_) {
    mix(link->counters().bytes);
    mix(link->counters().delivered);
  }
  engines().ForEach([&](auto, uint64_t value) { mix(value); });
  for (auto& host : hosts_) {
    if (Daemon* daemon = host->daemon(); daemon != nullptr) mix(daemon->group().Digest());
  }
  return digest;
}

std::string World::Describe() {
  std::string text;
  for (auto& host : hosts_) text += host->Describe();
  for (const CheckingClient* client : clients_) absl::StrAppend(&text, client->Describe(), "\n");
  return text;
}

}  // namespace farrier::sim
