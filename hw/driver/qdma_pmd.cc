#include "hw/driver/qdma_pmd.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "hw/driver/shell_registers.h"

namespace farrier::driver {
namespace {

// How DPDK's build puts what a driver says of itself into its shared object.
constexpr char kInfo[] = "PMD_INFO_STRING= ";
constexpr absl::string_view kName = "\"name\": \"net_qdma\"";
constexpr absl::string_view kParams = "\"params\": \"";

// The value of a JSON member whose name and opening quote are `key`; no escapes are in it.
absl::string_view Value(absl::string_view json, absl::string_view key) {
  const size_t at = json.find(key);
  if (at == absl::string_view::npos) return {};
  const absl::string_view rest = json.substr(at + key.size());
  return rest.substr(0, rest.find('"'));
}

}  // namespace

absl::Status CheckQdmaPmd(const std::filesystem::path& path) {
  std::error_code none;
  std::ifstream file(path, std::ios::binary);
  if (!file || !std::filesystem::is_regular_file(path, none)) {
    return absl::NotFoundError(absl::StrCat(
        path.string(), " cannot be read: build DPDK's QDMA driver, see docs/hardware.md"));
  }
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  for (size_t at = bytes.find(kInfo); at != std::string::npos; at = bytes.find(kInfo, at + 1)) {
    // Up to its zero byte; older DPDKs put another space before the colon.
    const std::string info = absl::StrReplaceAll(bytes.c_str() + at, {{"\" :", "\":"}});
    if (!absl::StrContains(info, kName)) continue;
    const absl::string_view params = Value(info, kParams);
    std::vector<absl::string_view> lacking;
    for (const absl::string_view name : {"qbase", "global_init"}) {
      const std::vector<std::string> given =
          absl::StrSplit(std::string(params), absl::ByAnyChar(" =,"));
      if (std::find(given.begin(), given.end(), name) == given.end()) lacking.push_back(name);
    }
    if (lacking.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrFormat("%s is a QDMA driver without the argument %s: the stock one would set up "
                        "the QDMA anew under a "
                        "running farrierd. Patch it, see docs/hardware.md",
                        path.string(), absl::StrJoin(lacking, " and ")));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      path.string(), " is no DPDK driver net_qdma (dpdk-pmdinfo.py tells what a file is)"));
}

std::string QdmaDevargs(const std::string& address, uint32_t function, bool global_init) {
  return absl::StrCat(address, ",qbase=", FirstQueue(function),
                      ",global_init=", global_init ? 1 : 0);
}

}  // namespace farrier::driver
