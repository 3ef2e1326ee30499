#include "engines/elements/config_reader.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engines/elements/bytes.h"

namespace farrier::elements {
namespace {

std::string Quoted(absl::string_view text) { return absl::StrCat("\"", text, "\""); }

std::optional<Prefix> ReadPrefix(const std::string& text, absl::string_view path,
                                 ConfigErrors& errors) {
  if (text.empty()) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  Prefix prefix;
  prefix.v6 = parts[0].find(':') != std::string::npos;
  const int most = prefix.v6 ? 128 : 32;
  prefix.bits = most;
  const bool good =
      parts.size() <= 2 && text.find('\0') == std::string::npos &&
      inet_pton(prefix.v6 ? AF_INET6 : AF_INET, parts[0].c_str(), prefix.address.data()) == 1 &&
      (parts.size() == 1 || (!parts[1].empty() && absl::ascii_isdigit(parts[1][0]) &&
                             absl::SimpleAtoi(parts[1], &prefix.bits) && prefix.bits <= most));
  if (!good) {
    errors.Add(path, Quoted(text.c_str()),
               "is no prefix; write one like \"10.0.0.0/8\" or \"2001:db8::/32\"");
    return std::nullopt;
  }
  for (int bit = prefix.bits; bit < most; ++bit) {
    if ((prefix.address[bit / 8] >> (7 - bit % 8) & 1) != 0) {
      errors.Add(path, Quoted(text), "has bits behind the prefix; they must be 0");
      break;
    }
  }
  return prefix;
}

std::optional<PortRange> ReadPorts(bool given, const PortRangeConfig& config,
                                   const std::string& path, ConfigErrors& errors) {
  if (!given) return std::nullopt;
  const uint32_t last = config.has_last() ? config.last() : config.first();
  if (errors.InRange(path + ".first", config.first(), 0, UINT16_MAX)) {
    errors.InRange(path + ".last", last, config.first(), UINT16_MAX);
  }
  return PortRange{static_cast<uint16_t>(config.first()), static_cast<uint16_t>(last)};
}

template <typename T>
std::optional<T> ReadNumber(bool given, uint32_t value, const std::string& path, uint32_t most,
                            ConfigErrors& errors) {
  if (!given) return std::nullopt;
  errors.InRange(path, value, 0, most);
  return static_cast<T>(value);
}

}  // namespace

void ConfigErrors::Add(absl::string_view path, absl::string_view value, absl::string_view what) {
  lines_.push_back(absl::StrCat(path, ": ", value, " ", what));
}

void ConfigErrors::Missing(absl::string_view path, absl::string_view example) {
  lines_.push_back(absl::StrCat(path, ": missing; give it, e.g. ", example));
}

bool ConfigErrors::InRange(absl::string_view path, uint64_t value, uint64_t least, uint64_t most) {
  if (value >= least && value <= most) return true;
  Add(path, absl::StrCat(value), absl::StrCat("must be from ", least, " to ", most));
  return false;
}

Match ReadMatch(const MatchConfig& config, const std::string& path, ConfigErrors& errors) {
  Match match;
  match.ether_type = ReadNumber<uint16_t>(config.has_ether_type(), config.ether_type(),
                                          path + ".etherType", 0xFFFF, errors);
  match.vlan =
      ReadNumber<uint16_t>(config.has_vlan(), config.vlan(), path + ".vlan", 0xFFF, errors);
  match.source = ReadPrefix(config.source(), path + ".source", errors);
  match.destination = ReadPrefix(config.destination(), path + ".destination", errors);
  if (match.source && match.destination && match.source->v6 != match.destination->v6) {
    errors.Add(path + ".destination", Quoted(config.destination()),
               absl::StrCat("is not of the same IP version as source ", Quoted(config.source())));
  }
  match.protocol = ReadNumber<uint8_t>(config.has_protocol(), config.protocol(), path + ".protocol",
                                       255, errors);
  match.source_ports =
      ReadPorts(config.has_source_ports(), config.source_ports(), path + ".sourcePorts", errors);
  match.destination_ports = ReadPorts(config.has_destination_ports(), config.destination_ports(),
                                      path + ".destinationPorts", errors);
  match.dscp = ReadNumber<uint8_t>(config.has_dscp(), config.dscp(), path + ".dscp", 63, errors);
  if (config.has_fragment()) match.fragment = config.fragment();
  return match;
}

uint32_t ReadIpv4(const std::string& text, absl::string_view path, ConfigErrors& errors) {
  std::array<uint8_t, 4> address{};
  if (text.empty()) {
    errors.Missing(path, "\"10.0.0.1\"");
  } else if (text.find('\0') != std::string::npos ||
             inet_pton(AF_INET, text.c_str(), address.data()) != 1) {
    errors.Add(path, Quoted(text.c_str()), "is not an IPv4 address; write one like \"10.0.0.1\"");
  }
  return Load32(address.data());
}

std::array<uint8_t, 6> ReadMac(const std::string& text, absl::string_view path,
                               ConfigErrors& errors) {
  std::array<uint8_t, 6> mac{};
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  bool good = parts.size() == mac.size();
  for (size_t i = 0; good && i < mac.size(); ++i) {
    good = parts[i].size() == 2 && absl::ascii_isxdigit(parts[i][0]) &&
           absl::ascii_isxdigit(parts[i][1]);
    if (good) mac[i] = static_cast<uint8_t>(std::stoul(parts[i], nullptr, 16));
  }
  if (text.empty()) {
    errors.Missing(path, "\"02:00:00:00:00:01\"");
  } else if (!good) {
    errors.Add(path, Quoted(text.c_str()),
               "is not a MAC address; write six bytes in hex like \"02:00:00:00:00:01\"");
  }
  return mac;
}

}  // namespace farrier::elements
