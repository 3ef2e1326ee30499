#include "tests/conformance/random_frames.h"

#include <algorithm>

namespace farrier::conformance {

size_t RandomFrames::Length() {
  switch (Below(8)) {
    case 0:
      return 60 + Below(17);
    case 1:
      return 127 + Below(3);
    case 2:
      return 511 + Below(3);
    case 3:
      return OneIn(4) ? 9'595 + Below(6) : 60 + Below(9'540);
    default:
      return 60 + Below(300);
  }
}

FrameSpec RandomFrames::Spec(uint32_t id) {
  constexpr uint8_t kProtocols[] = {17, 17, 17, 6, 6, 1, 58};
  constexpr uint8_t kExtensions[] = {0, 43, 44, 60, 60, 51};
  FrameSpec spec = {.ipv6 = OneIn(3),
                    .src4 = 0x0A000001u + Below(4),
                    .dst4 = 0x0A000002u + Below(2),
                    .protocol = kProtocols[Below(7)],
                    .src_port = static_cast<uint16_t>(5'000 + Below(40)),
                    .dst_port = static_cast<uint16_t>(7'000 + Below(8)),
                    .traffic_class = static_cast<uint8_t>(OneIn(4) ? Below(256) : 0),
                    .length = Length(),
                    .padding = OneIn(8) ? Below(20) : 0u,
                    .l4_checksum = !OneIn(5),
                    .id = id};
  spec.src6[3] += Below(4);
  if (OneIn(5)) spec.dst_port = OneIn(2) ? 4789 : 6081;
  for (uint32_t tags = OneIn(4) ? 1 + Below(3) : 0; tags > 0; --tags) {
    spec.vlans.push_back({.tpid = OneIn(2) ? uint16_t{0x8100} : uint16_t{0x88A8},
                          .tci = static_cast<uint16_t>(Below(4))});
  }
  if (spec.ipv6) {
    for (uint32_t n = OneIn(2) ? Below(6) : 0; n > 0; --n) {
      const uint8_t number = kExtensions[Below(6)];
      spec.extensions.push_back({number, number == 44 || !OneIn(4) ? 8 : 8 * (1 + Below(16))});
    }
  } else {
    spec.option_words = OneIn(4) ? Below(11) : 0;
    if (OneIn(8)) spec.fragment_word = OneIn(2) ? 0x2000 : static_cast<uint16_t>(Below(0x4000));
  }
  return spec;
}

Bytes RandomFrames::Frame(uint32_t id) {
  Bytes frame = MakeFrame(Spec(id));
  const size_t headers = std::min<size_t>(frame.size() - 4, 120);
  for (uint32_t n = OneIn(3) ? 1 + Below(3) : 0; n > 0; --n) {
    frame[12 + Below(static_cast<uint32_t>(headers - 12))] = static_cast<uint8_t>(random_());
  }
  if (OneIn(12)) frame.resize(1 + Below(static_cast<uint32_t>(frame.size())));
  if (OneIn(100)) frame.resize(9'601 + Below(300));
  return frame;
}

}  // namespace farrier::conformance
