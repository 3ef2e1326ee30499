// Apps that misbehave, and those beside them that do not.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulator/campaign.h"
#include "tests/simulator/hostile_app.h"

namespace farrier::sim {
namespace {

constexpr int kHosts = 3;
constexpr uint16_t kScribblersService = 666;
constexpr uint16_t kSlowService = 90;

TEST(HostileApps, ThatScribbleOverTheirRingsHurtOnlyThemselvesAlsoDuringUpgrades) {
  uint64_t scribbles = 0;
  uint64_t refused = 0;
  ForEachSeed(1, 100, [&](uint64_t seed) {
    WorldOptions options{.hosts = kHosts};
    options.link.faults = BadNetwork();
    options.hand_over.card_failure = 0;
    World world(seed, options);
    std::vector<Scribbler*> scribblers;
    for (int host = 0; host < kHosts; ++host) {
      for (uint32_t engine = 0; engine < options.engines; ++engine) {
        scribblers.push_back(
            &world.Add<Scribbler>(host, engine, absl::StrCat("scribbler", engine, "@host", host),
                                  World::Ip((host + 1) % kHosts), kScribblersService));
      }
    }
    Mesh mesh(world, 2, {.messages = 8});
    const auto upgraded = static_cast<int>(world.random().Uniform(0, kHosts - 1));
    UpgradeAt(world, upgraded, world.random().Uniform(kMillisecond, 20 * kMillisecond));
    world.Run(10 * kSecond,
              [&] { return mesh.done(world) && world.host(upgraded).upgrades().completed == 1; });
    for (Scribbler* scribbler : scribblers) {
      scribbles += scribbler->scribbles();
      scribbler->Kill();
    }
    refused += world.engines().commands_refused;
    world.CheckSilence();
    world.CheckCards();
    mesh.CheckUnharmed(world);
    return world.verdict().first();
  });
  ExpectMet(scribbles, "a scribble");
  ExpectMet(refused, "a refused command");
}

TEST(SlowAndDyingApps, DelayNobodyElse) {
  ForEachSeed(1, 100, [&](uint64_t seed) {
    WorldOptions options{.hosts = kHosts};
    options.link.faults = BadNetwork();
    World world(seed, options);
    Random& random = world.random();
    // A server that stands still now and then, its client, and a client that dies in mid-flight.
    EchoApp& slow = world.AddEcho(0, 0, kSlowService);
    const Target to_slow{.ip = World::Ip(0), .service = kSlowService, .messages = 10, .pause = 0};
    auto& patient = world.Add<CheckingClient>(1, 0, "patient", std::vector<Target>{to_slow});
    auto& mortal = world.Add<CheckingClient>(2, 0, "mortal", std::vector<Target>{to_slow});
    Mesh mesh(world, 2, {.messages = 8});
    world.RunFor(random.Uniform(kMillisecond, 5 * kMillisecond));
    slow.Stall(5 * kSecond);
    world.RunFor(random.Uniform(0, 10 * kMillisecond));
    mortal.Kill();
    // The others are done long before the slow ones move again.
    world.Run(3 * kSecond, [&] { return mesh.done(world); });
    world.Run(60 * kSecond, [&] { return patient.done(); });
    world.CheckSilence();
    world.CheckCards();
    mesh.CheckUnharmed(world);
    return world.verdict().first();
  });
}

// An echo server that does something wrong, once.
class Liar final : public App {
 public:
  enum class Lie { kNone, kFlip, kTwice, kShort, kOtherStream };
  Liar(EventQueue& queue, Random random, Verdict& verdict, SessionService& service,
       AppOptions options, uint16_t number, Lie lie)
      : App(queue, std::move(random), verdict, service, std::move(options)),
        number_(number),
        lie_(lie) {}

 protected:
  void OnOpen() override {
    Submit([number = number_](pony_session* session) { return pony_listen(session, number, 0); });
  }
  void OnHangup() override {}
  void OnEvent(const PonyEvent& event) override {
    if (event.kind == PONY_EVENT_ACCEPTED) {
      for (int i = 0; i < 8; ++i) {
        void* buffer = pony_alloc(session()->pony(), PONY_MAX_MESSAGE);
        Submit([id = event.connection, buffer, tag = TagOf(buffer)](pony_session* session) {
          return pony_post_recv(session, id, buffer, PONY_MAX_MESSAGE, tag);
        });
      }
    }
    if (event.kind != PONY_EVENT_RECEIVED || event.status != PONY_OK) return;
    const bool lies = ++received_ == 3;
    auto* data = static_cast<uint8_t*>(BufferOf(event.tag));
    uint32_t length = event.length;
    uint32_t stream = event.stream;
    if (lies && lie_ == Lie::kFlip) data[random().Uniform(0, length - 1)] ^= 1;
    if (lies && lie_ == Lie::kShort) --length;
    if (lies && lie_ == Lie::kOtherStream) stream = 3 - stream;
    for (int i = lies && lie_ == Lie::kTwice ? 2 : 1; i > 0; --i) {
      Submit([=, id = event.connection](pony_session* session) {
        return pony_send(session, id, stream, data, length, 0);
      });
    }
  }

 private:
  const uint16_t number_;
  const Lie lie_;
  int received_ = 0;
};

class OracleOf : public ::testing::TestWithParam<Liar::Lie> {
 protected:
  // Six messages against a server that lies, or does not; what the client says.
  static std::string Hear(Liar::Lie lie) {
    World world(1, {.hosts = 2});
    world.Add<Liar>(0, 0, "liar", uint16_t{80}, lie);
    CheckingClient& client = world.AddClient(
        1, 0, {{.ip = World::Ip(0), .service = 80, .messages = 6, .window = 2, .longest = 4096}});
    world.Run(kSecond, [&] { return client.done(); });
    world.RunFor(10 * kMillisecond);
    return world.verdict().first();
  }
};

TEST_F(OracleOf, AnHonestServerHearsNoComplaint) { EXPECT_EQ(Hear(Liar::Lie::kNone), ""); }

TEST_P(OracleOf, LiesHearsOne) { EXPECT_THAT(Hear(GetParam()), ::testing::HasSubstr("client0")); }

INSTANTIATE_TEST_SUITE_P(Lies, OracleOf,
                         ::testing::Values(Liar::Lie::kFlip, Liar::Lie::kTwice, Liar::Lie::kShort,
                                           Liar::Lie::kOtherStream));

}  // namespace
}  // namespace farrier::sim
