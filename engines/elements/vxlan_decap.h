#pragma once

#include <optional>

#include "engines/elements/element.h"

namespace farrier::elements {

// Takes frames out of a VXLAN tunnel over IPv4 and UDP (RFC 7348). What is not of the tunnel, by
// address, UDP port or VNI, leaves by the second output as it is. Of the tunnel's, what is
// fragmented, malformed or has a bad checksum is dropped; UDP's is only looked at by the card.
class VxlanDecap final : public Element {
 public:
  static constexpr size_t kOthers = 1;

  struct Options {
    std::optional<uint32_t> local_ip;  // nothing: any
    uint32_t vni = 0;                  // 24 bits
    uint16_t udp_port = 4789;
  };
  VxlanDecap(std::string name, const Options& options)
      : Element(std::move(name), 2), options_(options) {}

  void Push(runtime::Nanoseconds now, Batch batch) override;
  std::vector<CounterRef> Counters() override;

 private:
  enum class Verdict { kOurs, kOther, kDropped };
  Verdict Decapsulate(Frame& frame);

  const Options options_;
  Traffic passed_;  // bytes: of the inner frames
  uint64_t others_ = 0;
  uint64_t fragment_ = 0;
  uint64_t malformed_ = 0;
  uint64_t bad_checksum_ = 0;
};

}  // namespace farrier::elements
