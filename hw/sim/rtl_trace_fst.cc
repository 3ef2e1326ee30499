#include <Vfarrier_card.h>
#include <verilated.h>
#include <verilated_fst_c.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/str_format.h"
#include "hw/sim/rtl_trace.h"

namespace farrier::sim {
namespace {

constexpr int kAllLevels = 99;

class FstTrace final : public RtlTrace {
 public:
  FstTrace(VerilatedContext& context, Vfarrier_card& card, const std::string& file) {
    context.traceEverOn(true);
    card.trace(&fst_, kAllLevels);
    fst_.set_time_unit("1ns");
    fst_.set_time_resolution("1ns");
    fst_.open(file.c_str());
  }
  ~FstTrace() override { fst_.close(); }

  bool good() const { return fst_.isOpen(); }
  void Dump(uint64_t time_ns) override { fst_.dump(time_ns); }

 private:
  VerilatedFstC fst_;
};

}  // namespace

bool RtlTrace::Available() { return true; }

absl::StatusOr<std::unique_ptr<RtlTrace>> RtlTrace::Open(VerilatedContext& context,
                                                         Vfarrier_card& card,
                                                         const std::string& file) {
  // The library does not say why it cannot.
  const std::ofstream probe(file, std::ios::binary);
  if (!probe) {
    return absl::UnavailableError(absl::StrFormat("--trace %s: %s", file, strerror(errno)));
  }
  auto trace = std::make_unique<FstTrace>(context, card, file);
  if (!trace->good()) {
    return absl::UnavailableError(absl::StrFormat("--trace %s: it cannot be written", file));
  }
  return trace;
}

}  // namespace farrier::sim
