#include "host/config.h"

#include <arpa/inet.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <sys/un.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "host/config_shape.h"
#include "host/group_settings.h"
#include "host/packet_engine_config.h"
#include "host/tcp_socket.h"
#include "hw/driver/pci_function.h"
#include "hw/regs/registers.h"

namespace farrier::host {
namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;
constexpr size_t kMaxSocketPath = sizeof(sockaddr_un{}.sun_path) - 1;
constexpr uint32_t kMaxPort = 65535;
constexpr uint32_t kMaxMtu = regs::kMaxPacketBytes - 14;  // without the Ethernet header

// Limits that nest, each twice the one before: an old daemon rolls a blackout back; only then a
// successor that hears nothing takes over; only then the card drops what it holds.
constexpr uint32_t kTakeOverMs = kTakeOverAfter / runtime::kMillisecond;

using Errors = std::vector<std::string>;

std::string Quoted(absl::string_view text) { return absl::StrCat("\"", text, "\""); }

// The meaning of a well-shaped configuration; also sets what is optional and absent.
class Validator {
 public:
  explicit Validator(Errors& errors) : errors_(errors) {}

  void Check(Config& config) {
    CheckName("name", config.name(), "\"host1\"");
    CheckCard(config);
    CheckNetwork(config);
    CheckPony(config);
    CheckGroups(config);
    CheckPacketEngines(config, errors_);
    CheckSocket("appSocket", config.app_socket());
    CheckSocket("controlSocket", config.control_socket());
    if (!config.app_socket().empty() && config.app_socket() == config.control_socket()) {
      Add("controlSocket", Quoted(config.control_socket()),
          "is appSocket too; give each its own path");
    }
    CheckUpgrade(config);
    if (config.has_metrics()) CheckMetrics(config);
  }

 private:
  void Add(absl::string_view path, absl::string_view value, absl::string_view what) {
    errors_.push_back(absl::StrCat(path, ": ", value, " ", what));
  }
  void Missing(absl::string_view path, absl::string_view example) {
    errors_.push_back(absl::StrCat(path, ": missing; give it, e.g. ", example));
  }

  bool InRange(absl::string_view path, uint32_t value, uint32_t least, uint32_t most) {
    if (value >= least && value <= most) return true;
    Add(path, absl::StrCat(value), absl::StrCat("must be from ", least, " to ", most));
    return false;
  }

