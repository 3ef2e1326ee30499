#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engines/runtime/clock.h"
#include "host/config.pb.h"
#include "pony/engine.h"

namespace farrier::host {

// How long a successor waits in a blackout for a predecessor that has fallen silent.
inline constexpr runtime::Nanoseconds kTakeOverAfter = 5 * runtime::kSecond;

// Reads and validates a configuration. Every optional field of the result is set. The error lists
// all that is wrong, one line each: the field's path, its value and what would be right; `origin`
// stands before them, e.g. the file's name.
absl::StatusOr<Config> ParseConfig(absl::string_view json, absl::string_view origin);
// The same for a configuration that came as a message.
absl::Status ValidateConfig(Config& config, absl::string_view origin);

absl::StatusOr<Config> LoadConfig(const std::string& path);

// Engines are numbered: Pony's first, then the packet engines in the order of the configuration.
uint32_t EngineCount(const Config& config);
// nullptr: the engine is a Pony engine.
const PacketEngineConfig* PacketEngineOf(const Config& config, uint32_t engine);
// As its group and the operator know it: "pony0", or as it is configured.
std::string EngineName(const Config& config, uint32_t engine);
// As runtime::Engine::kind().
std::string EngineKind(const Config& config, uint32_t engine);

// Places an engine, whether it was in the configuration's placements or not.
void SetPlacement(Config& config, uint32_t engine, const std::string& group, uint32_t weight);

// What pony engine `id` of a validated configuration is to be; epoch and seed are the caller's.
pony::EngineOptions EngineOptionsFor(const Config& config, uint32_t id);

// IPv4 as a number: "10.0.0.1" is 0x0A000001.
absl::StatusOr<uint32_t> ParseIp(absl::string_view text);
std::string FormatIp(uint32_t ip);
absl::StatusOr<pony::MacAddress> ParseMac(absl::string_view text);

}  // namespace farrier::host
