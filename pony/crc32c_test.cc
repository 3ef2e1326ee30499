#include "pony/crc32c.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace farrier::pony {
namespace {

struct Vector {
  std::vector<uint8_t> data;
  uint32_t crc;
};

// RFC 3720, appendix B.4. The CRC is printed there in the order of transmission, i.e.
// little-endian.
std::vector<Vector> Rfc3720Vectors() {
  std::vector<uint8_t> rising(32);
  std::iota(rising.begin(), rising.end(), 0);
  std::vector<uint8_t> falling(rising.rbegin(), rising.rend());
  std::vector<uint8_t> scsi_read = {0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00,
                                    0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00,
                                    0x00, 0x18, 0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                    0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
  return {{std::vector<uint8_t>(32, 0), 0x8a9136aa},
          {std::vector<uint8_t>(32, 0xff), 0x62a8ab43},
          {rising, 0x46dd794e},
          {falling, 0x113fdb5c},
          {scsi_read, 0xd9963a56}};
}

TEST(Crc32c, AgreesWithRfc3720) {
  for (const Vector& v : Rfc3720Vectors()) {
    EXPECT_EQ(Crc32c(v.data.data(), v.data.size()), v.crc);
    EXPECT_EQ(Crc32cPortable(v.data.data(), v.data.size()), v.crc);
  }
}

TEST(Crc32c, GoesOnWhereItStopped) {
  std::vector<uint8_t> data(1501);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 131);
  uint32_t whole = Crc32c(data.data(), data.size());
  EXPECT_EQ(whole, Crc32cPortable(data.data(), data.size()));
  for (size_t cut : {0, 1, 7, 8, 9, 80, 1500, 1501}) {
    uint32_t first = Crc32c(data.data(), cut);
    EXPECT_EQ(Crc32c(data.data() + cut, data.size() - cut, first), whole) << cut;
    EXPECT_EQ(Crc32cPortable(data.data() + cut, data.size() - cut, first), whole) << cut;
  }
}

}  // namespace
}  // namespace farrier::pony