  void CheckName(absl::string_view path, const std::string& name, absl::string_view example) {
    if (name.empty()) return Missing(path, example);
    const bool good = name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
                        return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
                      });
    if (!good) {
      Add(path, Quoted(name), "must be 1 to 32 letters, digits, '.', '_' or '-'");
    }
  }

  void CheckCard(Config& config) {
    constexpr absl::string_view kExample = "{\"sim\": {\"directory\": \"/run/farrier/card1\"}}";
    if (!config.has_card()) return Missing("card", kExample);
    CardConfig& card = *config.mutable_card();
    if (card.has_fpga()) {
      CheckFpga(*card.mutable_fpga());
    } else if (card.has_embedded()) {
      CheckEmbedded(card.embedded());
    } else if (!card.has_sim()) {
      Missing("card.sim",
              "{\"directory\": \"/run/farrier/card1\"}, or card.fpga, or card.embedded");
    } else if (card.sim().directory().empty()) {
      Missing("card.sim.directory", "\"/run/farrier/card1\"");
    } else {
      CheckPath("card.sim.directory", card.sim().directory(),
                kMaxSocketPath - absl::string_view("/function0.sock").size());
    }
    if (card.has_quota_cells()) InRange("card.quotaCells", card.quota_cells(), 1, 1 << 20);
    if (!card.has_watchdog_ms()) card.set_watchdog_ms(10'000);
    if (card.heartbeat_ms() != 0) InRange("card.heartbeatMs", card.heartbeat_ms(), 10, 3'600'000);
    InRange("card.watchdogMs", card.watchdog_ms(), 2 * kTakeOverMs, 3'600'000);
  }

  void CheckFpga(FpgaCard& fpga) {
    if (fpga.device().empty()) {
      Missing("card.fpga.device", "\"0000:81:00\", see lspci -d 10ee:");
    } else if (!driver::IsPciDevice(fpga.device())) {
      Add("card.fpga.device", Quoted(fpga.device()),
          "must be a PCI address without the function's number, like \"0000:81:00\"");
    }
    if (fpga.pmd().empty()) {
      Missing("card.fpga.pmd", "\"/usr/local/lib/dpdk/librte_net_qdma.so\", see docs/hardware.md");
    } else if (fpga.pmd()[0] != '/' || fpga.pmd().find('\0') != std::string::npos) {
      Add("card.fpga.pmd", Quoted(fpga.pmd().c_str()), "must be an absolute path of a file");
    }
    if (!fpga.has_rs_fec()) fpga.set_rs_fec(false);
  }

  void CheckEmbedded(const EmbeddedCard& embedded) {
    if (embedded.port().empty()) {
      Missing("card.embedded.port", "\"net_af_packet0,iface=eth1\"");
    } else if (embedded.port().find('\0') != std::string::npos) {
      Add("card.embedded.port", Quoted(embedded.port().c_str()), "contains a zero byte");
    }
  }

  void CheckNetwork(Config& config) {
    if (!config.has_network()) {
      return Missing("network", "{\"ip\": \"10.0.0.1\", \"mac\": \"02:00:00:00:00:01\"}");
    }
    NetworkConfig& network = *config.mutable_network();
    const uint32_t own = CheckIp("network.ip", network.ip());
    CheckMac("network.mac", network.mac());
    if (!network.has_mtu()) network.set_mtu(1500);
    InRange("network.mtu", network.mtu(), 576, kMaxMtu);
    std::set<uint32_t> seen;
    for (int i = 0; i < network.neighbors_size(); ++i) {
      NeighborConfig& neighbor = *network.mutable_neighbors(i);
      const std::string path = absl::StrCat("network.neighbors[", i, "]");
      const uint32_t ip = CheckIp(path + ".ip", neighbor.ip());
      if (ip != 0 && ip == own) {
        Add(path + ".ip", Quoted(neighbor.ip()), "is network.ip, this host itself; leave it out");
      } else if (ip != 0 && !seen.insert(ip).second) {
        Add(path + ".ip", Quoted(neighbor.ip()), "stands in the list already; leave one out");
      }
      CheckMac(path + ".mac", neighbor.mac());
      if (!neighbor.has_engines()) neighbor.set_engines(1);
      CheckPorts(path, neighbor.first_port(), neighbor.engines());
    }
  }

  void CheckPony(Config& config) {
    if (!config.has_pony()) return Missing("pony", "{\"firstPort\": 7000, \"engines\": 2}");
    PonyConfig& pony = *config.mutable_pony();
    if (!pony.has_engines()) pony.set_engines(1);
    if (!pony.has_window()) pony.set_window(64);
    if (!pony.has_min_rto_ms()) pony.set_min_rto_ms(10);
    if (!pony.has_max_rto_ms()) pony.set_max_rto_ms(std::max(1'000u, pony.min_rto_ms()));
    if (!pony.has_connect_timeout_ms()) pony.set_connect_timeout_ms(5'000);
    CheckPorts("pony", pony.first_port(), pony.engines());
    InRange("pony.window", pony.window(), 1, 4096);
    if (InRange("pony.minRtoMs", pony.min_rto_ms(), 1, 60'000)) {
      InRange("pony.maxRtoMs", pony.max_rto_ms(), pony.min_rto_ms(), 60'000);
    }
    InRange("pony.connectTimeoutMs", pony.connect_timeout_ms(), 1, 600'000);
    if (!pony.has_pacing_mbps()) pony.set_pacing_mbps(10'000);
    if (pony.pacing_mbps() != 0) InRange("pony.pacingMbps", pony.pacing_mbps(), 1, 400'000);
    if (pony.has_queues_per_engine()) {
      const uint32_t queues = pony.queues_per_engine();
      if (queues != 1 && queues != 2 && queues != 4) {
        Add("pony.queuesPerEngine", absl::StrCat(queues), "must be 1, 2 or 4");
      } else if (queues * EngineCount(config) > regs::kMaxQueues) {
        Add("pony.queuesPerEngine", absl::StrCat(queues),
            absl::StrCat("is too much for ", EngineCount(config), " engines; a function has ",
                         regs::kMaxQueues, " queue pairs"));
      }
    }
  }

  void CheckGroups(Config& config) {
    if (config.groups().empty()) config.add_groups()->set_name("pony");
    std::set<std::string> names;
    for (int i = 0; i < config.groups_size(); ++i) {
      GroupConfig& group = *config.mutable_groups(i);
      const std::string path = absl::StrCat("groups[", i, "]");
      CheckName(path + ".name", group.name(), "\"pony\"");
      if (!names.insert(group.name()).second) {
        Add(path + ".name", Quoted(group.name()), "stands in the list already; leave one out");
      }
      SetGroupDefaults(group);
      if (auto options = GroupOptionsOf(group, EngineCount(config)); !options.ok()) {
        errors_.push_back(absl::StrCat(path, ": ", options.status().message()));
      }
    }
    std::set<uint32_t> placed;
    for (int i = 0; i < config.pony().placement_size(); ++i) {
      PlacementConfig& placement = *config.mutable_pony()->mutable_placement(i);
      const std::string path = absl::StrCat("pony.placement[", i, "]");
      if (!placement.has_engine()) {
        Missing(path + ".engine", "0");
      } else if (placement.engine() >= config.pony().engines()) {
        Add(path + ".engine", absl::StrCat(placement.engine()),
            absl::StrCat("is none of the ", config.pony().engines(),
                         " engines (pony.engines), which count from 0"));
      } else if (!placed.insert(placement.engine()).second) {
        Add(path + ".engine", absl::StrCat(placement.engine()),
            "stands in the list already; leave one out");
      }
      if (placement.group().empty()) {
        Missing(path + ".group", Quoted(config.groups(0).name()));
      } else if (!names.contains(placement.group())) {
        Add(path + ".group", Quoted(placement.group()),
            absl::StrCat("is no group; there are: ", absl::StrJoin(names, ", ")));
      }
      if (!placement.has_weight()) placement.set_weight(1);
      InRange(path + ".weight", placement.weight(), 1, 1'000);
    }
  }

  void CheckUpgrade(Config& config) {
    UpgradeConfig& upgrade = *config.mutable_upgrade();
    if (!upgrade.has_prepare_ms()) upgrade.set_prepare_ms(30'000);
    if (!upgrade.has_blackout_ms()) upgrade.set_blackout_ms(1'000);
    InRange("upgrade.prepareMs", upgrade.prepare_ms(), 100, 3'600'000);
    InRange("upgrade.blackoutMs", upgrade.blackout_ms(), 10, kTakeOverMs / 2);
  }

  void CheckMetrics(const Config& config) {
    constexpr absl::string_view kPath = "metrics.address";
    const std::string& address = config.metrics().address();
    if (address.empty()) return Missing(kPath, "\"127.0.0.1:9464\"");
    if (address[0] == '/') {
      CheckPath(kPath, address, kMaxSocketPath);
      if (address == config.app_socket() || address == config.control_socket()) {
        Add(kPath, Quoted(address), "is appSocket or controlSocket too; give each its own path");
      }
    } else if (absl::Status status = ParseTcpAddress(address).status(); !status.ok()) {
      Add(kPath, Quoted(address.c_str()), status.message());
    }
  }

  // The number, or 0 after reporting.
  uint32_t CheckIp(absl::string_view path, const std::string& text) {
    if (text.empty()) {
      Missing(path, "\"10.0.0.1\"");
      return 0;
    }
    absl::StatusOr<uint32_t> ip = ParseIp(text);
    if (!ip.ok()) {
      Add(path, Quoted(text), ip.status().message());
      return 0;
    }
    if (*ip >> 24 == 0 || *ip >> 28 >= 0xE) {
      Add(path, Quoted(text), "cannot be a host's address; use a unicast one like \"10.0.0.1\"");
      return 0;
    }
    return *ip;
  }

  void CheckMac(absl::string_view path, const std::string& text) {
    if (text.empty()) return Missing(path, "\"02:00:00:00:00:01\"");
    absl::StatusOr<pony::MacAddress> mac = ParseMac(text);
    if (!mac.ok()) return Add(path, Quoted(text), mac.status().message());
    if ((*mac)[0] & 1 || *mac == pony::MacAddress{}) {
      Add(path, Quoted(text),
          "cannot be a host's address; use a unicast one like "
          "\"02:00:00:00:00:01\"");
    }
  }

  void CheckPorts(const std::string& path, uint32_t first_port, uint32_t engines) {
    if (first_port == 0) return Missing(path + ".firstPort", "7000");
    if (!InRange(path + ".firstPort", first_port, 1, kMaxPort)) return;
    if (!InRange(path + ".engines", engines, 1, regs::kMaxQueues)) return;
    if (first_port + engines - 1 > kMaxPort) {
      Add(path + ".firstPort", absl::StrCat(first_port),
          absl::StrCat("leaves no UDP port for each of ", engines, " engines; use at most ",
                       kMaxPort + 1 - engines));
    }
  }

  void CheckSocket(absl::string_view path, const std::string& value) {
    if (value.empty()) return Missing(path, "\"/run/farrier/host1/app.sock\"");
    CheckPath(path, value, kMaxSocketPath);
  }

  void CheckPath(absl::string_view path, const std::string& value, size_t most) {
    if (value.find('\0') != std::string::npos) {
      Add(path, Quoted(value.c_str()), "contains a zero byte; leave it out");
    } else if (value[0] != '/') {
      Add(path, Quoted(value), "must be an absolute path, starting with \"/\"");
    } else if (value.size() > most) {
      Add(path, Quoted(value),
          absl::StrCat("is ", value.size(),
                       " bytes long; a socket's name "
                       "allows at most ",
                       most, " here"));
    }
  }

  Errors& errors_;
};

absl::Status Failure(absl::string_view origin, const Errors& errors) {
  return absl::InvalidArgumentError(
      absl::StrJoin(errors, "\n", [&](std::string* out, const std::string& error) {
        absl::StrAppend(out, origin, ": ", error);
      }));
}

}  // namespace

absl::StatusOr<uint32_t> ParseIp(absl::string_view text) {
  in_addr address;
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1 ||
      text.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError("is not an IPv4 address; write one like \"10.0.0.1\"");
  }
  return ntohl(address.s_addr);
}

std::string FormatIp(uint32_t ip) {
  return absl::StrCat(ip >> 24, ".", ip >> 16 & 255, ".", ip >> 8 & 255, ".", ip & 255);
}

absl::StatusOr<pony::MacAddress> ParseMac(absl::string_view text) {
  const absl::Status failure = absl::InvalidArgumentError(
      "is not a MAC address; write six bytes in hex like \"02:00:00:00:00:01\"");
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  pony::MacAddress mac;
  if (parts.size() != mac.size()) return failure;
  for (size_t i = 0; i < mac.size(); ++i) {
    if (parts[i].size() != 2 || !absl::ascii_isxdigit(parts[i][0]) ||
        !absl::ascii_isxdigit(parts[i][1])) {
      return failure;
    }
    mac[i] = static_cast<uint8_t>(std::stoul(std::string(parts[i]), nullptr, 16));
  }
  return mac;
}

absl::StatusOr<Config> ParseConfig(absl::string_view json, absl::string_view origin) {
  Errors errors;
  if (json.size() > kMaxConfigBytes) {
    errors.push_back(absl::StrCat(json.size(), " bytes is too long for a configuration; at most ",
                                  kMaxConfigBytes));
    return Failure(origin, errors);
  }
  const std::string text(json);
  google::protobuf::Struct document;
  if (auto parsed = google::protobuf::util::JsonStringToMessage(text, &document); !parsed.ok()) {
    errors.push_back(absl::StrCat("not a JSON object: ", std::string(parsed.message())));
    return Failure(origin, errors);
  }
  CheckShape(document, *Config::descriptor(), errors);
  if (!errors.empty()) return Failure(origin, errors);
  Config config;
  if (auto parsed = google::protobuf::util::JsonStringToMessage(text, &config); !parsed.ok()) {
    errors.push_back(std::string(parsed.message()));
    return Failure(origin, errors);
  }
  if (absl::Status valid = ValidateConfig(config, origin); !valid.ok()) return valid;
  return config;
}

absl::Status ValidateConfig(Config& config, absl::string_view origin) {
  Errors errors;
  Validator(errors).Check(config);
  return errors.empty() ? absl::OkStatus() : Failure(origin, errors);
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) {
    text.resize(kMaxConfigBytes + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad() || (text.empty() && !file.eof())) {
    return absl::NotFoundError(
        absl::StrCat(path, ": cannot be read; --config takes the path of a JSON file"));
  }
  return ParseConfig(text, path);
}

uint32_t EngineCount(const Config& config) {
  return config.pony().engines() + static_cast<uint32_t>(config.packet_engines_size());
}

const PacketEngineConfig* PacketEngineOf(const Config& config, uint32_t engine) {
  if (engine < config.pony().engines()) return nullptr;
  return &config.packet_engines(static_cast<int>(engine - config.pony().engines()));
}

std::string EngineName(const Config& config, uint32_t engine) {
  const PacketEngineConfig* packet = PacketEngineOf(config, engine);
  return packet == nullptr ? absl::StrCat("pony", engine) : packet->name();
}

std::string EngineKind(const Config& config, uint32_t engine) {
  return PacketEngineOf(config, engine) == nullptr ? "pony" : "packet";
}

void SetPlacement(Config& config, uint32_t engine, const std::string& group, uint32_t weight) {
  if (engine >= config.pony().engines()) {
    PacketEngineConfig& packet =
        *config.mutable_packet_engines(static_cast<int>(engine - config.pony().engines()));
    packet.set_group(group);
    packet.set_weight(weight);
    return;
  }
  auto& placements = *config.mutable_pony()->mutable_placement();
  auto placement =
      std::find_if(placements.begin(), placements.end(),
                   [&](const PlacementConfig& each) { return each.engine() == engine; });
  if (placement == placements.end()) {
    placements.Add()->set_engine(engine);
    placement = placements.end() - 1;
  }
  placement->set_group(group);
  placement->set_weight(weight);
}

pony::EngineOptions EngineOptionsFor(const Config& config, uint32_t id) {
  pony::EngineOptions options;
  options.id = id;
  options.ip = ParseIp(config.network().ip()).value();
  options.mac = ParseMac(config.network().mac()).value();
  options.udp_port = static_cast<uint16_t>(config.pony().first_port() + id);
  options.engines = static_cast<uint16_t>(config.pony().engines());
  for (const NeighborConfig& from : config.network().neighbors()) {
    options.neighbors.push_back({.ip = ParseIp(from.ip()).value(),
                                 .mac = ParseMac(from.mac()).value(),
                                 .first_port = static_cast<uint16_t>(from.first_port()),
                                 .engines = static_cast<uint16_t>(from.engines())});
  }
  options.mtu = config.network().mtu();
  options.window = config.pony().window();
  options.min_rto = config.pony().min_rto_ms() * runtime::kMillisecond;
  options.max_rto = config.pony().max_rto_ms() * runtime::kMillisecond;
  options.connect_timeout = config.pony().connect_timeout_ms() * runtime::kMillisecond;
  return options;
}

}  // namespace farrier::host
