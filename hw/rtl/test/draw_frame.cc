#include "hw/rtl/test/draw_frame.h"

#include <algorithm>

namespace farrier::rtl {
namespace {

class Drawing {
 public:
  explicit Drawing(Random& random) : random_(random) {}

  Bytes Draw() {
    Fill(12);
    for (uint64_t tags = random_.Chance(60) ? 0 : random_.Below(4); tags > 0; --tags) {
      Put16(random_.Chance(50) ? 0x8100 : 0x88A8);
      Fill(2);
    }
    if (random_.Chance(4)) {
      Fill(2 + random_.Below(300));
    } else if (random_.Chance(50)) {
      Put16(0x0800);
      Ipv4();
    } else {
      Put16(0x86DD);
      Ipv6();
    }
    if (random_.Chance(15)) Fill(random_.Below(60));  // padding
    if (random_.Chance(10)) frame_.resize(14 + random_.Below(frame_.size() - 13));
    frame_.resize(std::min<size_t>(frame_.size(), 9'600));
    return std::move(frame_);
  }

 private:
  void Put8(uint64_t value) { frame_.push_back(static_cast<uint8_t>(value)); }
  void Put16(uint64_t value) {
    Put8(value >> 8);
    Put8(value);
  }
  void Fill(size_t count) {
    for (size_t i = 0; i < count; ++i) Put8(random_.Next());
  }
  void Set16(size_t at, uint64_t value) {
    frame_[at] = static_cast<uint8_t>(value >> 8);
    frame_[at + 1] = static_cast<uint8_t>(value);
  }
  // A length as it should be, or not.
  uint64_t Length(size_t right) {
    if (random_.Chance(92)) return right;
    if (random_.Chance(50)) return right + random_.Below(9) - 4;
    return random_.Chance(50) ? random_.Below(64) : random_.Next();
  }

  uint8_t Protocol() {
    if (random_.Chance(45)) return 17;
    if (random_.Chance(80)) return 6;
    constexpr uint8_t kOthers[] = {0, 1, 43, 44, 58, 60, 132};
    return kOthers[random_.Below(std::size(kOthers))];
  }

  void Ipv4() {
    const size_t l3 = frame_.size();
    const uint64_t words = random_.Chance(70) ? 5 : random_.Chance(90) ? 5 + random_.Below(11) : 4;
    const uint8_t protocol = Protocol();
    Put8((random_.Chance(98) ? 0x40 : 0x60) | words);
    Fill(5);
    if (random_.Chance(80)) {
      Put16(random_.Chance(50) ? 0x4000 : 0);
    } else {
      Put16(random_.Chance(50) ? 0x2000 : random_.Next());
    }
    Fill(1);
    Put8(protocol);
    Fill(10 + 4 * (words - std::min<uint64_t>(words, 5)));
    L4(protocol);
    Set16(l3 + 2, Length(frame_.size() - l3));
  }

  void Ipv6() {
    const size_t l3 = frame_.size();
    Put8((random_.Chance(98) ? 0x60 : 0x40) | random_.Below(16));
    Fill(39);
    constexpr uint8_t kExtensions[] = {0, 43, 44, 60};
    size_t next = l3 + 6;
    for (uint64_t left = random_.Chance(40) ? 0 : random_.Below(7); left > 0; --left) {
      const uint8_t type = kExtensions[random_.Below(4)];
      frame_[next] = type;
      next = frame_.size();
      Fill(8);
      if (type == 44) {
        if (random_.Chance(70)) Set16(next + 2, random_.Chance(50) ? 0 : random_.Below(8));
        continue;
      }
      const uint64_t units = random_.Chance(70)   ? 0
                             : random_.Chance(80) ? random_.Below(12)
                                                  : random_.Below(256);
      frame_[next + 1] = static_cast<uint8_t>(units);
      if (random_.Chance(90)) Fill(8 * units);
    }
    const uint8_t protocol = Protocol();
    frame_[next] = protocol;
    L4(protocol);
    Set16(l3 + 4, Length(frame_.size() - l3 - 40));
  }

  void L4(uint8_t protocol) {
    const size_t l4 = frame_.size();
    constexpr uint16_t kPorts[] = {4789, 6081, 7000, 7015, 6999, 7016, 53};
    Fill(2);
    Put16(kPorts[random_.Below(std::size(kPorts))]);
    Fill(16);
    if (protocol == 6 && random_.Chance(95)) frame_[l4 + 12] = static_cast<uint8_t>(5 << 4);
    const uint64_t size = random_.Below(100);
    Fill(size < 60 ? random_.Below(40) : size < 97 ? random_.Below(600) : random_.Below(9'600));
    if (protocol != 17) return;
    if (random_.Chance(5)) frame_.resize(l4 + random_.Below(12));
    if (frame_.size() < l4 + 8) return;
    Set16(l4 + 4, Length(frame_.size() - l4));
    if (random_.Chance(15)) Set16(l4 + 6, 0);
  }

  Random& random_;
  Bytes frame_;
};

}  // namespace

Bytes DrawFrame(Random& random) { return Drawing(random).Draw(); }

}  // namespace farrier::rtl
